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
//!     match job.step(&traits, &case, heard, &At { now, lease, owner, account }) {
//!         Move::Commit { event, cause } => { /* decide, write; case = what is written now */ }
//!         Move::Done => break,
//!         // … each other move is one thing asked of the gateway
//!     }
//! }
//! ```
//!
//! The case that is handed in is always the newest that the driver knows. A driver that dies
//! between two moves loses the job and nothing else: what was written leads on from there.

mod answers;
mod begin;
mod looks;
mod pages;
mod retries;
mod traits;
mod written;

pub use traits::{Lost, Traits};

use super::ask::{Outcome, Target};

use crate::contract::{Lookup, Trouble};
use crate::domain::case::{Case, Intent, LONGEST_WAIT, Payment, Step};
use crate::domain::decide::task_id;
use crate::domain::event::{Event, Looked, NotDone, Report};
use crate::domain::fact::{Fact, Kind};
use crate::domain::payment::State;
use crate::domain::refund;
use crate::domain::task::{Alert, Matter, Work};
use crate::words::{ids, time};
use jiff::Timestamp;
use serde_json::Value;
use written::{RAREST, commit};

/// A wrong key or a missing secret is tried again after this many seconds.
const BLOCKED: i64 = 900;

/// What the driver brings to each step beside the case.
pub struct At {
    pub now: Timestamp,
    /// For how many seconds a call is ours alone.
    pub lease: i64,
    /// A fresh id: whoever has it in the lease makes the call.
    pub owner: String,
    /// The account that is asked now, by a digest; empty before it is open.
    pub account: String,
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
    /// Open what this step needs and build its request, which may read at the gateway; where an
    /// intent holds it, that one: [`Heard::Prepared`] or [`Heard::Blocked`]. Nothing is sent that
    /// acts.
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
    Finding(Search),
    /// Neither a repeat nor a search is safe any more: what does the gateway show?
    LastLook {
        tries: u32,
    },
    Polling {
        tries: u32,
    },
    /// What was polled is being written; then whether the page ran out.
    Polled {
        poll: Poll,
        /// Whether the gateway says that money came.
        paid: bool,
    },
    Expiring {
        poll: Poll,
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

/// A search for our reference.
#[derive(Debug)]
struct Search {
    tries: u32,
    /// Seconds since the call was first sent.
    age: i64,
    /// "Not found" proves nothing before.
    trusted_after: i64,
    /// Whether another account is asked than the one that was called: nor does it there.
    elsewhere: bool,
}

/// A look at a payment or refund under way, and how that stood before.
#[derive(Debug)]
struct Poll {
    tries: u32,
    before: Option<(State, Option<refund::State>)>,
}

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
        match heard {
            Heard::Due(work) => self.due(traits, case, doing, &work, at),
            Heard::Blocked(trouble) => self.blocked(traits, doing, &trouble, at),
            Heard::Prepared(built) => match doing {
                Doing::Preparing(why) => self.prepared(traits, case, why, built, at),
                _ => Move::Done,
            },
            // What cannot be true becomes a person's task; then it goes on where it was.
            Heard::Committed(Recorded::Contradiction(note)) => {
                self.contradicted(traits, case, doing, note)
            }
            Heard::Committed(recorded) => self.committed(traits, case, doing, &recorded, at),
            Heard::Answered(answer) => match doing {
                Doing::Calling => self.answered(traits, case, answer, at),
                _ => Move::Done,
            },
            Heard::Found(found) => match doing {
                Doing::Finding(search) => self.found(traits, case, &search, found, at),
                _ => Move::Done,
            },
            Heard::LookedUp(facts) => self.shown(traits, case, doing, facts, at),
        }
    }

    fn due(&mut self, traits: &Traits, case: &Case, doing: Doing, work: &Work, at: &At) -> Move {
        match (doing, work) {
            (Doing::Begin, Work::Settle { tries, .. }) => self.settle(traits, case, *tries, at),
            (Doing::Begin, Work::Pay { .. } | Work::Refund { .. }) => {
                self.execute(traits, case, at)
            }
            (Doing::Begin, Work::Retry { .. }) => self.before_retry(traits, case),
            _ => Move::Done,
        }
    }

    /// What was asked for could not be tried.
    fn blocked(&mut self, traits: &Traits, doing: Doing, trouble: &Trouble, at: &At) -> Move {
        match doing {
            Doing::Preparing(_) => {
                let event = self.not_done(trouble, "A call waits safely", at);
                self.record(event, "not sent".into())
            }
            Doing::Polling { tries } => self.nothing_told(traits, tries, trouble, at),
            Doing::Retrying => self.retry_waits(),
            _ => Move::Done,
        }
    }

    /// What was to be written is written, or was needless.
    fn committed(
        &mut self,
        traits: &Traits,
        case: &Case,
        doing: Doing,
        recorded: &Recorded,
        at: &At,
    ) -> Move {
        match doing {
            Doing::Leasing { owner } if *recorded == Recorded::Changed => self.leased(case, &owner),
            Doing::Retried { over } => self.retried(case, over),
            Doing::Closed => self.ended_or_not(traits, case),
            Doing::Learned { then } => self.learned(traits, case, then, at),
            Doing::Polled { poll, paid } => self.after_poll(traits, case, poll, paid, at),
            Doing::Expiring { poll } => self.polled_again(case, &poll, at),
            _ => Move::Done,
        }
    }

    /// The gateway said what it knows of the payment, or could not be asked.
    fn shown(
        &mut self,
        traits: &Traits,
        case: &Case,
        doing: Doing,
        facts: Result<Vec<Fact>, Trouble>,
        at: &At,
    ) -> Move {
        match doing {
            Doing::Retrying => match facts {
                Ok(facts) => self.retrying(traits, case, facts),
                Err(_) => self.retry_waits(),
            },
            Doing::Closing { missing } => self.could_not_end(traits, case, missing, facts, at),
            Doing::Looking { refused } => self.looked(traits, case, refused, facts, at),
            Doing::Learning { then } => self.learning(traits, case, then, facts, at),
            Doing::LastLook { tries } => self.last_look(traits, case, tries, facts, at),
            Doing::Polling { tries } => self.polled(traits, case, tries, facts, at),
            _ => Move::Done,
        }
    }
}
