//! What became of a patient who was erased: what cannot be read any more, and who else holds some of
//! it. It names nobody.

use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// How long a message may wait in a queue, in days: a proven webhook is in no other place.
const QUEUED: i64 = 14;

/// How far back the table can be restored, in days.
const RESTORED: i64 = 35;

/// A person who was erased, as it is remembered in the patient's row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Erasure {
    /// When the key of all that was sealed was deleted.
    pub at: Timestamp,
    /// How many saved methods were deleted.
    pub methods: usize,
    /// How many ids of the person at systems were deleted.
    pub contacts: usize,
    /// How many invoices stay whose words cannot be read any more.
    pub invoices: usize,
    /// How many appointments stay whose words cannot be read any more.
    pub appointments: usize,
    /// Whether the number opted out of texts, which stays.
    pub opted_out: bool,
    /// Who else was told of the person.
    pub copies: Vec<Copy>,
}

/// A vendor that was told of the person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Copy {
    /// The vendor's id.
    pub vendor: String,
    /// What it was told, as far as is known here.
    pub holds: BTreeSet<Held>,
}

/// Something of a person that a vendor was told, or keeps.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Held {
    /// The clinic's own reference.
    Reference,
    /// As on invoices.
    Name,
    /// The address.
    Email,
    /// The number.
    Phone,
    /// A contact under an id of its own.
    Contact,
    /// Invoices, what was paid on them and what went back.
    Invoices,
    /// Mails or texts, whole.
    Messages,
    /// Payments, with what the payer typed on its pages.
    Payments,
    /// Cards or mandates that it keeps.
    PaymentMethods,
}

impl Erasure {
    /// When the last raw webhook that may speak of the person is gone from the queues.
    pub fn queues_until(&self) -> Timestamp {
        after(self.at, QUEUED)
    }

    /// When the table cannot be restored any more to what it was before.
    pub fn backups_until(&self) -> Timestamp {
        after(self.at, RESTORED)
    }
}

fn after(at: Timestamp, days: i64) -> Timestamp {
    at.saturating_add(SignedDuration::from_hours(24 * days))
        .unwrap_or(at)
}
