//! A case: what is billed for one cause, and all money that moved for it. One item in the table;
//! what decisions need is here, what they do not need is a row beside it.

use super::bill::Bill;
use super::dims::Dims;
use super::dispute::Dispute;
use super::fact::{Decline, Method};
use super::invoice::{Invoice, Status};
use super::payment::State;
use super::policy::Policy;
use super::refund::{self, Refund};
use super::tender::Tender;
use super::visit::Off;
use super::{dispute, payment};
use crate::words::ids;
use crate::words::money::{Currency, Money};
use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Nobody waits longer, in seconds, for a gateway that does not answer.
pub const LONGEST_WAIT: i64 = 600;

/// An aggregate above this many bytes is refused (an item may hold 400 KB).
pub const LARGEST: usize = 300 * 1024;

/// One bill with all payments, tenders, refunds and disputes under it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Case {
    /// Ours, opaque: 16 letters and digits.
    pub id: String,
    /// The clinic's id.
    pub clinic: String,
    /// Our opaque id of the patient; a walk-in may have none.
    pub patient: Option<String>,
    /// The id of the visit that was billed, where there was one.
    pub appointment: Option<String>,
    /// When the session began, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub starts_at: Option<Timestamp>,
    /// Neutral text on the visit that gateways and systems may read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// How the visit was called off, where it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub called_off: Option<Off>,
    /// When it was begun here.
    pub created_at: Timestamp,
    /// That of every amount in it.
    pub currency: Currency,
    /// By which reports cut its books.
    #[serde(default, skip_serializing_if = "Dims::is_empty")]
    pub dims: Dims,
    /// What is asked for.
    pub bill: Bill,
    /// As it stood when the case began; a later change of the clinic's policy is for later cases.
    pub policy: Policy,
    /// By number, from 1; tenders have the numbers between.
    pub payments: Vec<Payment>,
    /// What came otherwise than through a gateway, by number.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tenders: Vec<Tender>,
    /// The last number that one of our refunds got.
    pub refunds_numbered: u32,
    /// Receipts by id, in the order in which they were issued.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub receipts: Vec<String>,
    /// The next try that is planned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry: Option<Retry>,
    /// Steps (`p1`, `r2`) that wait for a person to mend the connection, who was told once.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub blocked: BTreeSet<String>,
    /// Payments and refunds (`p1`, `r2`) whose outcome people were asked to find, as looking may
    /// never tell it. They were asked once, and it is looked for all the same.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub asked: BTreeSet<String>,
    /// Payments and refunds (`p1`, `r2`) of which the gateway says what cannot be true: people were
    /// told once, and it is asked ever more rarely.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub contradicted: BTreeSet<String>,
    /// Since when steps (`p1`, `r2`, `retry-p1`) have waited for a gateway that does not act.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub waiting: BTreeMap<String, Timestamp>,
    /// What one person found of payments and refunds (`p1`, `r2`) where a second one must have found
    /// the same.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub findings: BTreeMap<String, Finding>,
    /// The number of the last occurrence that was told.
    #[serde(default)]
    pub told: u32,
    /// How many entries the case's journal has, and the hash of the last.
    pub entries: u64,
    /// The hash of the journal's last entry; empty before the first.
    pub head: String,
}

/// One person's word that a payment or refund did not happen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// The key by which that person called.
    pub by: String,
    /// When they said so.
    pub at: Timestamp,
}

/// Another try after a payment that was declined or went back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retry {
    /// The number of the payment that failed.
    pub payment: u32,
    /// When the next one is made.
    pub due: Timestamp,
}

