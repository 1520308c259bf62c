//! What the kinds of elements at Xero differ in, and how it writes things.

use crate::kit::{Books, Looks, Refusal, looks};
use crate::webhook::News;
use crate::wire::{Reply, stamp};
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
}

pub static CONTACT: Resource = Resource {
    kind: "xero.Contacts",
    id: "ContactID",
    number: "ContactNumber",
    open: "",
    noun: "Contact",
};

pub static INVOICE: Resource = Resource {
    kind: "xero.Invoices",
    id: "InvoiceID",
    number: "InvoiceNumber",
    open: "AmountDue",
    noun: "Invoice",
};

pub static CREDIT_NOTE: Resource = Resource {
    kind: "xero.CreditNotes",
    id: "CreditNoteID",
    number: "CreditNoteNumber",
    open: "RemainingCredit",
    noun: "Credit Note",
};

pub static PAYMENT: Resource = Resource {
    kind: "xero.Payments",
    id: "PaymentID",
    number: "PaymentID",
    open: "",
    noun: "Payment",
};

pub static BANK: Resource = Resource {
    kind: "xero.BankTransactions",
    id: "BankTransactionID",
    number: "BankTransactionID",
    open: "",
    noun: "Bank transaction",
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

pub fn reply(books: &mut Books, name: &str, items: Value) -> Reply {
    let body = json!({"Id": books.world.uuid(), "Status": "OK", "ProviderName": "Meridian",
        "DateTimeUTC": msdate(books.world.now), name: items});
    Reply::json(200, &body)
}

/// Xero tells of documents, not of payments: who wants those reads the document again.
pub fn tell(books: &mut Books, of: &Resource, id: &str, happened: &str) {
    let (world, category) = (&mut *books.world, of.one().to_uppercase());
    let places = json!({"sequence": world.order(), "entropy": world.id("", 20).to_uppercase(),
        "name": of.name(), "id": id, "happened": happened, "category": category,
        "at": stamp(world.now, "%FT%T%.3fZ"), "tenant": books.account});
    world.notify(&News {
        body: LOOKS.shape("event", &places).to_string().into_bytes(),
        sign: |webhook, _| vec![("x-xero-signature".into(), webhook.proof())],
        ..News::of("xero", books.account, &format!("{category} {happened}"))
    });
}
