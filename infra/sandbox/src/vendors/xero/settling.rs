//! What settles documents at Xero, never by more than is open on them: payments, and credit notes that
//! are allocated to invoices.

use super::accounts::{account, takes_payments};
use super::documents::delete;
use super::resource::{CREDIT_NOTE, INVOICE, LOOKS, PAYMENT, Resource, date, msdate, tell};
use crate::kit::{Books, Checked, Refusal, Wrong, refuse, refuse_all, rest};
use crate::wire::{amount, number};
use rust_decimal::Decimal;
use serde_json::{Value, json};

/// The document that one of the fields of an ask names.
fn named(books: &Books, of: &Resource, ask: &Value) -> Checked {
    let place = &ask[of.one()];
    let by = |name| books.named(of.kind, &[name], &place[name]);
    let found = by(of.id).or_else(|| by(of.number));
    Ok(found.ok_or_else(|| of.because("not_found"))?)
}

/// Of a payment: what it is for.
fn what_for(body: &Value) -> Option<&'static Resource> {
    match (&body["Invoice"], &body["CreditNote"]) {
        (Value::Object(_), Value::Null) => Some(&INVOICE),
        (Value::Null, Value::Object(_)) => Some(&CREDIT_NOTE),
        _ => None,
    }
}

pub fn payment(books: &mut Books, this: &Resource, ask: &Value, create: bool) -> Checked {
    if ask["PaymentID"].is_string() && !create {
        return take_back(books, ask);
    }
    let of = what_for(ask).ok_or("one_document")?;
    let document = named(books, of, ask)?;
    refuse(document["Status"] != "AUTHORISED", "not_open")?;
    let account = account(&ask["Account"], takes_payments).ok_or("no_account")?;
    let day = date(&ask["Date"]).ok_or("date")?;
    let sum = amount(&ask["Amount"]);
    rest(&document[of.open], sum)?;
    let places = json!({"id": books.world.uuid(), "ask": ask, "amount": number(sum), "day": day,
        "account": account, "now": msdate(books.world.now), of.one(): document});
    let body = this.put(books, &places);
    let id = document[of.id].as_str().unwrap_or_default();
    let short = LOOKS.shape("payment.short", &places);
    books.enter(of.kind, id, "Payments", short);
    settle(books, of, id, "AmountPaid", sum);
    Ok(body)
}

/// Takes `sum` from what is open on a document, adds it where it was settled, and sets the status
/// that follows; a negative sum gives it back.
fn settle(books: &mut Books, of: &Resource, id: &str, settled: &str, sum: Decimal) {
    let body = books.world.body(of.kind, id);
    let left = amount(&body[of.open]) - sum;
    let mut changes = json!({of.open: number(left), "UpdatedDateUTC": msdate(books.world.now),
        "Status": if left.is_zero() { "PAID" } else { "AUTHORISED" }});
    if body[settled].is_number() {
        changes[settled] = number(amount(&body[settled]) + sum);
    }
    books.change(of.kind, id, changes);
    tell(books, of, id, "UPDATE");
}

/// Deletes a payment: its document is open again by as much.
pub fn take_back(books: &mut Books, ask: &Value) -> Checked {
    let gone = delete(books, &PAYMENT, ask)?;
    let of = what_for(&gone).ok_or("one_document")?;
    let id = gone[of.one()][of.id].as_str().unwrap_or_default();
    let mut paid = books.world.body(of.kind, id)["Payments"].take();
    if let Some(paid) = paid.as_array_mut() {
        paid.retain(|one| one["PaymentID"] != gone["PaymentID"]);
    }
    books.change(of.kind, id, json!({"Payments": paid}));
    settle(books, of, id, "AmountPaid", -amount(&gone["Amount"]));
    Ok(gone)
}

/// Applies credit of the note with this id to the invoice that the ask names.
pub fn allocate(books: &mut Books, note: &str, ask: &Value) -> Checked {
    let credit = books.world.body(CREDIT_NOTE.kind, note);
    let invoice = named(books, &INVOICE, ask)?;
    let day = date(&ask["Date"]).ok_or("date")?;
    let sum = amount(&ask["Amount"]);
    may_allocate(&credit, &invoice, sum)?;
    let places = json!({"id": books.world.uuid(), "amount": number(sum), "day": day,
        "invoice": invoice, "note": credit});
    let [body, entry, applied] = ["Allocation", "allocation.invoice", "allocation.note"]
        .map(|shape| LOOKS.shape(shape, &places));
    let id = invoice["InvoiceID"].as_str().unwrap_or_default();
    books.enter(CREDIT_NOTE.kind, note, "Allocations", entry);
    books.enter(INVOICE.kind, id, "CreditNotes", applied);
    settle(books, &CREDIT_NOTE, note, "", sum);
    settle(books, &INVOICE, id, "AmountCredited", sum);
    Ok(body)
}

/// Whether the credit can go to the invoice. The words of a paid invoice and of too large an amount
/// are Xero's as developers quote them; those of the other refusals are unverified.
fn may_allocate(credit: &Value, invoice: &Value, sum: Decimal) -> Result<(), Wrong> {
    let sides = [&credit["Type"], &invoice["Type"]].map(|kind| kind.as_str());
    let one_side = matches!(
        sides,
        [Some("ACCRECCREDIT"), Some("ACCREC")] | [Some("ACCPAYCREDIT"), Some("ACCPAY")]
    );
    let [paid, open] = ["PAID", "AUTHORISED"].map(|status| invoice["Status"] == status);
    let differs = |path: &str| credit.pointer(path) != invoice.pointer(path);
    let left = [&credit["RemainingCredit"], &invoice["AmountDue"]];
    let exceeded = left.into_iter().find_map(|open| rest(open, sum).err());
    refuse_all(vec![
        (paid, "paid".into()),
        (!paid && !open, "invoice_status".into()),
        (credit["Status"] != "AUTHORISED", "note_status".into()),
        (!one_side, "other_type".into()),
        (differs("/Contact/ContactID"), "other_contact".into()),
        (differs("/CurrencyCode"), "other_currency".into()),
        (
            exceeded.is_some(),
            exceeded.unwrap_or(Refusal::Because("too_much")),
        ),
    ])
}
