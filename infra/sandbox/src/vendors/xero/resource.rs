//! What the kinds of elements at Xero differ in, and how it writes things.

use super::{contacts, documents, settling};
use crate::kit::{Books, Looks, Refusal, looks};
use crate::wire::stamp;
use serde_json::{Value, json};

pub static LOOKS: Looks = Looks::new(|| looks(include_str!("looks.json")));
pub const REQUESTS: &str = include_str!("requests.txt");

/// An element as it was saved, or all that is wrong with it.
pub type Checked = Result<Value, Vec<Refusal>>;

pub struct Resource {
    pub name: &'static str,
    pub one: &'static str,
    pub kind: &'static str,
    pub id: &'static str,
    /// A second name by which one is found: its number.
    pub number: &'static str,
    /// What Xero's messages call it.
    pub title: &'static str,
    /// Name of what is not settled of it.
    pub open: &'static str,
    pub save: Save,
}

type Save = fn(&mut Books, &Resource, &Value, create: bool) -> Checked;

pub static INVOICE: Resource = Resource {
    name: "Invoices",
    one: "Invoice",
    kind: "xero.invoice",
    id: "InvoiceID",
    number: "InvoiceNumber",
    title: "Invoice",
    open: "AmountDue",
    save: documents::save,
};

pub static CREDIT_NOTE: Resource = Resource {
    name: "CreditNotes",
    one: "CreditNote",
    kind: "xero.credit_note",
    id: "CreditNoteID",
    number: "CreditNoteNumber",
    title: "Credit Note",
    open: "RemainingCredit",
    save: documents::save,
};

pub static CONTACT: Resource = Resource {
    number: "ContactNumber",
    ..bare(
        "Contact",
        "Contacts",
        "xero.contact",
        "ContactID",
        contacts::save,
    )
};

pub static PAYMENT: Resource = bare(
    "Payment",
    "Payments",
    "xero.payment",
    "PaymentID",
    settling::payment,
);

pub static BANK: Resource = bare(
    "BankTransaction",
    "BankTransactions",
    "xero.bank_transaction",
    "BankTransactionID",
    documents::bank_transaction,
);

pub static RESOURCES: [&Resource; 5] = [&CONTACT, &INVOICE, &CREDIT_NOTE, &PAYMENT, &BANK];

/// One that nothing is open on, found by its id alone.
const fn bare(
    one: &'static str,
    name: &'static str,
    kind: &'static str,
    id: &'static str,
    save: Save,
) -> Resource {
    Resource {
        name,
        one,
        kind,
        id,
        number: id,
        title: "",
        open: "",
        save,
    }
}

/// One reason.
pub fn no(reason: &'static str) -> Vec<Refusal> {
    vec![Refusal::Because(reason)]
}

/// The date notation of Xero's replies.
pub fn msdate(ms: i64) -> String {
    format!("/Date({ms}+0000)/")
}

/// A date of a request, as the reply writes it.
pub fn date(value: &Value) -> Option<Value> {
    let text = value.as_str()?;
    let day: jiff::civil::Date = text.get(..10).unwrap_or(text).parse().ok()?;
    let at = day.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
    let at = msdate(at.timestamp().as_millisecond());
    Some(json!({"Date": at, "DateString": format!("{day}T00:00:00")}))
}

/// The day of a document: the given one, or today.
pub fn day(now: i64, given: &Value) -> Checked {
    let found = match given {
        Value::Null => date(&json!(stamp(now, "%F"))),
        given => date(given),
    };
    found.ok_or_else(|| no("date"))
}

/// The fields that an ask really gives.
pub fn given(ask: &Value) -> Value {
    let fields = ask.as_object().into_iter().flatten();
    let given = fields.filter(|(_, value)| !value.is_null());
    given
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}
