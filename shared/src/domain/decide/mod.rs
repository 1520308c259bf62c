//! What an event does to a case: `decide(case, event, context)`, pure and total.
//!
//! Receipts, messages and deliveries are keyed by payment or refund, not by event, and the books
//! are the difference of two states (see [`super::journal`]): every order of the same events ends
//! in the same case and the same balances.

mod bills;
mod calls;
mod disputes;
mod erased;
mod found;
mod pages;
mod payments;
mod people;
mod refunds;
mod requests;
mod tenders;
mod visits;

use super::bill::{Bill, CreditNote};
use super::case::{Case, Ending, Finding, Intent, Payment, Retry, Session, Step, surplus_request};
use super::dispute::{self, Dispute};
use super::event::{
    Context, Event, Found, Looked, NewCharge, NewCreditNote, NewDeposit, NewInvoice, NewRefund,
    NewReturn, NewTender, NotDone, Report,
};
use super::fact::{Decline, Fact, Kind, Method};
use super::invoice::Invoice;
use super::journal::{self, Entry, Written};
use super::outbox::{Facts, Occurrence, Subject, Topic};
use super::payment::{self, State};
use super::policy::Collect;
use super::refund::{self, Refund, Way};
use super::task::{Alert, Matter, Task, Work};
use super::tender::{By, Tender};
use crate::words::ids::{self, Reference};
use crate::words::money::Money;
use crate::words::time;
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// How long a call that was sent may stay without a word before we ask.
const FIRST_POLL: i64 = 15 * 60;
/// How long a call may be without an answer before a person hears of it.
const WORRY: i64 = 6 * 3600;
/// The same for a page that is to end: something else waits for it.
const WORRY_ABOUT_PAGE: i64 = 3600;
/// Seconds from one question to the next where the gateway says what cannot be true: the first, and
/// the most.
const JUDGED: [i64; 2] = [60, 86_400];
/// The same for a planned retry of a payment that may not be over.
const RETRY_WAITS: [i64; 2] = [300, 6 * 3600];
/// A payer who was declined on a page and is still there has so long to try again before anybody is
/// told.
const DECLINE_TOLD: i64 = 10 * 60;

/// What an event does to a case.
#[derive(Clone, Debug)]
pub enum Verdict {
    /// Commit this.
    Change(Box<Decision>),
    /// Known already, or older than what is known.
    Nothing,
    /// It cannot be understood yet: our own call on the same object is still under way.
    Wait(&'static str),
    /// Only the gateway can tell: look the payment up and report what it says.
    LookUpFirst { payment: u32 },
    /// It matches nothing here.
    Unmatched,
    /// It cannot be true together with what is known.
    Contradiction(String),
    /// Whoever asked gets this answer, and nothing changes.
    Refused(Refusal),
}

/// Why a request is not granted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The request makes no sense: what is wrong, and what to do.
    Invalid(String),
    /// More than is refundable.
    NotRefundable { refundable: Money },
    /// More than is due.
    NotDue { due: Money },
    /// More than the patient's credit holds.
    NotEnoughCredit { available: Money },
    /// Another call on the same object is under way.
    Busy,
    /// What was named does not exist, as these words say.
    NotFound(String),
}

/// One commit.
#[derive(Clone, Debug)]
pub struct Decision {
    /// As it is from now on.
    pub case: Case,
    /// The journal's next.
    pub entry: Entry,
    /// Put, replacing rows of the same id.
    pub tasks: Vec<Task>,
    /// Rows that are no longer due.
    pub done: Vec<String>,
    /// What happened, for those who are told.
    pub outbox: Vec<Occurrence>,
    /// Ids under which the gateway may speak of this case from now on.
    pub aliases: BTreeSet<(String, String)>,
    /// Keys of receipts to be issued.
    pub receipts: Vec<Receipt>,
    /// A method that the patient let the gateway keep.
    pub kept: Option<Method>,
    /// Methods that the gateway declined for good: they are not charged any more.
    pub ended: Vec<Method>,
}

/// A receipt is issued for a payment, and again whenever money goes back or comes back again,
/// replacing the one before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// `{case}-p1`, `{case}-p1-r2`.
    pub id: String,
    /// The payment's number.
    pub payment: u32,
    /// What happened to the payment since: a refund's key, `returned`, `r2-failed`.
    pub after: Option<String>,
    /// When the money moved.
    pub at: Timestamp,
}

/// What is changed while an event is worked through.
#[derive(Clone)]
struct Draft<'a> {
    case: Case,
    ctx: &'a Context,
    what: &'static str,
    /// When the money of which the event tells moved.
    moved: Timestamp,
    tasks: Vec<Task>,
    done: Vec<String>,
    told: Vec<Told>,
    /// The vendor that the event comes from.
    from: Option<String>,
    receipts: Vec<Receipt>,
    kept: Option<Method>,
}

