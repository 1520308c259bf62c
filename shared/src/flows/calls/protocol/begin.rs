//! From a row that is due to a call that may be made: the request is built, and the intent is written
//! before anything is sent.

use super::*;
use crate::words::ids;

impl Job {
    /// The next step of a payment, or a refund.
    pub(super) fn execute(&mut self, traits: &Traits, case: &Case, at: &At) -> Move {
        match self.target.intent(case) {
            // Somebody is calling; or was, and never came back: then the outcome is unknown.
            Some(intent) if intent.is_leased(at.now) || self.target.is_unknown(case) => Move::Done,
            // Nothing that moves money: it is done again under its key.
            Some(intent) if intent.step.is_about_page() => self.prepare(Why::Again, intent.step),
            Some(_) => self.lost("a call never came back".into()),
            None => match self.target.next_step(case) {
                Some(Step::Close) if !traits.closes => self.ended_or_not(traits, case),
                Some(step) => self.prepare(Why::First, step),
                None => Move::Done,
            },
        }
    }

    /// What became of a call whose reply was lost, or of a payment that nobody spoke of.
    pub(super) fn settle(&mut self, traits: &Traits, case: &Case, tries: u32, at: &At) -> Move {
        match self.target.intent(case) {
            Some(intent) if intent.is_leased(at.now) => Move::Done,
            Some(_) if !self.target.is_unknown(case) => self.lost("a call never came back".into()),
            Some(intent) => self.prepare(Why::Resolve { tries }, intent.step),
            None if !traits.shows_payments && !self.is_only_a_page(case) => {
                self.only_told(tries, at)
            }
            None => {
                self.doing = Doing::Polling { tries };
                Move::LookUp(self.target.lookup(case))
            }
        }
    }

    fn prepare(&mut self, why: Why, step: Step) -> Move {
        self.doing = Doing::Preparing(why);
        Move::Prepare(step)
    }

    pub(super) fn prepared(
        &mut self,
        traits: &Traits,
        case: &Case,
        why: Why,
        built: Result<Value, Trouble>,
        at: &At,
    ) -> Move {
        let sent = self.target.intent(case).cloned();
        match (why, built, sent) {
            (Why::First, Ok(request), None) => {
                let Some(step) = self.target.next_step(case) else {
                    return Move::Done;
                };
                let key = self.target.key(case, step);
                let intent = Intent {
                    step,
                    key,
                    owner: at.owner.clone(),
                    lease_until: time::after(at.now, at.lease),
                    first_sent_at: at.now,
                    account: at.account.clone(),
                    request,
                };
                self.lease(traits, intent)
            }
            (Why::Again, Ok(_), Some(intent)) => self.lease_again(traits, intent, at),
            (Why::Resolve { tries }, Ok(_), Some(intent)) => {
                self.resolve(traits, case, intent, tries, at)
            }
            (Why::Resolve { tries }, Err(_), _) => self.for_people(tries, at),
            // Its method is gone there: as if the call had been answered so.
            (Why::First, Err(trouble @ Trouble::Declined(_)), None) if self.charges(case) => {
                let event = self.reply(traits, case, vec![self.target.failed(case, &trouble)]);
                self.record(event, format!("{} reply", traits.id))
            }
            // It was never sent: a person mends what is wrong, or gives it up.
            (Why::First | Why::Again, Err(trouble), _) => {
                let event = self.not_done(&trouble, "It cannot be sent", at);
                self.record(event, "not sent".into())
            }
            (Why::First, Ok(_), Some(_)) | (Why::Again | Why::Resolve { .. }, Ok(_), None) => {
                Move::Done
            }
        }
    }

    /// Whether the next step charges a method.
    fn charges(&self, case: &Case) -> bool {
        self.target.refund.is_none() && self.target.next_step(case) == Some(Step::Charge)
    }

    /// An unknown outcome: repeat under the same key, or look for our reference, or ask a person.
    fn resolve(
        &mut self,
        traits: &Traits,
        case: &Case,
        intent: Intent,
        tries: u32,
        at: &At,
    ) -> Move {
        let age = at.now.as_second() - intent.first_sent_at.as_second();
        match traits.lost(intent.step, age) {
            Lost::Repeat { .. } => self.lease_again(traits, intent, at),
            Lost::Person if !traits.shows_payments => self.for_people(tries, at),
            Lost::Person => {
                self.doing = Doing::LastLook { tries };
                Move::LookUp(self.target.lookup(case))
            }
            Lost::Find { trusted_after } => {
                self.doing = Doing::Finding(Search {
                    tries,
                    age,
                    trusted_after: *trusted_after,
                    elsewhere: !intent.account.is_empty() && intent.account != at.account,
                });
                Move::Find {
                    step: intent.step,
                    age,
                }
            }
        }
    }

    fn lease_again(&mut self, traits: &Traits, intent: Intent, at: &At) -> Move {
        // Once two were called, neither alone knows what became of it.
        let account = match intent.account == at.account {
            true => intent.account,
            false => ids::derived(&[&intent.account, &at.account]),
        };
        let intent = Intent {
            owner: at.owner.clone(),
            lease_until: time::after(at.now, at.lease),
            account,
            ..intent
        };
        self.lease(traits, intent)
    }

    /// The intent is written before the call.
    fn lease(&mut self, traits: &Traits, intent: Intent) -> Move {
        let Target { payment, refund } = self.target;
        self.doing = Doing::Leasing {
            owner: intent.owner.clone(),
        };
        let calling = Event::Calling {
            payment,
            refund,
            intent,
        };
        commit(
            calling,
            format!("{} {}", traits.id, task_id(payment, refund)),
        )
    }

    /// The intent is written: only the owner of the lease calls.
    pub(super) fn leased(&mut self, case: &Case, owner: &str) -> Move {
        match self.target.intent(case).filter(|i| i.owner == owner) {
            Some(intent) => {
                self.doing = Doing::Calling;
                Move::Send(intent.clone())
            }
            None => Move::Done,
        }
    }
}
