//! The documents as they are sent. A sale has one line for each tax rate, without its tax: that is
//! told for the whole document, not left to QuickBooks, as it stands on the patient's invoice. The
//! books need no service. A line's tax code is `tax_code`, unless the clinic names another for a
//! rate: `tax_code_0` for what is free of tax, `tax_code_7`.

use super::system::{filed, known, paper};
use crate::contract::*;
use crate::domain::outbox::Topic;
use crate::words::ids;
use crate::words::money::{Amounts, BadAmount, Money};
use rust_decimal::Decimal;
use serde_json::{Value, json};

/// A document's number has at most so many letters (`ValidRange` of `DocNumber` in Finance.xsd);
/// of a payment's reference that is unverified.
const LONGEST: usize = 21;

pub fn document(ask: &Notification, account: &Account, customer: &str) -> Result<Value, Pause> {
    let (field, number) = number(ask)?;
    let mut document = json!({
        field: number,
        "TxnDate": ask.date.to_string(),
        "CustomerRef": {"value": customer},
        "CurrencyRef": {"value": ask.amount.currency.code()},
        "PrivateNote": ask.key,
    });
    match paper(ask) {
        "Payment" if of_note(ask) => set_against(ask, &mut document)?,
        "Payment" => pay(ask, account, &mut document)?,
        "Invoice" => {
            sell(ask, account, &ask.rates, &mut document)?;
            document["DueDate"] = document["TxnDate"].clone();
        }
        "CreditMemo" => sell(ask, account, &ask.rates, &mut document)?,
        "RefundReceipt" => {
            sell(ask, account, &ask.taken_back()?, &mut document)?;
            document["PaymentRefNum"] = json!(reference(ask));
            document["DepositToAccountRef"] = account_of(ask.by, account)?;
        }
        _ => {
            let line = line(ask, ask.unsold(), &item(account, "credit_item")?)?;
            document["Line"] = json!([line]);
            document["GlobalTaxCalculation"] = json!("NotApplicable");
            document["PaymentRefNum"] = json!(reference(ask));
            document["DepositToAccountRef"] = account_of(ask.came, account)?;
        }
    }
    Ok(document)
}

/// The field by which a document is found, and what stands in it.
pub fn number(ask: &Notification) -> Result<(&'static str, String), BadAmount> {
    let missing = || BadAmount("a document without a number".into());
    let refund = || ask.refund.as_deref().ok_or_else(missing);
    Ok(match paper(ask) {
        "Invoice" => ("DocNumber", short(&ask.invoice)),
        "CreditMemo" => ("DocNumber", short(ask.note.as_deref().ok_or_else(missing)?)),
        "RefundReceipt" => ("DocNumber", short(refund()?)),
        "SalesReceipt" => ("DocNumber", short(&format!("{}-C", refund()?))),
        _ => ("PaymentRefNum", reference(ask)),
    })
}

/// Whether it is about a credit note itself, and not about what one made of a payment.
fn of_note(ask: &Notification) -> bool {
    ask.topic == Topic::InvoiceCredited
}

/// What the whole document comes to.
pub fn total(ask: &Notification) -> Money {
    match paper(ask) {
        "Payment" if of_note(ask) => Money::zero(ask.amount.currency),
        "Invoice" => ask.total,
        "CreditMemo" => ask.amount,
        "SalesReceipt" => ask.unsold(),
        _ => ask.standing.applied,
    }
}

/// The payment or refund as its gateway has it too; of a credit note its number.
fn reference(ask: &Notification) -> String {
    let refund = ask.ids.case.as_ref().zip(ask.ids.refund.as_ref());
    let refund = refund.map(|(case, refund)| format!("{case}-{refund}"));
    let note = ask.note.clone().filter(|_| of_note(ask));
    let own = note.or(refund).or(ask.ids.payment.clone());
    short(own.as_deref().unwrap_or(&ask.key))
}

fn short(number: &str) -> String {
    match number.chars().count() <= LONGEST {
        true => number.to_owned(),
        false => ids::derived(&["number", number]),
    }
}

