//! The chart of accounts, the same in every organisation here, and what stands on each account by all
//! that was booked; debits are positive.

use super::resource::{BANK, CREDIT_NOTE, INVOICE, LOOKS, PAYMENT};
use crate::kit::{Ledger, same};
use crate::wire::{amount, number};
use crate::world::World;
use rust_decimal::Decimal;
use serde_json::{Value, json};

const TAX: &str = "825";

fn chart() -> impl Iterator<Item = &'static Value> {
    LOOKS.of("accounts").as_array().into_iter().flatten()
}

/// The account that is named by its code or, where none is given, by its id, as what is booked there
/// names it.
pub fn account(named: &Value, takes: fn(&Value) -> bool) -> Option<Value> {
    let mut names = ["Code", "AccountID"].into_iter();
    let by = names.find(|name| named[*name].is_string())?;
    let found = chart().find(|account| same(&account[by], &named[by]))?;
    let [id, code, name] = ["AccountID", "Code", "Name"].map(|name| &found[name]);
    takes(found).then(|| json!({"AccountID": id, "Code": code, "Name": name}))
}

pub fn is_bank(account: &Value) -> bool {
    account["Type"] == "BANK"
}

/// Xero takes payments to every bank account, and to another one where this was switched on.
pub fn takes_payments(account: &Value) -> bool {
    is_bank(account) || account["EnablePaymentsToAccount"] == true
}

/// What Xero itself posts to takes no lines.
pub fn takes_lines(account: &Value) -> bool {
    !is_bank(account) && account["SystemAccount"] == ""
}

/// Every account of the chart, by its code, in one currency. An allocation moves nothing between
/// accounts: what the note takes off debtors is the same before and after it.
pub fn balances(world: &World, currency: &str) -> Value {
    let mut ledger = Ledger::default();
    for of in [&INVOICE, &CREDIT_NOTE, &PAYMENT, &BANK] {
        for body in world.all(of.kind).into_iter().map(|item| &item.body) {
            let paid = [&body["Invoice"], &body["CreditNote"]];
            let paid = paid.into_iter().find(|of| of.is_object());
            let document = paid.unwrap_or(body);
            let counts = body["Status"] == "AUTHORISED" || body["Status"] == "PAID";
            if counts && document["CurrencyCode"] == currency {
                book(&mut ledger, body, document);
            }
        }
    }
    let shown = chart().map(|account| {
        let code = account["Code"].as_str().unwrap_or_default();
        let kinds = ["documents", "payments", "bank_transactions"];
        let sums = kinds.map(|by| (by, ledger.at(code, by)));
        let whole = sums.iter().map(|(_, sum)| sum).sum();
        let sums = sums.into_iter().chain([("balance", whole)]);
        let sums: Value = sums.map(|(by, sum)| (by, number(sum))).collect();
        (code.to_string(), sums)
    });
    shown.collect()
}

/// Books a payment against what is open on its document; else the total at the account where it is
/// open or was banked, and the tax and each line against it.
fn book(ledger: &mut Ledger, body: &Value, document: &Value) {
    let side = &LOOKS.of("sides")[document["Type"].as_str().unwrap_or_default()];
    let (sign, open) = (amount(&side[0]), side[1].as_str().unwrap_or_default());
    let code = |place: &Value| place["Code"].as_str().map(str::to_string);
    if let Some(account) = code(&body["Account"]) {
        let sum = sign * amount(&body["Amount"]);
        return ledger.book("payments", (&account, sum), &[(open, sum)]);
    }
    let within = body["LineAmountTypes"] == "Inclusive";
    let mut against = vec![(TAX, sign * amount(&body["TotalTax"]))];
    for line in body["LineItems"].as_array().into_iter().flatten() {
        let tax = amount(&line["TaxAmount"]);
        let net = amount(&line["LineAmount"]) - if within { tax } else { Decimal::ZERO };
        against.push((line["AccountCode"].as_str().unwrap_or_default(), sign * net));
    }
    let total = sign * amount(&body["Total"]);
    match code(&body["BankAccount"]) {
        Some(bank) => ledger.book("bank_transactions", (&bank, total), &against),
        None => ledger.book("documents", (open, total), &against),
    }
}
