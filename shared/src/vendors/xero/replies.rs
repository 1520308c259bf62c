//! How Xero is asked for what was written, and what it answers: lists of the documents that were
//! written or found, and validation errors.

use super::{
    BASE, ExternalId, Notification, contact_number, filed_as, made, note_number, standing,
};
use crate::contract::*;
use serde::Deserialize;

type Found = Result<Option<ExternalId>, Pause>;

/// A bill of a supplier may have the same number.
pub fn find_invoice(ask: &Notification, talk: &mut Talk, _: &Account) -> Found {
    let of = [("Type", "ACCREC"), ("InvoiceNumber", &ask.invoice)];
    find(ask, talk, "/Invoices", &of)
}

pub fn find_credit_note(ask: &Notification, talk: &mut Talk, _: &Account) -> Found {
    let of = [
        ("Type", "ACCRECCREDIT"),
        ("CreditNoteNumber", note_number(ask)?),
    ];
    find(ask, talk, "/CreditNotes", &of)
}

pub fn find_payment(ask: &Notification, talk: &mut Talk, _: &Account) -> Found {
    find(ask, talk, "/Payments", &[("Reference", &ask.key)])
}

pub fn find_received(ask: &Notification, talk: &mut Talk, _: &Account) -> Found {
    find(ask, talk, "/BankTransactions", &[("Reference", &ask.key)])
}

/// One that was archived is none: documents cannot name it.
pub fn find_contact(ask: &Notification, talk: &mut Talk, _: &Account) -> Found {
    let number = contact_number(&ask.customer.reference);
    let all = find_where("/Contacts", &[("ContactNumber", &number)]);
    let contacts = documents(ask, talk.ask(all)?)?;
    let active = |contact: &&Document| contact.contact_status.as_deref() != Some("ARCHIVED");
    let found = contacts.iter().find(active);
    Ok(found.map(|contact| ExternalId(Some(contact.id.clone()))))
}

fn find(ask: &Notification, talk: &mut Talk, path: &str, fields: &[(&str, &str)]) -> Found {
    Ok(found(ask, talk.ask(find_where(path, fields))?)?)
}

fn find_where(path: &str, fields: &[(&str, &str)]) -> Request {
    let quoted = |text: &str| text.replace('\\', r"\\").replace('"', r#"\""#);
    let fields = fields.iter();
    let equal = fields.map(|(name, value)| format!("{name}==\"{}\"", quoted(value)));
    let all = equal.collect::<Vec<_>>().join(" AND ");
    Request::get(format!("{BASE}{path}")).query("where", all)
}

fn read(list: &str, id: &str) -> Request {
    Request::get(format!("{BASE}/{list}/{id}"))
}

pub fn payment_undone(ask: &Notification, talk: &mut Talk, _: &Account) -> Found {
    let payment = talk.ask(read("Payments", standing(ask)?))?;
    Ok(found_undone(ask, payment)?)
}

pub fn cash_refund_undone(ask: &Notification, talk: &mut Talk, _: &Account) -> Found {
    let payment = talk.ask(read("Payments", filed_as(ask, 1)?))?;
    Ok(found_undone(ask, payment)?)
}

pub fn credit_note_undone(ask: &Notification, talk: &mut Talk, _: &Account) -> Found {
    let note = talk.ask(read("CreditNotes", filed_as(ask, 0)?))?;
    Ok(found_undone(ask, note)?)
}

pub fn invoice_undone(ask: &Notification, talk: &mut Talk, _: &Account) -> Found {
    let invoice = talk.ask(read("Invoices", filed_as(ask, 0)?))?;
    Ok(found_undone(ask, invoice)?)
}

/// `{"Invoices": […]}`, `{"CreditNotes": […]}` or `{"Payments": […]}`.
#[derive(Deserialize)]
struct Documents {
    #[serde(
        rename = "Invoices",
        alias = "CreditNotes",
        alias = "Payments",
        alias = "Contacts",
        alias = "BankTransactions"
    )]
    list: Vec<Document>,
}
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Document {
    #[serde(
        rename = "InvoiceID",
        alias = "CreditNoteID",
        alias = "PaymentID",
        alias = "ContactID",
        alias = "BankTransactionID"
    )]
    id: String,
    #[serde(alias = "InvoiceNumber", alias = "CreditNoteNumber")]
    number: Option<String>,
    reference: Option<String>,
    status: Option<String>,
    contact_status: Option<String>,
    #[serde(default)]
    allocations: Vec<Allocation>,
    #[serde(default)]
    validation_errors: Vec<Answer>,
}
#[derive(Deserialize)]
struct Allocations {
    #[serde(rename = "Allocations")]
    list: Vec<Allocation>,
}
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Allocation {
    invoice: Option<Allocated>,
    #[serde(default)]
    validation_errors: Vec<Answer>,
}
#[derive(Deserialize)]
struct Allocated {
    #[serde(rename = "InvoiceID")]
    id: String,
}
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Failure {
    message: Option<String>,
    #[serde(default)]
    elements: Vec<Element>,
}
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Element {
    #[serde(default)]
    validation_errors: Vec<Answer>,
}
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    message: String,
}

