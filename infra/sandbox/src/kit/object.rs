//! What a simulated gateway keeps, whichever it is: its kinds and states, and why something is not
//! done. How an object looks and what its states are called is the vendor's affair.

use crate::fields::{self, Problem};
use serde_json::Value;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Customer,
    /// A card or account that may be charged again, or a mandate.
    Method,
    /// A hosted page that is no payment yet.
    Page,
    Payment,
    /// One try to take a payment, where each is an object of its own.
    Charge,
    Refund,
    Dispute,
    Payout,
    /// What only this vendor has, by its shape's name.
    Own(&'static str),
}

impl Kind {
    /// Its shape's name.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Customer => "customer",
            Kind::Method => "method",
            Kind::Page => "page",
            Kind::Payment => "payment",
            Kind::Charge => "charge",
            Kind::Refund => "refund",
            Kind::Dispute => "dispute",
            Kind::Payout => "payout",
            Kind::Own(name) => name,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// It waits for the payer, or, a dispute, for its end.
    Open,
    /// A dispute that is none yet: the payer's bank asks, and no money was taken.
    Asked,
    /// The payer said yes; somebody must take the money.
    Approved,
    /// Money is under way.
    Pending,
    /// Paid, refunded, paid out, kept.
    Done,
    Failed,
    Expired,
    Cancelled,
    Won,
    Lost,
}

impl State {
    /// In shapes: `$at.done`.
    pub fn name(self) -> &'static str {
        match self {
            State::Open => "open",
            State::Asked => "asked",
            State::Approved => "approved",
            State::Pending => "pending",
            State::Done => "done",
            State::Failed => "failed",
            State::Expired => "expired",
            State::Cancelled => "cancelled",
            State::Won => "won",
            State::Lost => "lost",
        }
    }
}

#[derive(Clone, Debug)]
pub struct Object {
    pub vendor: &'static str,
    pub kind: Kind,
    pub id: String,
    pub account: String,
    /// Meridian time of creation, epoch milliseconds.
    pub at: i64,
    /// Order of creation.
    pub order: u64,
    pub state: State,
    /// When it came to each state, epoch milliseconds.
    pub since: Vec<(State, i64)>,
    /// How far it is within its state, where a vendor tells more steps than there are states.
    pub step: usize,
    /// When it goes on by itself, epoch milliseconds.
    pub due: Option<i64>,
    /// Minor units.
    pub amount: i64,
    pub currency: String,
    /// Of a payment: what went back by refunds, and what was disputed. Of a dispute: what it cost.
    pub refunded: i64,
    pub disputed: i64,
    /// Why it failed or was disputed.
    pub cause: Option<String>,
    /// Of a method: why its charges are refused.
    pub declines: Option<String>,
    pub customer: Option<String>,
    pub method: Option<String>,
    pub page: Option<String>,
    pub payment: Option<String>,
    /// The request that made it.
    pub ask: Value,
    /// What only this vendor knows of it.
    pub own: Value,
}

impl Object {
    pub fn left(&self) -> i64 {
        self.amount - self.refunded
    }

    pub fn of(&self, kind: Kind) -> Option<&str> {
        match kind {
            Kind::Customer => self.customer.as_deref(),
            Kind::Method => self.method.as_deref(),
            Kind::Page => self.page.as_deref(),
            Kind::Payment => self.payment.as_deref(),
            _ => None,
        }
    }
}

/// What happened to an object, to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Happened {
    Made,
    Moved,
    /// It went on within its state.
    Stepped,
}

/// Why a call is refused, before the vendor's words for it.
#[derive(Debug)]
pub enum Refusal {
    /// One of the vendor's reasons by its name. Of every vendor: `nobody` (no credentials, or wrong
    /// ones), `nowhere` (no such operation), `format`, `key_reused`, `key_busy`, `other_currency`
    /// (a refund's is not the payment's), `currency`, `low`, `high` and `odd` of amounts, `media`
    /// where it takes one content type, `key_odd` where keys have a length, `expired` where tokens
    /// are refreshed; of books `odd` and `too_much` of what settles a document.
    Because(&'static str),
    /// The same with places to fill.
    With(&'static str, Value),
    /// A field is missing, unknown or mistyped.
    Field(Problem),
    /// There is no such object.
    Missing(Kind, String),
    /// The object's state does not allow it.
    State(String),
    /// A refund of more than is left.
    TooMuch { left: i64, currency: String },
}

impl From<&'static str> for Refusal {
    fn from(reason: &'static str) -> Refusal {
        Refusal::Because(reason)
    }
}

impl Refusal {
    /// The field of this path, `links.mandate`, is not what was expected, in words.
    pub fn wrong(path: &str, expected: &str) -> Refusal {
        let fault = fields::Fault::Wrong(expected.to_string());
        Refusal::Field(Problem {
            path: path.split('.').map(str::to_string).collect(),
            fault,
            given: String::new(),
        })
    }
}
