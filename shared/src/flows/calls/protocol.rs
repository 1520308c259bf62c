//! The call protocol: what is done next about one payment or refund, given its case and what was
//! just heard. It holds the rules and does nothing itself: no I/O, no clock, no waiting. The
//! functions drive it with the table and the gateways ([`super`]), a simulation with a model.
//!
//! One row that is due is one [`Job`]. The driver says why it came ([`Heard::Due`]), does what
//! [`Job::step`] asks for, tells it what came of that, and so on until [`Move::Done`]:
//!
//! ```text
//! let mut job = Job::new(target);
//! let mut heard = Heard::Due(work);
//! loop {
//!     match job.step(&traits, &case, heard, &At { now, lease, owner }) {
//!         Move::Commit { event, cause } => { /* decide, write; case = what is written now */ }
//!         Move::Done => break,
//!         // … each other move is one thing asked of the gateway
//!     }
//! }
//! ```
//!
//! The case that is handed in is always the newest that the driver knows. A driver that dies
//! between two moves loses the job and nothing else: what was written leads on from there.

use super::ask::{Outcome, Target};
use crate::clock;
use crate::domain::case::{Case, Intent, LONGEST_WAIT, Payment, Step};
use crate::domain::decide::task_id;
use crate::domain::event::{Event, Looked, NotDone, Report};
use crate::domain::fact::{Fact, Kind};
use crate::domain::payment::State;
use crate::domain::refund;
use crate::domain::task::{Alert, Matter, Work};
use crate::gateways::{Gateway, Lookup};
use crate::ids;
use crate::vendor::{Effect, LostReply, Offer, Trouble};
use jiff::Timestamp;
use serde_json::Value;

/// A wrong key or a missing secret is tried again after this many seconds.
const BLOCKED: i64 = 900;
/// A request that the gateway's own state has overtaken is built anew after so many seconds at first,
/// then ever more rarely.
const STALE: i64 = 30;
/// Seconds from one look at an unsettled payment to the next; the last one goes on.
const POLLS: [i64; 6] = [900, 3600, 3 * 3600, 6 * 3600, 12 * 3600, 86_400];
/// Seconds from one try at an unknown outcome to the next.
const RESOLVES: [i64; 5] = [10, 30, 60, 300, LONGEST_WAIT];
/// So many seconds after its end a page counts as over, where the gateway does not say so.
const PAGE_OVER: i64 = 900;
/// The same where the gateway does not know the page: for a while that may be the keys of another
/// account.
const PAGE_FORGOTTEN: i64 = 3 * 86_400;
/// What is refused under the same key again is repeated at least once in so many seconds.
const RAREST: i64 = 86_400;
/// After so many looks a person looks as well.
const MOST: u32 = 40;

