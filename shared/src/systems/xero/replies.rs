//! What Xero answers: lists of the documents that were written or found, and validation errors.

use super::{Filed, Telling};
use crate::vendor::{Account, Reply, Trouble};
use serde::Deserialize;

/// `{"Invoices": […]}`, `{"CreditNotes": […]}` or `{"Payments": […]}`.
#[derive(Deserialize)]
struct Documents {
    #[serde(rename = "Invoices", alias = "CreditNotes", alias = "Payments")]
    list: Vec<Document>,
}
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Document {
    #[serde(rename = "InvoiceID", alias = "CreditNoteID", alias = "PaymentID")]
    id: String,
    #[serde(alias = "InvoiceNumber", alias = "CreditNoteNumber")]
    number: Option<String>,
    reference: Option<String>,
    status: Option<String>,
    #[serde(default)]
    validation_errors: Vec<Said>,
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
    validation_errors: Vec<Said>,
}
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Said {
    message: String,
}

fn documents(ask: &Telling, reply: &Reply) -> Result<Vec<Document>, Trouble> {
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
fn refusal(ask: &Telling, said: &str) -> Trouble {
    let small = said.to_lowercase();
    let number_taken = small.contains("must be unique") && !small.contains("contact");
    if number_taken || small.contains("idempotency") {
        Trouble::Unclear(unnamed(ask, said))
    } else {
        Trouble::Rejected(unnamed(ask, said))
    }
}

/// Xero quotes the contact, whose name stays out of errors.
fn unnamed(ask: &Telling, said: &str) -> String {
    match ask.customer.name.as_deref() {
        Some(name) if !name.is_empty() => said.replace(name, "the patient"),
        _ => said.into(),
    }
}

fn only(ask: &Telling, reply: &Reply) -> Result<Document, Trouble> {
    let document = documents(ask, reply)?.into_iter().next();
    document.ok_or_else(|| Trouble::Unreadable("no document in the answer".into()))
}

/// A 200 may carry errors: without an id nothing was filed, with one only a look-up can tell.
pub fn filed(ask: &Telling, reply: &Reply, _: &Account) -> Result<Filed, Trouble> {
    let document = only(ask, reply)?;
    let nothing = document.id.bytes().all(|b| b == b'0' || b == b'-');
    match document.validation_errors.first() {
        Some(said) if nothing => Err(refusal(ask, &said.message)),
        Some(said) => Err(Trouble::Unclear(unnamed(ask, &said.message))),
        None => Ok(Filed(Some(document.id))),
    }
}

/// Ours is the one that bears our key. Another's under our number is a person's to sort out.
pub fn found(ask: &Telling, reply: &Reply, _: &Account) -> Result<Option<Filed>, Trouble> {
    let documents = documents(ask, reply)?;
    let number = ask.refund.as_ref().unwrap_or(&ask.invoice);
    let ours = |document: &&Document| document.reference.as_ref() == Some(&ask.key);
    let taken = |document: &Document| document.number.as_ref() == Some(number);
    match documents.iter().find(ours) {
        Some(ours) => Ok(Some(Filed(Some(ours.id.clone())))),
        None if documents.iter().any(taken) => Err(Trouble::Rejected(format!(
            "Xero has another document with the number {number}"
        ))),
        None => Ok(None),
    }
}

pub fn undone(ask: &Telling, reply: &Reply, account: &Account) -> Result<Filed, Trouble> {
    let gone = found_undone(ask, reply, account)?;
    gone.ok_or_else(|| Trouble::Unreadable("the payment still stands".into()))
}

pub fn found_undone(ask: &Telling, reply: &Reply, _: &Account) -> Result<Option<Filed>, Trouble> {
    let payment = only(ask, reply)?;
    match payment.status.as_deref() {
        Some("DELETED") => Ok(Some(Filed(Some(payment.id)))),
        Some("AUTHORISED") => Ok(None),
        other => Err(Trouble::Unreadable(format!("a payment {other:?}"))),
    }
}
