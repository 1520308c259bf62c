//! Payments at Xero: they never exceed what is open on a document.

use super::books::{amount, date, number, one};
use super::chart;
use super::documents::{CREDIT_NOTE, INVOICE, Paper};
use super::events::tell;
use super::replies::{Checked, msdate};
use crate::world::World;
use rust_decimal::Decimal;
use serde_json::{Value, json};

pub fn named<'a>(world: &'a World, tenant: &str, ask: &Value, of: &Paper) -> Option<&'a Value> {
    let mine = world
        .all(of.kind)
        .into_iter()
        .filter(|item| item.account == tenant);
    let same = |name: &str, body: &Value| {
        ask[name].as_str().is_some_and(|text| {
            body[name]
                .as_str()
                .is_some_and(|other| other.eq_ignore_ascii_case(text))
        })
    };
    mine.map(|item| &item.body)
        .find(|body| same(of.id, body) || same(of.number, body))
}

pub fn payment(world: &mut World, tenant: &str, ask: &Value, create: bool) -> Checked {
    if let Some(id) = ask["PaymentID"].as_str().filter(|_| !create) {
        return delete_payment(world, tenant, &id.to_lowercase(), ask);
    }
    let (of, place) = match (&ask["Invoice"], &ask["CreditNote"]) {
        (Value::Object(_), Value::Null) => (&INVOICE, "Invoice"),
        (Value::Null, Value::Object(_)) => (&CREDIT_NOTE, "CreditNote"),
        _ => {
            return Err(one(
                "A payment must be for exactly one invoice or credit note",
            ));
        }
    };
    let found = named(world, tenant, &ask[place], of).cloned();
    let document = found.ok_or_else(|| one(format!("{place} could not be found")))?;
    if document["Status"] != "AUTHORISED" {
        // Xero's words as developers quote them.
        return Err(one(
            "Payments can only be made against Authorised documents",
        ));
    }
    let account = chart::find(&ask["Account"]["Code"], &ask["Account"]["AccountID"]);
    let Some(account) = account.filter(|account| account.takes_payments()) else {
        return Err(one(
            "Account could not be found, or does not allow payments",
        ));
    };
    let (day, _) = date(&ask["Date"]).ok_or_else(|| one("Date must be specified"))?;
    let sum = amount(&ask["Amount"]);
    if sum <= Decimal::ZERO || sum.scale() > 2 {
        return Err(one(
            "Payment amount must be greater than zero, with two decimal places",
        ));
    }
    if sum > amount(&document[of.open]) {
        return Err(one(
            "Payment amount exceeds the amount outstanding on this document",
        ));
    }
    let paid = Paid {
        of,
        place,
        document: &document,
        account: account.named(),
        day,
        sum,
    };
    Ok(enter(world, tenant, ask, paid))
}

/// A payment that fits what is open on its document.
struct Paid<'a> {
    of: &'a Paper,
    /// Name of the document in a payment.
    place: &'static str,
    document: &'a Value,
    account: Value,
    day: String,
    sum: Decimal,
}

fn enter(world: &mut World, tenant: &str, ask: &Value, paid: Paid) -> Value {
    let Paid {
        of,
        place,
        document,
        account,
        day,
        sum,
    } = paid;
    let id = world.uuid();
    let kind = if of.prefix == "INV" {
        "ACCRECPAYMENT"
    } else {
        "ARCREDITPAYMENT"
    };
    let body = json!({"PaymentID": id, "Date": day, "Amount": number(sum),
        "BankAmount": number(sum), "CurrencyRate": 1, "Status": "AUTHORISED",
        "Reference": ask["Reference"].as_str().unwrap_or(""), "PaymentType": kind,
        "IsReconciled": ask["IsReconciled"].as_bool().unwrap_or(false), "Account": account,
        place: {of.id: document[of.id], of.number: document[of.number],
            "Type": document["Type"], "Contact": document["Contact"],
            "CurrencyCode": document["CurrencyCode"]},
        "HasAccount": true, "HasValidationErrors": false, "UpdatedDateUTC": msdate(world.now)});
    world.put("xero.payment", tenant, &id, body.clone());
    let paper = document[of.id].as_str().unwrap_or("").to_string();
    if let Some(item) = world.item_mut(of.kind, &paper) {
        let short = json!({"PaymentID": id, "Date": day, "Amount": number(sum),
            "Reference": body["Reference"]});
        if let Some(paid) = item.body["Payments"].as_array_mut() {
            paid.push(short);
        }
    }
    move_open(world, tenant, of, &paper, "AmountPaid", sum);
    body
}

/// Takes `sum` from what is open on a document, adds it where it was settled, and sets the status
/// that follows; a negative sum gives it back.
pub fn move_open(
    world: &mut World,
    tenant: &str,
    of: &Paper,
    id: &str,
    settled: &str,
    sum: Decimal,
) {
    let body = world.body(of.kind, id);
    let left = amount(&body[of.open]) - sum;
    let mut changes = json!({of.open: number(left), "UpdatedDateUTC": msdate(world.now),
        "Status": if left.is_zero() { "PAID" } else { "AUTHORISED" }});
    if of.prefix == "INV" {
        changes[settled] = number(amount(&body[settled]) + sum);
    }
    world.set(of.kind, id, changes);
    tell(world, tenant, of.category, "UPDATE", id);
}

pub fn delete_payment(world: &mut World, tenant: &str, id: &str, ask: &Value) -> Checked {
    let found = world.get("xero.payment", tenant, id).cloned();
    let body = found.ok_or_else(|| one("Payment could not be found"))?;
    if ask["Status"] != "DELETED" || body["Status"] == "DELETED" {
        return Err(one("A payment can only be deleted, and only once"));
    }
    world.set(
        "xero.payment",
        id,
        json!({"Status": "DELETED", "UpdatedDateUTC": msdate(world.now)}),
    );
    let (of, place) = match body["Invoice"].is_object() {
        true => (&INVOICE, "Invoice"),
        false => (&CREDIT_NOTE, "CreditNote"),
    };
    let paper = body[place][of.id].as_str().unwrap_or("").to_string();
    if let Some(item) = world.item_mut(of.kind, &paper)
        && let Some(paid) = item.body["Payments"].as_array_mut()
    {
        paid.retain(|one| one["PaymentID"] != id);
    }
    let back = -amount(&body["Amount"]);
    move_open(world, tenant, of, &paper, "AmountPaid", back);
    Ok(world.body("xero.payment", id))
}