/// What the rules know of a gateway: read from its room in production ([`Traits::of`]), written by
/// hand in a simulation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Traits {
    /// As payments name it: `stripe`.
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
            // Well inside the lifetime, so that a slow repeat does not fall out of it.
            Self::Repeat { lifetime, then } if age > lifetime - lifetime / 10 => then.at(age),
            other => other,
        }
    }

    fn of<Ask, Answer>(effect: &Offer<Effect<Ask, Answer>>) -> Self {
        fn read<Ask, Answer>(lost: &LostReply<Ask, Answer>) -> Lost {
            match lost {
                LostReply::SameKey { lifetime, then, .. } => Lost::Repeat {
                    lifetime: *lifetime,
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
    pub fn of(gateway: &Gateway) -> Self {
        Self {
            id: gateway.vendor.id.into(),
            name: gateway.vendor.name.into(),
            late_failures: gateway.late_failures,
            page_stays: gateway.page_stays,
            completes: gateway.complete.yes().is_some(),
            closes: gateway.close.yes().is_some(),
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
            charge: Lost::Person,
            complete: Lost::Person,
            refund: Lost::Person,
        }
    }

    /// What to do about a step whose reply was lost, `age` seconds after its first try.
    fn lost(&self, step: Step, age: i64) -> &Lost {
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

/// What the driver brings to each step beside the case.
pub struct At {
    pub now: Timestamp,
    /// For how many seconds a call is ours alone.
    pub lease: i64,
    /// A fresh id: whoever has it in the lease makes the call.
    pub owner: String,
}

/// What was heard last.
#[derive(Debug)]
pub enum Heard {
    /// A row is due: begin.
    Due(Work),
    /// What was asked for could not even be tried: the gateway is not configured here.
    Blocked(Trouble),
    /// The request of a step is built, or why it cannot be.
    Prepared(Result<Value, Trouble>),
    Committed(Recorded),
    /// What the gateway answered to a call of ours.
    Answered(Result<Outcome, Trouble>),
    /// What it answered to a look for our reference; `None` is "not known there".
    Found(Result<Option<Vec<Fact>>, Trouble>),
    /// What it says of the payment as a whole.
    LookedUp(Result<Vec<Fact>, Trouble>),
}

/// How a commit ended, as far as it matters here. The case handed in is then the newest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recorded {
    Changed,
    /// Known already, overtaken, or refused: nothing was written.
    Not,
    Contradiction(String),
}

/// What is to be done next.
#[derive(Debug)]
pub enum Move {
    /// Build the request of this step and open what it needs: [`Heard::Prepared`] or
    /// [`Heard::Blocked`]. Nothing is sent.
    Prepare(Step),
    /// Put this event to `decide` and write what it says: [`Heard::Committed`].
    Commit {
        event: Event,
        cause: String,
    },
    /// Send the request that the intent holds under its key: [`Heard::Answered`]. A page that
    /// takes several calls is one send.
    Send(Intent),
    /// Look for our reference, as the step's lost reply wants it at this age in seconds:
    /// [`Heard::Found`].
    Find {
        step: Step,
        age: i64,
    },
    /// Ask what the gateway now says of the payment: [`Heard::LookedUp`] or [`Heard::Blocked`].
    LookUp(Lookup),
    Done,
}

/// One payment or refund that is worked on, from a row that is due to what is written of it.
#[derive(Debug)]
pub struct Job {
    target: Target,
    doing: Doing,
}

/// Where a job stands between two steps.
#[derive(Debug)]
enum Doing {
    Begin,
    Preparing(Why),
    /// The intent is being written.
    Leasing {
        owner: String,
    },
    Calling,
    /// A page could not be ended: was it paid, or is it over?
    Closing {
        /// Whether the gateway did not know it either.
        missing: bool,
    },
    /// What became of a page that was to end is being written.
    Closed,
    /// The reply was not enough: the gateway's own list is asked.
    Looking {
        /// What was said to a repeat; `None` where it named what the first call made.
        refused: Option<Trouble>,
    },
    /// The request no longer fits: what the gateway knows is fetched, then written.
    Learning {
        then: Then,
    },
    Learned {
        then: Then,
    },
    Finding {
        tries: u32,
        age: i64,
        trusted_after: i64,
    },
    /// Neither a repeat nor a search is safe any more: what does the gateway show?
    LastLook {
        tries: u32,
    },
    Polling {
        tries: u32,
    },
    /// What was polled is being written; then whether the page ran out.
    Polled {
        tries: u32,
        before: Before,
        /// Whether the gateway says that money came.
        paid: bool,
    },
    Expiring {
        tries: u32,
        before: Before,
    },
    /// Is the payment over that is to be tried again?
    Retrying,
    /// What was learned of that is being written.
    Retried {
        over: bool,
    },
    /// The last commit.
    Recording,
}

type Before = Option<(State, Option<refund::State>)>;

/// What follows once it was learned what the gateway knows.
#[derive(Debug)]
enum Then {
    /// The request is built anew in a while, whether or not the look was answered.
    Again { answered: bool },
    /// The gateway refuses it, and shows nothing of ours: it is given up.
    GiveUp(Trouble),
}

/// Why a request is prepared.
#[derive(Clone, Copy, Debug)]
enum Why {
    /// It was never sent.
    First,
    /// A page that nobody was sent to is opened again, or one that is to end is ended again.
    Again,
    /// Nobody knows what became of it.
    Resolve { tries: u32 },
}

impl Job {
    pub fn new(target: Target) -> Self {
        Self {
            target,
            doing: Doing::Begin,
        }
    }

    /// What is done next. What does not fit where the job stands ends it: the row is still there.
    pub fn step(&mut self, traits: &Traits, case: &Case, heard: Heard, at: &At) -> Move {
        let doing = std::mem::replace(&mut self.doing, Doing::Recording);
        match (doing, heard) {
            (Doing::Begin, Heard::Due(Work::Settle { tries, .. })) => self.settle(case, tries, at),
            (Doing::Begin, Heard::Due(Work::Pay { .. } | Work::Refund { .. })) => {
                self.execute(traits, case, at)
            }
            (Doing::Begin, Heard::Due(Work::Retry { .. })) => self.before_retry(traits, case),
            (Doing::Retrying, Heard::LookedUp(Ok(facts))) => {
                let over = facts.iter().any(is_over);
                self.doing = Doing::Retried { over };
                let event = self.looked_up(traits, case, facts);
                commit(event, format!("{} look-up", traits.id))
            }
            (Doing::Retrying, Heard::LookedUp(Err(_)) | Heard::Blocked(_)) => self.retry_waits(),
            // What cannot be true becomes a person's task; then it goes on where it was.
            (doing, Heard::Committed(Recorded::Contradiction(note))) => {
                self.contradicted(traits, case, doing, note)
            }
            (Doing::Retried { over }, Heard::Committed(_)) => {
                match over || !self.is_retry_planned(case) {
                    true => Move::Done,
                    false => self.retry_waits(),
                }
            }
            (Doing::Preparing(why), Heard::Prepared(built)) => {
                self.prepared(traits, case, why, built, at)
            }
            (Doing::Preparing(_), Heard::Blocked(trouble)) => {
                let event = self.not_done(&trouble, "A call waits safely", at);
                self.record(event, "not sent".into())
            }
            (Doing::Leasing { owner }, Heard::Committed(Recorded::Changed)) => {
                // Only the owner of the lease calls.
                match self.target.intent(case).filter(|i| i.owner == owner) {
                    Some(intent) => {
                        self.doing = Doing::Calling;
                        Move::Send(intent.clone())
                    }
                    None => Move::Done,
                }
            }
            (Doing::Calling, Heard::Answered(answer)) => self.answered(traits, case, answer, at),
            (Doing::Closing { missing }, Heard::LookedUp(facts)) => {
                let late = missing && self.page_ran_out(case, PAGE_FORGOTTEN, at);
                self.could_not_end(traits, case, facts, late)
            }
            (Doing::Closed, Heard::Committed(_)) => self.ended_or_not(traits, case),
            (Doing::Looking { refused }, Heard::LookedUp(facts)) => {
                self.looked(traits, case, refused, facts, at)
            }
            (Doing::Learning { then }, Heard::LookedUp(facts)) => {
                self.learning(traits, case, then, facts, at)
            }
            (Doing::Learned { then }, Heard::Committed(_)) => self.learned(traits, case, then, at),
            (
                Doing::Finding {
                    tries,
                    age,
                    trusted_after,
                },
                Heard::Found(found),
            ) => match found {
                Ok(Some(facts)) => {
                    let event = self.reply(traits, case, facts);
                    self.record(event, format!("{} look-up", traits.id))
                }
                // Nothing is known there, and by now it would be: it never happened.
                Ok(None) if age >= trusted_after => {
                    let event = self.again(at.now, true, None);
                    self.record(event, format!("{} look-up", traits.id))
                }
                Ok(None) => self.still_unknown(next(&RESOLVES, tries), tries, looked_at(tries), at),
                Err(_) => self.unanswered(tries, at),
            },
            (Doing::LastLook { tries }, Heard::LookedUp(facts)) => match facts {
                Ok(facts) if self.is_shown(case, &facts) => {
                    let event = self.looked_up(traits, case, facts);
                    self.record(event, format!("{} look-up", traits.id))
                }
                _ => self.still_unknown(next(&POLLS, tries), tries, Looked::Person, at),
            },
            (Doing::Polling { tries }, Heard::LookedUp(facts)) => {
                self.polled(traits, case, tries, facts, at)
            }
            (Doing::Polling { tries }, Heard::Blocked(trouble)) => {
                self.nothing_told(traits, tries, &trouble, at)
            }
            (
                Doing::Polled {
                    tries,
                    before,
                    paid,
                },
                Heard::Committed(_),
            ) => {
                // A success that contradicts what is known is for a person; nothing ends by it.
                if !paid && self.waits_on_page(case) && self.page_ran_out(case, PAGE_OVER, at) {
                    self.doing = Doing::Expiring { tries, before };
                    let expired = self.expired(case);
                    let event = self.looked_up(traits, case, vec![expired]);
                    return commit(event, format!("{} look-up", traits.id));
                }
                self.polled_again(case, tries, before, at)
            }
            (Doing::Expiring { tries, before }, Heard::Committed(_)) => {
                self.polled_again(case, tries, before, at)
            }
            _ => Move::Done,
        }
    }

    /// The next step of a payment, or a refund.
    fn execute(&mut self, traits: &Traits, case: &Case, at: &At) -> Move {
        match self.target.intent(case) {
            // Somebody is calling; or was, and never came back: then the outcome is unknown.
            Some(intent) if intent.lives(at.now) || self.target.is_unknown(case) => Move::Done,
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

    /// A debit that failed may be collected again by its gateway, unheard: it is asked before we
    /// try ourselves.
    fn before_retry(&mut self, traits: &Traits, case: &Case) -> Move {
        let failed = case.payment(self.target.payment);
        let known = failed.is_some_and(|p| p.capture.is_some());
        if !traits.late_failures || !known || !self.is_retry_planned(case) {
            return Move::Done;
        }
        self.doing = Doing::Retrying;
        Move::LookUp(self.target.lookup(case))
    }

    fn is_retry_planned(&self, case: &Case) -> bool {
        let planned = case.retry.as_ref();
        planned.is_some_and(|retry| retry.payment == self.target.payment)
    }

    fn retry_waits(&mut self) -> Move {
        let payment = self.target.payment;
        self.record(Event::RetryWaits { payment }, "it may not be over".into())
    }

    /// What the gateway says cannot be true: people are told. A call that was answered so is asked
    /// about again, ever more rarely.
    fn contradicted(&mut self, traits: &Traits, case: &Case, doing: Doing, note: String) -> Move {
        let Target { payment, refund } = self.target;
        let intent = self.target.intent(case);
        let about_page = intent.is_some_and(|intent| intent.step.is_about_page());
        let (call, apart) = match &doing {
            Doing::Closed => (!about_page, about_page),
            Doing::Recording
            | Doing::Learned {
                then: Then::Again { .. },
            } => (true, false),
            Doing::Learned { .. } => (false, true),
            _ => (false, false),
        };
        // What is written next would end a task that waits for this payment's gateway.
        let event = match apart {
            true => self::apart(traits, note),
            false => Event::Contradicted {
                payment,
                refund,
                call,
                note,
            },
        };
        self.doing = if call { Doing::Recording } else { doing };
        commit(event, format!("{} contradicts itself", traits.id))
    }

    /// The gateway did not end the page: what does it say of it? One that it does not know is over
    /// where its time is, or where nobody takes what is approved there: until then it may be paid.
    fn could_not_end(
        &mut self,
        traits: &Traits,
        case: &Case,
        facts: Result<Vec<Fact>, Trouble>,
        late: bool,
    ) -> Move {
        let cause = format!("{} look-up", traits.id);
        let forgotten = traits.completes || late;
        let facts = match facts {
            Ok(facts) => facts,
            Err(Trouble::Missing) if forgotten => vec![self.expired(case)],
            Err(_) => return self.lost(cause),
        };
        self.doing = Doing::Closed;
        commit(self.looked_up(traits, case, facts), cause)
    }

    /// A page that neither ended nor was paid. What we must complete is never completed, so it is
    /// over; anything else may still be paid there.
    fn ended_or_not(&mut self, traits: &Traits, case: &Case) -> Move {
        let payment = self.target.payment;
        if !case.payment(payment).is_some_and(Payment::is_ending) {
            return Move::Done;
        }
        let event = match traits.completes {
            true => self.looked_up(traits, case, vec![self.expired(case)]),
            false => Event::PageStays { payment },
        };
        self.record(event, format!("{} page", traits.id))
    }

    /// What became of a call whose reply was lost, or of a payment that nobody spoke of.
    fn settle(&mut self, case: &Case, tries: u32, at: &At) -> Move {
        match self.target.intent(case) {
            Some(intent) if intent.lives(at.now) => Move::Done,
            Some(_) if !self.target.is_unknown(case) => self.lost("a call never came back".into()),
            Some(intent) => self.prepare(Why::Resolve { tries }, intent.step),
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

    fn prepared(
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
                    lease_until: clock::after(at.now, at.lease),
                    first_sent_at: at.now,
                    request,
                };
                self.lease(traits, intent)
            }
            (Why::Again, Ok(_), Some(intent)) => self.lease_again(traits, intent, at),
            (Why::Resolve { tries }, Ok(_), Some(intent)) => {
                self.resolve(traits, case, intent, tries, at)
            }
            (Why::Resolve { tries }, Err(_), _) => {
                self.still_unknown(next(&POLLS, tries), tries, Looked::Person, at)
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
            Lost::Person => {
                self.doing = Doing::LastLook { tries };
                Move::LookUp(self.target.lookup(case))
            }
            Lost::Find { trusted_after } => {
                self.doing = Doing::Finding {
                    tries,
                    age,
                    trusted_after: *trusted_after,
                };
                Move::Find {
                    step: intent.step,
                    age,
                }
            }
        }
    }

    fn lease_again(&mut self, traits: &Traits, intent: Intent, at: &At) -> Move {
        let intent = Intent {
            owner: at.owner.clone(),
            lease_until: clock::after(at.now, at.lease),
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

    fn answered(
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
            Ok(Outcome::Next(_)) => Trouble::Unreadable("a page that is not finished".into()),
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
                if step == Some(Step::Close) =>
            {
                let missing = matches!(trouble, Trouble::Missing);
                self.doing = Doing::Closing { missing };
                Move::LookUp(self.target.lookup(case))
            }
            Trouble::Exists(id) => {
                let mut ask = self.target.lookup(case);
                if self.target.refund.is_none() && !id.is_empty() {
                    ask.payment = Some(id.clone());
                }
                self.doing = Doing::Looking { refused: None };
                Move::LookUp(ask)
            }
            Trouble::Credentials(_) | Trouble::Limited { .. } => {
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
            Trouble::Declined(_) | Trouble::Rejected(_) | Trouble::Missing => {
                let event = self.not_done(&trouble, &traits.name, at);
                self.record(event, cause)
            }
        }
    }

    /// The gateway's own list was asked, as the reply was not enough.
    fn looked(
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
    fn is_shown(&self, case: &Case, facts: &[Fact]) -> bool {
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
    fn learning(
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

    fn learned(&mut self, traits: &Traits, case: &Case, then: Then, at: &At) -> Move {
        let cause = format!("{} reply", traits.id);
        let event = match then {
            Then::Again { answered } => {
                // What is silent is not asked the more rarely for that.
                let most = if answered { RAREST } else { LONGEST_WAIT };
                let wait = self.waited(case, at).clamp(STALE, most);
                self.again(clock::after(at.now, wait), false, None)
            }
            Then::GiveUp(refused) => {
                self.reply(traits, case, vec![self.target.failed(case, &refused)])
            }
        };
        self.record(event, cause)
    }

    /// A payment under way that nobody spoke of: what does the gateway say?
    fn polled(
        &mut self,
        traits: &Traits,
        case: &Case,
        tries: u32,
        facts: Result<Vec<Fact>, Trouble>,
        at: &At,
    ) -> Move {
        let before = self.target.state(case);
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
        self.doing = Doing::Polled {
            tries,
            before,
            paid,
        };
        let event = self.looked_up(traits, case, facts);
        commit(event, format!("{} look-up", traits.id))
    }

    /// A poll told nothing. What a person must mend is said at once, what the gateway does not know
    /// or show is asked for ever more rarely.
    fn nothing_told(&mut self, traits: &Traits, tries: u32, trouble: &Trouble, at: &At) -> Move {
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
            | Trouble::Limited { .. }
            | Trouble::InFlight
            | Trouble::Exists(_)
            | Trouble::Stale(_) => self.unanswered(tries, at),
        }
    }

    /// The gateway could not be asked: soon again, however often.
    fn unanswered(&mut self, tries: u32, at: &At) -> Move {
        let wait = next(&RESOLVES, tries);
        self.still_unknown(wait, uncounted(tries), Looked::Silent, at)
    }

    /// Whether it is to be asked again.
    fn polled_again(&mut self, case: &Case, tries: u32, before: Before, at: &At) -> Move {
        if self.target.state(case) != before || !self.target.is_open(case) {
            return Move::Done;
        }
        self.still_unknown(next(&POLLS, tries), tries, looked_at(tries), at)
    }

    /// Whether the payer may still pay on a page, and nothing was heard of that.
    fn waits_on_page(&self, case: &Case) -> bool {
        let payment = case.payment(self.target.payment);
        self.target.refund.is_none()
            && payment
                .is_some_and(|p| p.page_lives() && (p.state != State::Open || p.capture.is_none()))
    }

    /// Whether the time of its page ended so many seconds ago.
    fn page_ran_out(&self, case: &Case, margin: i64, at: &At) -> bool {
        let page = case
            .payment(self.target.payment)
            .and_then(|p| p.session.as_ref());
        let until = page.and_then(|page| page.expires_at);
        until.is_some_and(|until| clock::after(until, margin) < at.now)
    }

    fn expired(&self, case: &Case) -> Fact {
        Fact {
            reference: Some(self.target.reference(case)),
            ..Fact::new(Kind::PaymentExpired)
        }
    }

    fn still_unknown(&mut self, wait: i64, tries: u32, looked: Looked, at: &At) -> Move {
        let Target { payment, refund } = self.target;
        let event = Event::StillUnknown {
            payment,
            refund,
            again_at: clock::after(at.now, wait),
            tries: tries + 1,
            looked,
        };
        self.record(event, "looked up, nothing new".into())
    }

    /// The lease of a call ran out, or its reply says nothing.
    fn lost(&mut self, cause: String) -> Move {
        let Target { payment, refund } = self.target;
        self.record(Event::ReplyLost { payment, refund }, cause)
    }

    /// The last commit of a job.
    fn record(&mut self, event: Event, cause: String) -> Move {
        self.doing = Doing::Recording;
        commit(event, cause)
    }

    /// Nothing was done; it is tried again.
    fn not_done(&self, trouble: &Trouble, who: &str, at: &At) -> Event {
        let (seconds, note) = match trouble {
            Trouble::Limited { seconds } => ((*seconds).clamp(1, 3600), None),
            other => (BLOCKED, Some(format!("{who}: {other}."))),
        };
        self.again(clock::after(at.now, seconds), false, note)
    }

    /// For how many seconds it has waited for a gateway that does not take it.
    fn waited(&self, case: &Case, at: &At) -> i64 {
        let id = task_id(self.target.payment, self.target.refund);
        let since = case.waiting.get(&id).copied().unwrap_or(at.now);
        at.now.as_second() - since.as_second()
    }

    /// What became of the first call stays unknown: it is repeated the more rarely, the longer that
    /// is so.
    fn refused_again(&self, case: &Case, trouble: &Trouble, who: &str, at: &At) -> Event {
        let since = self.target.intent(case).map_or(at.now, |i| i.first_sent_at);
        let age = at.now.as_second() - since.as_second();
        let seconds = age.clamp(BLOCKED, RAREST);
        let note = Some(format!("{who}: {trouble}."));
        self.again(clock::after(at.now, seconds), false, note)
    }

    fn again(&self, retry_at: Timestamp, never: bool, note: Option<String>) -> Event {
        let Target { payment, refund } = self.target;
        Event::NotDone(NotDone {
            payment,
            refund,
            retry_at,
            never,
            note,
        })
    }

    /// What our own call, or the look-up of it, was answered. It need not repeat the reference.
    fn reply(&self, traits: &Traits, case: &Case, facts: Vec<Fact>) -> Event {
        reported(traits, facts, &self.target.reference(case), true)
    }

    /// What was looked up of the payment as a whole.
    fn looked_up(&self, traits: &Traits, case: &Case, mut facts: Vec<Fact>) -> Event {
        self.target.lookup(case).own(&mut facts);
        let reference = ids::payment_reference(&case.id, self.target.payment);
        reported(traits, facts, &reference, false)
    }
}

/// Facts that we asked for ourselves: what is true now.
fn reported(traits: &Traits, mut facts: Vec<Fact>, reference: &str, answer: bool) -> Event {
    for fact in &mut facts {
        fact.reference.get_or_insert_with(|| reference.into());
    }
    Event::Reported(Report {
        gateway: traits.id.clone(),
        facts,
        current: true,
        answer,
        late_failures: traits.late_failures,
        page_stays: traits.page_stays,
    })
}

/// A person's task that nothing ends by itself.
fn apart(traits: &Traits, note: String) -> Event {
    let id = format!("contradiction-{}", &ids::derived(&[&note])[..10]);
    let matter = Matter::of(Alert::Contradiction).vendor(&traits.id);
    let matter = matter.words(note);
    Event::Person { id, matter }
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

/// Whether a gateway says of a payment that it brings nothing any more.
fn is_over(fact: &Fact) -> bool {
    matches!(
        fact.kind,
        Kind::PaymentFailed | Kind::PaymentReturned | Kind::PaymentExpired | Kind::DisputeLost
    )
}

fn commit(event: Event, cause: String) -> Move {
    Move::Commit { event, cause }
}
