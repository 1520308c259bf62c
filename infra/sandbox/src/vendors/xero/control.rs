//! What a person or a test makes happen in Xero itself, and reads of its books.

use super::resource::{BANK, CONTACT, CREDIT_NOTE, INVOICE, LOOKS, PAYMENT, Resource};
use super::{accounts, settling};
use crate::kit::{Books, Refusal};
use crate::wire::{amount, number, stamp};
use crate::world::World;
use rust_decimal::Decimal;
use serde_json::{Value, json};

pub const HELP: &str = r#"pay/{invoice}         {"amount"}: the clinic enters a payment there itself, in minor units
unpay/{payment}       and deletes it
archive/{contact}     staff put a contact away
invoice/{number}, credit_note/{number}, bank_transactions/{reference}, accounts/{currency}
                      how it stands in the books, with how many of this number were ever filed; all of
                      a reference, deleted ones too; accounts with their balances, debits positive
"#;

pub fn control(world: &mut World, verb: &[&str], ask: &Value) -> Result<Value, String> {
    let kind = match verb.first() {
        Some(&"unpay") => PAYMENT.kind,
        _ => INVOICE.kind,
    };
    let account = verb.get(1).and_then(|id| world.account_of(kind, id));
    let (vendor, account) = ("xero", account.as_deref());
    match verb {
        ["pay" | "unpay", id] => {
            let account = account.ok_or("there is none")?;
            let mut books = Books {
                world,
                vendor,
                account,
            };
            let done = match verb[0] {
                "pay" => pay(&mut books, id, ask),
                _ => {
                    let gone = json!({"PaymentID": id, "Status": "DELETED"});
                    settling::take_back(&mut books, &gone)
                }
            };
            done.map_err(|why| why.iter().map(said).collect::<Vec<_>>().join("; "))
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
        ["accounts", currency] => Ok(accounts::balances(world, currency)),
        _ => Err(HELP.into()),
    }
}

fn said(why: &Refusal) -> String {
    LOOKS.refusal("Payments", why).1["Message"].to_string()
}

fn numbered(world: &World, of: &Resource, number: &str) -> Value {
    let all = world.all(of.kind).into_iter();
    let same: Vec<_> = all.filter(|item| item.body[of.number] == number).collect();
    let mut shown = same.first().map_or(json!({}), |item| item.body.clone());
    shown["filed"] = json!(same.len());
    shown
}

fn pay(books: &mut Books, id: &str, ask: &Value) -> Result<Value, Vec<Refusal>> {
    let due = amount(&books.world.body(INVOICE.kind, id)["AmountDue"]);
    let cents = ask["amount"].as_i64();
    let sum = cents.map_or(due, |cents| Decimal::new(cents, 2));
    let today = stamp(books.world.now, "%F");
    let ask = json!({"Invoice": {"InvoiceID": id}, "Account": {"Code": "090"}, "Date": today,
        "Amount": number(sum), "Reference": "entered in Xero"});
    settling::payment(books, &PAYMENT, &ask, true)
}
