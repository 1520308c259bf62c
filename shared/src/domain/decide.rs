//! What an event does to a case: `decide(case, event, context)`, pure and total.
//!
//! Receipts, messages and deliveries are keyed by payment or refund, not by event, and the books
//! are the difference of two states (see [`super::journal`]): every order of the same events ends
//! in the same case and the same balances.

use super::case::{Case, Intent, Payment, Session, Step};
use super::dispute::{self, Dispute};
use super::event::{Context, Event, NewCharge, NewInvoice, NewRefund, NotDone, Report};
use super::fact::{Decline, Fact, Kind, Method};
use super::invoice::Invoice;
use super::journal::{self, Entry};
use super::payment::{self, State};
use super::policy::Collect;
use super::refund::{self, Refund};
use super::task::{Alert, Delivery, Task, Topic, Work};
use crate::clock;
use crate::ids::{self, Reference};
use crate::money::Money;
use std::collections::BTreeSet;

/// How long a call that was sent may stay without a word before we ask.
const FIRST_POLL: i64 = 15 * 60;
/// How long a call may be without an answer before a person hears of it.
const WORRY: i64 = 6 * 3600;

#[derive(Clone, Debug)]
pub enum Verdict {
    /// Commit this.
    Change(Box<Decision>),
    /// Known already, or older than what is known.
    Nothing,
    /// It cannot be understood yet: our own call on the same object is still under way.
    Wait(&'static str),
    /// Only the gateway can tell: look the payment up and report what it says.
    Ask {
        payment: u32,
    },
    /// It matches nothing here.
    Unmatched,
    /// It cannot be true together with what is known.
    Contradiction(String),
    Refused(Refusal),
}

/// Why a request is not granted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The request makes no sense: what is wrong, and what to do.
    Invalid(String),
    /// More than is refundable.
    NotRefundable {
        refundable: Money,
    },
    /// More than is due.
    NotDue {
        due: Money,
    },
    /// Another call on the same object is under way.
    Busy,
    NotFound(String),
}

/// One commit.
#[derive(Clone, Debug)]
pub struct Decision {
    pub case: Case,
    pub entry: Entry,
    /// Put, replacing rows of the same id.
    pub tasks: Vec<Task>,
    /// Rows that are no longer due.
    pub done: Vec<String>,
    /// Ids under which the gateway may speak of this case from now on.
    pub aliases: BTreeSet<(String, String)>,
    /// Keys of receipts to be issued.
    pub receipts: Vec<Receipt>,
    /// A method that the patient let the gateway keep.
    pub kept: Option<Method>,
}

/// A receipt is issued for a payment, and again whenever money goes back or comes back again,
/// replacing the one before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// `{case}-p1`, `{case}-p1-r2`.
    pub id: String,
    pub payment: u32,
    /// What happened to the payment since: a refund's key, `returned`, `r2-failed`.
    pub after: Option<String>,
}

/// What is changed while an event is worked through.
struct Draft<'a> {
    case: Case,
    ctx: &'a Context,
    what: &'static str,
    tasks: Vec<Task>,
    done: Vec<String>,
    receipts: Vec<Receipt>,
    kept: Option<Method>,
}

/// `Err` is any verdict other than a change.
type Applied = Result<(), Verdict>;

