//! A case with its journal and all that its decisions asked for, kept in memory as the store would.
//! Every commit is checked as it is made, so a test that only drives events tests the books too.

use jiff::{SignedDuration, Timestamp};
use meridian::domain::book::Book;
use meridian::domain::case::{Case, Intent, OpensBy, Payment, Session, Step};
use meridian::domain::chart;
use meridian::domain::credit::{self, Credit, Owner};
use meridian::domain::decide::{Decision, Refusal, Verdict, decide};
use meridian::domain::event::{
    Context, Event, NewCharge, NewDeposit, NewInvoice, NewRefund, NotDone, Report,
};
use meridian::domain::fact::{Decline, Fact, Kind, Method};
use meridian::domain::invoice::Line;
use meridian::domain::journal::{self, Balances, Entry};
use meridian::domain::outbox::{Occurrence, Subject, Topic};
use meridian::domain::policy::Policy;
use meridian::domain::task::{Alert, Task, Work};
use meridian::words::ids;
use meridian::words::money::{Currency, Money};
use std::collections::{BTreeMap, BTreeSet, HashSet};

pub const GATEWAY: &str = "stripe";
pub fn eur(minor: i64) -> Money {
    Money::new(minor, Currency::read("EUR").unwrap())
}

#[derive(Clone)]
pub struct Books {
    pub case: Case,
    pub journal: Vec<Entry>,
    /// The sum of the journal's postings so far.
    pub balances: Balances,
    /// Rows of work that are open, people's and messages' too.
    pub rows: BTreeMap<String, Task>,
    /// What happened, by its name, as often as it was told.
    pub told: Vec<String>,
    pub outbox: Vec<Occurrence>,
    /// Every receipt ever asked for.
    pub receipts: Vec<String>,
    /// Every method that a commit ended.
    pub ended: Vec<Method>,
    pub now: Timestamp,
    /// The gateway's account that is asked, by a digest.
    pub account: String,
    pub late_failures: bool,
    /// The patient's credit, with its journal.
    pub credit: Option<Credit>,
    pub credit_journal: Vec<Entry>,
}

/// A verdict without the decision that it carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    Changed,
    Nothing,
    Wait,
    Ask,
    Unmatched,
    Contradiction,
    Refused(Refusal),
}

pub fn start() -> Timestamp {
    "2026-03-02T09:00:00Z".parse().unwrap()
}

pub fn saved_method() -> Method {
    Method {
        gateway: GATEWAY.into(),
        customer: Some("cus_1".into()),
        token: "pm_1".into(),
        label: "Visa ending 4242".into(),
    }
}

/// The invoice of 100.00 net and 10.00 tax per hundred that most tests bill, as one line with tax.
pub fn invoice(total: i64) -> NewInvoice {
    NewInvoice {
        id: ids::derived(&["case"]),
        clinic: "demo".into(),
        number: "2026-1".into(),
        patient: Some("patient".into()),
        appointment: None,
        starts_at: None,
        label: None,
        currency: eur(0).currency,
        lines: vec![Line {
            quantity: 1,
            unit: eur(total),
            tax_rate: "10".parse().unwrap(),
            tax_included: true,
        }],
        policy: Policy::default(),
        charge: None,
        dims: Default::default(),
    }
}

/// A page at the gateway, open for so many hours from the beginning, or without an end.
pub fn page(hours: Option<i64>) -> Session {
    let end = |hours| start().checked_add(SignedDuration::from_hours(hours));
    Session {
        id: "cs_1".into(),
        opens_by: OpensBy::Redirect("https://pay.example.test/cs_1".into()),
        expires_at: hours.map(|hours| end(hours).unwrap()),
    }
}

/// `None` as the amount asks for all that is due.
pub fn charge(amount: Option<i64>, method: Option<Method>) -> NewCharge {
    NewCharge {
        amount: amount.map(eur),
        gateway: GATEWAY.into(),
        method,
        keep_method: false,
    }
}

