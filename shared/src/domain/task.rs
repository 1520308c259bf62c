//! Work to do, written in the commit that calls for it. The queue message that follows only says
//! "look at this row"; a row past its due time is found again by the due index.

use super::case::Step;
use crate::words::money::Money;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A row that is due at some time, and what is done then.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    /// Unique within the case: `p1`, `r2`, `declined-p1`, `person-late-p1`.
    pub id: String,
    /// What is done.
    pub work: Work,
    /// From when on.
    pub due: Timestamp,
}

/// What a row asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "work")]
pub enum Work {
    /// Take the next step of a payment at its gateway.
    Pay { payment: u32, step: Step },
    /// Send a refund to its gateway.
    Refund { refund: u32 },
    /// Find out what became of a call whose reply was lost, or of a payment nobody spoke of.
    Settle {
        payment: u32,
        refund: Option<u32>,
        tries: u32,
    },
    /// Try again after a declined or returned payment.
    Retry { payment: u32 },
    /// A payer who was declined on a page had time for another try: tell of it if it stands.
    DeclineStands { payment: u32 },
    /// Something that only a person can decide.
    Person(Matter),
}

/// Which due rows are found together. What must not wait for one another is apart: however much is
/// due in one lane, the others are worked off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lane {
    /// Outcomes to be found out, and events to be posted again: worked off where they are found.
    Settle,
    /// Money to be asked for or sent back, and visits to be billed: nudged.
    Pay,
    /// Systems and patients to be told, and their connections: nudged.
    Tell,
    /// Lists of vendors to be asked: worked off where they are found, and apart, since one of a slow
    /// vendor takes as long as many outcomes.
    Poll,
}

impl Lane {
    /// Every one.
    pub const ALL: [Self; 4] = [Self::Settle, Self::Pay, Self::Tell, Self::Poll];

    /// As keys of the due index spell it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Settle => "settle",
            Self::Pay => "pay",
            Self::Tell => "tell",
            Self::Poll => "poll",
        }
    }

    /// Over how many parts of the index its rows are spread, so that none becomes one hot key.
    pub fn shards(self) -> u64 {
        match self {
            Self::Settle | Self::Pay | Self::Poll => 4,
            // A payment is told to several.
            Self::Tell => 8,
        }
    }
}

/// Which queue carries the nudge; `None` where the row is only found by its due time, or waits for
/// a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Queue {
    /// Proven webhooks.
    Events,
    /// Notices that nobody proved yet.
    Unproven,
    /// Visits to be billed.
    Visits,
    /// Steps of payments.
    Charges,
    /// Refunds to be sent.
    Refunds,
    /// Systems and patients to be told.
    Deliveries,
}

impl Work {
    /// The queue whose function does it, if any.
    pub fn queue(&self) -> Option<Queue> {
        match self {
            Self::Pay { .. } | Self::Retry { .. } => Some(Queue::Charges),
            Self::Refund { .. } => Some(Queue::Refunds),
            Self::Settle { .. } | Self::DeclineStands { .. } | Self::Person(_) => None,
        }
    }

    /// Where it is found once it is due: with what is nudged, or with what is worked off there.
    pub fn lane(&self) -> Lane {
        match self.queue() {
            Some(_) => Lane::Pay,
            None => Lane::Settle,
        }
    }
}

/// What a person is asked, as data: the text that people read and the calls that answer it are made
/// from it. It holds no personal data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Matter {
    /// Why somebody must look.
    pub alert: Alert,
    /// The payment of the case that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payment: Option<u32>,
    /// Our refund of the case that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refund: Option<u32>,
    /// The request that this refund is a part of, as the API names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<String>,
    /// The gateway or system, by id, where more can be seen or something must be mended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vendor: Option<String>,
    /// The invoice's number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invoice: Option<String>,
    /// Of what is at stake.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<Money>,
    /// By when it must be done, where others set a time: a bank, for the answer to a dispute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_by: Option<Timestamp>,
    /// What happened, in whole sentences, where the alert alone does not tell: a vendor's reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub words: Option<String>,
}

impl Matter {
    /// Of this kind, with nothing more said yet.
    pub fn of(alert: Alert) -> Self {
        Self {
            alert,
            payment: None,
            refund: None,
            request: None,
            vendor: None,
            invoice: None,
            amount: None,
            due_by: None,
            words: None,
        }
    }

    /// About the payment of this number.
    pub fn payment(mut self, n: u32) -> Self {
        self.payment = Some(n);
        self
    }

    /// About our refund of this number, if it has one.
    pub fn refund(mut self, n: Option<u32>) -> Self {
        self.refund = n;
        self
    }

    /// About a part of this request.
    pub fn request(mut self, id: &str) -> Self {
        self.request = Some(id.into());
        self
    }

    /// With this vendor to look at.
    pub fn vendor(mut self, id: &str) -> Self {
        self.vendor = Some(id.into());
        self
    }

    /// Of what is at stake.
    pub fn amount(mut self, amount: Money) -> Self {
        self.amount = Some(amount);
        self
    }

    /// With what happened in whole sentences.
    pub fn words(mut self, words: impl Into<String>) -> Self {
        self.words = Some(words.into());
        self
    }
}

/// Why a person is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Alert {
    /// The gateway cannot say what became of a call, and repeating it is not safe.
    UnknownOutcome,
    /// Money came for a payment that had been given up.
    LatePayment,
    /// More money than was due.
    Overpaid,
    /// A refund that was told of did not arrive.
    RefundFailed,
    /// A gateway says what cannot be true beside what is known.
    Contradiction,
    /// Money came that no invoice asked for.
    ChargeWithoutInvoice,
    /// A system or patient could not be told.
    DeliveryFailed,
    /// A call cannot be made before somebody mends the configuration.
    Blocked,
    /// A vendor takes no more of our calls, or does not answer.
    ConnectionHeld,
    /// A payer disputes a payment: the clinic has days to answer the bank.
    DisputeOpened,
    /// A refund waits for somebody who may approve it.
    RefundWaits,
    /// Money is due, and nothing collects it any more.
    Uncollected,
    /// A vendor's event was proven and cannot be read.
    Unreadable,
    /// Money is on a visit that was called off, or on its way.
    CalledOff,
    /// A visit took place, and nobody said what it costs.
    NoPrice,
}

impl Alert {
    /// Every one.
    pub const ALL: [Self; 15] = [
        Self::UnknownOutcome,
        Self::LatePayment,
        Self::Overpaid,
        Self::RefundFailed,
        Self::Contradiction,
        Self::ChargeWithoutInvoice,
        Self::DeliveryFailed,
        Self::Blocked,
        Self::ConnectionHeld,
        Self::DisputeOpened,
        Self::RefundWaits,
        Self::Uncollected,
        Self::Unreadable,
        Self::CalledOff,
        Self::NoPrice,
    ];
}
