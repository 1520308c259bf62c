//! The documents of a company: what is paid never exceeds what is open, and what was changed
//! meanwhile is not overwritten.

use super::accounts::{DEPOSITS, total};
use super::entity::*;
use crate::kit::{Books, Refusal, asked_sum, refuse, rest};
use crate::wire::{amount, number, stamp};
use crate::world::World;
use rust_decimal::Decimal;
use serde_json::{Value, json};

pub const CLOSED: &str = "quickbooks.closed";

fn gone(what: &str) -> Refusal {
    Refusal::With("gone", json!({"what": what}))
}

/// A document of this company that is not deleted.
pub fn standing(books: &Books, of: &Entity, id: &str) -> Result<Value, Refusal> {
    let found = books.world.get(of.kind, books.account, id);
    let found = found.filter(|body| body["status"] != "Deleted").cloned();
    found.ok_or_else(|| gone("Another user has deleted this transaction"))
}

pub fn create(books: &mut Books, of: &Entity, ask: &Value) -> Result<Value, Refusal> {
    let id = books.world.id_over(b"123456789", 9);
    let at = stamp(books.world.now, "%FT%TZ");
    let mut body = LOOKS.shape("made", &json!({"ask": ask, "id": id, "at": at}));
    match of.name() {
        "Customer" => customer(books, &mut body)?,
        _ => document(books, of, &mut body)?,
    }
    books.world.put(of.kind, books.account, &id, body.clone());
    tell(books, of.name(), &id, "Create");
    Ok(body)
}

fn customer(books: &Books, body: &mut Value) -> Result<(), Refusal> {
    let name = &body["DisplayName"];
    let odd = text(name).contains([':', '\t', '\n']);
    let taken = books.named(CUSTOMER.kind, &["DisplayName"], name).is_some();
    refuse(odd, "name")?;
    refuse(taken, "name_taken")?;
    body["Active"] = json!(true);
    Ok(())
}

fn document(books: &mut Books, of: &Entity, body: &mut Value) -> Result<(), Refusal> {
    open_day(books.world, body)?;
    let customer = standing(books, &CUSTOMER, text(&body["CustomerRef"]["value"]))?;
    if customer["Active"] == false || customer["CurrencyRef"] != body["CurrencyRef"] {
        return Err(gone("CustomerRef"));
    }
    let deposited = matches!(of.name(), "Payment" | "RefundReceipt" | "SalesReceipt");
    let account = body["DepositToAccountRef"]["value"].as_str();
    let known = account.is_some_and(|account| DEPOSITS.contains(&account));
    // A payment of nothing is deposited nowhere.
    let nothing = body["TotalAmt"].is_number() && amount(&body["TotalAmt"]).is_zero();
    let nowhere = nothing && account.is_none();
    refuse(deposited != known && !nowhere, "account")?;
    if of.name() == PAYMENT.name() {
        return pay_for(books, body, Decimal::ONE);
    }
    let taken = books
        .all(of.kind)
        .into_iter()
        .any(|other| other["status"] != "Deleted" && other["DocNumber"] == body["DocNumber"]);
    refuse(taken && body["DocNumber"].is_string(), "number_taken")?;
    total(books.world, body)?;
    if !of.open.is_empty() {
        body[of.open] = body["TotalAmt"].clone();
    }
    Ok(())
}

fn open_day(world: &World, body: &Value) -> Result<(), Refusal> {
    let day = text(&body["TxnDate"]);
    refuse(day.parse::<jiff::civil::Date>().is_err(), "date")?;
    let closed = world.body(CLOSED, "closed");
    refuse(text(&closed["until"]) >= day, "closed")
}

/// Takes what a payment links off what is open, or gives it back where the sign is negative.
fn pay_for(books: &mut Books, body: &mut Value, sign: Decimal) -> Result<(), Refusal> {
    let mut left = amount(&body["TotalAmt"]);
    for line in body["Line"].as_array().into_iter().flatten() {
        let (sum, linked) = (amount(&line["Amount"]), &line["LinkedTxn"][0]);
        let of = match text(&linked["TxnType"]) {
            "Invoice" => &INVOICE,
            _ => &CREDIT_MEMO,
        };
        let id = text(&linked["TxnId"]);
        let of_it = standing(books, of, id)?;
        let customers = [&of_it, body].map(|of| &of["CustomerRef"]["value"]);
        refuse(customers[0] != customers[1], "other_customer")?;
        let rest = match sign.is_sign_positive() {
            true => rest(&of_it[of.open], sum)?,
            false => amount(&of_it[of.open]) + sum,
        };
        left -= if of.name() == INVOICE.name() {
            sum
        } else {
            -sum
        };
        changed(books, of, id, json!({of.open: number(rest)}));
    }
    refuse(left < Decimal::ZERO, "over_applied")?;
    body["UnappliedAmt"] = number(left);
    Ok(())
}

fn changed(books: &mut Books, of: &Entity, id: &str, mut changes: Value) -> Value {
    let before = books.world.body(of.kind, id);
    let token: i64 = text(&before["SyncToken"]).parse().unwrap_or(0);
    changes["SyncToken"] = json!((token + 1).to_string());
    let body = books.change(of.kind, id, changes);
    tell(books, of.name(), id, "Update");
    body
}

pub fn undo(
    books: &mut Books,
    of: &Entity,
    ask: &Value,
    operation: &str,
) -> Result<Value, Refusal> {
    let id = text(&ask["Id"]);
    let mut body = standing(books, of, id)?;
    open_day(books.world, &body)?;
    refuse(body["SyncToken"] != ask["SyncToken"], "stale")?;
    let open = &body[of.open];
    let linked = open.is_number() && amount(open) != amount(&body["TotalAmt"]);
    refuse(linked, "linked")?;
    if of.name() == PAYMENT.name() {
        pay_for(books, &mut body, -Decimal::ONE)?;
    }
    if operation == "Void" {
        let nothing = LOOKS.shape("voided", &Value::Null);
        return Ok(changed(books, of, id, nothing));
    }
    books.change(of.kind, id, json!({"status": "Deleted"}));
    tell(books, of.name(), id, operation);
    Ok(json!({"status": "Deleted", "domain": "QBO", "Id": id}))
}

/// The clinic enters a payment of an invoice there itself.
pub fn pay(world: &mut World, id: &str, ask: &Value) -> Result<Value, Refusal> {
    let realm = world.account_of(INVOICE.kind, id).unwrap_or_default();
    let mut books = Books::of(world, "quickbooks", &realm);
    let invoice = standing(&books, &INVOICE, id)?;
    let sum = asked_sum(ask, &invoice["Balance"]);
    let line = json!({"Amount": sum, "LinkedTxn": [{"TxnId": id, "TxnType": "Invoice"}]});
    let entered = json!({"TxnDate": stamp(books.world.now, "%F"), "TotalAmt": sum, "Line": [line],
        "CustomerRef": invoice["CustomerRef"], "CurrencyRef": invoice["CurrencyRef"],
        "DepositToAccountRef": {"value": "35"}, "PrivateNote": "entered in QuickBooks"});
    create(&mut books, &PAYMENT, &entered)
}

/// A person deletes a payment.
pub fn unpay(world: &mut World, id: &str) -> Result<Value, Refusal> {
    let realm = world.account_of(PAYMENT.kind, id).unwrap_or_default();
    let mut books = Books::of(world, "quickbooks", &realm);
    let payment = standing(&books, &PAYMENT, id)?;
    undo(&mut books, &PAYMENT, &payment, "Delete")
}