impl Books {
    pub fn open(new: NewInvoice) -> Self {
        Self::begin(&Event::Invoiced(Box::new(new)))
    }

    fn begin(event: &Event) -> Self {
        let ctx = context(start());
        let case = match decide(None, event, &ctx) {
            Verdict::Change(decision) => decision,
            other => panic!("an invoice is {other:?}"),
        };
        let mut books = Self {
            case: case.case.clone(),
            journal: vec![],
            balances: Balances::new(),
            rows: BTreeMap::new(),
            told: vec![],
            outbox: vec![],
            receipts: vec![],
            ended: vec![],
            now: start(),
            account: String::new(),
            late_failures: false,
            credit: None,
            credit_journal: vec![],
        };
        books.keep(*case, 0);
        books
    }

    /// A case that begins with a deposit of so much for a session of so much.
    pub fn deposit(total: i64, asked: i64, policy: Policy) -> Self {
        let new = NewDeposit {
            of: NewInvoice {
                policy,
                charge: Some(charge(None, None)),
                ..invoice(total)
            },
            amount: Some(eur(asked)),
        };
        Self::begin(&Event::DepositAsked(Box::new(new)))
    }

    /// Moves money between the case and the patient's credit, both decided together as a commit
    /// does.
    pub fn transfer(&mut self, of_case: &Event, of_credit: &credit::Event) -> Said {
        let ctx = context(self.now);
        let owner = Owner {
            clinic: self.case.clinic.clone(),
            patient: self.case.patient.clone().unwrap_or_default(),
        };
        let decided = credit::decide(self.credit.as_ref(), &owner, of_credit, &ctx);
        let changed = match decided {
            credit::Verdict::Change(changed) => *changed,
            credit::Verdict::Nothing => return Said::Nothing,
            credit::Verdict::NotEnough { available } => {
                return Said::Refused(Refusal::NotEnoughCredit { available });
            }
        };
        let said = self.apply(of_case);
        if said == Said::Changed {
            self.credit_journal.push(changed.1);
            self.credit = Some(changed.0);
        }
        self.both_sum_to_zero();
        said
    }

    /// The two books agree: what moves between them comes to nothing, transfer by transfer.
    pub fn both_sum_to_zero(&self) {
        let Some(credit) = &self.credit else { return };
        assert_eq!(journal::verify(credit, &self.credit_journal), Ok(()));
        let mut both = credit.balances();
        for (account, minor) in &self.balances {
            *both.entry(account.clone()).or_default() += minor;
        }
        assert_eq!(both.values().sum::<i64>(), 0);
        let moved = both
            .iter()
            .filter(|(name, _)| name.starts_with("transfer:"));
        for (account, minor) in moved {
            assert_eq!(*minor, 0, "{account}");
        }
    }

    /// An invoice of so much with one payment for all of it: on the gateway's page, or from a
    /// saved method.
    pub fn with_payment(total: i64, method: Option<Method>) -> Self {
        Self::open(NewInvoice {
            charge: Some(charge(None, method)),
            ..invoice(total)
        })
    }

    pub fn paid(total: i64) -> Self {
        let mut books = Self::with_payment(total, None);
        assert_eq!(books.hear(succeeded(1)), Said::Changed);
        books
    }

    pub fn later(&mut self, seconds: i64) {
        self.now = self
            .now
            .checked_add(SignedDuration::from_secs(seconds))
            .unwrap();
    }

    pub fn apply(&mut self, event: &Event) -> Said {
        let before = self.case.entries;
        match decide(Some(&self.case), event, &context(self.now)) {
            Verdict::Change(decision) => {
                self.keep(*decision, before);
                Said::Changed
            }
            Verdict::Nothing => Said::Nothing,
            Verdict::Wait(_) => Said::Wait,
            Verdict::LookUpFirst { .. } => Said::Ask,
            Verdict::Unmatched => Said::Unmatched,
            Verdict::Contradiction(_) => Said::Contradiction,
            Verdict::Refused(refusal) => Said::Refused(refusal),
        }
    }