/// One attempt to collect money for a case, with what went back of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payment {
    /// Its number within the case, from 1.
    pub n: u32,
    /// The gateway's id.
    pub gateway: String,
    /// What is collected; once money came, what came.
    pub amount: Money,
    /// How it stands.
    pub state: State,
    /// The saved method that is charged; `None` where the payer chooses at the gateway.
    pub method: Option<Method>,
    /// Whether the payer was asked to let the gateway keep the method.
    pub keep_method: bool,
    /// The gateway's id by which the payment is looked up and refunded.
    pub capture: Option<String>,
    /// Every id under which the gateway ever spoke of it.
    pub aliases: BTreeSet<String>,
    /// The gateway's page that was opened for it.
    pub session: Option<Session>,
    /// Nobody can pay on that page any more.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub page_over: bool,
    /// Set once nobody shall pay on that page: another way to pay took its place, or a person
    /// closed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ending: Option<Ending>,
    /// The payer approved on the gateway's page; the money moves when we complete it.
    pub approved: bool,
    /// How often that was: each approval is completed under a key of its own.
    #[serde(default)]
    pub approvals: u32,
    /// The call under way, if any.
    pub intent: Option<Intent>,
    /// Why the last attempt failed, or the money went back.
    pub decline: Option<Decline>,
    /// When the last try failed that the gateway itself makes again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed_there: Option<Timestamp>,
    /// When the money came, as the gateway says; else when we heard of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paid_at: Option<Timestamp>,
    /// The day on which the bank debits it, where the gateway says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub collected_on: Option<Date>,
    /// What paid, as people tell it apart: `Visa ending 4242`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paid_with: Option<String>,
    /// All of it went back at once, as a late failure does; else what lost disputes took.
    pub returned_whole: bool,
    /// Sorted by key, so that two orders of the same events make the same case.
    pub refunds: Vec<Refund>,
    /// Sorted by key, as the refunds are.
    pub disputes: Vec<Dispute>,
}

/// A page at the gateway where the payer pays.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// The gateway's.
    pub id: String,
    /// How the payer gets there.
    pub opens_by: OpensBy,
    /// From when nobody can pay there any more, where the gateway says so.
    pub expires_at: Option<Timestamp>,
}

/// How a payer gets to a gateway's page. It may hold a secret of the gateway's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OpensBy {
    /// The payer is sent to this address.
    Redirect(String),
    /// The payer's browser posts these fields to this address.
    PostForm {
        to: String,
        fields: Vec<(String, String)>,
    },
    /// What leads there holds for minutes: it is asked for when the payer presses Pay.
    Press,
}

impl OpensBy {
    /// Where the payer's browser goes, as far as it is known.
    pub fn address(&self) -> Option<&str> {
        match self {
            Self::Redirect(address) | Self::PostForm { to: address, .. } => Some(address),
            Self::Press => None,
        }
    }

    /// The address that leads there by itself.
    pub fn redirect(&self) -> Option<&str> {
        match self {
            Self::Redirect(address) => Some(address),
            Self::PostForm { .. } | Self::Press => None,
        }
    }
}

/// What became of the wish that nobody pays on a page any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// The gateway is asked to end it. What else is to be paid waits for that.
    Asked,
    /// The gateway cannot end it: what is paid there all the same goes back.
    Refused,
}

/// A call under way: written before the call, so that a crash leaves a question and no blind
/// repeat. It is a lease: while it lives nobody else calls, and when it runs out the outcome is
/// unknown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intent {
    /// What is asked of the gateway.
    pub step: Step,
    /// The key under which the gateway does it once.
    pub key: String,
    /// Who calls: a run of a function, by an id of its own.
    pub owner: String,
    /// Until when nobody else calls.
    pub lease_until: Timestamp,
    /// When the first call under this key began: from then on the gateway remembers it.
    pub first_sent_at: Timestamp,
    /// Under which of the clinic's accounts, by a digest: at another one "not found" says nothing.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub account: String,
    /// The request itself, to be repeated byte for byte. It holds neither secret nor name.
    pub request: serde_json::Value,
}

impl Intent {
    /// Whether somebody is calling, as far as one may know.
    pub fn is_leased(&self, now: Timestamp) -> bool {
        self.lease_until > now
    }

    /// Ends the lease; tells in how many seconds to ask, longer the longer it has been unknown.
    pub fn release(&mut self, now: Timestamp) -> i64 {
        self.lease_until = now;
        let age = now.as_second() - self.first_sent_at.as_second();
        (age / 2).clamp(5, LONGEST_WAIT)
    }
}

/// What is asked of a gateway next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// Open the gateway's page.
    Checkout,
    /// Charge a saved method.
    Charge,
    /// End the gateway's page, so that nobody pays there any more.
    Close,
    /// Take the money that the payer approved.
    Complete,
    /// Send money back.
    Refund,
}

