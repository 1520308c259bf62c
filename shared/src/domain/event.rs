//! What can happen to a case: what people and systems ask for, what a call under way reports, and
//! what gateways say.

use super::case::{Intent, Session};
use super::dims::Dims;
use super::fact::{Fact, Method};
use super::invoice::Line;
use super::policy::Policy;
use super::refund::Way;
use super::task::Matter;
use super::tender::By;
use super::visit::Off;
use crate::words::money::{Currency, Money};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use rust_decimal::Decimal;

/// What `decide` is asked to work into a case.
#[derive(Clone, Debug)]
pub enum Event {
    /// What was sold is known: the first event of a case, or what makes a deposit part of an invoice.
    Invoiced(Box<NewInvoice>),
    /// Money is wanted before that: the first event of a case, or a further wish.
    DepositAsked(Box<NewDeposit>),
    /// So much of the invoice is not asked for any more.
    Credited(NewCreditNote),
    /// Money came that no gateway brought.
    Tendered(NewTender),
    /// A tender was recorded in error, or did not hold.
    TenderReversed {
        tender: u32,
        /// Whether the books said so that hold it, and need not hear of it.
        told: bool,
    },
    /// Money is given back that no gateway sends.
    GivenBack(NewReturn),
    /// Collect money: from a saved method, or by a checkout.
    Charge(NewCharge),
    /// A retry's day has come.
    RetryDue {
        payment: u32,
        method: Option<Method>,
    },
    /// A call is about to be made, or repeated under the same key.
    Calling {
        payment: u32,
        refund: Option<u32>,
        intent: Intent,
    },
    /// The lease ran out or the reply was unreadable.
    ReplyLost { payment: u32, refund: Option<u32> },
    /// The gateway did not act on this try: busy, rate limited, key rejected, not configured.
    NotDone(NotDone),
    /// Looked up, and there is still nothing to be known.
    StillUnknown {
        payment: u32,
        refund: Option<u32>,
        again_at: Timestamp,
        tries: u32,
        looked: Looked,
    },
    /// The gateway's page is there.
    SessionOpened { payment: u32, session: Session },
    /// The gateway cannot end this page: it may still be paid on.
    PageStays { payment: u32 },
    /// A gateway said something.
    Reported(Report),
    /// Somebody wants money sent back.
    RefundRequested(NewRefund),
    /// Somebody who may do so, and did not ask for it, approved a refund.
    RefundApproved { request: String },
    /// Somebody decided that this refund, which waits for approval, is not made.
    RefundRejected { request: String },
    /// A person wants that this payment is not paid any more, or found that it never happened.
    Closed { payment: u32 },
    /// A person looked at the gateway where it does not tell us itself.
    Found(Found),
    /// The invoice asks for nothing any more.
    Voided,
    /// The patient was erased: nothing more is charged by itself, asked for or kept.
    Erased,
    /// A person found how a dispute ended of which its gateway says no more.
    DisputeResolved {
        payment: u32,
        /// Its key within the case.
        dispute: String,
        lost: bool,
    },
    /// The time is over that a payer has who was declined on a page.
    DeclineStands { payment: u32 },
    /// A planned retry waits: the gateway did not say that the payment before it is over.
    RetryWaits { payment: u32 },
    /// What the gateway says of a payment or refund cannot be true beside what is known.
    Contradicted {
        payment: u32,
        refund: Option<u32>,
        /// Whether it answered a call of ours, of which the outcome is now unknown.
        call: bool,
        note: String,
    },
    /// This visit, which the case bills, begins at that time.
    VisitMoved { visit: String, starts_at: Timestamp },
    /// The visit that the case bills was called off.
    VisitCalledOff { how: Off },
    /// The visit takes place after all.
    VisitRestored,
    /// Nothing to decide here; somebody must look.
    Person {
        /// Tells tasks of a case apart: `contradiction-…`, `delivery-slack.000003`.
        id: String,
        matter: Matter,
    },
}

/// What a look at a gateway came to that told nothing new.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Looked {
    /// It did not answer.
    Silent,
    /// It answered, and there is nothing new.
    Nothing,
    /// It does not know what was asked for, or does not show it, as these words say.
    Refused(String),
    /// It cannot be asked before a person mends what these words say.
    Blocked(String),
    /// Looking alone may never tell: a person looks as well.
    Person,
}

/// A call that surely had no effect, and when the next is made.
#[derive(Clone, Debug)]
pub struct NotDone {
    /// The payment's number.
    pub payment: u32,
    /// The refund's number, where the call was one of a refund.
    pub refund: Option<u32>,
    /// When it is tried again.
    pub retry_at: Timestamp,
    /// Whether no earlier try can have acted either: a trusted look-up found nothing.
    pub never: bool,
    /// What a person must mend before a retry helps.
    pub note: Option<String>,
}