    /// What a webhook says. A success that only the gateway can tell is looked up, a return tells
    /// how much.
    pub fn hear(&mut self, mut fact: Fact) -> Said {
        if fact.kind == Kind::PaymentReturned {
            let about = |p: &&Payment| {
                let named = ids::payment_reference(&self.case.id, p.n);
                let known = fact.payment_ids().any(|id| p.aliases.contains(id));
                fact.reference.as_ref() == Some(&named) || known
            };
            let whole = self.case.payments.iter().find(about).map(|p| p.amount);
            fact.amount = fact.amount.or(whole);
        }
        // How much was tried before anything of ours began, only the gateway tells.
        let tried = [
            Kind::PaymentPending,
            Kind::PaymentFailed,
            Kind::PaymentExpired,
        ];
        let unbegun = |p: &Payment| {
            let named = ids::payment_reference(&self.case.id, p.n);
            p.is_unbegun() && fact.reference == Some(named)
        };
        let mut payments = self.case.payments.iter();
        let unsaid = tried.contains(&fact.kind) && fact.amount.is_none() && payments.any(unbegun);
        match self.say(vec![fact.clone()], false) {
            Said::Ask if fact.kind == Kind::PaymentSucceeded && !self.late_failures => {
                self.report(vec![fact], true)
            }
            Said::Ask if unsaid => self.report(vec![fact], true),
            other => other,
        }
    }

    /// What a webhook says, or a look-up (`current`), which tells how much came: what was asked for
    /// where a test names nothing else.
    pub fn report(&mut self, mut facts: Vec<Fact>, current: bool) -> Said {
        for fact in facts.iter_mut().filter(|_| current) {
            let of = fact.reference.as_deref().and_then(ids::read_reference);
            if let Some((_, ids::Reference::Payment(n))) = of
                && fact.kind == Kind::PaymentSucceeded
            {
                let asked = self.case.payment(n).map(|payment| payment.amount);
                fact.amount = fact.amount.or(asked);
            }
        }
        self.say(facts, current)
    }

    /// Exactly these facts.
    pub fn say(&mut self, facts: Vec<Fact>, current: bool) -> Said {
        self.apply(&Event::Reported(Report {
            current,
            ..self.of(facts)
        }))
    }

    /// What our own call is answered.
    pub fn answer(&mut self, fact: Fact) -> Said {
        self.apply(&Event::Reported(Report {
            current: true,
            answer: true,
            ..self.of(vec![fact])
        }))
    }

    fn of(&self, facts: Vec<Fact>) -> Report {
        Report {
            gateway: GATEWAY.into(),
            facts,
            current: false,
            late_failures: self.late_failures,
            page_stays: true,
            answer: false,
        }
    }

    /// What a webhook says, of which the gateway itself, when it is asked, knows the payment and no
    /// more.
    pub fn hear_out(&mut self, fact: Fact) -> Said {
        match self.hear(fact.clone()) {
            Said::Ask => {
                let came = Fact {
                    reference: fact.reference.clone(),
                    payment: fact.payment.clone(),
                    ..Fact::new(Kind::PaymentSucceeded)
                };
                let implied = fact.refund.is_some() || fact.dispute.is_some();
                let facts = implied.then_some(came).into_iter().chain([fact]);
                self.report(facts.collect(), true)
            }
            other => other,
        }
    }

    pub fn call(&mut self, payment: u32, refund: Option<u32>, intent: Intent) -> Said {
        self.apply(&Event::Calling {
            payment,
            refund,
            intent,
        })
    }

    pub fn ask_refund(&mut self, request: &str, minor: i64) -> Said {
        self.apply(&Event::RefundRequested(refund_of(request, minor)))
    }