impl Step {
    /// Whether it only opens or ends a page: it moves no money, and may be done again.
    pub fn is_about_page(self) -> bool {
        matches!(self, Self::Checkout | Self::Close)
    }
}

impl Payment {
    /// One of which nothing has happened yet.
    pub fn planned(n: u32, gateway: String, amount: Money) -> Self {
        Self {
            n,
            gateway,
            amount,
            state: State::Open,
            method: None,
            keep_method: false,
            capture: None,
            aliases: BTreeSet::new(),
            session: None,
            page_over: false,
            ending: None,
            approved: false,
            approvals: 0,
            intent: None,
            decline: None,
            failed_there: None,
            paid_at: None,
            collected_on: None,
            paid_with: None,
            returned_whole: false,
            refunds: vec![],
            disputes: vec![],
        }
    }

    /// Whether money came in, even if it later went back.
    pub fn arrived(&self) -> bool {
        matches!(self.state, State::Paid | State::Returned)
    }

    /// Whether its money is tried or under way under an id of the gateway that we know, so that
    /// another id tells of somebody else's. On a page the next attempt may have an id of its own.
    pub fn is_under_own_id(&self) -> bool {
        let charged = self.method.is_some() && self.session.is_none();
        self.capture.is_some() && (charged || self.state == State::Pending)
    }

    /// What lost disputes, reversals, or a return of the whole, took back. They take what refunds
    /// left: a dispute that the seller ends by a refund is told as a loss and as that refund.
    pub fn returned(&self) -> Money {
        let left = (self.amount.minor - self.sent_back().minor).max(0);
        let took = match (self.state, self.returned_whole) {
            (payment::State::Returned, true) => self.amount.minor,
            _ => self.taken().min(left),
        };
        Money::new(took, self.amount.currency)
    }

    /// What banks took in parts. A lost dispute is executed by a reversal: the same money, told
    /// twice.
    fn taken(&self) -> i64 {
        let lost = |d: &&Dispute| d.reversal && d.state == dispute::State::Lost;
        let reversed = self.disputes.iter().filter(lost);
        let reversed: i64 = reversed.map(|d| d.amount.minor).sum();
        reversed.max(self.disputes_in(dispute::State::Lost))
    }

    /// What open disputes hold, of what is still there.
    pub fn disputed(&self) -> Money {
        let held = match self.returned_whole {
            true => 0,
            false => self.disputes_in(dispute::State::Open),
        };
        let left = self.amount.minor - self.sent_back().minor - self.returned().minor;
        Money::new(held.min(left.max(0)), self.amount.currency)
    }

    /// Whether refunds and what was taken back come to more than was paid.
    pub fn overreturned(&self) -> bool {
        let lost = self.taken();
        let twice = lost > 0 && !self.returned_whole;
        twice && self.refunded().minor + lost > self.amount.minor || self.credit_unpaid()
    }

    /// Whether more was kept as the patient's credit than is left of the payment: it went since.
    pub fn credit_unpaid(&self) -> bool {
        let gone = self.refunded().minor + self.returned().minor;
        self.refunded() != self.sent_back() && gone > self.amount.minor
    }

    fn disputes_in(&self, state: dispute::State) -> i64 {
        let of_state = self
            .disputes
            .iter()
            .filter(|d| d.state == state && !d.reversal);
        of_state.map(|d| d.amount.minor).sum()
    }

    /// What refunds gave back of it so far, those under way not counted.
    pub fn refunded(&self) -> Money {
        let done = self
            .refunds
            .iter()
            .filter(|r| r.state == refund::State::Succeeded);
        Money::new(done.map(|r| r.amount.minor).sum(), self.amount.currency)
    }

    /// What of that left the gateway: what became the patient's credit lies there still.
    pub fn sent_back(&self) -> Money {
        let sent = |r: &&Refund| r.state == refund::State::Succeeded && r.way.is_back();
        let sent = self.refunds.iter().filter(sent);
        Money::new(sent.map(|r| r.amount.minor).sum(), self.amount.currency)
    }

    /// What may still be refunded: what arrived, less what went back, is held, or is reserved.
    pub fn refundable(&self) -> Money {
        match self.arrived() && !self.returned_whole {
            true => Money::new(self.unreserved().minor.max(0), self.amount.currency),
            false => Money::zero(self.amount.currency),
        }
    }

