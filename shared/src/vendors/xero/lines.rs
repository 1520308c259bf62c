//! The lines of a document at Xero: one for each tax rate of the invoice. The tax is told, not left
//! to Xero's rate: it is what stands on the patient's invoice.

use super::{Account, Notification, OfRate};
use crate::words::money::{Amounts, BadAmount, Money};
use rust_decimal::Decimal;
use serde_json::{Number, Value, json};

/// Xero books at most two decimals.
const AMOUNTS: Amounts = Amounts {
    exponents: &[
        ("BHD", 2),
        ("IQD", 2),
        ("JOD", 2),
        ("KWD", 2),
        ("LYD", 2),
        ("OMR", 2),
        ("TND", 2),
    ],
    ..Amounts::MAJOR
};

/// Without their tax.
pub fn of_invoice(ask: &Notification, account: &Account) -> Result<Vec<Value>, BadAmount> {
    let rates = ask.rates.iter();
    let line = |rate: &OfRate| {
        let net = less(rate.gross, rate.tax);
        line(ask, account, rate.percent, net, rate.tax)
    };
    rates.map(line).collect()
}

/// With their tax, as the credit note has them.
pub fn of_note(ask: &Notification, account: &Account) -> Result<Vec<Value>, BadAmount> {
    let line = |rate: &OfRate| line(ask, account, rate.percent, rate.gross, rate.tax);
    ask.rates.iter().map(line).collect()
}

/// With their tax.
pub fn of_refund(ask: &Notification, account: &Account) -> Result<Vec<Value>, BadAmount> {
    let rates = ask.taken_back()?;
    let line = |rate: &OfRate| line(ask, account, rate.percent, rate.gross, rate.tax);
    rates.iter().map(line).collect()
}

fn less(amount: Money, by: Money) -> Money {
    Money::new(amount.minor - by.minor, amount.currency)
}

fn line(
    ask: &Notification,
    account: &Account,
    percent: Decimal,
    unit: Money,
    tax: Money,
) -> Result<Value, BadAmount> {
    Ok(json!({
        "Description": format!("Invoice {}", ask.invoice),
        "Quantity": 1,
        "UnitAmount": number(unit)?,
        "TaxAmount": number(tax)?,
        "TaxType": tax_type(account, percent),
        "AccountCode": account.secret("sales_account"),
    }))
}

/// The clinic's own type for a rate, such as `tax_type_0`, where it named one; else `tax_type`.
fn tax_type(account: &Account, percent: Decimal) -> &str {
    match account.secret(&format!("tax_type_{percent}")) {
        "" => account.secret("tax_type"),
        own => own,
    }
}

pub fn number(money: Money) -> Result<Number, BadAmount> {
    AMOUNTS.number(money)
}
