//! The chart of accounts, the same in every organisation here, and what stands on each account by all
//! that was booked; debits are positive.

use super::resource::{BANK, CREDIT_NOTE, INVOICE, LOOKS, PAYMENT};
use crate::kit::{Ledger, same};
use crate::wire::{amount, number};
use crate::world::World;
use rust_decimal::Decimal;
use serde_json::{Map, Value, json};

/// What customers owe.
const DEBTORS: &str = "610";
/// What suppliers are owed.
const CREDITORS: &str = "800";
const TAX: &str = "825";

fn chart() -> impl Iterator<Item = &'static Value> {
    LOOKS.of("accounts").as_array().into_iter().flatten()
}

/// The account that is named by its code or, where none is given, by its id, as what is booked there
/// names it.
pub fn account(named: &Value, takes: fn(&Value) -> bool) -> Option<Value> {
    let by = if named["Code"].is_string() {
        "Code"
    } else {
        "AccountID"
    };
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
    for kind in [INVOICE.kind, CREDIT_NOTE.kind, PAYMENT.kind, BANK.kind] {
        for item in world.all(kind) {
            let body = &item.body;
            let paid = [&body["Invoice"], &body["CreditNote"]];
            let paid = paid.into_iter().find(|of| of.is_object()).unwrap_or(body);
            let counts = matches!(body["Status"].as_str(), Some("AUTHORISED" | "PAID"));
            if !counts || paid["CurrencyCode"] != currency {
                continue;
            }
            let (sign, open) = side(&paid["Type"]);
            let place = |name: &str| body[name]["Code"].as_str().unwrap_or_default();
            match kind {
                kind if kind == PAYMENT.kind => {
                    let sum = sign * amount(&body["Amount"]);
                    ledger.book("payments", (place("Account"), sum), &[(open, sum)]);
                }
                kind if kind == BANK.kind => {
                    lines(
                        &mut ledger,
                        "bank_transactions",
                        place("BankAccount"),
                        sign,
                        body,
                    );
                }
                _ => lines(&mut ledger, "documents", open, sign, body),
            }
        }
    }
    let shown = chart().map(|account| {
        let code = account["Code"].as_str().unwrap_or_default();
        let kinds = ["documents", "payments", "bank_transactions"];
        let [documents, payments, banked] = kinds.map(|by| ledger.at(code, by));
        let sums = json!({"documents": number(documents), "payments": number(payments),
            "bank_transactions": number(banked), "balance": number(documents + payments + banked)});
        (code.to_string(), sums)
    });
    shown.collect::<Map<_, _>>().into()
}

/// The side on which a document stands: whether it makes an account more or less, and the account
/// of what is open on such documents.
fn side(kind: &Value) -> (Decimal, &'static str) {
    match kind.as_str() {
        Some("ACCREC" | "RECEIVE") => (Decimal::ONE, DEBTORS),
        Some("ACCRECCREDIT") => (-Decimal::ONE, DEBTORS),
        Some("ACCPAYCREDIT") => (Decimal::ONE, CREDITORS),
        _ => (-Decimal::ONE, CREDITORS),
    }
}

/// Books the total of what has lines at one account, and each line and the tax against it.
fn lines(ledger: &mut Ledger, by: &'static str, at: &str, sign: Decimal, body: &Value) {
    let within = body["LineAmountTypes"] == "Inclusive";
    let items = body["LineItems"].as_array().into_iter().flatten();
    let mut against = vec![(TAX, sign * amount(&body["TotalTax"]))];
    against.extend(items.map(|line| {
        let tax = if within {
            amount(&line["TaxAmount"])
        } else {
            Decimal::ZERO
        };
        let code = line["AccountCode"].as_str().unwrap_or_default();
        (code, sign * (amount(&line["LineAmount"]) - tax))
    }));
    ledger.book(by, (at, sign * amount(&body["Total"])), &against);
}