    /// What arrived, less what went back, is held, or is reserved by refunds: negative where money
    /// went back that a refund was to give.
    pub fn unreserved(&self) -> Money {
        let reserved: i64 = self
            .refunds
            .iter()
            .filter(|r| r.state.reserves())
            .map(|r| r.amount.minor)
            .sum();
        let left = self.amount.minor - reserved - self.returned().minor - self.disputed().minor;
        Money::new(left, self.amount.currency)
    }

    /// Whether it may be tried again by itself, with this method or another: it failed or went back,
    /// for a reason that leaves hope, and the payer has not disputed it with success.
    pub fn may_retry(&self) -> bool {
        let hopeless = self
            .decline
            .is_some_and(|why| !why.may_retry() && !why.ends_method());
        let mut disputes = self.disputes.iter();
        let lost = disputes.any(|d| d.state == dispute::State::Lost && !d.reversal);
        matches!(self.state, State::Declined | State::Returned) && !hopeless && !lost
    }

    /// What we would do next at the gateway, if anything. Whether it may be done now, the other
    /// payments decide: see [`Case::next_step`].
    pub fn next_step(&self) -> Option<Step> {
        match (self.state, self.approved) {
            _ if self.is_ending() => Some(Step::Close),
            (State::Open, false) if self.method.is_some() => Some(Step::Charge),
            (State::Open, false) if self.session.is_none() => Some(Step::Checkout),
            (State::Pending | State::Open, true) if self.capture.is_none() => Some(Step::Complete),
            _ => None,
        }
    }

    /// Whether the payer may still pay on the gateway's page, whatever the last attempt there said.
    /// One that expired here was given up before its page was opened.
    pub fn page_lives(&self) -> bool {
        let open = matches!(self.state, State::Open | State::Declined | State::Expired);
        self.session.is_some() && open && !self.approved && !self.page_over
    }

    /// The gateway's page that people are sent to.
    pub fn open_page(&self) -> Option<&Session> {
        let sent = self.page_lives() && self.ending.is_none();
        self.session.as_ref().filter(|_| sent)
    }

    /// Whether its page is to be ended before anything else is asked for.
    pub fn is_ending(&self) -> bool {
        self.ending == Some(Ending::Asked) && self.page_lives()
    }

    /// Whether nobody shall pay on its page any more, and nobody has begun to.
    pub fn is_left(&self) -> bool {
        self.ending.is_some() && self.page_lives()
    }

    /// Whether it may still bring money without a new attempt.
    pub fn may_bring(&self) -> bool {
        self.state.is_under_way() || self.page_lives()
    }

    /// Whether another way to pay may take its place: a page, on which no money is under way.
    pub fn gives_way(&self) -> bool {
        let no_page = self.session.is_none() && self.method.is_none();
        let unopened = self.state == State::Open && !self.approved && no_page;
        self.page_lives() || unopened
    }

    /// Whether nothing of it was ever asked of the gateway.
    pub fn is_unbegun(&self) -> bool {
        let asked = self.intent.is_some() || self.session.is_some() || self.capture.is_some();
        self.state == State::Open && !self.approved && !asked
    }

    /// Ours at the gateway: `{case}-p1`.
    pub fn reference(&self, case: &str) -> String {
        ids::payment_reference(case, self.n)
    }
}

impl Refund {
    /// Stable among the refunds of a case: ours by number, a mirrored one by the gateway's id.
    pub fn key(&self) -> String {
        match (self.n, &self.id) {
            (Some(n), _) => format!("r{n}"),
            (None, Some(id)) => format!("g{}", &ids::derived(&["refund", id])[..10]),
            (None, None) => "g".into(),
        }
    }
}

/// The request of the refund by which a payment's surplus goes back: one for each payment.
pub fn surplus_request(payment: u32) -> String {
    format!("{SURPLUS}{payment}")
}

const SURPLUS: &str = "surplus-p";

/// Whether it is the request of a surplus that goes back.
pub fn is_surplus(request: &str) -> bool {
    request.starts_with(SURPLUS)
}

impl Case {
    /// The payment of this number.
    pub fn payment(&self, n: u32) -> Option<&Payment> {
        self.payments.iter().find(|p| p.n == n)
    }

