//! The clinic's side in memory: the case, its journal, its rows. What a commit does is what
//! `decide` says, and nothing else.

use crate::check::{TASKS, Violation};
use jiff::Timestamp;
use meridian::domain::case::Case;
use meridian::domain::credit::{self, Credit, Owner};
use meridian::domain::decide::{Refusal, Verdict, decide};
use meridian::domain::event::{Context, Event};
use meridian::domain::fact::{Fact, Method};
use meridian::domain::journal::Entry;
use meridian::domain::outbox::{Occurrence, Subject, Topic};
use meridian::domain::task::{Task, Work};
use meridian::flows::patients::Kept;
use meridian::words::ids;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::LazyLock;

/// Whose case and credit it is.
pub static OWNER: LazyLock<Owner> = LazyLock::new(|| Owner {
    clinic: "demo".into(),
    patient: ids::derived(&["a patient"]),
});

#[derive(Default)]
pub struct Clinic {
    pub case: Option<Case>,
    pub entries: Vec<Entry>,
    /// The patient's, with its own journal.
    pub credit: Option<Credit>,
    pub credit_entries: Vec<Entry>,
    pub tasks: BTreeMap<String, Task>,
    pub aliases: BTreeSet<(String, String)>,
    /// Those that may be charged.
    pub methods: Vec<Kept>,
    /// Tokens that ended or were removed.
    pub ended: Vec<String>,
    /// Events that were posted, by number.
    pub posted: HashSet<usize>,
    /// Tasks without a case: what is nobody's.
    pub unmatched: Vec<Fact>,
    /// What gateways said that cannot be true: each is a task.
    pub contradicted: Vec<Fact>,
}

/// How a commit ended.
#[derive(Debug)]
pub enum Committed {
    Changed {
        before: Option<Box<Case>>,
        told: Vec<Occurrence>,
    },
    Nothing,
    Wait,
    LookUpFirst {
        payment: u32,
    },
    Unmatched,
    Contradiction(String),
    Refused(Refusal),
}

impl Clinic {
    /// What the event does to the case, with what it does to the patient's credit: both or neither.
    pub fn commit(
        &mut self,
        now: Timestamp,
        event: &Event,
        of_credit: Option<&credit::Event>,
        cause: &str,
    ) -> Result<Committed, Violation> {
        let ctx = Context {
            now,
            zone: jiff::tz::TimeZone::UTC,
            cause: cause.into(),
        };
        let beside = match of_credit.map(|event| self.credited(event, &ctx)) {
            Some(Err(why)) => return Ok(why),
            Some(Ok(beside)) => Some(beside),
            None => None,
        };
        let decision = match decide(self.case.as_ref(), event, &ctx) {
            Verdict::Change(decision) => *decision,
            Verdict::Nothing => return Ok(Committed::Nothing),
            Verdict::Wait(_) => return Ok(Committed::Wait),
            Verdict::LookUpFirst { payment } => return Ok(Committed::LookUpFirst { payment }),
            Verdict::Unmatched => return Ok(Committed::Unmatched),
            Verdict::Contradiction(why) => return Ok(Committed::Contradiction(why)),
            Verdict::Refused(why) => return Ok(Committed::Refused(why)),
        };
        let before = self.case.replace(decision.case);
        if decision.entry.postings.iter().map(|p| p.minor).sum::<i64>() != 0 {
            let words = format!("the entry of {cause} does not sum to zero");
            return Err(Violation::new("the journal sums to zero", words));
        }
        self.entries.push(decision.entry);
        self.credited_by(beside);
        let (mut put, mut raised) = (HashSet::new(), vec![]);
        let told = decision.outbox;
        // The last word on a row counts.
        for task in decision.tasks.into_iter().rev() {
            if !put.insert(task.id.clone()) {
                continue;
            }
            let id = task.id.clone();
            if matches!(task.work, Work::Person(_)) && !self.tasks.contains_key(&id) {
                raised.push(id.clone());
            }
            self.tasks.insert(id, task);
        }
        for id in raised {
            let names = |subject: &Subject| subject.object.as_deref() == id.strip_prefix("person-");
            let asked = |told: &&Occurrence| {
                told.subject.topic == Topic::NeedsPerson && names(&told.subject)
            };
            let times = told.iter().filter(asked).count();
            if times != 1 {
                let words = format!("{id} is raised and told {times} times");
                return Err(Violation::new(TASKS, words));
            }
        }
        for id in decision.done.iter().filter(|id| !put.contains(*id)) {
            self.tasks.remove(id);
        }
        self.aliases.extend(decision.aliases);
        if let Some(method) = decision.kept {
            self.keep(method, true, false, now.as_millisecond());
        }
        for method in decision.ended {
            self.ends(&method.token);
        }
        let before = before.map(Box::new);
        Ok(Committed::Changed { before, told })
    }

    /// What the patient's credit becomes.
    fn credited(&self, event: &credit::Event, ctx: &Context) -> Result<(Credit, Entry), Committed> {
        match credit::decide(self.credit.as_ref(), &OWNER, event, ctx) {
            credit::Verdict::Change(changed) => Ok(*changed),
            credit::Verdict::Nothing => Err(Committed::Nothing),
            credit::Verdict::NotEnough { available } => {
                let why = Refusal::NotEnoughCredit { available };
                Err(Committed::Refused(why))
            }
        }
    }

    /// What happens to the patient's credit without this case; whether it changed anything.
    pub fn credit_moves(&mut self, now: Timestamp, event: &credit::Event) -> bool {
        let ctx = Context {
            now,
            zone: jiff::tz::TimeZone::UTC,
            cause: "elsewhere".into(),
        };
        let moved = self.credited(event, &ctx).ok();
        let done = moved.is_some();
        self.credited_by(moved);
        done
    }

    /// Writes what the patient's credit became, where something did.
    fn credited_by(&mut self, beside: Option<(Credit, Entry)>) {
        if let Some((credit, entry)) = beside {
            self.credit = Some(credit);
            self.credit_entries.push(entry);
        }
    }

    pub fn keep(&mut self, method: Method, later_charges: bool, chosen: bool, kept_at: i64) {
        if chosen {
            let former = self.methods.iter_mut();
            former.for_each(|kept| kept.chosen = false);
        }
        self.methods
            .retain(|kept| kept.method.token != method.token);
        self.methods.push(Kept {
            method,
            later_charges,
            chosen,
            kept_at,
        });
    }

    /// A method that is not charged any more.
    pub fn ends(&mut self, token: &str) {
        self.methods.retain(|kept| kept.method.token != token);
        self.ended.push(token.into());
    }

    pub fn persons(&self) -> impl Iterator<Item = &Task> {
        let person = |task: &&Task| matches!(task.work, Work::Person(_));
        self.tasks.values().filter(person)
    }
}
