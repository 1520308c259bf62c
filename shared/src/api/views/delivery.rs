//! A delivery as it is answered.

use super::sample;
use crate::domain::outbox::Topic;
use crate::flows::tasks::done::owner_of;
use crate::records::delivery::{Attempt, DeliveryRow, Due, State};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

/// One message to one system, or to a patient through it, and how it ended.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(example = Self::example())]
pub struct Delivery {
    /// The invoice, `{source}:{vendor_event_id}` of an event that no case took, or `appointment:`
    /// and our id of an appointment.
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
    /// What came of the last ten calls, the newest last.
    pub attempts: Vec<DeliveryAttempt>,
}

/// What came of one call to the system.
#[derive(Debug, Serialize, JsonSchema)]
pub struct DeliveryAttempt {
    /// When its answer came, or was given up.
    pub at: Timestamp,
    /// Why it was not taken, with the status that was answered; null where it was.
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

/// A page of what is told again.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(example = Self { replayed: 25, next: None })]
pub struct Replay {
    /// How many are told again by this request; what was on its way already is none of them.
    pub replayed: usize,
    /// Where the span goes on; null at its end.
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
        attempts: row.attempts.iter().map(attempt).collect(),
    }
}

fn attempt(attempt: &Attempt) -> DeliveryAttempt {
    DeliveryAttempt {
        at: attempt.at,
        why: attempt.why.clone(),
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
            attempts: vec![DeliveryAttempt {
                at: sample::instant(),
                why: None,
            }],
        }
    }
}
