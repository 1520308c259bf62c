//! A delivery as it is answered.

use super::sample;
use crate::domain::outbox::Topic;
use crate::flows::tasks::done::owner_of;
use crate::records::delivery::{DeliveryRow, Due, State};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

/// One message to one system, or to a patient through it, and how it ended.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(example = Self::example())]
pub struct Delivery {
    /// The invoice, or `{source}:{vendor_event_id}` of an event that no case took.
    pub case: String,
    /// `xero.000002`: the system, and the number of what happened in its book.
    pub id: String,
    /// The system's id.
    pub system: String,
    /// What it is told of.
    pub topic: Topic,
    /// The number of the payment within its invoice.
    pub payment: Option<u32>,
    /// When it was to be told.
    pub created_at: Timestamp,
    /// Whether it was told.
    pub state: State,
    /// How often it was sent.
    pub tries: u64,
    /// It waits for its connection, which is held or broken.
    pub held: bool,
    /// The id under which the system filed it.
    pub filed_as: Option<String>,
    /// Why it failed, was skipped or waits.
    pub why: Option<String>,
}

/// A page of deliveries, newest first.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(example = Self { deliveries: vec![Delivery::example()], next: None })]
pub struct Deliveries {
    /// At most `limit`.
    pub deliveries: Vec<Delivery>,
    /// Where the list goes on; null at its end.
    pub next: Option<String>,
}

/// A row as the API shows it.
pub fn view(row: &DeliveryRow) -> Delivery {
    Delivery {
        case: owner_of(&row.pk),
        id: row.id(),
        system: row.about.system.clone(),
        topic: row.about.subject.topic,
        payment: row.about.subject.payment,
        created_at: row.about.heard_at,
        state: row.state,
        tries: row.tries.unsigned_abs(),
        held: row.due == Due::Held,
        filed_as: row.filed_as().map(String::from),
        why: Some(row.why.clone()).filter(|why| !why.is_empty()),
    }
}

impl Delivery {
    fn example() -> Self {
        Self {
            case: sample::invoice(),
            id: "xero.000002".into(),
            system: "xero".into(),
            topic: Topic::PaymentReceived,
            payment: Some(1),
            created_at: sample::instant(),
            state: State::Done,
            tries: 1,
            held: false,
            filed_as: Some("6d1b9f0e".into()),
            why: None,
        }
    }
}