/// `Err` is any verdict other than a change.
type Applied = Result<(), Verdict>;

/// What the event does to the case; `case` is `None` only before its first event.
pub fn decide(case: Option<&Case>, event: &Event, ctx: &Context) -> Verdict {
    let outcome = match (case, event) {
        (None, Event::Invoiced(new)) => Draft::invoiced(new, ctx),
        (None, Event::DepositAsked(new)) => Draft::deposit(new, ctx),
        (None, _) => return Verdict::Unmatched,
        (Some(case), event) => {
            let mut draft = Draft::new(case.clone(), ctx);
            draft.apply(event).map(|()| draft)
        }
    };
    match outcome {
        Ok(draft) => draft.finish(case),
        Err(verdict) => verdict,
    }
}

impl<'a> Draft<'a> {
    fn new(case: Case, ctx: &'a Context) -> Self {
        Self {
            case,
            ctx,
            what: "noted",
            moved: ctx.now,
            tasks: vec![],
            done: vec![],
            told: vec![],
            from: None,
            receipts: vec![],
            kept: None,
        }
    }

    fn finish(mut self, before: Option<&Case>) -> Verdict {
        self.forget_findings();
        self.tries_no_more();
        self.fit_ways_to_pay();
        self.begin_what_may_begin(before);
        self.people(before);
        let quiet = self.tasks.is_empty() && self.done.is_empty() && self.told.is_empty();
        if before == Some(&self.case) && quiet {
            return Verdict::Nothing;
        }
        let outbox = self.outbox();
        let (payments, why) = changed(before, &self.case);
        let written = Written {
            at: self.ctx.now,
            day: self.moved.to_zoned(self.ctx.zone.clone()).date(),
            cause: self.ctx.cause.clone(),
            what: self.what.into(),
            payments,
            why,
        };
        let entry = journal::next(before, &self.case, written);
        self.case.entries = entry.seq;
        self.case.head.clone_from(&entry.hash);
        let ids = |case: &Case| -> BTreeSet<(String, String)> {
            let of = |p: &Payment| {
                let refunds = p.refunds.iter().filter_map(|r| r.id.clone());
                let disputes = p.disputes.iter().map(|d| d.id.clone());
                let known = p.aliases.iter().cloned();
                let all: Vec<_> = known.chain(refunds).chain(disputes).collect();
                all.into_iter()
                    .map(|id| (p.gateway.clone(), id))
                    .collect::<Vec<_>>()
            };
            let booked = case.tenders.iter().filter_map(|tender| match &tender.by {
                By::Books { connection, id } => Some((connection.clone(), id.clone())),
                By::Recorded { .. } | By::Credit { .. } => None,
            });
            case.payments.iter().flat_map(of).chain(booked).collect()
        };
        let known = before.map(ids).unwrap_or_default();
        let ended = self.ended_methods(before);
        let aliases = ids(&self.case).difference(&known).cloned().collect();
        Verdict::Change(Box::new(Decision {
            case: self.case,
            entry,
            tasks: self.tasks,
            done: self.done,
            outbox,
            aliases,
            receipts: self.receipts,
            kept: self.kept,
            ended,
        }))
    }

    fn apply(&mut self, event: &Event) -> Applied {
        match event {
            Event::Invoiced(new) => self.invoice(new),
            Event::DepositAsked(new) => self.ask_deposit(new),
            Event::Credited(note) => self.credit(note),
            Event::Tendered(new) => self.tender(new),
            Event::TenderReversed { tender, told } => self.reverse(*tender, *told),
            Event::GivenBack(new) => self.give_back(new),
            Event::Charge(charge) => {
                self.what = "charge_requested";
                self.charge(charge)
            }
            Event::RetryDue { payment, method } => self.retry(*payment, method.as_ref()),
            Event::Calling {
                payment,
                refund,
                intent,
            } => match refund {
                None => self.calling_payment(*payment, intent),
                Some(n) => self.calling_refund(*payment, *n, intent),
            },
            Event::ReplyLost { payment, refund } => self.reply_lost(*payment, *refund),
            Event::NotDone(not_done) => self.not_done(not_done),
            Event::StillUnknown {
                payment,
                refund,
                again_at,
                tries,
                looked,
            } => self.looked_in_vain((*payment, *refund), *again_at, *tries, looked),
            Event::SessionOpened { payment, session } => self.session_opened(*payment, session),
            Event::PageStays { payment } => self.page_stays(*payment),
            Event::Reported(report) => {
                self.from = Some(report.gateway.clone());
                self.reported(report)
            }
            Event::DeclineStands { payment } => self.decline_stands(*payment),
            Event::RefundRequested(new) => self.refund(new),
            Event::RefundApproved { request } => self.approve(request),
            Event::RefundRejected { request } => self.reject(request),
            Event::Closed { payment } => self.close(*payment),
            Event::Found(found) => self.found(found),
            Event::Voided => self.void(),
            Event::Erased => self.erased(),
            Event::DisputeResolved {
                payment,
                dispute,
                lost,
            } => self.dispute_resolved(*payment, dispute, *lost),
            Event::RetryWaits { payment } => self.retry_waits(*payment),
            Event::Contradicted {
                payment,
                refund,
                call,
                note,
            } => self.contradicted(*payment, *refund, *call, note),
            Event::VisitMoved { visit, starts_at } => self.visit_moved(visit, *starts_at),
            Event::VisitCalledOff { how } => self.visit_called_off(*how),
            Event::VisitRestored => self.visit_restored(),
            Event::Person { id, matter } => self.must_look(id, matter),
        }
    }

