//! What the kinds of elements at Xero differ in, and how it writes things.

use super::{contacts, documents, settling};
use crate::kit::{Books, Checked, Looks, Refusal, looks};
use serde_json::{Value, json};

pub static LOOKS: Looks = Looks::new(|| looks(include_str!("looks.json")));
pub const REQUESTS: &str = include_str!("requests.txt");

pub struct Resource {
    pub kind: &'static str,
    pub id: &'static str,
    /// A second name by which one is found: its number.
    pub number: &'static str,
    /// Name of what is not settled of it, and what Xero's messages call it.
    pub open: &'static str,
    pub noun: &'static str,
    pub save: fn(&mut Books, &Resource, &Value, create: bool) -> Checked,
}

pub static CONTACT: Resource = Resource {
    kind: "xero.Contacts",
    id: "ContactID",
    number: "ContactNumber",
    open: "",
    noun: "Contact",
    save: contacts::save,
};

pub static INVOICE: Resource = Resource {
    kind: "xero.Invoices",
    id: "InvoiceID",
    number: "InvoiceNumber",
    open: "AmountDue",
    noun: "Invoice",
    save: documents::save,
};

pub static CREDIT_NOTE: Resource = Resource {
    kind: "xero.CreditNotes",
    id: "CreditNoteID",
    number: "CreditNoteNumber",
    open: "RemainingCredit",
    noun: "Credit Note",
    save: documents::save,
};

pub static PAYMENT: Resource = Resource {
    kind: "xero.Payments",
    id: "PaymentID",
    number: "PaymentID",
    open: "",
    noun: "Payment",
    save: settling::payment,
};

pub static BANK: Resource = Resource {
    kind: "xero.BankTransactions",
    id: "BankTransactionID",
    number: "BankTransactionID",
    open: "",
    noun: "Bank transaction",
    save: documents::bank_transaction,
};

pub static RESOURCES: [&Resource; 5] = [&CONTACT, &INVOICE, &CREDIT_NOTE, &PAYMENT, &BANK];

impl Resource {
    /// Its name in paths and bodies, where one is `Invoice` and all are `Invoices`.
    pub fn name(&self) -> &'static str {
        self.kind.trim_start_matches("xero.")
    }

    pub fn one(&self) -> &'static str {
        self.id.trim_end_matches("ID")
    }

    /// A reason that speaks of it.
    pub fn because(&self, reason: &'static str) -> Refusal {
        Refusal::With(reason, json!({"noun": self.noun, "one": self.one()}))
    }

    /// Files a new one in its shape.
    pub fn put(&self, books: &mut Books, places: &Value) -> Value {
        let body = LOOKS.shape(self.one(), places);
        let id = body[self.id].as_str().unwrap_or_default();
        books.world.put(self.kind, books.account, id, body.clone());
        body
    }
}

/// The date notation of Xero's replies.
pub fn msdate(ms: i64) -> String {
    format!("/Date({ms}+0000)/")
}

/// A date of a request, as the reply writes it.
pub fn date(value: &Value) -> Option<Value> {
    let text = value.as_str()?;
    let day: jiff::civil::Date = text.get(..10).unwrap_or(text).parse().ok()?;
    let at = day.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp();
    Some(json!({"Date": msdate(at.as_millisecond()), "DateString": format!("{day}T00:00:00")}))
}
