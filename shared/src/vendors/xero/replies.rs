//! How Xero is asked for what was written, and what it answers: lists of the documents that were
//! written or found, and validation errors.

use super::{
    BASE, ExternalId, Notification, contact_number, filed_as, made, note_number, standing,
};
use crate::contract::*;
use crate::words::money::BadAmount;
use serde::Deserialize;

/// A bill of a supplier may have the same number.
pub fn find_invoice(ask: &Notification, _: &Account) -> Result<Request, BadAmount> {
    let of = [("Type", "ACCREC"), ("InvoiceNumber", &ask.invoice)];
    Ok(find_where("/Invoices", &of))
}

pub fn find_credit_note(ask: &Notification, _: &Account) -> Result<Request, BadAmount> {
    let of = [
        ("Type", "ACCRECCREDIT"),
        ("CreditNoteNumber", note_number(ask)?),
    ];
    Ok(find_where("/CreditNotes", &of))
}

pub fn find_payment(ask: &Notification, _: &Account) -> Result<Request, BadAmount> {
    Ok(find_where("/Payments", &[("Reference", &ask.key)]))
}

pub fn find_received(ask: &Notification, _: &Account) -> Result<Request, BadAmount> {
    Ok(find_where("/BankTransactions", &[("Reference", &ask.key)]))
}

pub fn find_contact(ask: &Notification, _: &Account) -> Result<Request, BadAmount> {
    let number = contact_number(&ask.customer.reference);
    Ok(find_where("/Contacts", &[("ContactNumber", &number)]))
}

/// One that was archived is none: documents cannot name it.
pub fn found_contact(
    ask: &Notification,
    reply: &Reply,
    _: &Account,
) -> Result<Option<ExternalId>, Trouble> {
    let contacts = documents(ask, reply)?;
    let active = |contact: &&Document| contact.contact_status.as_deref() != Some("ARCHIVED");
    let found = contacts.iter().find(active);
    Ok(found.map(|contact| ExternalId(Some(contact.id.clone()))))
}

fn find_where(path: &str, fields: &[(&str, &str)]) -> Request {
    let quoted = |text: &str| text.replace('\\', r"\\").replace('"', r#"\""#);
    let fields = fields.iter();
    let equal = fields.map(|(name, value)| format!("{name}==\"{}\"", quoted(value)));
    let all = equal.collect::<Vec<_>>().join(" AND ");
    Request::get(format!("{BASE}{path}")).query("where", all)
}

fn read(list: &str, ask: &Notification, step: usize) -> Result<Request, BadAmount> {
    let id = filed_as(ask, step)?;
    Ok(Request::get(format!("{BASE}/{list}/{id}")))
}

pub fn read_payment(ask: &Notification, _: &Account) -> Result<Request, BadAmount> {
    let id = standing(ask)?;
    Ok(Request::get(format!("{BASE}/Payments/{id}")))
}

pub fn read_cash_refund(ask: &Notification, _: &Account) -> Result<Request, BadAmount> {
    read("Payments", ask, 1)
}

pub fn read_credit_note(ask: &Notification, _: &Account) -> Result<Request, BadAmount> {
    read("CreditNotes", ask, 0)
}

pub fn read_invoice(ask: &Notification, _: &Account) -> Result<Request, BadAmount> {
    read("Invoices", ask, 0)
}

pub fn read_allocations(ask: &Notification, _: &Account) -> Result<Request, BadAmount> {
    let note = made(ask, 0)?;
    Ok(Request::get(format!("{BASE}/CreditNotes/{note}")))
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
    if reply.status == 400 || reply.status == 404 {
        return Err(match documents(ask, reply) {
            Err(why) => why,
            Ok(_) => Trouble::Unreadable("a refusal without words".into()),
        });
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
pub fn found_allocation(
    ask: &Notification,
    reply: &Reply,
    _: &Account,
) -> Result<Option<ExternalId>, Trouble> {
    let invoice = filed_as(ask, 0).map_err(|why| Trouble::Rejected(why.to_string()))?;
    let note = only(ask, reply)?;
    let mut invoices = note.allocations.into_iter().filter_map(|a| a.invoice);
    let found = invoices.find(|allocated| allocated.id == invoice);
    Ok(found.map(|allocated| ExternalId(Some(allocated.id))))
}

/// Ours is the one that bears our key. Another's under our number is a person's to sort out.
pub fn found(
    ask: &Notification,
    reply: &Reply,
    _: &Account,
) -> Result<Option<ExternalId>, Trouble> {
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

pub fn undone(ask: &Notification, reply: &Reply, account: &Account) -> Result<ExternalId, Trouble> {
    let gone = found_undone(ask, reply, account)?;
    gone.ok_or_else(|| Trouble::Unreadable("the document still stands".into()))
}

/// Payments are deleted, credit notes and invoices voided.
pub fn found_undone(
    ask: &Notification,
    reply: &Reply,
    _: &Account,
) -> Result<Option<ExternalId>, Trouble> {
    let document = only(ask, reply)?;
    match document.status.as_deref() {
        Some("DELETED" | "VOIDED") => Ok(Some(ExternalId(Some(document.id)))),
        Some("AUTHORISED") => Ok(None),
        other => Err(Trouble::Unreadable(format!("a document {other:?}"))),
    }
}