    /// The intent that a function would write now: the same key for the same step, always.
    pub fn intent(&self, step: Step, payment: u32, refund: Option<u32>) -> Intent {
        let reference = match refund {
            None => ids::payment_reference(&self.case.id, payment),
            Some(n) => ids::refund_reference(&self.case.id, n),
        };
        Intent {
            step,
            key: format!("{reference}-{step:?}"),
            owner: format!("owner at {}", self.now),
            lease_until: self
                .now
                .checked_add(SignedDuration::from_secs(LEASE))
                .unwrap(),
            first_sent_at: self.now,
            account: self.account.clone(),
            request: serde_json::json!({"path": "/charges", "reference": reference}),
        }
    }

    pub fn payment(&self, n: u32) -> &Payment {
        self.case.payment(n).unwrap()
    }

    /// The alerts that people have on their list.
    pub fn alerts(&self) -> Vec<Alert> {
        let alert = |task: &Task| match &task.work {
            Work::Person(matter) => Some(matter.alert),
            _ => None,
        };
        self.rows.values().filter_map(alert).collect()
    }

    /// How often this was told, of whatever payment or refund.
    pub fn told_of(&self, topic: Topic) -> usize {
        let part = topic.name();
        self.told.iter().filter(|id| id.starts_with(part)).count()
    }

    /// The rows that make Meridian act by itself.
    pub fn work(&self) -> BTreeMap<&str, &Task> {
        let by_itself = |task: &&Task| !matches!(task.work, Work::Person { .. });
        let work = self.rows.values().filter(by_itself);
        work.map(|task| (task.id.as_str(), task)).collect()
    }

    /// Takes a decision over as the store does, and holds it against everything that a commit
    /// must keep.
    fn keep(&mut self, decision: Decision, entries_before: u64) {
        let Decision {
            case,
            entry,
            tasks,
            done,
            receipts,
            outbox,
            ended,
            ..
        } = decision;
        self.ended.extend(ended);
        assert_eq!(entry.seq, entries_before + 1, "one entry per commit");
        assert_eq!((case.entries, &case.head), (entry.seq, &entry.hash));
        let before = self.journal.last().map_or("", |last| last.hash.as_str());
        assert_eq!(entry.before, before, "entries are chained");
        assert_eq!(entry.postings.iter().map(|p| p.minor).sum::<i64>(), 0);
        for posting in &entry.postings {
            assert!(chart::account(&posting.account).is_some(), "{posting:?}");
            *self.balances.entry(posting.account.clone()).or_default() += posting.minor;
        }
        self.balances.retain(|_, minor| *minor != 0);
        assert_eq!(self.balances, journal::balances(&case), "{}", entry.what);
        for payment in &case.payments {
            assert!(
                payment.sent_back().minor <= payment.amount.minor,
                "{case:#?}"
            );
            assert!(
                payment.refunded().minor == 0 || payment.arrived(),
                "{case:#?}"
            );
        }
        self.journal.push(entry);
        self.case = case;
        self.receipts
            .extend(receipts.into_iter().map(|receipt| receipt.id));

        for told in outbox {
            assert_eq!(told.n as usize, self.outbox.len() + 1, "they are numbered");
            self.told.push(name(&told.subject));
            self.outbox.push(told);
        }
        let mut put = HashSet::new();
        for task in tasks.into_iter().rev() {
            if put.insert(task.id.clone()) {
                self.rows.insert(task.id.clone(), task);
            }
        }
        self.rows
            .retain(|id, _| put.contains(id) || !done.contains(id));
    }

    /// The whole journal holds, hashes included, and tells the same as the case.
    pub fn verify(&self) {
        assert_eq!(journal::verify(&self.case, &self.journal), Ok(()));
        assert_eq!(self.balances.values().sum::<i64>(), 0);
    }

    /// The case without what the number and the order of commits leave in it.
    pub fn settled(&self) -> Case {
        self.verify();
        self.told_once();
        Case {
            entries: 0,
            told: 0,
            head: String::new(),
            receipts: vec![],
            ..self.case.clone()
        }
    }

