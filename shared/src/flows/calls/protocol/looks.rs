//! Looks at what became of a call or of a payment under way, and when the next one is.

use super::pages::{PAGE_FORGOTTEN, PAGE_OVER};
use super::*;

/// Seconds from one look at an unsettled payment to the next; the last one goes on.
const POLLS: [i64; 6] = [900, 3600, 3 * 3600, 6 * 3600, 12 * 3600, 86_400];
/// Seconds from one try at an unknown outcome to the next.
const RESOLVES: [i64; 5] = [10, 30, 60, 300, LONGEST_WAIT];
/// So many seconds a gateway that cannot be asked may take to tell how money under way ended: the
/// slowest refunds of cards, unverified.
const TOLD_WITHIN: i64 = 10 * 86_400;
/// After so many looks a person looks as well.
const MOST: u32 = 40;

impl Job {
    /// Our reference was looked for.
    pub(super) fn found(
        &mut self,
        traits: &Traits,
        case: &Case,
        search: &Search,
        found: Result<Option<Vec<Fact>>, Trouble>,
        at: &At,
    ) -> Move {
        let tries = search.tries;
        match found {
            Ok(Some(facts)) => self.found_out(traits, case, facts),
            // The clinic's keys are for another account since: people know which is which.
            Ok(None) if search.elsewhere => self.for_people(tries, at),
            // Nothing is known there, and by now it would be: it never happened.
            Ok(None) if search.age >= search.trusted_after => {
                let event = self.again(at.now, true, None);
                self.record(event, format!("{} look-up", traits.id))
            }
            Ok(None) => self.still_unknown(next(&RESOLVES, tries), tries, looked_at(tries), at),
            Err(_) => self.unanswered(tries, at),
        }
    }

    /// Something bears our reference. Anybody can write it on a payment: one that brought another sum
    /// than our call named is not its fate.
    fn found_out(&mut self, traits: &Traits, case: &Case, facts: Vec<Fact>) -> Move {
        let (other, own): (Vec<_>, Vec<_>) = facts
            .into_iter()
            .partition(|fact| self.is_other_sum(case, fact));
        if let (Some(Some(came)), true) = (other.first().map(|f| f.amount), own.is_empty()) {
            let note =
                format!("{came} arrived under our reference, and our call asked for another sum");
            return self.contradicted(traits, case, Doing::Recording, note);
        }
        let event = self.reply(traits, case, own);
        self.record(event, format!("{} look-up", traits.id))
    }

    /// Whether it tells of money that our own charge of a saved method did not ask for, under an id
    /// that is not known to be ours.
    fn is_other_sum(&self, case: &Case, fact: &Fact) -> bool {
        let charge = self.target.refund.is_none()
            && (self.target.intent(case)).is_some_and(|intent| !intent.step.is_about_page());
        let Some(payment) = case.payment(self.target.payment).filter(|_| charge) else {
            return false;
        };
        let known = fact.payment_ids().any(|id| payment.aliases.contains(id));
        let other = fact.amount.is_some_and(|came| came != payment.amount);
        fact.kind == Kind::PaymentSucceeded && other && !known
    }

    /// Neither a repeat nor a search is safe any more: what does the gateway show?
    pub(super) fn last_look(
        &mut self,
        traits: &Traits,
        case: &Case,
        tries: u32,
        facts: Result<Vec<Fact>, Trouble>,
        at: &At,
    ) -> Move {
        match facts {
            Ok(facts) if self.is_shown(case, &facts) => {
                let event = self.looked_up(traits, case, facts);
                self.record(event, format!("{} look-up", traits.id))
            }
            _ => self.for_people(tries, at),
        }
    }

    /// People are to find it; it is looked for all the same.
    pub(super) fn for_people(&mut self, tries: u32, at: &At) -> Move {
        self.still_unknown(next(&POLLS, tries), tries, Looked::Person, at)
    }

    /// Money is under way at a gateway that cannot be asked: its webhook tells, and where none came in
    /// all that time people look.
    pub(super) fn only_told(&mut self, tries: u32, at: &At) -> Move {
        let looked = match tries {
            0 => Looked::Nothing,
            _ => Looked::Person,
        };
        self.still_unknown(TOLD_WITHIN, tries, looked, at)
    }