    /// The payment of this number, to be changed.
    pub fn payment_mut(&mut self, n: u32) -> Option<&mut Payment> {
        self.payments.iter_mut().find(|p| p.n == n)
    }

    /// The tender of this number.
    pub fn tender(&self, n: u32) -> Option<&Tender> {
        self.tenders.iter().find(|t| t.n == n)
    }

    /// The number of the next payment or tender.
    pub fn next_number(&self) -> u32 {
        let payments = self.payments.iter().map(|p| p.n);
        let tenders = self.tenders.iter().map(|t| t.n);
        payments.chain(tenders).max().unwrap_or(0) + 1
    }

    /// The invoice as it was issued, or as it is to be.
    pub fn invoice(&self) -> &Invoice {
        self.bill.invoice()
    }

    /// Our refund of this number, with the payment that it is under.
    pub fn refund(&self, n: u32) -> Option<(&Payment, &Refund)> {
        self.payments.iter().find_map(|p| {
            p.refunds
                .iter()
                .find(|r| r.n == Some(n))
                .map(|refund| (p, refund))
        })
    }

    /// All refunds of all payments, each with the payment that it is under.
    pub fn refunds(&self) -> impl Iterator<Item = (&Payment, &Refund)> {
        self.payments
            .iter()
            .flat_map(|p| p.refunds.iter().map(move |r| (p, r)))
    }

    /// Every refund, whether of a payment or of a tender.
    pub fn all_refunds(&self) -> impl Iterator<Item = &Refund> {
        self.numbered_refunds().map(|(_, refund)| refund)
    }

    /// Every refund with the number of the payment or tender that it is under.
    pub fn numbered_refunds(&self) -> impl Iterator<Item = (u32, &Refund)> {
        let payments = self.payments.iter().map(|p| (p.n, &p.refunds));
        let tenders = self.tenders.iter().map(|t| (t.n, &t.refunds));
        let all = payments.chain(tenders);
        all.flat_map(|(n, refunds)| refunds.iter().map(move |refund| (n, refund)))
    }

    fn money(&self, minor: i64) -> Money {
        Money::new(minor, self.currency)
    }

    /// What of the payments and tenders came and stayed, by number, refunds not taken off.
    pub fn arrivals(&self) -> impl Iterator<Item = (u32, Money)> {
        let stays = |p: &Payment| p.amount.minor - p.returned().minor;
        let arrived = self.payments.iter().filter(|p| p.arrived());
        let payments = arrived.map(move |p| (p.n, Money::new(stays(p), p.amount.currency)));
        payments.chain(self.tenders.iter().map(|t| (t.n, t.stays())))
    }

    /// What arrived towards the bill and stayed, refunds of the sale not taken off. A deposit that
    /// was given back is not paid.
    pub fn paid(&self) -> Money {
        let arrived: i64 = self.arrivals().map(|(_, stays)| stays.minor).sum();
        let back = self.all_refunds().filter(|r| r.gave_deposit_back());
        let back: i64 = back.map(|r| r.amount.minor).sum();
        self.money(arrived - back)
    }

    /// What was given back of this payment or tender before anything was invoiced.
    pub fn deposit_given_back(&self, n: u32) -> Money {
        let of_payment = self.payment(n).map(|p| &p.refunds);
        let refunds = of_payment.or(self.tender(n).map(|t| &t.refunds));
        let back = refunds.into_iter().flatten();
        let back = back.filter(|r| r.gave_deposit_back());
        self.money(back.map(|r| r.amount.minor).sum())
    }

    /// When the invoice was issued; before that, when its case was begun.
    pub fn issued_at(&self) -> Timestamp {
        self.bill.issued_at().unwrap_or(self.created_at)
    }

    /// What refunds gave back so far of what was invoiced.
    pub fn refunded(&self) -> Money {
        let done = |r: &&Refund| r.state == refund::State::Succeeded && !r.of_deposit;
        let done = self.all_refunds().filter(done);
        self.money(done.map(|r| r.amount.minor).sum())
    }

    /// What of the paid is on its way back or gone.
    pub fn going(&self) -> Money {
        let reserved = self.all_refunds().filter(|r| r.state.reserves());
        let reserved = reserved.filter(|r| !r.gave_deposit_back());
        self.money(reserved.map(|r| r.amount.minor).sum())
    }