fn sell(
    ask: &Notification,
    account: &Account,
    rates: &[OfRate],
    document: &mut Value,
) -> Result<(), Pause> {
    let item = item(account, "income_item")?;
    let mut tax = Money::zero(ask.amount.currency);
    let mut lines = vec![];
    for rate in rates {
        tax = tax.plus(rate.tax)?;
        let mut sold = line(ask, rate.gross.less(rate.tax)?, &item)?;
        sold["SalesItemLineDetail"]["TaxCodeRef"] =
            json!({"value": tax_code(account, rate.percent)});
        lines.push(sold);
    }
    document["Line"] = lines.into();
    document["GlobalTaxCalculation"] = json!("TaxExcluded");
    document["TxnTaxDetail"] = json!({"TotalTax": Amounts::MAJOR.number(tax)?});
    Ok(())
}

fn line(ask: &Notification, amount: Money, item: &Value) -> Result<Value, BadAmount> {
    Ok(json!({
        "Description": format!("Invoice {}", ask.invoice),
        "Amount": Amounts::MAJOR.number(amount)?,
        "DetailType": "SalesItemLineDetail",
        "SalesItemLineDetail": {"ItemRef": item},
    }))
}

fn pay(ask: &Notification, account: &Account, document: &mut Value) -> Result<(), Pause> {
    let amount = ask.standing.applied;
    document["TotalAmt"] = Amounts::MAJOR.number(amount)?.into();
    document["DepositToAccountRef"] = account_of(ask.by, account)?;
    document["Line"] = json!([linked(amount, "Invoice", filed(ask, 0)?)?]);
    Ok(())
}

/// The credit memo of the step before against its invoice.
fn set_against(ask: &Notification, document: &mut Value) -> Result<(), Pause> {
    let memo = known(ask.made.first())?;
    document["TotalAmt"] = json!(0);
    document["Line"] = json!([
        linked(ask.amount, "Invoice", filed(ask, 0)?)?,
        linked(ask.amount, "CreditMemo", memo)?,
    ]);
    Ok(())
}

fn linked(amount: Money, name: &str, id: &str) -> Result<Value, BadAmount> {
    let of = json!({"TxnId": id, "TxnType": name});
    Ok(json!({"Amount": Amounts::MAJOR.number(amount)?, "LinkedTxn": [of]}))
}

/// The clinic's own code for a rate, such as `tax_code_0`, where it named one; else `tax_code`.
fn tax_code(account: &Account, percent: Decimal) -> &str {
    match account.secret(&format!("tax_code_{percent}")) {
        "" => account.secret("tax_code"),
        own => own,
    }
}

fn item(account: &Account, name: &str) -> Result<Value, BadAmount> {
    match account.secret(name) {
        "" => Err(BadAmount(format!("QuickBooks' `{name}` is not configured"))),
        id => Ok(json!({"value": id})),
    }
}

/// Where money of this way lies.
fn account_of(by: CameBy, account: &Account) -> Result<Value, BadAmount> {
    let name = match by {
        CameBy::Gateway | CameBy::Books | CameBy::Recorded(Recorded::Bank) => "deposit_account",
        CameBy::Recorded(Recorded::Cash) => "cash_account",
        CameBy::Recorded(Recorded::Terminal) => "terminal_account",
        CameBy::Recorded(Recorded::Fund) => "fund_account",
        CameBy::Credit => "credit_account",
    };
    item(account, name)
}

pub fn customer(ask: &Notification) -> Value {
    json!({
        "DisplayName": display_name(&ask.customer),
        "CurrencyRef": {"value": ask.amount.currency.code()},
    })
}

/// What the name of the patient's customer ends with, whatever it has become before: a customer has no
/// other field of ours that can be searched.
pub fn name_ends(reference: &str) -> String {
    format!(" ({})", customer_number(reference))
}

/// The clinic's reference, or one made of it where a name cannot hold it.
fn customer_number(reference: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || " -_./#".contains(c);
    match reference.chars().count() <= 50 && reference.chars().all(plain) {
        true => reference.to_owned(),
        false => ids::derived(&["customer", reference]),
    }
}

/// No name may hold a colon, a tab or a line's end, and no two customers have the same.
fn display_name(customer: &Customer) -> String {
    let name = customer.name.as_deref().unwrap_or("Patient");
    let plain = name.chars().map(|c| match c == ':' || c.is_control() {
        true => ' ',
        false => c,
    });
    plain.take(100).collect::<String>() + &name_ends(&customer.reference)
}
