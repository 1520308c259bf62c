//! What settles documents at Xero, never by more than is open on them: payments, and credit notes that
//! are allocated to invoices.

use super::accounts::{account, takes_payments};
use super::documents::{delete, put};
use super::resource::{CREDIT_NOTE, Checked, INVOICE, LOOKS, PAYMENT, Resource, date, msdate, no};
use super::tell;
use crate::kit::{Books, Refusal, rest, wrong};
use crate::wire::{amount, number};
use rust_decimal::Decimal;
use serde_json::{Value, json};

/// The document that one of the fields of an ask names.
fn named(books: &Books, of: &Resource, ask: &Value) -> Checked {
    let place = &ask[of.one];
    let by = |name| books.named(of.kind, &[name], &place[name]);
    let found = by(of.id).or_else(|| by(of.number));
    found.ok_or_else(|| vec![Refusal::With("not_found", json!({"place": of.one}))])
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
    let of = what_for(ask).ok_or_else(|| no("one_document"))?;
    let document = named(books, of, ask)?;
    if document["Status"] != "AUTHORISED" {
        return Err(no("not_open"));
    }
    let account = account(&ask["Account"], takes_payments).ok_or_else(|| no("no_account"))?;
    let day = date(&ask["Date"]).ok_or_else(|| no("date"))?;
    let sum = amount(&ask["Amount"]);
    rest(&document[of.open], sum).map_err(|why| vec![why])?;
    let kind = match of.one == INVOICE.one {
        true => "ACCRECPAYMENT",
        false => "ARCREDITPAYMENT",
    };
    let places = json!({"id": books.world.uuid(), "ask": ask, "amount": number(sum), "day": day,
        "type": kind, "account": account, "now": msdate(books.world.now),
        of.one: {of.id: document[of.id], of.number: document[of.number],
            "Type": document["Type"], "Contact": document["Contact"],
            "CurrencyCode": document["CurrencyCode"]}});
    let body = put(books, this, &places);
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
    if of.one == INVOICE.one {
        changes[settled] = number(amount(&body[settled]) + sum);
    }
    books.change(of.kind, id, changes);
    tell(books, of, id, "UPDATE");
}

/// Deletes a payment: its document is open again by as much.
pub fn take_back(books: &mut Books, ask: &Value) -> Checked {
    let gone = delete(books, &PAYMENT, ask)?;
    let of = what_for(&gone).unwrap_or(&INVOICE);
    let id = gone[of.one][of.id].as_str().unwrap_or_default();
    if let Some(item) = books.world.item_mut(of.kind, id)
        && let Some(paid) = item.body["Payments"].as_array_mut()
    {
        paid.retain(|one| one["PaymentID"] != gone["PaymentID"]);
    }
    settle(books, of, id, "AmountPaid", -amount(&gone["Amount"]));
    Ok(gone)
}

/// Applies credit of the note with this id to the invoice that the ask names.
pub fn allocate(books: &mut Books, note: &str, ask: &Value) -> Checked {
    let credit = books.world.body(CREDIT_NOTE.kind, note);
    let invoice = named(books, &INVOICE, ask)?;
    let day = date(&ask["Date"]).ok_or_else(|| no("date"))?;
    let sum = amount(&ask["Amount"]);
    may_allocate(&credit, &invoice, sum)?;
    let places = json!({"id": books.world.uuid(), "amount": number(sum), "day": day,
        "invoice": invoice, "note": credit});
    let mut body = LOOKS.shape("Allocation", &places);
    let applied = LOOKS.shape("allocation.note", &places);
    let id = invoice["InvoiceID"].as_str().unwrap_or_default();
    books.enter(CREDIT_NOTE.kind, note, "Allocations", body.clone());
    books.enter(INVOICE.kind, id, "CreditNotes", applied);
    settle(books, &CREDIT_NOTE, note, "", sum);
    settle(books, &INVOICE, id, "AmountCredited", sum);
    let number = &credit["CreditNoteNumber"];
    body["CreditNote"] = json!({"CreditNoteID": note, "CreditNoteNumber": number});
    Ok(body)
}

/// Whether the credit can go to the invoice. The words of a paid invoice and of too large an amount
/// are Xero's as developers quote them; those of the other refusals are unverified.
fn may_allocate(credit: &Value, invoice: &Value, sum: Decimal) -> Result<(), Vec<Refusal>> {
    let one_side = matches!(
        (credit["Type"].as_str(), invoice["Type"].as_str()),
        (Some("ACCRECCREDIT"), Some("ACCREC")) | (Some("ACCPAYCREDIT"), Some("ACCPAY"))
    );
    let contact = |document: &Value| document["Contact"]["ContactID"].clone();
    let paid = invoice["Status"] == "PAID";
    let open = |document: &Value| document["Status"] == "AUTHORISED";
    let because = Refusal::Because;
    let mut why = wrong(vec![
        (paid, because("paid")),
        (!paid && !open(invoice), because("invoice_status")),
        (!open(credit), because("note_status")),
        (!one_side, because("other_type")),
        (
            contact(credit) != contact(invoice),
            because("other_contact"),
        ),
        (
            credit["CurrencyCode"] != invoice["CurrencyCode"],
            because("other_currency"),
        ),
    ]);
    let left = [&credit["RemainingCredit"], &invoice["AmountDue"]];
    let exceeded = left.into_iter().find_map(|open| rest(open, sum).err());
    why.extend(exceeded);
    match why.is_empty() {
        true => Ok(()),
        false => Err(why),
    }
}
