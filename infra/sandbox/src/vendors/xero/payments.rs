//! Payments and allocations at Xero: they never exceed what is open on a document.

use super::books::{account_id, amount, date, known_account, number, one};
use super::documents::{CREDIT_NOTE, INVOICE, Paper};
use super::events::tell;
use super::replies::{Checked, msdate};
use crate::wire::stamp;
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
    let (of, open) = match (&ask["Invoice"], &ask["CreditNote"]) {
        (Value::Object(_), Value::Null) => (&INVOICE, "AmountDue"),
        (Value::Null, Value::Object(_)) => (&CREDIT_NOTE, "RemainingCredit"),
        _ => {
            return Err(one(
                "A payment must be for exactly one invoice or credit note",
            ));
        }
    };
    let place = if of.prefix == "INV" {
        "Invoice"
    } else {
        "CreditNote"
    };
    let found = named(world, tenant, &ask[place], of).cloned();
    let document = found.ok_or_else(|| one(format!("{place} could not be found")))?;
    if document["Status"] != "AUTHORISED" {
        return Err(one(format!("{place} not of valid status for modification")));
    }
    let code = ask["Account"]["Code"]
        .as_str()
        .or(ask["Account"]["AccountID"].as_str());
    let Some(code) = code.filter(|code| known_account(code) || code.len() == 36) else {
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
    if sum > amount(&document[open]) {
        return Err(one(
            "Payment amount exceeds the amount outstanding on this document",
        ));
    }
    let account = match code.len() {
        36 => json!({"AccountID": code}),
        _ => json!({"AccountID": account_id(code), "Code": code}),
    };
    let paid = Paid {
        of,
        open,
        place,
        document: &document,
        account,
        day,
        sum,
    };
    Ok(enter(world, tenant, ask, paid))
}

/// A payment that fits what is open on its document.
struct Paid<'a> {
    of: &'a Paper,
    /// Name of what is open on the document.
    open: &'static str,
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
        open,
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
            "Type": document["Type"], "Contact": document["Contact"]},
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
    move_open(world, tenant, of, &paper, open, "AmountPaid", sum);
    body
}

/// Takes `sum` from what is open on a document, adds it where it was settled, and sets the status
/// that follows; a negative sum gives it back.
pub fn move_open(
    world: &mut World,
    tenant: &str,
    of: &Paper,
    id: &str,
    open: &str,
    settled: &str,
    sum: Decimal,
) {
    let body = world.body(of.kind, id);
    let left = amount(&body[open]) - sum;
    let mut changes = json!({open: number(left), "UpdatedDateUTC": msdate(world.now),
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
    let (of, open, place) = match body["Invoice"].is_object() {
        true => (&INVOICE, "AmountDue", "Invoice"),
        false => (&CREDIT_NOTE, "RemainingCredit", "CreditNote"),
    };
    let paper = body[place][of.id].as_str().unwrap_or("").to_string();
    if let Some(item) = world.item_mut(of.kind, &paper)
        && let Some(paid) = item.body["Payments"].as_array_mut()
    {
        paid.retain(|one| one["PaymentID"] != id);
    }
    move_open(
        world,
        tenant,
        of,
        &paper,
        open,
        "AmountPaid",
        -amount(&body["Amount"]),
    );
    Ok(world.body("xero.payment", id))
}

pub fn allocate(world: &mut World, tenant: &str, note: &str, ask: &Value) -> Checked {
    let credit = world.body(CREDIT_NOTE.kind, note);
    let found = named(world, tenant, &ask["Invoice"], &INVOICE).cloned();
    let invoice = found.ok_or_else(|| one("Invoice could not be found"))?;
    if credit["Status"] != "AUTHORISED" || invoice["Status"] != "AUTHORISED" {
        return Err(one(
            "Both documents must be approved and open for an allocation",
        ));
    }
    if credit["Contact"]["ContactID"] != invoice["Contact"]["ContactID"] {
        return Err(one(
            "The credit note and the invoice are for different contacts",
        ));
    }
    let (day, _) = date(&ask["Date"]).ok_or_else(|| one("Date is not a valid date"))?;
    let sum = amount(&ask["Amount"]);
    if sum <= Decimal::ZERO {
        return Err(one("Amount must be greater than zero"));
    }
    if sum > amount(&credit["RemainingCredit"]) || sum > amount(&invoice["AmountDue"]) {
        return Err(one(
            "The amount exceeds the credit that remains, or what the invoice owes",
        ));
    }
    let invoice_id = invoice["InvoiceID"].as_str().unwrap_or("").to_string();
    let body = json!({"AllocationID": world.uuid(), "Amount": number(sum), "Date": day,
        "IsDeleted": false, "Invoice": {"InvoiceID": invoice_id,
            "InvoiceNumber": invoice["InvoiceNumber"]}});
    if let Some(item) = world.item_mut(CREDIT_NOTE.kind, note)
        && let Some(all) = item.body["Allocations"].as_array_mut()
    {
        all.push(body.clone());
    }
    move_open(
        world,
        tenant,
        &CREDIT_NOTE,
        note,
        "RemainingCredit",
        "AmountPaid",
        sum,
    );
    move_open(
        world,
        tenant,
        &INVOICE,
        &invoice_id,
        "AmountDue",
        "AmountCredited",
        sum,
    );
    Ok(body)
}

/// `pay/{invoice}` `{amount}` in minor units: the clinic enters a payment in Xero itself.
/// `archive/{contact}`: staff put a contact away. `invoice/{number}`: how it stands, and how many of
/// this number were ever filed.
pub fn control(world: &mut World, verb: &[&str], ask: &Value) -> Result<Value, String> {
    match verb {
        ["pay", id] => pay(world, id, ask),
        ["archive", id] => {
            let away = json!({"ContactStatus": "ARCHIVED"});
            world.set("xero.contact", id, away);
            Ok(world.body("xero.contact", id))
        }
        ["invoice", number] => Ok(numbered(world, number)),
        _ => Err("Xero knows pay/{invoice}, archive/{contact} and invoice/{number}".into()),
    }
}

fn numbered(world: &World, number: &str) -> Value {
    let all = world.all(INVOICE.kind);
    let same: Vec<_> = all
        .into_iter()
        .filter(|item| item.body["InvoiceNumber"] == number)
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
