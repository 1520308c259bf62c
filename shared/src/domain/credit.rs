//! A patient's credit: what the clinic owes a patient who may use it for a later bill. One book for
//! each patient and currency; what comes and goes is moved from and to cases, both in one commit, or
//! handed out to the patient.

use super::book::{Balances, Book, BookId};
use super::chart::{self, CREDIT};
use super::dims::Dims;
use super::event::Context;
use super::journal::{self, Entry, Written};
use super::tender::Recorded;
use crate::words::ids;
use crate::words::money::{Currency, Money};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What a patient may still use, and how it came to that.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credit {
    /// See [`id`].
    pub id: String,
    /// The clinic's id.
    pub clinic: String,
    /// Our opaque id of the patient.
    pub patient: String,
    /// Of all its amounts.
    pub currency: Currency,
    /// When it was begun.
    pub created_at: Timestamp,
    /// In order.
    pub moves: Vec<Move>,
    /// How many entries its journal has.
    pub entries: u64,
    /// The hash of the journal's last entry; empty before the first.
    pub head: String,
}

/// Money that came into the credit or went out of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Move {
    /// Ours: with a case, the transfer that both books post.
    pub id: String,
    /// Whence it came, or where it went.
    pub with: With,
    /// What came in; below zero what was used or handed out.
    pub amount: Money,
    /// When it was moved.
    pub at: Timestamp,
}

/// The other side of what is moved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum With {
    /// The case of this id, in the same commit.
    Case(String),
    /// The patient, to whom staff handed it out.
    Hand(Recorded),
}

/// What can happen to a credit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A case gives so much back to it.
    Given(Transfer),
    /// A case takes so much of it.
    Used(Transfer),
    /// Staff gave so much of it to the patient.
    PaidOut(Payout),
}

/// Between a case and the patient's credit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transfer {
    /// Ours, stable over repeats of one request.
    pub id: String,
    /// The case's id.
    pub case: String,
    /// More than nothing.
    pub amount: Money,
}

/// From the credit to the patient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payout {
    /// Ours, stable over repeats of one request.
    pub id: String,
    /// In what form.
    pub how: Recorded,
    /// More than nothing.
    pub amount: Money,
}

impl Event {
    /// How much it moves, whatever the direction.
    pub fn amount(&self) -> Money {
        match self {
            Self::Given(transfer) | Self::Used(transfer) => transfer.amount,
            Self::PaidOut(payout) => payout.amount,
        }
    }

    /// What it does to the credit, and its word in the journal.
    fn moved(&self, at: Timestamp) -> (Move, &'static str) {
        let (id, with, sign, what) = match self {
            Self::Given(t) => (&t.id, With::Case(t.case.clone()), 1, "credit_given"),
            Self::Used(t) => (&t.id, With::Case(t.case.clone()), -1, "credit_used"),
            Self::PaidOut(out) => (&out.id, With::Hand(out.how), -1, "credit_paid_out"),
        };
        let amount = self.amount();
        let moved = Move {
            id: id.clone(),
            with,
            amount: Money::new(sign * amount.minor, amount.currency),
            at,
        };
        (moved, what)
    }
}

/// Whose credit it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// The clinic's id.
    pub clinic: String,
    /// Our opaque id of the patient.
    pub patient: String,
}

/// What an event does to a credit.
#[derive(Clone, Debug)]
pub enum Verdict {
    /// Commit this.
    Change(Box<(Credit, Entry)>),
    /// Moved under this id before.
    Nothing,
    /// There is less.
    NotEnough {
        /// What may be used.
        available: Money,
    },
}

/// The id of a patient's credit in this currency.
pub fn id(clinic: &str, patient: &str, currency: Currency) -> String {
    ids::derived(&["credit", clinic, patient, currency.code()])
}

impl Credit {
    /// One to which nothing was given yet.
    pub fn empty(owner: &Owner, currency: Currency, now: Timestamp) -> Self {
        Self {
            id: id(&owner.clinic, &owner.patient, currency),
            clinic: owner.clinic.clone(),
            patient: owner.patient.clone(),
            currency,
            created_at: now,
            moves: vec![],
            entries: 0,
            head: String::new(),
        }
    }

    /// What may be used.
    pub fn available(&self) -> Money {
        let sum = self.moves.iter().map(|m| m.amount.minor).sum();
        Money::new(sum, self.currency)
    }
}

/// What the event does to the credit; `None` before anything was given.
pub fn decide(credit: Option<&Credit>, owner: &Owner, event: &Event, ctx: &Context) -> Verdict {
    let (moved, what) = event.moved(ctx.now);
    let empty = || Credit::empty(owner, moved.amount.currency, ctx.now);
    let mut after = credit.cloned().unwrap_or_else(empty);
    if after.moves.iter().any(|m| m.id == moved.id) {
        return Verdict::Nothing;
    }
    let available = after.available();
    if available.minor + moved.amount.minor < 0 {
        return Verdict::NotEnough { available };
    }
    after.moves.push(moved);
    let entry = journal::next(
        credit,
        &after,
        Written {
            at: ctx.now,
            day: ctx.now.to_zoned(ctx.zone.clone()).date(),
            cause: ctx.cause.clone(),
            what: what.into(),
            payments: vec![],
            why: None,
        },
    );
    after.entries = entry.seq;
    after.head.clone_from(&entry.hash);
    Verdict::Change(Box::new((after, entry)))
}

impl Book for Credit {
    fn id(&self) -> BookId {
        BookId::Credit(self.id.clone())
    }

    fn currency(&self) -> Currency {
        self.currency
    }

    fn dims(&self) -> Dims {
        Dims::default()
    }

    /// What was moved from a case is owed to the patient, and what was moved to one or handed out no
    /// longer.
    fn balances(&self) -> Balances {
        let mut balances = Balances::new();
        for moved in &self.moves {
            let other = match &moved.with {
                With::Case(_) => chart::transfer(&moved.id),
                With::Hand(how) => how.name().into(),
            };
            *balances.entry(other).or_default() += moved.amount.minor;
            *balances.entry(CREDIT.into()).or_default() -= moved.amount.minor;
        }
        balances.retain(|_, minor| *minor != 0);
        balances
    }

    fn entries(&self) -> u64 {
        self.entries
    }

    fn head(&self) -> &str {
        &self.head
    }
}