    /// What gateways may still refund, over all payments.
    pub fn refundable(&self) -> Money {
        self.money(self.payments.iter().map(|p| p.refundable().minor).sum())
    }

    /// What may still be given back, over all payments and tenders.
    pub fn returnable(&self) -> Money {
        let tenders: i64 = self.tenders.iter().map(|t| t.refundable().minor).sum();
        self.money(self.refundable().minor + tenders)
    }

    /// What the bill asks for: of an invoice what its credit notes left, of a deposit what was not
    /// given back.
    pub fn asked(&self) -> Money {
        match &self.bill {
            Bill::Invoiced { .. } => self.bill.sum().total,
            Bill::Deposit { asked, .. } => {
                let back = self.all_refunds().filter(|r| r.gave_deposit_back());
                let back: i64 = back.map(|r| r.amount.minor).sum();
                self.money((asked.minor - back).max(0))
            }
        }
    }

    /// What the patient still owes on the invoice.
    pub fn due(&self) -> Money {
        let due = self.asked().minor - self.paid().minor;
        Money::new(due.max(0), self.currency)
    }

    /// What came beyond the invoice, whether or not it went back since.
    pub fn beyond(&self) -> Money {
        let beyond = self.paid().minor - self.asked().minor;
        Money::new(beyond.max(0), self.currency)
    }

    /// What refunds gave back of the sale; nothing while nothing is sold. A surplus goes back first,
    /// whichever payment a refund is taken from and whoever asked for it: it was never sold.
    pub fn sale_refunded(&self) -> Money {
        if self.bill.is_deposit() {
            return self.money(0);
        }
        let of_sale = self.refunded().minor - self.beyond().minor;
        Money::new(of_sale.clamp(0, self.asked().minor), self.currency)
    }

    /// Due, less what payments under way would bring: what may be asked for now. Pages give way:
    /// they are ended before another way to pay begins.
    pub fn chargeable(&self) -> Money {
        self.left_by(|p| p.state.is_under_way() && !p.gives_way())
    }

    /// Due, less what payments under way and pages on which people may pay would bring.
    pub fn unasked(&self) -> Money {
        self.left_by(|p| p.may_bring() && !p.is_left())
    }

    fn left_by(&self, brings: impl Fn(&Payment) -> bool) -> Money {
        let coming = self.payments.iter().filter(|p| brings(p));
        let coming: i64 = coming.map(|p| p.amount.minor).sum();
        Money::new((self.due().minor - coming).max(0), self.currency)
    }

    /// What is done next about a payment. Nothing is begun while a page is being ended.
    pub fn next_step(&self, n: u32) -> Option<Step> {
        let payment = self.payment(n)?;
        let waits = payment.is_unbegun() && self.payments.iter().any(Payment::is_ending);
        payment.next_step().filter(|_| !waits)
    }

    /// What was paid, stayed, and is not on its way back, beyond what the bill asks for.
    pub fn surplus(&self) -> Money {
        let beyond = self.paid().minor - self.going().minor - self.asked().minor;
        self.money(beyond.max(0))
    }

    /// Whether money is due that somebody tried to collect, and nothing works on it any more: no
    /// payment is under way, no page can be paid on, no try is planned. Nobody owes a deposit on a
    /// visit that is off.
    pub fn uncollected(&self) -> bool {
        if self.called_off.is_some() && self.bill.is_deposit() {
            return false;
        }
        let at_work = |p: &Payment| p.may_bring() && p.ending != Some(Ending::Refused);
        let tried = !self.payments.is_empty() || !self.tenders.is_empty();
        let resting = self.retry.is_none() && !self.payments.iter().any(at_work);
        tried && resting && self.due().minor > 0
    }

    /// How the invoice stands, as people read it. One that was credited as a whole is paid.
    pub fn status(&self) -> Status {
        if self.bill.is_deposit() {
            return Status::Draft;
        }
        match (self.invoice().void, self.paid().minor, self.due().minor) {
            (true, ..) => Status::Void,
            (_, _, 0) => Status::Paid,
            (_, 0, _) => Status::Open,
            _ => Status::PartPaid,
        }
    }
}
