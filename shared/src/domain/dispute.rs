//! The life of a dispute: opened, then won or lost. Either end implies the opening.

use crate::words::money::Money;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How a dispute stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "DisputeState")]
pub enum State {
    /// The bank asks, and holds the money back.
    Open,
    /// It ended for the clinic, which keeps the money.
    Won,
    /// It ended for the payer, who got the money back.
    Lost,
}

/// The next state of a dispute, known (`Some`) or not yet heard of (`None`), when the gateway
/// reports `said`; `None` where nothing changes.
pub fn next(state: Option<State>, said: State) -> Option<State> {
    match (state, said) {
        (None, any) => Some(any),
        (Some(State::Open), State::Won | State::Lost) => Some(said),
        (Some(State::Open), State::Open) | (Some(State::Won | State::Lost), _) => None,
    }
}

/// Whether what is said is another end than the one that is known: an appeal, or a chargeback that
/// was cancelled. Only the gateway can tell which of the two came last.
pub fn ends_otherwise(state: Option<State>, said: State) -> bool {
    matches!(
        (state, said),
        (Some(State::Won), State::Lost) | (Some(State::Lost), State::Won)
    )
}

/// A dispute under a payment, known by the gateway's id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dispute {
    /// The gateway's; of a gateway that gives none, the payment's.
    pub id: String,
    /// What the payer wants back, or in the end got: it may be less than the payment.
    pub amount: Money,
    /// How it stands.
    pub state: State,
    /// A part that the bank simply took, as it does when a dispute is lost.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub reversal: bool,
    /// By when the clinic must answer it, as the gateway last said, while it is open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_by: Option<Timestamp>,
    /// How often it ended otherwise than it had.
    #[serde(default, skip_serializing_if = "is_none")]
    pub turned: u32,
    /// When the gateway says that what it ended with happened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
}

fn is_none(times: &u32) -> bool {
    *times == 0
}

impl Dispute {
    /// As it is first told.
    pub fn new(id: String, amount: Money, state: State, reversal: bool) -> Self {
        Self {
            id,
            amount,
            state,
            reversal,
            due_by: None,
            turned: 0,
            ended_at: None,
        }
    }

    /// Nobody need answer one that is over.
    pub fn becomes(&mut self, state: State) {
        self.state = state;
        self.due_by = self.due_by.filter(|_| state == State::Open);
    }

    /// Stable among the disputes of a case, whatever letters the gateway's id has.
    pub fn key(&self) -> String {
        format!(
            "d{}",
            &crate::words::ids::derived(&["dispute", &self.id])[..10]
        )
    }

    /// Takes over by when it must be answered while it is open; `false` where that is no other time
    /// than before. An event may come after a newer one, and such a time is only ever put off: what is asked for now
    /// (`current`) tells it as it is.
    pub fn moves(&mut self, due_by: Option<Timestamp>, current: bool) -> bool {
        let later = |new: &Timestamp| self.due_by.is_none_or(|old| *new > old);
        let newer = due_by.filter(|new| self.state == State::Open && (current || later(new)));
        let moved = newer.is_some() && newer != self.due_by;
        self.due_by = newer.or(self.due_by);
        moved
    }

    /// What its end is called where it is told: each further one has a number of its own.
    pub fn end(&self) -> String {
        match self.turned {
            0 => self.key(),
            times => format!("{}-{}", self.key(), times + 1),
        }
    }

    /// Whether what is told by this name speaks of it.
    pub fn is(&self, name: &str) -> bool {
        let key = self.key();
        name == key
            || name
                .strip_prefix(&key)
                .is_some_and(|rest| rest.starts_with('-'))
    }
}