    /// Nothing is known yet: it is looked for again.
    fn looked_in_vain(
        &mut self,
        (payment, refund): (u32, Option<u32>),
        due: Timestamp,
        tries: u32,
        looked: &Looked,
    ) -> Applied {
        self.still_unknown(payment, refund, looked)?;
        let work = Work::Settle {
            payment,
            refund,
            tries,
        };
        let id = task_id(payment, refund);
        self.tasks.push(Task { id, work, due });
        Ok(())
    }

    /// Fact by fact: one that tells nothing new, or cannot be true, hides no other. What cannot be
    /// true beside what is, is put before people.
    fn reported(&mut self, report: &Report) -> Applied {
        let (mut odd, mut told) = (vec![], false);
        // Payments that cannot be this one: what else is told of them is not of this one either.
        let mut others = BTreeSet::new();
        for fact in &report.facts {
            let before = self.clone();
            if fact.payment.as_ref().is_some_and(|id| others.contains(id)) {
                continue;
            }
            match self.fact(report, fact) {
                Ok(()) => told = true,
                Err(Verdict::Nothing) => {}
                Err(Verdict::Contradiction(why)) => {
                    *self = before;
                    if fact.kind == Kind::PaymentSucceeded {
                        others.extend(fact.payment.clone());
                    }
                    odd.push(why);
                }
                Err(other) => return Err(other),
            }
        }
        if let (Some(why), false) = (odd.first(), told) {
            return Err(Verdict::Contradiction(why.clone()));
        }
        for why in odd {
            let id = format!("contradiction-{}", &ids::derived(&[&why])[..10]);
            let matter = Matter::of(Alert::Contradiction).vendor(&report.gateway);
            self.person(&id, matter.words(why));
        }
        Ok(())
    }

    fn payment(&mut self, n: u32) -> Result<&mut Payment, Verdict> {
        let missing = || Verdict::Refused(Refusal::NotFound(format!("payment {n}")));
        self.case.payment_mut(n).ok_or_else(missing)
    }

    fn our_refund(&mut self, payment: u32, n: u32) -> Result<&mut Refund, Verdict> {
        let found = self
            .payment(payment)?
            .refunds
            .iter_mut()
            .find(|r| r.n == Some(n));
        found.ok_or_else(|| Verdict::Refused(Refusal::NotFound(format!("refund {n}"))))
    }

    fn schedule(&mut self, payment: u32, refund: Option<u32>, work: Work, seconds: i64) {
        let due = time::after(self.ctx.now, seconds);
        self.tasks.push(Task {
            id: task_id(payment, refund),
            work,
            due,
        });
    }

    /// Issues a receipt: each once, and for a payment that was collected again a further one.
    fn receipt(&mut self, payment: u32, after: Option<String>) {
        let base = ids::payment_reference(&self.case.id, payment);
        let id = after
            .as_ref()
            .map_or(base.clone(), |what| format!("{base}-{what}"));
        if self.case.receipts.contains(&id) {
            return;
        }
        let at = self.moved;
        self.case.receipts.push(id.clone());
        self.receipts.push(Receipt {
            id,
            payment,
            after,
            at,
        });
    }

    /// What a payment's receipt is called that is issued now: `first`, and each further time with
    /// its number. `None` for the first receipt of a payment that came.
    fn time(&self, payment: u32, first: Option<&str>, further: &str) -> Option<String> {
        let base = ids::payment_reference(&self.case.id, payment);
        let issued = |what: &str| self.case.receipts.contains(&format!("{base}{what}"));
        let name = first.map_or(String::new(), |what| format!("-{what}"));
        if !issued(&name) {
            return first.map(String::from);
        }
        let start = if first.is_some() { 2 } else { 1 };
        let named = (start..).map(|n| format!("{further}{n}"));
        named.into_iter().find(|name| !issued(&format!("-{name}")))
    }

