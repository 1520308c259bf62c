//! What a gateway answered to a call of ours, and what its own list shows where that is not enough.

use super::*;

/// A request that the gateway's own state has overtaken is built anew after so many seconds at first,
/// then ever more rarely.
const STALE: i64 = 30;

impl Job {
    pub(super) fn answered(
        &mut self,
        traits: &Traits,
        case: &Case,
        answer: Result<Outcome, Trouble>,
        at: &At,
    ) -> Move {
        let payment = self.target.payment;
        let cause = format!("{} reply", traits.id);
        let trouble = match answer {
            Ok(Outcome::Page(session)) => {
                return self.record(Event::SessionOpened { payment, session }, cause);
            }
            Ok(Outcome::Facts(facts)) => {
                let event = self.reply(traits, case, facts);
                self.doing = Doing::Closed;
                return commit(event, cause);
            }
            Err(trouble) => trouble,
        };
        self.refused(traits, case, trouble, at)
    }

    /// A call of ours was not answered with what it did.
    fn refused(&mut self, traits: &Traits, case: &Case, trouble: Trouble, at: &At) -> Move {
        let cause = format!("{} reply", traits.id);
        let repeated = self.target.is_unknown(case);
        let step = self.target.intent(case).map(|intent| intent.step);
        match &trouble {
            Trouble::InFlight | Trouble::Unclear(_) | Trouble::Unreadable(_) => self.lost(cause),
            Trouble::Declined(_)
            | Trouble::Rejected(_)
            | Trouble::Missing
            | Trouble::Exists(_)
            | Trouble::Stale(_)
            | Trouble::Gone(_)
                if step == Some(Step::Close) =>
            {
                self.not_ended(traits, case, matches!(trouble, Trouble::Missing))
            }
            Trouble::Exists(id) => {
                let mut ask = self.target.lookup(case);
                if self.target.refund.is_none() && !id.is_empty() {
                    ask.payment = Some(id.clone());
                }
                self.doing = Doing::Looking { refused: None };
                Move::LookUp(ask)
            }
            Trouble::Credentials(_)
            | Trouble::Closed(_)
            | Trouble::NotTaken(_)
            | Trouble::Later { .. } => {
                let event = self.not_done(&trouble, &traits.name, at);
                self.record(event, cause)
            }
            // It does not tell the fate of the first call: only the gateway's own list can.
            _ if repeated => {
                let refused = Some(trouble);
                self.doing = Doing::Looking { refused };
                Move::LookUp(self.target.lookup(case))
            }
            Trouble::Stale(_) => {
                let then = Then::Again { answered: true };
                self.doing = Doing::Learning { then };
                Move::LookUp(self.target.lookup(case))
            }
            Trouble::Declined(_) | Trouble::Rejected(_)
                if self.target.refund.is_some() && !traits.shows_payments =>
            {
                let event = self.reply(traits, case, vec![self.target.failed(case, &trouble)]);
                self.record(event, cause)
            }
            Trouble::Declined(_) | Trouble::Rejected(_) if self.target.refund.is_some() => {
                let then = Then::GiveUp(trouble);
                self.doing = Doing::Learning { then };
                Move::LookUp(self.target.lookup(case))
            }
            // Only money is declined: a page that does not open is nobody's decline.
            Trouble::Declined(_) if step != Some(Step::Checkout) => {
                let event = self.reply(traits, case, vec![self.target.failed(case, &trouble)]);
                self.record(event, cause)
            }
            // What our side or the configuration gets refused is no decline: it waits until that
            // is mended.
            Trouble::Declined(_) | Trouble::Rejected(_) | Trouble::Missing | Trouble::Gone(_) => {
                let event = self.not_done(&trouble, &traits.name, at);
                self.record(event, cause)
            }
        }
    }

    /// A page was not ended: how does it stand?
    fn not_ended(&mut self, traits: &Traits, case: &Case, missing: bool) -> Move {
        self.doing = Doing::Closing { missing };
        let mut ask = self.target.lookup(case);
        // Of a gateway that shows no payments the page is all that can be asked.
        ask.payment = ask.payment.filter(|_| traits.shows_payments);
        Move::LookUp(ask)
    }

    /// The gateway's own list was asked, as the reply was not enough.
    pub(super) fn looked(
        &mut self,
        traits: &Traits,
        case: &Case,
        refused: Option<Trouble>,
        facts: Result<Vec<Fact>, Trouble>,
        at: &At,
    ) -> Move {
        let cause = format!("{} reply", traits.id);
        match (facts, refused) {
            (Ok(facts), refused)
                if self.is_shown(case, &facts) || (refused.is_none() && !facts.is_empty()) =>
            {
                let event = self.looked_up(traits, case, facts);
                self.record(event, cause)
            }
            // Staff hear the words; what became of the first call stays unknown.
            (_, Some(refused)) => {
                let event = self.refused_again(case, &refused, &traits.name, at);
                self.record(event, cause)
            }
            (_, None) => self.lost(cause),
        }
    }

    /// Whether what was looked up shows what our call made.
    pub(super) fn is_shown(&self, case: &Case, facts: &[Fact]) -> bool {
        let reference = self.target.reference(case);
        let payment = case.payment(self.target.payment);
        let own = |id: &str| payment.is_some_and(|p| p.aliases.contains(id));
        let of_payment = self.target.refund.is_none();
        facts.iter().any(|fact| {
            let ours = fact.reference.as_ref() == Some(&reference);
            ours || (of_payment && fact.payment_ids().any(own))
        })
    }

    /// What the gateway knows of the payment is written before anything follows from a refusal.
    pub(super) fn learning(
        &mut self,
        traits: &Traits,
        case: &Case,
        then: Then,
        facts: Result<Vec<Fact>, Trouble>,
        at: &At,
    ) -> Move {
        let cause = format!("{} look-up", traits.id);
        match (facts, then) {
            (Ok(facts), Then::GiveUp(_)) if self.is_shown(case, &facts) => {
                let event = self.looked_up(traits, case, facts);
                self.record(event, cause)
            }
            (Ok(facts), then) => {
                self.doing = Doing::Learned { then };
                commit(self.looked_up(traits, case, facts), cause)
            }
            (Err(_), Then::Again { .. }) => {
                self.learned(traits, case, Then::Again { answered: false }, at)
            }
            // Nothing is given up without a look.
            (Err(_), Then::GiveUp(refused)) => {
                let event = self.not_done(&refused, &traits.name, at);
                self.record(event, cause)
            }
        }
    }

    pub(super) fn learned(&mut self, traits: &Traits, case: &Case, then: Then, at: &At) -> Move {
        let cause = format!("{} reply", traits.id);
        let event = match then {
            Then::Again { answered } => {
                // What is silent is not asked the more rarely for that.
                let most = if answered { RAREST } else { LONGEST_WAIT };
                let wait = self.waited(case, at).clamp(STALE, most);
                self.again(time::after(at.now, wait), false, None)
            }
            Then::GiveUp(refused) => {
                self.reply(traits, case, vec![self.target.failed(case, &refused)])
            }
        };
        self.record(event, cause)
    }
}
