//! What came from outside as it is answered.

use super::{sample, text, word};
use crate::domain::fact::Kind;
use crate::io::store::{Row, StoreError};
use crate::records::event::{self, EventRow};
use crate::words::money::Currency;
use crate::words::schema::Amount;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a vendor reported or a system asked for, and what became of it.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Event {
    /// `{source}:{vendor_event_id}`
    pub id: String,
    /// The last part of the webhook's address: `stripe`; `api` for a call.
    pub source: String,
    /// A digest of ours where the vendor has none.
    pub vendor_event_id: String,
    /// The vendor's own name for it.
    pub name: String,
    /// What it means here.
    pub kind: Kind,
    /// The gateway's id of the payment.
    pub gateway_ref: Option<String>,
    /// The gateway's id of the refund.
    pub refund_ref: Option<String>,
    /// Decimal, in major units of the currency.
    #[schemars(with = "Option<Amount>")]
    pub amount: Option<String>,
    /// Of the amount.
    pub currency: Option<Currency>,
    /// As the vendor says.
    pub occurred_at: Option<Timestamp>,
    /// When it reached us.
    pub received_at: Timestamp,
    /// What became of it.
    pub state: EventState,
    /// The invoice that it led to.
    pub case: Option<String>,
    /// Why it is quarantined or was ignored.
    pub why: Option<String>,
}

/// What became of it: `quarantined` waits for people, `contradiction` cannot be true beside what is
/// known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EventState {
    /// Not worked off yet.
    Waiting,
    /// It changed a case.
    Posted,
    /// It is of no consequence, or was known before.
    Ignored,
    /// A newer word on the same object counts.
    Superseded,
    /// It could not be read or placed: people look.
    Quarantined,
    /// It cannot be true beside what is known: people look.
    Contradiction,
}

impl EventState {
    /// Every state, as a filter may name them.
    pub const ALL: [Self; 6] = [
        Self::Waiting,
        Self::Posted,
        Self::Ignored,
        Self::Superseded,
        Self::Quarantined,
        Self::Contradiction,
    ];

    /// As rows and answers spell it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Posted => "posted",
            Self::Ignored => "ignored",
            Self::Superseded => "superseded",
            Self::Quarantined => "quarantined",
            Self::Contradiction => "contradiction",
        }
    }
}

/// A page of events, newest first. It may hold fewer than `limit`: go on while there is a `next`.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(example = Self { events: vec![Event::example()], next: None })]
pub struct Events {
    /// At most `limit`.
    pub events: Vec<Event>,
    /// Where the list goes on; null at its end.
    pub next: Option<String>,
}

/// An event that is sent through once more.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(example = Self { id: "stripe:evt_1".into(), state: EventState::Waiting })]
pub struct Replayed {
    /// As in the list of events.
    pub id: String,
    /// Always `waiting`.
    #[schemars(extend("const" = "waiting"))]
    pub state: EventState,
}

/// An event, with the row that says what became of it.
pub fn view(row: &Row, told: &EventRow) -> Result<Event, StoreError> {
    Ok(Event {
        id: format!("{}:{}", told.source, told.vendor_event_id),
        source: told.source.clone(),
        vendor_event_id: told.vendor_event_id.clone(),
        name: told.name.clone(),
        kind: told.kind,
        gateway_ref: told.gateway_ref.clone(),
        refund_ref: told.refund_ref.clone(),
        amount: told.amount.map(|amount| amount.decimal().to_string()),
        currency: told.amount.map(|amount| amount.currency),
        occurred_at: told.occurred_at,
        received_at: told.received_at,
        state: word(row, event::state(row))?,
        case: text(event::case(row)),
        why: text(event::why(row)),
    })
}

impl Event {
    fn example() -> Self {
        Self {
            id: "stripe:evt_1".into(),
            source: "stripe".into(),
            vendor_event_id: "evt_1".into(),
            name: "payment_intent.succeeded".into(),
            kind: Kind::PaymentSucceeded,
            gateway_ref: Some("pi_1".into()),
            refund_ref: None,
            amount: Some("60.00".into()),
            currency: Some(sample::eur(0).currency),
            occurred_at: Some(sample::instant()),
            received_at: sample::instant(),
            state: EventState::Posted,
            case: Some(sample::invoice()),
            why: None,
        }
    }
}
