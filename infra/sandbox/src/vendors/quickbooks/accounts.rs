//! What sales come to, and what stands on each account by all that is booked.

use super::entity::{CUSTOMER, ENTITIES, text};
use crate::kit::{Ledger, Refusal, cents, refuse};
use crate::wire::{amount, number};
use crate::world::World;
use rust_decimal::Decimal;
use serde_json::{Map, Value, json};

/// Accounts that money may be deposited to.
pub const DEPOSITS: [&str; 5] = ["35", "36", "37", "38", "40"];
/// Products and services, each with the account that it is booked on.
const ITEMS: [(&str, &str); 2] = [("1", "79"), ("4", "40")];
/// Tax codes, each with its rate in per cent; the last is free of tax.
const TAXES: [(&str, i64); 2] = [("2", 10), ("3", 0)];
const DEBTORS: &str = "84";
const TAX: &str = "90";

/// The account that a line is booked on.
fn booked_on(line: &Value) -> Option<&'static str> {
    let item = &line["SalesItemLineDetail"]["ItemRef"]["value"];
    let found = ITEMS.iter().find(|(id, _)| item == id);
    found.map(|(_, account)| *account)
}

/// What a sale comes to: its lines and their tax, as it is told or by its codes.
pub fn total(world: &World, body: &mut Value) -> Result<(), Refusal> {
    let taxed = body["GlobalTaxCalculation"] != "NotApplicable";
    let (mut net, mut tax) = (Decimal::ZERO, Decimal::ZERO);
    let lines = body["Line"].as_array().into_iter().flatten();
    for line in lines.clone() {
        let code = &line["SalesItemLineDetail"]["TaxCodeRef"]["value"];
        let rate = TAXES.iter().find(|(id, _)| code == id);
        let sum = amount(&line["Amount"]);
        refuse(booked_on(line).is_none(), "item")?;
        refuse(rate.is_some() != taxed, "tax_code")?;
        refuse(sum.normalize().scale() > 2, "decimals")?;
        let rate = rate.map_or(0, |(_, rate)| *rate);
        net += sum;
        tax += sum * Decimal::from(rate) / Decimal::ONE_HUNDRED;
    }
    refuse(lines.count() == 0, "no_lines")?;
    let tax = match &body["TxnTaxDetail"]["TotalTax"] {
        Value::Null => cents(tax),
        told => amount(told),
    };
    let more = world.body("knobs", "quickbooks")["tax"].clone();
    let tax = tax + text(&more).parse().unwrap_or(Decimal::ZERO);
    body["TxnTaxDetail"] = json!({"TotalTax": number(tax)});
    body["TotalAmt"] = number(net + tax);
    Ok(())
}

/// What stands on each account in one currency, of all or of one customer, where anything does; debits
/// are positive.
pub fn balances(world: &World, currency: &str, customer: Option<&str>) -> Value {
    let mut ledger = Ledger::default();
    for of in ENTITIES.iter().filter(|of| of.name() != CUSTOMER.name()) {
        let all = world.all(of.kind).into_iter().map(|item| &item.body);
        let booked = all.filter(|body| body["CurrencyRef"]["value"] == currency);
        let booked = booked.filter(|body| {
            customer.is_none_or(|customer| body["CustomerRef"]["value"] == customer)
        });
        for body in booked.filter(|body| body["status"] != "Deleted") {
            let deposit = text(&body["DepositToAccountRef"]["value"]);
            let (debit, sign) = match of.name() {
                "Payment" | "SalesReceipt" => (deposit, Decimal::ONE),
                "RefundReceipt" => (deposit, -Decimal::ONE),
                "CreditMemo" => (DEBTORS, -Decimal::ONE),
                _ => (DEBTORS, Decimal::ONE),
            };
            let total = sign * amount(&body["TotalAmt"]);
            let tax = sign * amount(&body["TxnTaxDetail"]["TotalTax"]);
            let lines = body["Line"].as_array().into_iter().flatten();
            let lines =
                lines.filter_map(|line| Some((booked_on(line)?, sign * amount(&line["Amount"]))));
            let against = match of.name() {
                "Payment" => vec![(DEBTORS, total)],
                _ => lines.chain([(TAX, tax)]).collect(),
            };
            ledger.book("", (debit, total), &against);
        }
    }
    let shown = ledger.balances().into_iter();
    let shown = shown.filter(|(_, sum)| !sum.is_zero());
    let shown: Map<_, _> = shown
        .map(|(id, sum)| (id.to_string(), number(sum)))
        .collect();
    shown.into()
}
