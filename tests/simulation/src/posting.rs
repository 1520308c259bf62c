//! What a webhook becomes: the product's own rules, driven as its function drives them.

use crate::adapters;
use crate::check::Checked;
use crate::clinic::Committed;
use crate::wire::Say;
use crate::world::World;
use meridian::domain::event::Event;
use meridian::domain::fact::{Fact, Kind};
use meridian::domain::task::{Alert, Matter};
use meridian::flows::posting_rules;
use meridian::ids;

/// Seconds from one try to place an event to the next; after a day a person takes over.
const WAITS: [i64; 9] = [5, 15, 60, 300, 900, 3600, 4 * 3600, 8 * 3600, 12 * 3600];
const GIVE_UP: i64 = 86_400;

/// An event that is being placed.
#[derive(Clone)]
pub struct Waiting {
    n: usize,
    gateway: usize,
    fact: Fact,
    received_at: i64,
    tries: usize,
}

impl World<'_> {
    /// A webhook arrives.
    pub fn hear(&mut self, n: usize, gateway: usize, say: &Say) -> Checked {
        let Ok(fact) = adapters::fact(say) else {
            return Ok(());
        };
        self.say(|world| {
            let id = say
                .refund
                .as_ref()
                .or(say.dispute.as_ref())
                .or(say.payment.as_ref());
            let id = id.or(say.page.as_ref()).map_or("", |id| id);
            let amount = say
                .amount
                .map_or("no amount".into(), |minor| minor.to_string());
            let name = world.name_of(gateway);
            format!("A webhook of {name}: {:?} {id}, {amount}.", say.what)
        });
        let received_at = self.now;
        self.post(Waiting {
            n,
            gateway,
            fact,
            received_at,
            tries: 0,
        })
    }

    pub fn post(&mut self, waiting: Waiting) -> Checked {
        if self.clinic.posted.contains(&waiting.n) {
            return Ok(());
        }
        if !self.is_ours(&waiting) {
            return self.place_later(waiting);
        }
        let traits = self.traits(waiting.gateway);
        let cause = format!("{} event {}", traits.id, waiting.n);
        let report = posting_rules::reported(traits, vec![waiting.fact.clone()], false);
        let mut committed = self.commit(&report, &cause)?;
        if let Committed::Ask { payment } = committed {
            let Some(case) = self.clinic.case.clone() else {
                return Ok(());
            };
            let ask = posting_rules::lookup(traits, &case, payment, &waiting.fact);
            // One that dies over the look-up leaves the event in its queue.
            let (Some(answer), _) = self.look_up(waiting.gateway, &ask) else {
                self.wait(60, waiting);
                return Ok(());
            };
            let answer = answer.map(|facts| posting_rules::taken(&case, &waiting.fact, facts));
            committed = match posting_rules::told(traits, &waiting.fact, &ask, answer) {
                Some(event) => self.commit(&event, &cause)?,
                None => Committed::Wait,
            };
        }
        match committed {
            Committed::Changed { .. } | Committed::Nothing => {
                self.clinic.posted.insert(waiting.n);
                Ok(())
            }
            Committed::Wait | Committed::Ask { .. } | Committed::Unmatched => {
                self.place_later(waiting)
            }
            Committed::Contradiction(note) => self.contradicts(&waiting, note),
            Committed::Refused(why) => self.contradicts(&waiting, format!("{why:?}")),
        }
    }

    fn contradicts(&mut self, waiting: &Waiting, note: String) -> Checked {
        self.clinic.posted.insert(waiting.n);
        let event = Event::Person {
            id: format!("contradiction-{}", waiting.n),
            matter: Matter::of(Alert::Contradiction).words(note),
        };
        self.commit(&event, "a contradiction").map(drop)
    }

    /// By our reference, else by any id that the gateway gave.
    fn is_ours(&self, waiting: &Waiting) -> bool {
        let fact = &waiting.fact;
        if fact
            .reference
            .as_deref()
            .and_then(ids::read_reference)
            .is_some()
        {
            return true;
        }
        let gateway = self.name_of(waiting.gateway);
        let known = |id: &str| self.clinic.aliases.contains(&(gateway.into(), id.into()));
        let mut ids = fact
            .payment_ids()
            .chain(fact.refund.as_deref())
            .chain(fact.dispute.as_deref());
        ids.any(known)
    }

    /// Tried again on a growing schedule for a day, then a person's task.
    fn place_later(&mut self, mut waiting: Waiting) -> Checked {
        if self.now - waiting.received_at > GIVE_UP {
            self.clinic.posted.insert(waiting.n);
            let brought_nothing = matches!(
                waiting.fact.kind,
                Kind::PaymentPending | Kind::PaymentFailed | Kind::PaymentExpired
            );
            if !brought_nothing {
                self.clinic.unmatched.push(format!("event {}", waiting.n));
            }
            return Ok(());
        }
        let seconds = WAITS[waiting.tries.min(WAITS.len() - 1)];
        waiting.tries += 1;
        self.wait(seconds, waiting);
        Ok(())
    }
}
