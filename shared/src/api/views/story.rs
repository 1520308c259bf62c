//! The story of a payment as it is answered.

use super::sample;
use crate::domain::case::{Case, Payment};
use crate::flows::story;
use crate::words::schema::{Id, PaymentId};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

/// What happened to a payment, in order and in words.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(example = Self::example())]
pub struct Story {
    /// The payment's id.
    #[schemars(with = "PaymentId")]
    pub payment: String,
    /// The id of the invoice that it pays.
    #[schemars(with = "Id")]
    pub invoice: String,
    /// From its beginning to what is planned.
    pub story: Vec<Told>,
}

/// One thing that happened, or comes next.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Told {
    /// When it happened or will.
    pub at: Timestamp,
    /// Where the sentence comes from.
    pub kind: ToldKind,
    /// A sentence for people.
    pub text: String,
    /// What brought it, as the journal names it.
    pub cause: Option<String>,
}

/// What of it: what came from outside, what was posted, what a person noted of what they found, what
/// was told, or what comes next by itself.
#[derive(Clone, Copy, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ToldKind {
    /// It came from outside.
    Event,
    /// It was posted in the journal.
    Entry,
    /// A person wrote it.
    Note,
    /// A system or the patient was told.
    Delivery,
    /// It comes next by itself.
    Planned,
}

/// The story of a payment of this case.
pub fn view(case: &Case, payment: &Payment, told: Vec<story::Told>) -> Story {
    Story {
        payment: payment.reference(&case.id),
        invoice: case.id.clone(),
        story: told.into_iter().map(one).collect(),
    }
}

fn one(told: story::Told) -> Told {
    Told {
        at: told.at,
        kind: match told.kind {
            story::Kind::Event => ToldKind::Event,
            story::Kind::Entry => ToldKind::Entry,
            story::Kind::Note => ToldKind::Note,
            story::Kind::Delivery => ToldKind::Delivery,
            story::Kind::Planned => ToldKind::Planned,
        },
        text: told.text,
        cause: told.cause,
    }
}

impl Story {
    fn example() -> Self {
        let told = Told {
            at: sample::instant(),
            kind: ToldKind::Entry,
            text: "The payment arrived. 60.00 EUR came in at stripe.".into(),
            cause: Some("stripe evt_1".into()),
        };
        Self {
            payment: sample::payment(),
            invoice: sample::invoice(),
            story: vec![told],
        }
    }
}
