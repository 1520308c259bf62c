//! What the rules know of a gateway, and what a lost reply means there.

use crate::contract::{Effect, Gateway, LostReply, Offer, remembers};
use crate::domain::case::Step;
use crate::vendors;

/// What the rules know of a gateway: read from its adapter in production ([`Traits::of`]), written by
/// hand in a simulation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Traits {
    /// As payments name it: `stripe`, `stripe@north`.
    pub id: String,
    /// As people read it: `Stripe`.
    pub name: String,
    /// Whether a payment that cleared can still fail: debits.
    pub late_failures: bool,
    /// Whether a payer who was declined on its page may try again there.
    pub page_stays: bool,
    /// Whether we take the money after the payer approved on its page.
    pub completes: bool,
    /// Whether it can end a page before its time.
    pub closes: bool,
    /// Whether it can be asked what became of a payment.
    pub shows_payments: bool,
    pub charge: Lost,
    pub complete: Lost,
    pub refund: Lost,
}

/// What a lost reply means at a gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lost {
    /// Repeat under the same key, which the gateway remembers for `lifetime` seconds; `then` what
    /// follows.
    Repeat { lifetime: i64, then: Box<Lost> },
    /// Look for our reference. "Not found" proves nothing before `trusted_after` seconds.
    Find { trusted_after: i64 },
    /// A person looks.
    Person,
}

impl Lost {
    /// What it means `age` seconds after the first try.
    pub fn at(&self, age: i64) -> &Self {
        match self {
            Self::Repeat { lifetime, then } if !remembers(*lifetime, age) => then.at(age),
            other => other,
        }
    }

    fn of<Ask, Answer>(effect: &Offer<Effect<Ask, Answer>>) -> Self {
        fn read<Ask, Answer>(lost: &LostReply<Ask, Answer>) -> Lost {
            match lost {
                LostReply::SameKey { key, then } => Lost::Repeat {
                    lifetime: key.lifetime,
                    then: Box::new(read(then)),
                },
                LostReply::Find { trusted_after, .. } => Lost::Find {
                    trusted_after: *trusted_after,
                },
                LostReply::Human => Lost::Person,
            }
        }
        effect
            .yes()
            .map_or(Self::Person, |effect| read(&effect.lost_reply))
    }
}

impl Traits {
    /// Of a connection of this name.
    pub fn of(gateway: &Gateway, name: &str) -> Self {
        Self {
            id: name.into(),
            name: vendors::called(name),
            late_failures: gateway.late_failures,
            page_stays: gateway.page_stays,
            completes: gateway.complete.yes().is_some(),
            closes: gateway.close.yes().is_some(),
            shows_payments: gateway.shows_payments,
            charge: Lost::of(&gateway.charge),
            complete: Lost::of(&gateway.complete),
            refund: Lost::of(&gateway.refund),
        }
    }

    /// A gateway that this version does not have: nothing can be asked of it.
    pub fn unknown(id: &str) -> Self {
        Self {
            id: id.into(),
            name: id.into(),
            late_failures: false,
            page_stays: false,
            completes: false,
            closes: false,
            // What it shows is asked once it is known again.
            shows_payments: true,
            charge: Lost::Person,
            complete: Lost::Person,
            refund: Lost::Person,
        }
    }

    /// What to do about a step whose reply was lost, `age` seconds after its first try.
    pub(super) fn lost(&self, step: Step, age: i64) -> &Lost {
        const AGAIN: Lost = Lost::Find { trusted_after: 0 };
        match step {
            Step::Charge => self.charge.at(age),
            Step::Complete => self.complete.at(age),
            Step::Refund => self.refund.at(age),
            // Never unknown: a page that nobody was sent to is opened again by its own row, and one
            // that is to end is ended again.
            Step::Checkout | Step::Close => &AGAIN,
        }
    }
}
