//! What stands on each account by all that was booked; debits are positive.

use super::bank;
use super::books::{amount, number};
use super::chart::{self, CREDITORS, DEBTORS, TAX};
use super::documents::{CREDIT_NOTE, INVOICE};
use crate::world::World;
use rust_decimal::Decimal;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Sums of an account by what brought them about.
#[derive(Default)]
struct Sums {
    documents: Decimal,
    payments: Decimal,
    bank_transactions: Decimal,
}

type Ledger = BTreeMap<&'static str, Sums>;

/// Every account of the chart, by its code, in one currency. An allocation moves nothing between
/// accounts: what the note takes off debtors is the same before and after it.
pub fn accounts(world: &World, currency: &str) -> Value {
    let mut ledger = Ledger::new();
    let booked = |kind: &'static str| -> Vec<&Value> {
        let all = world.all(kind).into_iter().map(|item| &item.body);
        let mine = all.filter(|body| body["CurrencyCode"] == currency);
        mine.filter(|body| matches!(body["Status"].as_str(), Some("AUTHORISED" | "PAID")))
            .collect()
    };
    for body in booked(INVOICE.kind)
        .into_iter()
        .chain(booked(CREDIT_NOTE.kind))
    {
        document(&mut ledger, body);
    }
    for body in world.all("xero.payment").into_iter().map(|item| &item.body) {
        payment(&mut ledger, body, currency);
    }
    for body in booked(bank::KIND) {
        let sign = if body["Type"] == "RECEIVE" { 1 } else { -1 };
        let of = |sums: &mut Sums, sum: Decimal| sums.bank_transactions += sum;
        both_sides(
            &mut ledger,
            body,
            &body["BankAccount"]["Code"],
            sign.into(),
            of,
        );
    }
    let shown = chart::ALL.iter().map(|account| {
        let sums = ledger.remove(account.code).unwrap_or_default();
        let balance = sums.documents + sums.payments + sums.bank_transactions;
        let sums = json!({"documents": number(sums.documents), "payments": number(sums.payments),
            "bank_transactions": number(sums.bank_transactions), "balance": number(balance)});
        (account.code.to_string(), sums)
    });
    shown.collect::<serde_json::Map<_, _>>().into()
}

/// The side on which a document stands: whether it makes customers or suppliers owe more, and
/// the account of what is open on such documents.
fn side(kind: &Value) -> (Decimal, &'static str) {
    match kind.as_str() {
        Some("ACCREC") => (Decimal::ONE, DEBTORS),
        Some("ACCRECCREDIT") => (-Decimal::ONE, DEBTORS),
        Some("ACCPAYCREDIT") => (Decimal::ONE, CREDITORS),
        _ => (-Decimal::ONE, CREDITORS),
    }
}

fn document(ledger: &mut Ledger, body: &Value) {
    let (sign, open) = side(&body["Type"]);
    let of = |sums: &mut Sums, sum: Decimal| sums.documents += sum;
    both_sides(ledger, body, &json!(open), sign, of);
}

fn payment(ledger: &mut Ledger, body: &Value, currency: &str) {
    let paper = match &body["Invoice"] {
        Value::Null => &body["CreditNote"],
        invoice => invoice,
    };
    if body["Status"] != "AUTHORISED" || paper["CurrencyCode"] != currency {
        return;
    }
    let (sign, open) = side(&paper["Type"]);
    let sum = sign * amount(&body["Amount"]);
    at(ledger, &body["Account"]["Code"]).payments += sum;
    at(ledger, &json!(open)).payments -= sum;
}

/// Books the total of what has lines at one account, and each line and the tax against it.
fn both_sides(
    ledger: &mut Ledger,
    body: &Value,
    code: &Value,
    sign: Decimal,
    of: fn(&mut Sums, Decimal),
) {
    of(at(ledger, code), sign * amount(&body["Total"]));
    of(at(ledger, &json!(TAX)), -sign * amount(&body["TotalTax"]));
    for line in body["LineItems"].as_array().into_iter().flatten() {
        let within = body["LineAmountTypes"] == "Inclusive";
        let tax = if within {
            amount(&line["TaxAmount"])
        } else {
            Decimal::ZERO
        };
        let net = amount(&line["LineAmount"]) - tax;
        of(at(ledger, &line["AccountCode"]), -sign * net);
    }
}

fn at<'a>(ledger: &'a mut Ledger, code: &Value) -> &'a mut Sums {
    let account = chart::find(code, &Value::Null).expect("what is booked names its account");
    ledger.entry(account.code).or_default()
}