    /// A payment under way that nobody spoke of: what does the gateway say?
    pub(super) fn polled(
        &mut self,
        traits: &Traits,
        case: &Case,
        tries: u32,
        facts: Result<Vec<Fact>, Trouble>,
        at: &At,
    ) -> Move {
        let poll = Poll {
            tries,
            before: self.target.state(case),
        };
        let forgotten = traits.completes || self.page_ran_out(case, PAGE_FORGOTTEN, at);
        let facts = match facts {
            Ok(facts) => facts,
            // The gateway has forgotten a page: it is over, or nobody takes what is approved there.
            Err(Trouble::Missing) if self.waits_on_page(case) && forgotten => {
                vec![self.expired(case)]
            }
            // Silence says nothing: nothing ends by it.
            Err(trouble) => return self.nothing_told(traits, tries, &trouble, at),
        };
        let paid = facts.iter().any(|f| f.kind == Kind::PaymentSucceeded);
        self.doing = Doing::Polled { poll, paid };
        let event = self.looked_up(traits, case, facts);
        commit(event, format!("{} look-up", traits.id))
    }

    /// What was polled is written: the page may be over all the same.
    pub(super) fn after_poll(
        &mut self,
        traits: &Traits,
        case: &Case,
        poll: Poll,
        paid: bool,
        at: &At,
    ) -> Move {
        // A success that contradicts what is known is for a person; nothing ends by it.
        if !paid && self.waits_on_page(case) && self.page_ran_out(case, PAGE_OVER, at) {
            self.doing = Doing::Expiring { poll };
            let expired = self.expired(case);
            let event = self.looked_up(traits, case, vec![expired]);
            return commit(event, format!("{} look-up", traits.id));
        }
        self.polled_again(case, &poll, at)
    }

    /// Whether it is to be asked again.
    pub(super) fn polled_again(&mut self, case: &Case, poll: &Poll, at: &At) -> Move {
        let tries = poll.tries;
        if self.target.state(case) != poll.before || !self.target.is_open(case) {
            return Move::Done;
        }
        self.still_unknown(next(&POLLS, tries), tries, looked_at(tries), at)
    }

    /// A poll told nothing. What a person must mend is said at once, what the gateway does not know
    /// or show is asked for ever more rarely.
    pub(super) fn nothing_told(
        &mut self,
        traits: &Traits,
        tries: u32,
        trouble: &Trouble,
        at: &At,
    ) -> Move {
        let words = format!("{}: {trouble}.", traits.name);
        match trouble {
            Trouble::Credentials(_) => {
                self.still_unknown(BLOCKED, uncounted(tries), Looked::Blocked(words), at)
            }
            Trouble::Missing | Trouble::Rejected(_) | Trouble::Declined(_) => {
                let looked = Looked::Refused(words);
                self.still_unknown(next(&POLLS, tries), uncounted(tries), looked, at)
            }
            Trouble::Unclear(_)
            | Trouble::Unreadable(_)
            | Trouble::Closed(_)
            | Trouble::NotTaken(_)
            | Trouble::Later { .. }
            | Trouble::InFlight
            | Trouble::Exists(_)
            | Trouble::Stale(_)
            | Trouble::Gone(_) => self.unanswered(tries, at),
        }
    }

    /// The gateway could not be asked: soon again, however often.
    fn unanswered(&mut self, tries: u32, at: &At) -> Move {
        let wait = next(&RESOLVES, tries);
        self.still_unknown(wait, uncounted(tries), Looked::Silent, at)
    }

    fn still_unknown(&mut self, wait: i64, tries: u32, looked: Looked, at: &At) -> Move {
        let Target { payment, refund } = self.target;
        let event = Event::StillUnknown {
            payment,
            refund,
            again_at: time::after(at.now, wait),
            tries: tries + 1,
            looked,
        };
        self.record(event, "looked up, nothing new".into())
    }
}

/// The wait before the next of so many tries; the last one goes on.
fn next(waits: &[i64], tries: u32) -> i64 {
    waits[(tries as usize).min(waits.len() - 1)]
}

/// What was not answered brings no person closer.
fn uncounted(tries: u32) -> u32 {
    (tries + 1).min(MOST) - 1
}

/// An answer without news: after so many a person looks as well.
fn looked_at(tries: u32) -> Looked {
    match tries > MOST {
        true => Looked::Person,
        false => Looked::Nothing,
    }
}