/// What a person found of a payment, or of a refund of it.
#[derive(Clone, Debug)]
pub struct Found {
    /// The payment's number.
    pub payment: u32,
    /// The refund's number, where it is about one.
    pub refund: Option<u32>,
    /// Whether the money moved.
    pub happened: bool,
    /// The gateway's id of it, where the person gives one.
    pub gateway_ref: Option<String>,
    /// The key by which the person calls: two persons have two.
    pub by: String,
}

/// What begins a case.
#[derive(Clone, Debug)]
pub struct NewInvoice {
    /// The case's id.
    pub id: String,
    /// The clinic's id.
    pub clinic: String,
    /// What people quote.
    pub number: String,
    /// Our opaque id; a walk-in may have none.
    pub patient: Option<String>,
    /// The id of the visit that is billed.
    pub appointment: Option<String>,
    /// When that visit began.
    pub starts_at: Option<Timestamp>,
    /// Neutral text on it that gateways and systems may read.
    pub label: Option<String>,
    /// The clinic's.
    pub currency: Currency,
    /// What is billed, at least one.
    pub lines: Vec<Line>,
    /// The clinic's, as it is now.
    pub policy: Policy,
    /// What the policy asks to be collected at once.
    pub charge: Option<NewCharge>,
    /// By which reports cut the books.
    pub dims: Dims,
}

/// A wish for money before anything is invoiced.
#[derive(Clone, Debug)]
pub struct NewDeposit {
    /// What is to be sold, as far as that is known; its charge collects the deposit.
    pub of: NewInvoice,
    /// How much is wanted now; what is open of the deposit where not given, else all that is left of
    /// the price.
    pub amount: Option<Money>,
}

/// What of an invoice is not asked for any more.
#[derive(Clone, Debug)]
pub enum NewCreditNote {
    /// These lines, or parts of them.
    Lines(Vec<Line>),
    /// So much, of each tax rate its part.
    Amount(Money),
}

/// Money that came otherwise than through a gateway.
#[derive(Clone, Debug)]
pub struct NewTender {
    /// What came: no more than is due.
    pub amount: Money,
    /// How it came.
    pub by: By,
    /// When it came; now where not given.
    pub at: Option<Timestamp>,
}

/// Money that is given back otherwise than by a gateway.
#[derive(Clone, Debug)]
pub struct NewReturn {
    /// The request's id: its parts carry it.
    pub request: String,
    /// More than nothing.
    pub amount: Money,
    /// Where it goes: back by hand, or to the patient's credit.
    pub way: Way,
}

/// One wish to collect money.
#[derive(Clone, Debug)]
pub struct NewCharge {
    /// All that is due where not given.
    pub amount: Option<Money>,
    /// The gateway's id.
    pub gateway: String,
    /// `None` opens a checkout.
    pub method: Option<Method>,
    /// Let the payer keep the method on the page, for later charges.
    pub keep_method: bool,
}

/// One wish to send money back, which may become several refunds.
#[derive(Clone, Debug, Default)]
pub struct NewRefund {
    /// The request's id: its parts carry it.
    pub request: String,
    /// All that is refundable where not given.
    pub amount: Option<Money>,
    /// Only from this payment; else from the newest first.
    pub payment: Option<u32>,
    /// Whether it waits for somebody else in any case.
    pub needs_approval: bool,
    /// Needs one too where all refunds of the invoice, those reserved and this one included, come
    /// to more major units than this.
    pub approval_above: Option<Decimal>,
}

/// What a gateway said at one time.
#[derive(Clone, Debug)]
pub struct Report {
    /// The gateway's id.
    pub gateway: String,
    /// In the order in which they were told.
    pub facts: Vec<Fact>,
    /// Whether this is what the gateway says now, asked by us; a webhook may be older.
    pub current: bool,
    /// Whether it is the answer to a call of ours, which under a repeated key is the first one again.
    pub answer: bool,
    /// Whether a cleared payment at this gateway can still fail, as debits do.
    pub late_failures: bool,
    /// Whether a declined payer may simply try again on the gateway's page.
    pub page_stays: bool,
}

/// What a decision may know beside the case and the event.
#[derive(Clone, Debug)]
pub struct Context {
    /// By the system's clock.
    pub now: Timestamp,
    /// The clinic's: the books count its days.
    pub zone: TimeZone,
    /// The cause as the journal and the audit name it.
    pub cause: String,
}
