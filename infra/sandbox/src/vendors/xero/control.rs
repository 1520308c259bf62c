//! What a person or a test makes happen in Xero itself, and reads of its books.

use super::bank;
use super::books::{amount, number};
use super::documents::{CREDIT_NOTE, INVOICE, Paper};
use super::ledger;
use super::payments::{delete_payment, payment};
use crate::wire::stamp;
use crate::world::World;
use rust_decimal::Decimal;
use serde_json::{Value, json};

/// `pay/{invoice}` `{amount}` in minor units: the clinic enters a payment in Xero itself, and
/// `unpay/{payment}` deletes one.
/// `archive/{contact}`: staff put a contact away. `invoice/{number}`, `credit_note/{number}`: how
/// it stands, with what was allocated, and how many of this number were ever filed.
/// `bank_transactions/{reference}`: all that have it, deleted ones too. `accounts/{currency}`: what
/// stands on each account.
pub fn control(world: &mut World, verb: &[&str], ask: &Value) -> Result<Value, String> {
    match verb {
        ["pay", id] => pay(world, id, ask),
        ["unpay", id] => {
            let tenant = world.account_of("xero.payment", id);
            let tenant = tenant.ok_or("no such payment")?;
            let gone = json!({"Status": "DELETED"});
            delete_payment(world, &tenant, id, &gone).map_err(|messages| messages.join("; "))
        }
        ["archive", id] => {
            let away = json!({"ContactStatus": "ARCHIVED"});
            world.set("xero.contact", id, away);
            Ok(world.body("xero.contact", id))
        }
        ["invoice", number] => Ok(numbered(world, &INVOICE, number)),
        ["credit_note", number] => Ok(numbered(world, &CREDIT_NOTE, number)),
        ["bank_transactions", reference] => {
            let all = world.all(bank::KIND).into_iter();
            let same = all.filter(|item| item.body["Reference"] == *reference);
            Ok(same.map(|item| item.body.clone()).collect())
        }
        ["accounts", currency] => Ok(ledger::accounts(world, currency)),
        _ => Err(
            "Xero knows pay/{invoice}, unpay/{payment}, archive/{contact}, invoice/{number}, credit_note/{number}, \
             bank_transactions/{reference} and accounts/{currency}"
                .into(),
        ),
    }
}

fn numbered(world: &World, of: &Paper, number: &str) -> Value {
    let all = world.all(of.kind);
    let same: Vec<_> = all
        .into_iter()
        .filter(|item| item.body[of.number] == number)
        .collect();
    let mut shown = same.first().map_or(json!({}), |item| item.body.clone());
    shown["filed"] = json!(same.len());
    shown
}

fn pay(world: &mut World, id: &str, ask: &Value) -> Result<Value, String> {
    let tenant = world
        .account_of(INVOICE.kind, id)
        .ok_or("no such invoice")?;
    let due = amount(&world.body(INVOICE.kind, id)["AmountDue"]);
    let sum = ask["amount"]
        .as_i64()
        .map_or(due, |cents| Decimal::new(cents, 2));
    let today = stamp(world.now, "%F");
    let ask = json!({"Invoice": {"InvoiceID": id}, "Account": {"Code": "090"}, "Date": today,
        "Amount": number(sum), "Reference": "entered in Xero"});
    payment(world, &tenant, &ask, true).map_err(|messages| messages.join("; "))
}
