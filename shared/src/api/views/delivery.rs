//! A delivery as it is answered.

use super::{sample, text, word};
use crate::domain::task::{Task, Topic, Work};
use crate::flows::tasks::done::owner;
use crate::io::store::{Row, StoreError};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One message to one system, or to a patient through it, and how it ended.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(example = Self::example())]
pub struct Delivery {
    /// The invoice, or `{source}:{vendor_event_id}` of an event that no case took.
    pub case: String,
    pub id: String,
    pub system: String,
    pub topic: Topic,
    /// The number of the payment within its invoice.
    pub payment: Option<u32>,
    pub created_at: Timestamp,
    pub state: DeliveryState,
    pub tries: u64,
    /// The id under which the system filed it.
    pub filed_as: Option<String>,
    /// Why it failed, was skipped or waits.
    pub why: Option<String>,
}

/// How it stands: `calling` while it may have reached the system, `unknown` where nobody can say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryState {
    Open,
    Calling,
    Done,
    Failed,
    Unknown,
    Skipped,
}

/// A page of deliveries, newest first.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(example = Self { deliveries: vec![Delivery::example()], next: None })]
pub struct Deliveries {
    pub deliveries: Vec<Delivery>,
    /// Where the list goes on; null at its end.
    pub next: Option<String>,
}

/// A delivery; `None` for a row that is something else.
pub fn view(row: &Row) -> Result<Option<Delivery>, StoreError> {
    let task: Task = row.read("data")?;
    let Work::Deliver(delivery) = task.work else {
        return Ok(None);
    };
    Ok(Some(Delivery {
        case: owner(row),
        id: task.id,
        system: delivery.system,
        topic: delivery.topic,
        payment: delivery.payment,
        created_at: task.due,
        state: word(row, "state")?,
        tries: row.int("tries").unsigned_abs(),
        filed_as: text(row, "filed_as"),
        why: text(row, "why"),
    }))
}

impl Delivery {
    fn example() -> Self {
        Self {
            case: sample::invoice(),
            id: "tell-xero-payment-received-p1".into(),
            system: "xero".into(),
            topic: Topic::PaymentReceived,
            payment: Some(1),
            created_at: sample::instant(),
            state: DeliveryState::Done,
            tries: 1,
            filed_as: Some("6d1b9f0e".into()),
            why: None,
        }
    }
}