fn documents(ask: &Notification, reply: &Reply) -> Result<Vec<Document>, Trouble> {
    match reply.status {
        400 => {
            let failure: Failure = reply.json()?;
            let said = failure
                .elements
                .into_iter()
                .flat_map(|e| e.validation_errors);
            let said: Vec<_> = said.map(|said| said.message).collect();
            Err(match said.is_empty() {
                true => refusal(ask, &failure.message.unwrap_or("status 400".into())),
                false => refusal(ask, &said.join(" ")),
            })
        }
        404 => Err(Trouble::Rejected("Xero has no such document".into())),
        408 | 409 => Err(Trouble::Unclear(format!("status {}", reply.status))),
        _ => Ok(reply.ok()?.json::<Documents>()?.list),
    }
}

/// A number or key that is taken may have been taken by ourselves when a reply was lost: that is
/// looked up, not refused.
fn refusal(ask: &Notification, said: &str) -> Trouble {
    let small = said.to_lowercase();
    // In these words (unverified): an id that is not there, or of a contact that was archived.
    let gone = ["does not exist", "archived", "could not be found"];
    if small.contains("contact") && gone.iter().any(|word| small.contains(word)) {
        return Trouble::Gone(unnamed(ask, said));
    }
    let number_taken = small.contains("must be unique") && !small.contains("contact");
    if number_taken || small.contains("idempotency") {
        Trouble::Unclear(unnamed(ask, said))
    } else {
        Trouble::Rejected(unnamed(ask, said))
    }
}

/// Xero quotes the contact, whose name stays out of errors.
fn unnamed(ask: &Notification, said: &str) -> String {
    match ask.customer.name.as_deref() {
        Some(name) if !name.is_empty() => said.replace(name, "the patient"),
        _ => said.into(),
    }
}

fn only(ask: &Notification, reply: &Reply) -> Result<Document, Trouble> {
    let document = documents(ask, reply)?.into_iter().next();
    document.ok_or_else(|| Trouble::Unreadable("no document in the answer".into()))
}

/// A 200 may carry errors: without an id nothing was filed, with one only a look-up can tell.
pub fn filed(ask: &Notification, reply: &Reply, _: &Account) -> Result<ExternalId, Trouble> {
    let document = only(ask, reply)?;
    let nothing = document.id.bytes().all(|b| b == b'0' || b == b'-');
    match document.validation_errors.first() {
        Some(said) if nothing => Err(refusal(ask, &said.message)),
        Some(said) => Err(Trouble::Unclear(unnamed(ask, &said.message))),
        None => Ok(ExternalId(Some(document.id))),
    }
}

/// The answer to an allocation lists it; its own id is optional there, the invoice's is not.
pub fn allocated(ask: &Notification, reply: &Reply, _: &Account) -> Result<ExternalId, Trouble> {
    // It is refused in the words of any document.
    if matches!(reply.status, 400 | 404 | 409) {
        documents(ask, reply)?;
    }
    let list = reply.ok()?.json::<Allocations>()?.list;
    let allocation = list.into_iter().next();
    let allocation =
        allocation.ok_or_else(|| Trouble::Unreadable("no allocation in the answer".into()))?;
    match allocation.validation_errors.first() {
        Some(said) => Err(refusal(ask, &said.message)),
        None => Ok(ExternalId(allocation.invoice.map(|invoice| invoice.id))),
    }
}

/// The note is set against its invoice, or not yet.
pub fn find_allocation(ask: &Notification, talk: &mut Talk, _: &Account) -> Found {
    let note = talk.ask(read("CreditNotes", made(ask, 0)?))?;
    let note = only(ask, note)?;
    let invoice = filed_as(ask, 0)?;
    let mut invoices = note.allocations.into_iter().filter_map(|a| a.invoice);
    let found = invoices.find(|allocated| allocated.id == invoice);
    Ok(found.map(|allocated| ExternalId(Some(allocated.id))))
}

/// Ours is the one that bears our key. Another's under our number is a person's to sort out.
fn found(ask: &Notification, reply: &Reply) -> Result<Option<ExternalId>, Trouble> {
    let documents = documents(ask, reply)?;
    let number = ask.note.as_ref().or(ask.refund.as_ref());
    let number = number.unwrap_or(&ask.invoice);
    // What was deleted or voided there since is not what is looked for.
    let stands =
        |document: &Document| !matches!(document.status.as_deref(), Some("DELETED" | "VOIDED"));
    let ours =
        |document: &&Document| document.reference.as_ref() == Some(&ask.key) && stands(document);
    let taken = |document: &Document| document.number.as_ref() == Some(number) && stands(document);
    match documents.iter().find(ours) {
        Some(ours) => Ok(Some(ExternalId(Some(ours.id.clone())))),
        None if documents.iter().any(taken) => Err(Trouble::Rejected(format!(
            "Xero has another document with the number {number}"
        ))),
        None => Ok(None),
    }
}

pub fn undone(ask: &Notification, reply: &Reply, _: &Account) -> Result<ExternalId, Trouble> {
    let gone = found_undone(ask, reply)?;
    gone.ok_or_else(|| Trouble::Unreadable("the document still stands".into()))
}

/// Payments are deleted, credit notes and invoices voided.
fn found_undone(ask: &Notification, reply: &Reply) -> Result<Option<ExternalId>, Trouble> {
    let document = only(ask, reply)?;
    match document.status.as_deref() {
        Some("DELETED" | "VOIDED") => Ok(Some(ExternalId(Some(document.id)))),
        Some("AUTHORISED") => Ok(None),
        other => Err(Trouble::Unreadable(format!("a document {other:?}"))),
    }
}