    /// Money arrived: the first time, or `again`. The receipt and whoever is told bear one name.
    fn arrived(&mut self, n: u32, first: Option<&str>, amount: Option<Money>) {
        let again = first.unwrap_or("again");
        let time = self.time(n, first, again);
        self.receipt(n, time.clone());
        self.tell_sum(Topic::PaymentReceived, Some(n), time, amount);
    }

    /// So much of a payment went back by itself.
    fn went_back(&mut self, n: u32, amount: Money) {
        let time = self.time(n, Some("returned"), "returned");
        let told = time.clone().filter(|time| time != "returned");
        self.receipt(n, time);
        self.tell_sum(Topic::PaymentReturned, Some(n), told, Some(amount));
    }

    fn tell(&mut self, topic: Topic, payment: Option<u32>, object: Option<String>) {
        self.tell_sum(topic, payment, object, None);
    }

    /// Tells of it once in this commit, as the case stands at its end.
    fn tell_sum(
        &mut self,
        topic: Topic,
        payment: Option<u32>,
        object: Option<String>,
        amount: Option<Money>,
    ) {
        let subject = Subject::new(&self.case, topic, payment, object);
        self.told.retain(|told| told.subject != subject);
        let at = self.moved;
        self.told.push(Told {
            subject,
            at,
            amount,
        });
    }

    /// What is told, numbered and frozen.
    fn outbox(&mut self) -> Vec<Occurrence> {
        let mut occurrences = vec![];
        for told in std::mem::take(&mut self.told) {
            self.case.told += 1;
            let mut facts = Facts::of(&self.case, &told.subject);
            facts.matter = self.matter_of(&told.subject);
            let amount = facts.matter.as_ref().and_then(|matter| matter.amount);
            let amount = told.amount.or(amount).or(told.subject.amount(&self.case));
            occurrences.push(Occurrence {
                n: self.case.told,
                at: told.at,
                heard_at: self.ctx.now,
                from: self.from.clone(),
                amount: amount.unwrap_or(self.case.invoice().total),
                subject: told.subject,
                facts,
            });
        }
        occurrences
    }

    /// What the task asks of which people are told.
    fn matter_of(&self, subject: &Subject) -> Option<Matter> {
        let id = format!("person-{}", subject.object.as_deref()?);
        let mut tasks = self.tasks.iter().rev();
        let task = tasks.find(|task| subject.topic == Topic::NeedsPerson && task.id == id)?;
        match &task.work {
            Work::Person(matter) => Some(matter.clone()),
            _ => None,
        }
    }
}

/// What is to be told, before it is numbered.
#[derive(Clone)]
struct Told {
    subject: Subject,
    at: Timestamp,
    /// What came or went this time, where that is not the whole.
    amount: Option<Money>,
}

/// The payments and tenders that a change touched, and why one of them did not come or stay.
fn changed(before: Option<&Case>, after: &Case) -> (Vec<u32>, Option<Decline>) {
    let was = |n| before.and_then(|case| case.payment(n));
    let touched = after.payments.iter().filter(|p| was(p.n) != Some(*p));
    let touched: Vec<_> = touched.collect();
    let new = |p: &&&Payment| p.decline != was(p.n).and_then(|before| before.decline);
    let why = touched.iter().filter(new).find_map(|p| p.decline);
    let known = |n| before.and_then(|case| case.tender(n));
    let tenders = after.tenders.iter().filter(|t| known(t.n) != Some(*t));
    let mut numbers: Vec<_> = touched.iter().map(|p| p.n).collect();
    numbers.extend(tenders.map(|t| t.n));
    (numbers, why)
}

/// The row of a payment's or a refund's next step: one row for all its steps.
pub fn task_id(payment: u32, refund: Option<u32>) -> String {
    refund.map_or(format!("p{payment}"), |n| format!("r{n}"))
}

/// The name of the person's task of a refund that waits for approval.
fn waits(request: &str) -> String {
    format!("refund-waits-{request}")
}

/// How a refund would be taken: from the newest payment first, over several where one is not
/// enough. The amounts come to no more than is refundable.
pub fn split_refund(case: &Case, amount: Money, only: Option<u32>) -> Vec<(u32, Money)> {
    let mut left = amount.minor;
    let mut parts = vec![];
    for payment in case
        .payments
        .iter()
        .rev()
        .filter(|p| only.is_none_or(|n| n == p.n))
    {
        let part = left.min(payment.refundable().minor);
        if part > 0 {
            parts.push((payment.n, Money::new(part, amount.currency)));
            left -= part;
        }
    }
    parts
}
