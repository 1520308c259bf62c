//! What a person or a test makes happen in Xero itself, and reads of its books.

use super::accounts::balances;
use super::resource::{BANK, CONTACT, CREDIT_NOTE, INVOICE, LOOKS, PAYMENT, Resource};
use super::settling::{payment, take_back};
use crate::kit::{Books, Checked, Wrong, asked_sum};
use crate::wire::stamp;
use crate::world::World;
use serde_json::{Value, json};

pub const HELP: &str = r#"pay/{invoice}         {"amount"}: the clinic enters a payment there itself, in minor units
unpay/{payment}       and deletes it
archive/{contact}     staff put a contact away
invoice/{number}, credit_note/{number}, bank_transactions/{reference}, accounts/{currency}
                      how it stands in the books, with how many of this number were ever filed; all of
                      a reference, deleted ones too; accounts with their balances, debits positive
"#;

pub fn control(world: &mut World, verb: &[&str], ask: &Value) -> Result<Value, String> {
    match verb {
        ["pay", id] => told(pay(world, id, ask)),
        ["unpay", id] => {
            let tenant = world.account_of(PAYMENT.kind, id).unwrap_or_default();
            let gone = json!({"PaymentID": id, "Status": "DELETED"});
            told(take_back(&mut Books::of(world, "xero", &tenant), &gone))
        }
        ["archive", id] => {
            world.set(CONTACT.kind, id, json!({"ContactStatus": "ARCHIVED"}));
            Ok(world.body(CONTACT.kind, id))
        }
        ["invoice", number] => Ok(numbered(world, &INVOICE, number)),
        ["credit_note", number] => Ok(numbered(world, &CREDIT_NOTE, number)),
        ["bank_transactions", reference] => {
            let all = world.all(BANK.kind).into_iter();
            let same = all.filter(|item| item.body["Reference"] == *reference);
            Ok(same.map(|item| item.body.clone()).collect())
        }
        ["accounts", currency] => Ok(balances(world, currency)),
        _ => Err(HELP.into()),
    }
}

fn told(done: Checked) -> Result<Value, String> {
    let words = |Wrong(why)| LOOKS.refusal("Payments", &why[0]).1.to_string();
    done.map_err(words)
}

fn numbered(world: &World, of: &Resource, number: &str) -> Value {
    let all = world.all(of.kind).into_iter();
    let same: Vec<_> = all.filter(|item| item.body[of.number] == number).collect();
    let mut shown = same.first().map_or(json!({}), |item| item.body.clone());
    shown["filed"] = json!(same.len());
    shown
}

fn pay(world: &mut World, id: &str, ask: &Value) -> Checked {
    let tenant = world.account_of(INVOICE.kind, id).unwrap_or_default();
    let sum = asked_sum(ask, &world.body(INVOICE.kind, id)["AmountDue"]);
    let today = stamp(world.now, "%F");
    let ask = json!({"Invoice": {"InvoiceID": id}, "Account": {"Code": "090"}, "Date": today,
        "Amount": sum, "Reference": "entered in Xero"});
    payment(&mut Books::of(world, "xero", &tenant), &PAYMENT, &ask, true)
}
