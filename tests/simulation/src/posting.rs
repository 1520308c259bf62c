//! What a webhook becomes: the product's own rules, driven as its function drives them.

use crate::adapters;
use crate::check::Checked;
use crate::clinic::Committed;
use crate::wire::Say;
use crate::world::World;
use meridian::domain::event::Event;
use meridian::domain::fact::Fact;
use meridian::domain::task::{Alert, Matter};
use meridian::flows::posting::rules::{self, FoundBy, Later, Told};

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
            return self.place_later(waiting, None);
        }
        let traits = self.traits(waiting.gateway);
        let cause = format!("{} event {}", traits.id, waiting.n);
        let report = rules::reported(traits, vec![waiting.fact.clone()], false);
        let mut committed = self.commit(&report, &cause)?;
        if let Committed::LookUpFirst { payment } = committed {
            let Some(case) = self.clinic.case.clone() else {
                return Ok(());
            };
            let told = match rules::unasked(traits, &case, payment, &waiting.fact) {
                Some(told) => Some(told),
                None => {
                    let ask = rules::lookup(traits, &case, payment, &waiting.fact);
                    // One that dies over the look-up leaves the event in its queue.
                    let (Some(answer), _) = self.look_up(waiting.gateway, &ask) else {
                        self.wait(60, waiting);
                        return Ok(());
                    };
                    let answer = answer.map(|facts| rules::taken(&case, &waiting.fact, facts));
                    rules::told(traits, &waiting.fact, &ask, answer).map(Told::Posted)
                }
            };
            committed = match told {
                Some(Told::Posted(event)) => self.commit(&event, &cause)?,
                Some(Told::Known) => Committed::Nothing,
                Some(Told::Contradiction(note)) => Committed::Contradiction(note),
                None => Committed::Wait,
            };
        }
        if matches!(committed, Committed::Changed { .. } | Committed::Nothing) {
            self.check_day(&waiting.fact)?;
        }
        match committed {
            Committed::Changed { .. } | Committed::Nothing => {
                self.clinic.posted.insert(waiting.n);
                Ok(())
            }
            Committed::Wait | Committed::LookUpFirst { .. } => {
                self.place_later(waiting, Some("it cannot be told yet"))
            }
            Committed::Unmatched => self.place_later(waiting, None),
            Committed::Contradiction(note) => self.contradicts(&waiting, note),
            Committed::Refused(why) => self.contradicts(&waiting, format!("{why:?}")),
        }
    }

    fn contradicts(&mut self, waiting: &Waiting, note: String) -> Checked {
        self.check_news(waiting.gateway, &waiting.fact)?;
        self.clinic.posted.insert(waiting.n);
        self.clinic.contradicted.push(waiting.fact.clone());
        let event = Event::Person {
            id: format!("contradiction-{}", waiting.n),
            matter: Matter::of(Alert::Contradiction).words(note),
        };
        self.commit(&event, "a contradiction").map(drop)
    }

    fn is_ours(&self, waiting: &Waiting) -> bool {
        let gateway = self.name_of(waiting.gateway);
        let known = |id: &str| self.clinic.aliases.contains(&(gateway.into(), id.into()));
        match rules::found_by(&waiting.fact) {
            FoundBy::Case(_) => true,
            FoundBy::Ids(ids) => ids.into_iter().any(known),
        }
    }

    /// It is tried again, or becomes a task: of the case, where `why` says what was wrong with it.
    fn place_later(&mut self, mut waiting: Waiting, why: Option<&str>) -> Checked {
        let age = self.now - waiting.received_at;
        let seconds = match rules::later(&waiting.fact, age, waiting.tries) {
            Later::Again(seconds) => seconds,
            Later::Kept => {
                self.clinic.posted.insert(waiting.n);
                return Ok(());
            }
            Later::Person => {
                return match why {
                    Some(why) => self.contradicts(&waiting, why.into()),
                    None => {
                        self.clinic.posted.insert(waiting.n);
                        self.clinic.unmatched.push(waiting.fact);
                        Ok(())
                    }
                };
            }
        };
        waiting.tries += 1;
        self.wait(seconds, waiting);
        Ok(())
    }
}