/// What the event does to the case; `case` is `None` only before its first event.
pub fn decide(case: Option<&Case>, event: &Event, ctx: &Context) -> Verdict {
    let outcome = match (case, event) {
        (None, Event::Invoiced(new)) => Draft::begin(new, ctx),
        (None, _) => return Verdict::Unmatched,
        (Some(_), Event::Invoiced(_)) => return Verdict::Nothing,
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
            tasks: vec![],
            done: vec![],
            receipts: vec![],
            kept: None,
        }
    }

    fn begin(new: &NewInvoice, ctx: &'a Context) -> Result<Self, Verdict> {
        let invoice = Invoice::new(new.number.clone(), new.currency, new.lines.clone())
            .map_err(|why| Verdict::Refused(Refusal::Invalid(why.to_string())))?;
        let case = Case {
            id: new.id.clone(),
            clinic: new.clinic.clone(),
            patient: new.patient.clone(),
            appointment: new.appointment.clone(),
            starts_at: new.starts_at,
            created_at: ctx.now,
            currency: new.currency,
            invoice,
            policy: new.policy.clone(),
            payments: vec![],
            refunds_numbered: 0,
            receipts: vec![],
            blocked: BTreeSet::new(),
            entries: 0,
            head: String::new(),
        };
        let mut draft = Self::new(case, ctx);
        draft.what = "invoice_issued";
        draft.tell(Topic::InvoiceIssued, None, None);
        if let Some(charge) = &new.charge {
            draft.charge(charge)?;
        }
        Ok(draft)
    }

    fn finish(mut self, before: Option<&Case>) -> Verdict {
        self.overreturned(before);
        if before == Some(&self.case) && self.tasks.is_empty() && self.done.is_empty() {
            return Verdict::Nothing;
        }
        let was = before.map(journal::balances).unwrap_or_default();
        let entry = Entry {
            case: self.case.id.clone(),
            seq: self.case.entries + 1,
            at: self.ctx.now,
            cause: self.ctx.cause.clone(),
            what: self.what.into(),
            currency: self.case.currency,
            postings: journal::difference(&was, &journal::balances(&self.case)),
            before: self.case.head.clone(),
            hash: String::new(),
        }
        .sealed();
        self.case.entries = entry.seq;
        self.case.head.clone_from(&entry.hash);
        let ids = |case: &Case| -> BTreeSet<(String, String)> {
            let of = |p: &Payment| {
                let refunds = p.refunds.iter().filter_map(|r| r.id.clone());
                let all: Vec<_> = p.aliases.iter().cloned().chain(refunds).collect();
                all.into_iter()
                    .map(|id| (p.gateway.clone(), id))
                    .collect::<Vec<_>>()
            };
            case.payments.iter().flat_map(of).collect()
        };
        let known = before.map(ids).unwrap_or_default();
        let aliases = ids(&self.case).difference(&known).cloned().collect();
        Verdict::Change(Box::new(Decision {
            case: self.case,
            entry,
            tasks: self.tasks,
            done: self.done,
            aliases,
            receipts: self.receipts,
            kept: self.kept,
        }))
    }

    fn apply(&mut self, event: &Event) -> Applied {
        match event {
            Event::Invoiced(_) => Err(Verdict::Nothing),
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
                person,
            } => {
                if !self.only_asking_helps(*payment, *refund)? {
                    return Err(Verdict::Nothing);
                }
                self.what = "still_unknown";
                let id = task_id(*payment, *refund);
                if *person {
                    self.done.push(id.clone());
                    let note = "The gateway cannot say what became of this call. Look it up in \
                                the gateway's dashboard, then record what you find.";
                    self.person(&id, Alert::UnknownOutcome, note);
                } else {
                    let work = Work::Settle {
                        payment: *payment,
                        refund: *refund,
                        tries: *tries,
                    };
                    self.tasks.push(Task {
                        id,
                        work,
                        due: *again_at,
                    });
                }
                Ok(())
            }
            Event::SessionOpened { payment, session } => self.session_opened(*payment, session),
            Event::Reported(report) => report.facts.iter().try_for_each(|fact| {
                match self.fact(report, fact) {
                    // One fact of several that tells nothing new must not hide the others.
                    Err(Verdict::Nothing) => Ok(()),
                    other => other,
                }
            }),
            Event::RefundRequested(new) => self.refund(new),
            Event::RefundApproved { request } => self.approve(request),
            Event::RefundRejected { request } => self.reject(request),
            Event::Closed { payment } => self.close(*payment),
            Event::Person { id, alert, note } => {
                self.what = "needs_person";
                self.person(id, *alert, note);
                Ok(())
            }
        }
    }

    // ---- asked for ---------------------------------------------------------------------------

    fn charge(&mut self, charge: &NewCharge) -> Applied {
        let due = self.case.chargeable();
        let amount = charge.amount.unwrap_or(due);
        if amount.currency != self.case.currency {
            let text = format!("the invoice is in {}", self.case.currency.code());
            return Err(Verdict::Refused(Refusal::Invalid(text)));
        }
        if amount.minor <= 0 || amount.minor > due.minor {
            return Err(Verdict::Refused(Refusal::NotDue { due }));
        }
        self.plan(
            amount,
            charge.gateway.clone(),
            charge.method.clone(),
            charge.keep_method,
        );
        Ok(())
    }

    fn plan(&mut self, amount: Money, gateway: String, method: Option<Method>, keep: bool) {
        let n = self.case.payments.len() as u32 + 1;
        let step = if method.is_some() {
            Step::Charge
        } else {
            Step::Checkout
        };
        self.case.payments.push(Payment {
            method,
            keep_method: keep,
            ..Payment::planned(n, gateway, amount)
        });
        self.schedule(n, None, Work::Pay { payment: n, step }, 0);
    }

    fn retry(&mut self, payment: u32, method: Option<&Method>) -> Applied {
        self.what = "retry_due";
        self.done.push(format!("retry-p{payment}"));
        let newest = self.case.payments.iter().map(|p| p.n).max();
        let (due, failed) = (self.case.chargeable(), self.payment(payment)?.clone());
        // A newer attempt, or money that came otherwise, has made this retry needless.
        let needed = newest == Some(payment) && failed.may_retry() && due.minor > 0;
        if let Some(method) = method.filter(|_| needed) {
            let amount = Money::new(failed.amount.minor.min(due.minor), due.currency);
            self.plan(amount, method.gateway.clone(), Some(method.clone()), false);
        }
        Ok(())
    }

    fn refund(&mut self, new: &NewRefund) -> Applied {
        self.what = "refund_requested";
        let of_one = |n| self.case.payment(n).map_or(0, |p| p.refundable().minor);
        let refundable = Money::new(
            new.payment.map_or(self.case.refundable().minor, of_one),
            self.case.currency,
        );
        let amount = new.amount.unwrap_or(refundable);
        if amount.currency != self.case.currency || amount.minor <= 0 {
            let text = format!(
                "a refund is an amount above 0 in {}",
                self.case.currency.code()
            );
            return Err(match refundable.minor {
                0 if new.amount.is_none() => {
                    Verdict::Refused(Refusal::NotRefundable { refundable })
                }
                _ => Verdict::Refused(Refusal::Invalid(text)),
            });
        }
        if amount.minor > refundable.minor {
            return Err(Verdict::Refused(Refusal::NotRefundable { refundable }));
        }
        let state = match new.needs_approval {
            true => refund::State::AwaitingApproval,
            false => refund::State::Requested,
        };
        for (payment, part) in split_refund(&self.case, amount, new.payment) {
            self.case.refunds_numbered += 1;
            let n = self.case.refunds_numbered;
            let refund = Refund {
                n: Some(n),
                request: Some(new.request.clone()),
                id: None,
                amount: part,
                state,
                paid_at: None,
                intent: None,
            };
            let refunds = &mut self.payment(payment)?.refunds;
            refunds.push(refund);
            refunds.sort_by_key(Refund::key);
            if !new.needs_approval {
                self.schedule(payment, Some(n), Work::Refund { refund: n }, 0);
            }
        }
        if new.needs_approval {
            let note = format!("A refund of {amount} waits for approval: approve or reject it.");
            self.person(&waits(&new.request), Alert::RefundWaits, &note);
        }
        Ok(())
    }

    fn approve(&mut self, request: &str) -> Applied {
        self.what = "refund_approved";
        for (payment, n) in self.judged(request, refund::Event::Approved)? {
            self.schedule(payment, Some(n), Work::Refund { refund: n }, 0);
        }
        Ok(())
    }

    /// Gives up a refund that waits for approval: its amount is refundable again.
    fn reject(&mut self, request: &str) -> Applied {
        self.what = "refund_rejected";
        self.judged(request, refund::Event::Failed).map(drop)
    }

    /// Moves every part of a request that waits for approval; there must be one.
    fn judged(&mut self, request: &str, event: refund::Event) -> Result<Vec<(u32, u32)>, Verdict> {
        let mut judged = vec![];
        for payment in &mut self.case.payments {
            let of_request = |r: &&mut Refund| r.request.as_deref() == Some(request);
            for part in payment.refunds.iter_mut().filter(of_request) {
                let waits = part.state == refund::State::AwaitingApproval;
                if let Some(to) = refund::next(part.state, event).filter(|_| waits) {
                    part.state = to;
                    judged.extend(part.n.map(|n| (payment.n, n)));
                }
            }
        }
        self.done.push(format!("person-{}", waits(request)));
        match judged.is_empty() {
            true => Err(Verdict::Nothing),
            false => Ok(judged),
        }
    }

    /// A person looked it up: it never happened. Money that comes all the same still counts.
    fn close(&mut self, n: u32) -> Applied {
        let now = self.ctx.now;
        let payment = self.payment(n)?;
        if payment
            .intent
            .as_ref()
            .is_some_and(|intent| intent.lives(now))
        {
            return Err(Verdict::Refused(Refusal::Busy));
        }
        payment.page_over = true;
        self.move_payment(n, payment::Event::Expired, None)?;
        self.unblocked(n, None);
        self.done.push(format!("person-{}", task_id(n, None)));
        self.what = "payment_closed";
        Ok(())
    }

    // ---- our own calls -----------------------------------------------------------------------

    fn calling_payment(&mut self, n: u32, intent: &Intent) -> Applied {
        let now = self.ctx.now;
        let payment = self.payment(n)?;
        let (first_sent_at, event) = match &payment.intent {
            Some(old) if old.lives(now) => return Err(Verdict::Refused(Refusal::Busy)),
            // Only a repeat under the very same key may follow a call that was sent.
            Some(old) if old.key != intent.key || old.step != intent.step => {
                return Err(Verdict::Refused(Refusal::Busy));
            }
            // The call before ran out of its lease: it may have acted.
            Some(old) => (old.first_sent_at, payment::Event::ReplyLost),
            None if payment.next_step() != Some(intent.step) => return Err(Verdict::Nothing),
            None => (intent.first_sent_at, payment::Event::Submitted),
        };
        if intent.step != Step::Checkout {
            let to = payment::next(payment.state, event).unwrap_or(payment.state);
            payment.state = Some(to)
                .filter(|s| s.is_under_way())
                .ok_or(Verdict::Nothing)?;
        }
        payment.intent = Some(Intent {
            first_sent_at,
            ..intent.clone()
        });
        let work = Work::Pay {
            payment: n,
            step: intent.step,
        };
        let work = match payment.state {
            State::Unknown => Work::Settle {
                payment: n,
                refund: None,
                tries: 1,
            },
            _ => work,
        };
        let due = intent.lease_until;
        self.what = "calling_gateway";
        self.tasks.push(Task {
            id: task_id(n, None),
            work,
            due,
        });
        Ok(())
    }

    fn calling_refund(&mut self, payment: u32, n: u32, intent: &Intent) -> Applied {
        let now = self.ctx.now;
        let refund = self.our_refund(payment, n)?;
        let (first_sent_at, event) = match &refund.intent {
            Some(old) if old.lives(now) => return Err(Verdict::Refused(Refusal::Busy)),
            Some(old) if old.key != intent.key => return Err(Verdict::Refused(Refusal::Busy)),
            // The call before ran out of its lease: it may have acted.
            Some(old) => (old.first_sent_at, refund::Event::ReplyLost),
            None if refund.state != refund::State::Requested => return Err(Verdict::Nothing),
            None => (intent.first_sent_at, refund::Event::Calling),
        };
        if refund.state.is_final() {
            return Err(Verdict::Nothing);
        }
        let sent_before = event == refund::Event::ReplyLost;
        if !sent_before && self.payment(payment)?.unreserved().minor < 0 {
            return self.needless_refund(payment, n);
        }
        let refund = self.our_refund(payment, n)?;
        refund.state = refund::next(refund.state, event).unwrap_or(refund.state);
        refund.intent = Some(Intent {
            first_sent_at,
            ..intent.clone()
        });
        let work = match refund.state {
            refund::State::Unknown => Work::Settle {
                payment,
                refund: Some(n),
                tries: 1,
            },
            _ => Work::Refund { refund: n },
        };
        self.what = "calling_gateway";
        self.tasks.push(Task {
            id: task_id(payment, Some(n)),
            work,
            due: intent.lease_until,
        });
        Ok(())
    }

    /// The money went back by itself before this refund was sent: sending it would pay twice.
    fn needless_refund(&mut self, payment: u32, n: u32) -> Applied {
        self.what = "refund_failed";
        let refund = self.our_refund(payment, n)?;
        refund.state = refund::State::Failed;
        let key = refund.key();
        self.done.push(task_id(payment, Some(n)));
        self.unblocked(payment, Some(n));
        self.tell(Topic::RefundFailed, Some(payment), Some(key.clone()));
        let note = "The payment was taken back before this refund was sent. It was not sent: the \
                    patient has the money already, or a dispute holds it.";
        self.person(&format!("refund-failed-{key}"), Alert::RefundFailed, note);
        Ok(())
    }

    fn reply_lost(&mut self, payment: u32, refund: Option<u32>) -> Applied {
        self.what = "reply_lost";
        let now = self.ctx.now;
        self.worry(payment, refund)?;
        match refund {
            None => {
                let paying = self.payment(payment)?;
                if !paying.state.is_under_way() || paying.intent.is_none() {
                    return Err(Verdict::Nothing);
                }
                // A page that nobody was sent to is simply opened again under its key.
                let step = paying.intent.as_ref().map(|i| i.step);
                let wait = paying
                    .intent
                    .as_mut()
                    .map_or(5, |intent| intent.let_go(now));
                let work = match step {
                    Some(step @ Step::Checkout) => Work::Pay { payment, step },
                    _ => {
                        paying.state = payment::next(paying.state, payment::Event::ReplyLost)
                            .unwrap_or(paying.state);
                        Work::Settle {
                            payment,
                            refund: None,
                            tries: 0,
                        }
                    }
                };
                self.schedule(payment, None, work, wait);
            }
            Some(n) => {
                let refund = self.our_refund(payment, n)?;
                if refund.state.is_final() || refund.intent.is_none() {
                    return Err(Verdict::Nothing);
                }
                let wait = refund
                    .intent
                    .as_mut()
                    .map_or(5, |intent| intent.let_go(now));
                refund.state =
                    refund::next(refund.state, refund::Event::ReplyLost).unwrap_or(refund.state);
                let work = Work::Settle {
                    payment,
                    refund: Some(n),
                    tries: 0,
                };
                self.schedule(payment, Some(n), work, wait);
            }
        }
        Ok(())
    }

    /// A call without an answer for hours: a person is told once, while we go on asking.
    fn worry(&mut self, payment: u32, refund: Option<u32>) -> Applied {
        let now = self.ctx.now;
        let intent = match refund {
            None => self.payment(payment)?.intent.as_ref(),
            Some(n) => self.our_refund(payment, n)?.intent.as_ref(),
        };
        let since = intent.map_or(now, |intent| intent.first_sent_at);
        let id = task_id(payment, refund);
        let long = now.as_second() - since.as_second() > WORRY;
        if long && self.case.blocked.insert(id.clone()) {
            let note = "The gateway has not said for hours what became of this call. It is still \
                        asked, under the same key; look into the gateway's dashboard.";
            self.person(&format!("blocked-{id}"), Alert::UnknownOutcome, note);
        }
        Ok(())
    }

    fn not_done(&mut self, not_done: &NotDone) -> Applied {
        self.what = "gateway_busy";
        let NotDone {
            payment,
            refund,
            retry_at,
            never,
            note,
        } = not_done;
        let (payment, refund, now) = (*payment, *refund, self.ctx.now);
        // A look-up that found nothing knows nothing of a call that was made since.
        let overtaken =
            |intent: &Option<Intent>| *never && intent.as_ref().is_some_and(|i| i.lives(now));
        // After an unknown outcome "not now" says nothing of the first try: its key is kept.
        let work = match refund {
            None => {
                let paying = self.payment(payment)?;
                let step = paying
                    .intent
                    .as_ref()
                    .map(|i| i.step)
                    .or(paying.next_step());
                let Some(step) = step.filter(|_| paying.state.is_under_way()) else {
                    return Err(Verdict::Nothing);
                };
                if overtaken(&paying.intent) {
                    return Err(Verdict::Nothing);
                }
                if paying.state == State::Unknown && !never {
                    paying
                        .intent
                        .iter_mut()
                        .for_each(|i| i.lease_until = *retry_at);
                    Work::Settle {
                        payment,
                        refund,
                        tries: 1,
                    }
                } else {
                    paying.intent = None;
                    let waiting = step == Step::Complete;
                    paying.state = if waiting { State::Pending } else { State::Open };
                    Work::Pay { payment, step }
                }
            }
            Some(n) => {
                let refund = self.our_refund(payment, n)?;
                if overtaken(&refund.intent) {
                    return Err(Verdict::Nothing);
                }
                match refund.state {
                    // The gateway has it: a late word of another try changes nothing.
                    refund::State::Executing if refund.intent.is_none() => {
                        return Err(Verdict::Nothing);
                    }
                    refund::State::Unknown if !never => {
                        refund
                            .intent
                            .iter_mut()
                            .for_each(|i| i.lease_until = *retry_at);
                        Work::Settle {
                            payment,
                            refund: Some(n),
                            tries: 1,
                        }
                    }
                    refund::State::Requested
                    | refund::State::Executing
                    | refund::State::Unknown => {
                        refund.intent = None;
                        refund.state = refund::State::Requested;
                        Work::Refund { refund: n }
                    }
                    refund::State::AwaitingApproval
                    | refund::State::Succeeded
                    | refund::State::Failed => return Err(Verdict::Nothing),
                }
            }
        };
        let id = task_id(payment, refund);
        // Tried again and again until it is mended: the person is told once.
        if let Some(note) = note
            && self.case.blocked.insert(id.clone())
        {
            self.person(&format!("blocked-{id}"), Alert::Blocked, note);
        }
        self.tasks.push(Task {
            id,
            work,
            due: *retry_at,
        });
        Ok(())
    }

    /// Whether it is open and no call is due, under way, or lost unnoticed: each of those has a
    /// row of its own that must not be replaced.
    fn only_asking_helps(&mut self, payment: u32, refund: Option<u32>) -> Result<bool, Verdict> {
        let now = self.ctx.now;
        let (unknown, accepted, intent) = match refund {
            None => {
                let paying = self.payment(payment)?;
                let accepted = paying.state.is_under_way() && paying.next_step().is_none();
                (paying.state == State::Unknown, accepted, &paying.intent)
            }
            Some(n) => {
                let refund = self.our_refund(payment, n)?;
                let accepted = refund.state == refund::State::Executing;
                (
                    refund.state == refund::State::Unknown,
                    accepted,
                    &refund.intent,
                )
            }
        };
        Ok(match intent {
            Some(intent) => unknown && !intent.lives(now),
            None => accepted,
        })
    }

    fn session_opened(&mut self, n: u32, session: &Session) -> Applied {
        self.what = "checkout_opened";
        let payment = self.payment(n)?;
        if payment.session.is_some() {
            return Err(Verdict::Nothing);
        }
        payment.aliases.insert(session.id.clone());
        payment.session = Some(session.clone());
        payment.intent = None;
        let under_way = payment.state.is_under_way();
        self.unblocked(n, None);
        if under_way {
            let work = Work::Settle {
                payment: n,
                refund: None,
                tries: 0,
            };
            self.schedule(n, None, work, FIRST_POLL);
            self.tell(Topic::CheckoutReady, Some(n), None);
        }
        Ok(())
    }

    /// The gateway answers again.
    fn unblocked(&mut self, payment: u32, refund: Option<u32>) {
        let id = task_id(payment, refund);
        if self.case.blocked.remove(&id) {
            self.done.push(format!("person-blocked-{id}"));
        }
    }

    // ---- what gateways say -------------------------------------------------------------------

    fn fact(&mut self, report: &Report, fact: &Fact) -> Applied {
        let n = self.matching(report, fact).ok_or(Verdict::Unmatched)?;
        let payment = self.payment(n)?;
        let arrived = payment.arrived();
        let succeeded = fact.kind == Kind::PaymentSucceeded && fact.payment.is_some();
        let known = fact.payment_ids().any(|id| payment.aliases.contains(id));
        let stranger = fact.payment_ids().next().is_some() && !known;
        if succeeded && arrived && payment.capture.is_some() && stranger {
            return Err(Verdict::Contradiction(
                "this payment was made a second time, under another id of the gateway".into(),
            ));
        }
        // Anybody who pays this gateway can write our reference on another payment: what implies
        // that money came, or speaks of another payment than the one that came, is asked first.
        let implies = fact.refund.is_some() || fact.dispute.is_some();
        let unsure = !arrived || (stranger && payment.capture.is_some());
        if implies && unsure && !report.current && fact.kind != Kind::PaymentReturned {
            return Err(Verdict::Ask { payment: n });
        }
        let other = fact.amount.is_some_and(|amount| amount != payment.amount);
        if fact.kind == Kind::PaymentSucceeded && other && !arrived {
            let amount = fact.amount.unwrap_or(payment.amount);
            let text = format!("{amount} arrived where {} was asked", payment.amount);
            return Err(Verdict::Contradiction(text));
        }
        payment.aliases.extend(fact.payment_ids().map(String::from));
        // A try that failed may have had an id of its own: the one that paid is refunded.
        if payment.capture.is_none() || (succeeded && !arrived) {
            payment.capture.clone_from(&fact.payment);
        }
        self.unblocked(n, None);
        match fact.kind {
            Kind::PaymentSucceeded
            | Kind::PaymentFailed
            | Kind::PaymentPending
            | Kind::PaymentExpired
            | Kind::PaymentReturned => self.payment_fact(n, report, fact),
            Kind::RefundSucceeded | Kind::RefundFailed | Kind::RefundPending => {
                self.refund_fact(n, report, fact)
            }
            Kind::DisputeOpened => self.dispute_fact(n, report, fact, dispute::State::Open),
            Kind::DisputeWon => self.dispute_fact(n, report, fact, dispute::State::Won),
            Kind::DisputeLost => self.dispute_fact(n, report, fact, dispute::State::Lost),
            // Known kinds that change nothing in a case.
            Kind::Settled
            | Kind::PayoutPaid
            | Kind::PayoutFailed
            | Kind::MandateActive
            | Kind::MandateCancelled
            | Kind::SubscriptionCancelled
            | Kind::AppointmentCompleted
            | Kind::AppointmentCancelled
            | Kind::AppointmentRescheduled
            | Kind::AppointmentNoShow
            | Kind::MessageReceived
            | Kind::FormSubmitted
            | Kind::OrderCreated
            | Kind::Other => Err(Verdict::Nothing),
        }
    }

    /// The payment that a fact is about: by our reference first, then by any id ever seen.
    fn matching(&self, report: &Report, fact: &Fact) -> Option<u32> {
        let by_reference = fact.reference.as_deref().and_then(ids::read_reference);
        if let Some((case, reference)) = by_reference
            && case == self.case.id
        {
            let found = match reference {
                Reference::Payment(n) => self.case.payment(n),
                Reference::Refund(n) => self.case.refund(n).map(|(p, _)| p),
            };
            // Written on a payment at another gateway, it is a stranger's.
            if let Some(payment) = found.filter(|p| p.gateway == report.gateway) {
                return Some(payment.n);
            }
        }
        let known = |p: &&Payment| {
            p.gateway == report.gateway
                && (fact.payment_ids().any(|id| p.aliases.contains(id))
                    || p.refunds
                        .iter()
                        .any(|r| r.id.is_some() && r.id == fact.refund)
                    || p.disputes
                        .iter()
                        .any(|d| Some(&d.id) == fact.dispute.as_ref()))
        };
        self.case.payments.iter().find(known).map(|p| p.n)
    }

    fn payment_fact(&mut self, n: u32, report: &Report, fact: &Fact) -> Applied {
        let payment = self.payment(n)?;
        // It may have been collected again since.
        if fact.kind == Kind::PaymentReturned && report.late_failures && !report.current {
            return Err(Verdict::Ask { payment: n });
        }
        // What the bank takes under an id of its own, or a part, can be given back again: it is
        // booked like a dispute that was lost without a hearing.
        let named = fact.refund.clone().or(fact.dispute.clone());
        let part = fact
            .amount
            .filter(|amount| amount.minor < payment.amount.minor);
        if fact.kind == Kind::PaymentReturned && (named.is_some() || part.is_some()) {
            let lost = Fact {
                dispute: named.or(part.map(|amount| format!("returned {amount}"))),
                ..fact.clone()
            };
            return self.taken_back(n, report, &lost, dispute::State::Lost, true);
        }
        if payment.paid_with.is_none() {
            payment.paid_with.clone_from(&fact.paid_with);
        }
        let state = payment.state;
        let stays = payment.arrived() && !payment.returned_whole;
        // A debit that failed or came back may be collected again, at the gateway or by its staff.
        let anew = match (fact.kind, state) {
            (Kind::PaymentPending, State::Declined | State::Returned) => {
                Some(payment::Event::Resubmitted)
            }
            (Kind::PaymentSucceeded, State::Returned) => Some(payment::Event::Reinstated),
            _ => None,
        };
        if let Some(event) = anew.filter(|_| report.late_failures && !fact.approved) {
            // What a call was answered first says nothing of what came after.
            if report.answer {
                return Err(Verdict::Nothing);
            }
            return match report.current {
                true => self.collected_again(n, report, event),
                false => Err(Verdict::Ask { payment: n }),
            };
        }
        let kind = match fact.kind {
            // A debit that fails after it cleared takes its money back.
            Kind::PaymentFailed if stays && report.late_failures => match report.current {
                true => Kind::PaymentReturned,
                false => return Err(Verdict::Ask { payment: n }),
            },
            kind => kind,
        };
        let event = match kind {
            Kind::PaymentSucceeded => {
                if let Some(amount) = fact.amount.filter(|a| *a != payment.amount) {
                    let text = format!("{amount} arrived where {} was asked", payment.amount);
                    return Err(Verdict::Contradiction(text));
                }
                payment.paid_at = payment.paid_at.or(fact.occurred_at);
                if state == State::Declined && report.late_failures && !report.current {
                    return Err(Verdict::Ask { payment: n });
                }
                // Kept even where another event told of the success first.
                if payment.keep_method && payment.method.is_none() {
                    payment.method.clone_from(&fact.method);
                    self.kept = self.kept.take().or(fact.method.clone());
                }
                payment::Event::Succeeded
            }
            Kind::PaymentFailed => payment::Event::Failed,
            Kind::PaymentExpired => payment::Event::Expired,
            // A lost dispute took a part before; now all of it is gone.
            Kind::PaymentReturned if state == State::Returned && !payment.returned_whole => {
                payment.returned_whole = true;
                payment.decline = fact.decline.or(Some(Decline::Other));
                self.what = "payment_returned";
                return Ok(());
            }
            Kind::PaymentReturned => {
                if !payment.arrived() {
                    self.move_payment(n, payment::Event::Succeeded, None)?;
                }
                payment::Event::Returned
            }
            _ => return self.pending_fact(n, fact),
        };
        let over = match kind {
            Kind::PaymentExpired => true,
            Kind::PaymentFailed => !report.page_stays,
            _ => false,
        };
        let payment = self.payment(n)?;
        let ends = over && !payment.arrived() && !payment.page_over;
        payment.page_over |= ends;
        match self.move_payment(n, event, fact.decline) {
            Err(Verdict::Nothing) if ends => Ok(()),
            other => other,
        }
    }

    /// What had failed or gone back is under way or there again, unless the same report says that
    /// it went back since.
    fn collected_again(&mut self, n: u32, report: &Report, event: payment::Event) -> Applied {
        let gone = |fact: &Fact| matches!(fact.kind, Kind::PaymentFailed | Kind::PaymentReturned);
        let lost = |d: &Dispute| d.state == dispute::State::Lost;
        let payment = self.payment(n)?;
        if report.facts.iter().any(gone) || payment.disputes.iter().any(lost) {
            return Err(Verdict::Nothing);
        }
        self.move_payment(n, event, None)?;
        let payment = self.payment(n)?;
        payment.returned_whole = false;
        if event == payment::Event::Resubmitted {
            payment.paid_at = None;
            self.what = "payment_resubmitted";
            let work = Work::Settle {
                payment: n,
                refund: None,
                tries: 0,
            };
            self.schedule(n, None, work, FIRST_POLL);
        }
        self.done.push(format!("retry-p{n}"));
        Ok(())
    }

    /// A refund or a dispute implies the payment that it is about: that is posted first.
    fn imply_payment(&mut self, n: u32, report: &Report) -> Applied {
        let payment = self.payment(n)?;
        if payment.arrived() {
            return Ok(());
        }
        // The look-up tells how much came, if anything did.
        if !report.current {
            return Err(Verdict::Ask { payment: n });
        }
        self.move_payment(n, payment::Event::Succeeded, None)
    }

    /// The payer is at it, or the gateway is.
    fn pending_fact(&mut self, n: u32, fact: &Fact) -> Applied {
        let chargeable = self.case.chargeable();
        let payment = self.payment(n)?;
        // After a decline the payer may have chosen another way to pay on the same page.
        let again = payment.state == State::Declined
            && payment.open_page().is_some()
            && payment.amount.minor <= chargeable.minor;
        if !(payment.state.is_under_way() || (fact.approved && again)) {
            return Err(Verdict::Nothing);
        }
        if fact.approved {
            if payment.approved {
                return Err(Verdict::Nothing);
            }
            payment.approved = true;
            payment.approvals += 1;
            // Of the try that failed: this one will have an id of its own.
            payment.capture = None;
            payment.state = State::Pending;
            payment.decline = None;
            payment.intent = None;
            payment.method = payment.method.take().or(fact.method.clone());
            let kept = fact.method.clone().filter(|_| payment.keep_method);
            self.kept = self.kept.take().or(kept);
            self.what = "payment_approved";
            let work = Work::Pay {
                payment: n,
                step: Step::Complete,
            };
            self.schedule(n, None, work, 0);
            return Ok(());
        }
        // Money is under way, whoever began it; an answer to our call ends its lease.
        if payment.state == State::Pending && payment.intent.is_none() {
            return Err(Verdict::Nothing);
        }
        payment.state = State::Pending;
        payment.intent = None;
        self.what = "payment_pending";
        self.schedule(
            n,
            None,
            Work::Settle {
                payment: n,
                refund: None,
                tries: 0,
            },
            FIRST_POLL,
        );
        Ok(())
    }

    fn move_payment(&mut self, n: u32, event: payment::Event, why: Option<Decline>) -> Applied {
        let now = self.ctx.now;
        let payment = self.payment(n)?;
        let from = payment.state;
        let to = payment::next(from, event).ok_or(Verdict::Nothing)?;
        payment.state = to;
        payment.intent = None;
        payment.approved &= to.is_under_way();
        // One that began on a page may have brought the method that was kept there.
        let on_page = payment.keep_method || payment.session.is_some() || payment.method.is_none();
        if to == State::Paid {
            payment.paid_at = payment.paid_at.or(Some(now));
            payment.page_over = false;
            payment.approvals = 0;
        }
        payment.decline = match to {
            State::Declined | State::Returned => why.or(Some(Decline::Other)),
            _ => None,
        };
        if event == payment::Event::Returned {
            payment.returned_whole = true;
        }
        self.done.push(task_id(n, None));
        self.tasks.retain(|task| task.id != task_id(n, None));
        match to {
            State::Paid => {
                self.what = "payment_succeeded";
                // On the gateway's page a declined payer may simply try again.
                let given_up = match from {
                    State::Declined => !on_page,
                    State::Returned => true,
                    _ => false,
                };
                self.receipt(n, None);
                self.tell(Topic::PaymentReceived, Some(n), None);
                if given_up {
                    self.done.push(format!("retry-p{n}"));
                }
                if given_up || from == State::Expired {
                    let note = "This payment had been given up and the money came after all.";
                    self.person(&format!("late-p{n}"), Alert::LatePayment, note);
                }
                if self.case.paid().minor > self.case.invoice.total.minor {
                    let note = "More was paid than the invoice asks for. Refund the rest, or \
                                keep it as credit.";
                    self.person(&format!("overpaid-p{n}"), Alert::Overpaid, note);
                }
            }
            State::Declined => {
                self.what = "payment_failed";
                self.tell(Topic::PaymentFailed, Some(n), None);
                self.plan_retry(n);
            }
            State::Returned => {
                self.what = "payment_returned";
                self.receipt(n, Some("returned".into()));
                self.tell(Topic::PaymentReturned, Some(n), None);
                self.plan_retry(n);
            }
            State::Expired => self.what = "payment_expired",
            State::Open | State::Pending | State::Unknown => {}
        }
        Ok(())
    }

    /// Dunning: another try on the next of the policy's days, where the reason leaves hope.
    fn plan_retry(&mut self, n: u32) {
        let Some(payment) = self.case.payment(n) else {
            return;
        };
        let by_hand = self.case.policy.collect == Collect::Later;
        if !payment.may_retry() || payment.method.is_none() || by_hand {
            return;
        }
        let failed = |p: &&Payment| {
            p.method.is_some() && matches!(p.state, State::Declined | State::Returned)
        };
        let before = self
            .case
            .payments
            .iter()
            .filter(failed)
            .count()
            .saturating_sub(1);
        if let Some(days) = self.case.policy.retry_after_days.get(before) {
            let due = clock::after(self.ctx.now, i64::from(*days) * 86_400);
            let work = Work::Retry { payment: n };
            self.tasks.push(Task {
                id: format!("retry-p{n}"),
                work,
                due,
            });
        }
    }

    fn refund_fact(&mut self, n: u32, report: &Report, fact: &Fact) -> Applied {
        let now = self.ctx.now;
        let ours = match fact.reference.as_deref().and_then(ids::read_reference) {
            Some((case, Reference::Refund(number))) if case == self.case.id => Some(number),
            _ => None,
        };
        let payment = self.payment(n)?;
        let by_id = fact.refund.as_ref().and_then(|id| {
            payment
                .refunds
                .iter()
                .position(|r| r.id.as_ref() == Some(id))
        });
        // Under another id it is another refund, though it carries our reference.
        let same = |r: &Refund| r.id.is_none() || fact.refund.is_none() || r.id == fact.refund;
        let by_number = ours.and_then(|number| {
            let numbered = |r: &Refund| r.n == Some(number) && same(r);
            payment.refunds.iter().position(numbered)
        });
        let known = by_number.or(by_id);
        // It may have been mirrored from a webhook before our call's reply told its id.
        let mirrored = by_id.filter(|at| known != Some(*at));
        let mirrored = mirrored.map(|at| payment.refunds[at].state);
        if known.is_none() && fact.refund.is_none() {
            // Only a running total: either known, or to be asked for refund by refund.
            let total = fact.refunded_total.map_or(i64::MAX, |total| total.minor);
            return Err(match (payment.refunded().minor >= total, report.current) {
                (true, _) => Verdict::Nothing,
                (false, false) => Verdict::Ask { payment: n },
                (false, true) => Verdict::Wait("the gateway does not show the refund itself yet"),
            });
        }
        if known.is_none() {
            let calling =
                |r: &Refund| r.id.is_none() && r.intent.is_some() && Some(r.amount) == fact.amount;
            if payment.refunds.iter().any(calling) {
                return Err(Verdict::Wait("our own refund of this amount is under way"));
            }
        }
        let at = match known {
            Some(at) => at,
            None => {
                let amount = fact.amount.ok_or(Verdict::Ask { payment: n })?;
                if amount.currency != payment.amount.currency || amount.minor <= 0 {
                    let text = format!("a refund of {amount} on a payment of {}", payment.amount);
                    return Err(Verdict::Contradiction(text));
                }
                payment.refunds.push(Refund {
                    n: None,
                    request: None,
                    id: fact.refund.clone(),
                    amount,
                    state: refund::State::Executing,
                    paid_at: None,
                    intent: None,
                });
                payment.refunds.len() - 1
            }
        };
        let refund = &mut payment.refunds[at];
        if refund.id.is_none() {
            refund.id.clone_from(&fact.refund);
        }
        if let Some(amount) = fact.amount.filter(|amount| *amount != refund.amount) {
            let text = format!("a refund of {} was reported as {amount}", refund.amount);
            return Err(Verdict::Contradiction(text));
        }
        let event = match fact.kind {
            Kind::RefundSucceeded => refund::Event::Succeeded,
            Kind::RefundFailed => refund::Event::Failed,
            _ => refund::Event::Accepted,
        };
        // What was heard of the mirrored one holds, and was told.
        let heard = match mirrored {
            Some(refund::State::Succeeded) => Some(refund::Event::Succeeded),
            Some(refund::State::Failed) => Some(refund::Event::Failed),
            _ => None,
        };
        let held = heard.and_then(|event| refund::next(refund.state, event));
        refund.state = held.unwrap_or(refund.state);
        let was_calling = refund.intent.take().is_some();
        let (key, number) = (refund.key(), refund.n);
        let had_gone = refund.state == refund::State::Succeeded;
        let to = refund::next(refund.state, event);
        refund.state = to.unwrap_or(refund.state);
        refund.paid_at = match refund.state {
            refund::State::Succeeded => refund.paid_at.or(fact.occurred_at).or(Some(now)),
            _ => None,
        };
        let settled = refund.state.is_final();
        let id = refund.id.clone();
        if number.is_some() && id.is_some() {
            payment.refunds.retain(|r| r.n.is_some() || r.id != id);
        }
        payment.refunds.sort_by_key(Refund::key);
        if payment.refunded().minor > payment.amount.minor {
            let text = format!("more refunded than the {} that was paid", payment.amount);
            return Err(Verdict::Contradiction(text));
        }
        self.what = match fact.kind {
            Kind::RefundSucceeded => "refund_succeeded",
            Kind::RefundFailed => "refund_failed",
            _ => "refund_pending",
        };
        if fact.kind != Kind::RefundFailed {
            self.imply_payment(n, report)?;
        }
        if let Some(number) = number {
            self.unblocked(n, Some(number));
            if settled {
                self.done.push(task_id(n, Some(number)));
                self.tasks
                    .retain(|task| task.id != task_id(n, Some(number)));
            } else if was_calling {
                let work = Work::Settle {
                    payment: n,
                    refund: Some(number),
                    tries: 0,
                };
                self.schedule(n, Some(number), work, FIRST_POLL);
            }
        }
        match to {
            Some(refund::State::Succeeded) => {
                self.receipt(n, Some(key.clone()));
                self.tell(Topic::RefundPaid, Some(n), Some(key));
            }
            Some(refund::State::Failed) => {
                if had_gone {
                    self.receipt(n, Some(format!("{key}-failed")));
                }
                self.tell(Topic::RefundFailed, Some(n), Some(key.clone()));
                let why = fact.words.as_deref().map(|words| format!(" ({words})"));
                let note = format!(
                    "The gateway did not give this refund out{}. The amount is refundable again: \
                     choose another way to return it.",
                    why.unwrap_or_default()
                );
                self.person(&format!("refund-failed-{key}"), Alert::RefundFailed, &note);
            }
            _ => {}
        }
        Ok(())
    }

    fn dispute_fact(
        &mut self,
        n: u32,
        report: &Report,
        fact: &Fact,
        said: dispute::State,
    ) -> Applied {
        self.taken_back(n, report, fact, said, false)
    }

    /// A dispute, or a part that the bank simply took.
    fn taken_back(
        &mut self,
        n: u32,
        report: &Report,
        fact: &Fact,
        said: dispute::State,
        reversal: bool,
    ) -> Applied {
        let id = fact.dispute.clone().ok_or(Verdict::Unmatched)?;
        self.imply_payment(n, report)?;
        let payment = self.payment(n)?;
        let whole = payment.amount;
        if let Some(amount) = fact.amount
            && (amount.currency != whole.currency || amount.minor < 0)
        {
            let text = format!("a dispute over {amount} on {whole}");
            return Err(Verdict::Contradiction(text));
        }
        let at = payment.disputes.iter().position(|d| d.id == id);
        let known = at.map(|at| payment.disputes[at].state);
        let turned = dispute::ends_otherwise(known, said);
        if turned && !report.current {
            return Err(Verdict::Ask { payment: n });
        }
        let at = at.unwrap_or_else(|| {
            payment.disputes.push(Dispute {
                id: id.clone(),
                amount: fact.amount.unwrap_or(whole),
                state: said,
                reversal,
            });
            payment.disputes.len() - 1
        });
        let dispute = &mut payment.disputes[at];
        // An inquiry holds nothing until it becomes a dispute; what is lost is told at the end.
        let raised = fact.amount.filter(|amount| match (known, said) {
            (Some(dispute::State::Open), dispute::State::Open) => {
                amount.minor > dispute.amount.minor
            }
            (Some(_), dispute::State::Lost) => dispute.amount != *amount,
            _ => false,
        });
        dispute.amount = raised.unwrap_or(dispute.amount);
        dispute.reversal |= reversal;
        let to = match turned {
            true => Some(said),
            false => dispute::next(known, said),
        };
        dispute.state = to.unwrap_or(dispute.state);
        let key = dispute.key();
        payment.disputes.sort_by(|a, b| a.id.cmp(&b.id));
        let Some(to) = to else {
            return match raised {
                Some(_) => Ok(()),
                None => Err(Verdict::Nothing),
            };
        };
        match to {
            dispute::State::Open => {
                self.what = "dispute_opened";
                self.tell(Topic::DisputeOpened, Some(n), Some(key.clone()));
                let note = "A bank disputes this payment. Answer in the gateway's dashboard.";
                self.person(&format!("dispute-{key}"), Alert::DisputeOpened, note);
            }
            dispute::State::Won => {
                self.what = "dispute_won";
                self.tell(Topic::DisputeClosed, Some(n), Some(key.clone()));
                self.done.push(format!("person-dispute-{key}"));
                self.given_back(n, &key)?;
            }
            dispute::State::Lost => {
                self.what = if reversal {
                    "payment_returned"
                } else {
                    "dispute_lost"
                };
                if !reversal || known.is_some() {
                    self.tell(Topic::DisputeClosed, Some(n), Some(key.clone()));
                    self.done.push(format!("person-dispute-{key}"));
                }
                // Who disputed with success is not charged again by itself.
                if !reversal && self.payment(n)?.method.is_some() {
                    self.done.push(format!("retry-p{n}"));
                }
                let payment = self.payment(n)?;
                if payment.state == State::Paid {
                    payment.state = State::Returned;
                    // A debit that came back says why; whatever else was taken was disputed.
                    payment.decline = fact.decline.filter(|_| reversal).or(Some(Decline::Fraud));
                    self.receipt(n, Some("returned".into()));
                    self.tell(Topic::PaymentReturned, Some(n), None);
                    self.plan_retry(n);
                }
            }
        }
        Ok(())
    }

    /// A dispute was won: what it had taken is there again, where nothing else took it.
    fn given_back(&mut self, n: u32, key: &str) -> Applied {
        let payment = self.payment(n)?;
        if payment.state != State::Returned {
            return Ok(());
        }
        let reversed = |d: &Dispute| d.reversal && d.state == dispute::State::Lost;
        if payment.returned_whole || payment.disputes.iter().any(reversed) {
            let note = "A dispute was won, and the payment had gone back all the same. See in the \
                        gateway's dashboard whether the money is there.";
            self.person(&format!("won-{key}"), Alert::Contradiction, note);
            return Ok(());
        }
        if payment.returned().minor > 0 {
            return Ok(());
        }
        payment.state =
            payment::next(payment.state, payment::Event::Reinstated).unwrap_or(payment.state);
        payment.decline = None;
        self.done.push(format!("retry-p{n}"));
        self.receipt(n, Some("reinstated".into()));
        Ok(())
    }

    /// Refunds and lost disputes that come to more than was paid: the same money told twice, or
    /// lost twice. The books take it once, and a person looks.
    fn overreturned(&mut self, before: Option<&Case>) {
        for payment in &self.case.payments {
            let was = before.and_then(|case| case.payment(payment.n));
            let id = format!("person-overreturned-p{}", payment.n);
            match (
                was.is_some_and(Payment::overreturned),
                payment.overreturned(),
            ) {
                (false, true) => {
                    let note = "This payment was refunded and a dispute over it was lost. The \
                                books take the money once: see in the gateway's dashboard whether \
                                it left twice.";
                    let work = Work::Person {
                        alert: Alert::Contradiction,
                        note: note.into(),
                    };
                    let due = self.ctx.now;
                    self.tasks.push(Task { id, work, due });
                }
                (true, false) => self.done.push(id),
                (false, false) | (true, true) => {}
            }
        }
    }

    // ---- small parts -------------------------------------------------------------------------

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
        let due = clock::after(self.ctx.now, seconds);
        self.tasks.push(Task {
            id: task_id(payment, refund),
            work,
            due,
        });
    }

    /// Issues a receipt: each once, and for a payment that was collected again a further one.
    fn receipt(&mut self, payment: u32, after: Option<String>) {
        let base = ids::payment_reference(&self.case.id, payment);
        let mut id = after
            .as_ref()
            .map_or(base.clone(), |what| format!("{base}-{what}"));
        if after.is_none() && self.case.receipts.contains(&id) {
            let again = format!("{base}-again");
            let before = self
                .case
                .receipts
                .iter()
                .filter(|id| id.starts_with(&again));
            id = format!("{again}{}", before.count() + 1);
        }
        if self.case.receipts.contains(&id) {
            return;
        }
        self.case.receipts.push(id.clone());
        self.receipts.push(Receipt { id, payment, after });
    }

    fn person(&mut self, id: &str, alert: Alert, note: &str) {
        let work = Work::Person {
            alert,
            note: note.into(),
        };
        self.tasks.push(Task {
            id: format!("person-{id}"),
            work,
            due: self.ctx.now,
        });
        self.tell(Topic::NeedsPerson, None, Some(id.into()));
    }

    fn tell(&mut self, topic: Topic, payment: Option<u32>, object: Option<String>) {
        for (system, _) in self
            .ctx
            .audience
            .iter()
            .filter(|(_, heard)| *heard == topic)
        {
            let mut id = format!("tell-{system}-{}", topic.name());
            if let Some(n) = payment {
                id += &format!("-p{n}");
            }
            if let Some(object) = &object {
                id += &format!("-{object}");
            }
            let delivery = Delivery {
                system: system.clone(),
                topic,
                payment,
                object: object.clone(),
            };
            self.tasks.push(Task {
                id,
                work: Work::Deliver(delivery),
                due: self.ctx.now,
            });
        }
    }
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