    /// So does what is read back of it from where it was stored.
    pub fn verify_stored(&self) {
        let journal = serde_json::to_string(&self.journal).unwrap();
        let case = serde_json::to_string(&self.case).unwrap();
        let journal: Vec<Entry> = serde_json::from_str(&journal).unwrap();
        let case: Case = serde_json::from_str(&case).unwrap();
        assert_eq!(case, self.case);
        assert_eq!(journal::verify(&case, &journal), Ok(()));
    }

    /// No refund of ours can come to more than what is there.
    pub fn reserved_fits(&self) {
        for payment in &self.case.payments {
            let kept = payment.refunds.iter().filter(|r| r.state.reserves());
            let reserved: i64 = kept.map(|r| r.amount.minor).sum();
            assert!(reserved <= payment.amount.minor, "{payment:#?}");
        }
    }

    /// Every message and receipt was asked for once; only that money is due and nothing collects it
    /// may become true again.
    pub fn told_once(&self) {
        for all in [&self.told, &self.receipts] {
            let again = |id: &&String| id.ends_with("needs-person-uncollected");
            let once: Vec<_> = all.iter().filter(|id| !again(id)).collect();
            let different: BTreeSet<_> = once.iter().collect();
            assert_eq!(different.len(), once.len(), "{all:#?}");
        }
    }
}

/// What is told as tests name it: `refund-paid-p1-r1`.
pub fn name(subject: &Subject) -> String {
    let payment = subject.payment.map_or(String::new(), |n| format!("-p{n}"));
    let object = subject
        .object
        .as_ref()
        .map_or(String::new(), |name| format!("-{name}"));
    format!("{}{payment}{object}", subject.topic.name())
}

pub const LEASE: i64 = 90;

pub fn context(now: Timestamp) -> Context {
    Context {
        now,
        cause: "test".into(),
        zone: jiff::tz::TimeZone::UTC,
    }
}

// ---- facts: those of payment `n` carry our reference and the gateway's id ---------------------

pub fn fact(kind: Kind, n: u32) -> Fact {
    Fact {
        reference: Some(ids::payment_reference(&ids::derived(&["case"]), n)),
        payment: Some(format!("pi_{n}")),
        ..Fact::new(kind)
    }
}

pub fn succeeded(n: u32) -> Fact {
    fact(Kind::PaymentSucceeded, n)
}

pub fn failed(n: u32, why: Decline) -> Fact {
    Fact {
        decline: Some(why),
        ..fact(Kind::PaymentFailed, n)
    }
}

/// A refund as the gateway tells of it, made by whomever.
pub fn refund(kind: Kind, n: u32, id: &str, minor: i64) -> Fact {
    Fact {
        refund: Some(id.into()),
        amount: Some(eur(minor)),
        ..fact(kind, n)
    }
}

/// One of our own refunds: the gateway hands our reference back.
pub fn our_refund(kind: Kind, payment: u32, n: u32, id: &str, minor: i64) -> Fact {
    Fact {
        reference: Some(ids::refund_reference(&ids::derived(&["case"]), n)),
        ..refund(kind, payment, id, minor)
    }
}

pub fn dispute(kind: Kind, n: u32, id: &str, minor: i64) -> Fact {
    Fact {
        dispute: Some(id.into()),
        amount: Some(eur(minor)),
        ..fact(kind, n)
    }
}

pub fn refund_of(request: &str, minor: i64) -> NewRefund {
    NewRefund {
        request: request.into(),
        amount: Some(eur(minor)),
        payment: None,
        needs_approval: false,
        approval_above: None,
    }
}

pub fn not_done(payment: u32, refund: Option<u32>, retry_at: Timestamp, never: bool) -> Event {
    Event::NotDone(NotDone {
        payment,
        refund,
        retry_at,
        never,
        note: None,
    })
}
