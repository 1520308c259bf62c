//! The outbox: what happened, as it was. An occurrence is written once, in the commit that made it
//! so, numbered within its book and never changed; who is told of it is found out afterwards.
//! Messages are composed from what is frozen here, so that they say the same whenever they go out.

use super::bill::CreditNote;
use super::case::{Case, Payment, Session, surplus_request};
use super::dispute::{self, Dispute};
use super::fact::Decline;
use super::invoice::OfRate;
use super::payment;
use super::refund::{self, Refund};
use super::task::Matter;
use super::tender::{By, Recorded, Tender};
use super::visit::{CancelledBy, Visit};
use crate::words::ids;
use crate::words::money::Money;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What systems and patients hear of.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Topic {
    /// An invoice was made.
    InvoiceIssued,
    /// So much of it is not asked for any more.
    InvoiceCredited,
    /// Nothing of it is asked for any more.
    InvoiceVoided,
    /// The patient can pay on a page.
    CheckoutReady,
    /// Money came, or came again.
    PaymentReceived,
    /// What the invoice takes of a payment is another amount: books follow, nothing moved.
    PaymentApplied,
    /// An attempt failed, and nothing was taken.
    PaymentFailed,
    /// A bank took back what had come.
    PaymentReturned,
    /// Money was sent back.
    RefundPaid,
    /// A refund that was told of did not arrive.
    RefundFailed,
    /// A payer wants money back by way of the bank.
    DisputeOpened,
    /// That ended, one way or the other.
    DisputeClosed,
    /// A visit was called off that a practice system has too.
    VisitCancelled,
    /// Something only a person can decide.
    NeedsPerson,
}

impl Topic {
    /// In ids and logs.
    pub fn name(self) -> &'static str {
        match self {
            Self::InvoiceIssued => "invoice-issued",
            Self::InvoiceCredited => "invoice-credited",
            Self::InvoiceVoided => "invoice-voided",
            Self::CheckoutReady => "checkout-ready",
            Self::PaymentReceived => "payment-received",
            Self::PaymentApplied => "payment-applied",
            Self::PaymentFailed => "payment-failed",
            Self::PaymentReturned => "payment-returned",
            Self::RefundPaid => "refund-paid",
            Self::RefundFailed => "refund-failed",
            Self::DisputeOpened => "dispute-opened",
            Self::DisputeClosed => "dispute-closed",
            Self::VisitCancelled => "visit-cancelled",
            Self::NeedsPerson => "needs-person",
        }
    }
}

/// What an occurrence is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Subject {
    /// What happened.
    pub topic: Topic,
    /// The payment's number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payment: Option<u32>,
    /// The refund's or dispute's key, or the task's id. A payment that arrives again, or goes back
    /// again, says which time: `again1`, `reinstated`, `returned2`, as its receipt does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<String>,
    /// The key that the refund had while only the gateway knew it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alias: Option<String>,
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Occurrence {
    /// Of its book, from 1: the order in which a system hears.
    pub n: u32,
    /// What it is about, which tells it from the others of its book.
    #[serde(flatten)]
    pub subject: Subject,
    /// When it happened, as the gateway says; else when we heard of it.
    pub at: Timestamp,
    /// When we wrote it.
    pub heard_at: Timestamp,
    /// The vendor that told us, which is not told itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Of the payment, what was returned of it, the refund, the dispute, the invoice or the task,
    /// whichever the topic speaks of.
    pub amount: Money,
    /// All that a message about it may say.
    pub facts: Facts,
}

/// How the book stood after the commit, as far as messages and books speak of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// The invoice's number, as the patient quotes it; empty where there is none.
    pub invoice: String,
    /// Of the whole invoice, and what each of its tax rates comes to.
    pub total: Money,
    /// What of the total falls on each tax rate.
    pub rates: Vec<OfRate>,
    /// What of the invoice stands after its credit notes.
    pub standing: OfInvoice,
    /// Nothing was invoiced yet: what comes is a deposit.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub deposit: bool,
    /// The credit note that the topic speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<NoteFacts>,
    /// The refund that the topic speaks of gave a deposit back: nothing of a sale.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub of_deposit: bool,
    /// The refund that the topic speaks of became the patient's credit: nothing left the clinic.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub to_credit: bool,
    /// What the invoice asks for: nothing once it is void.
    pub asked: Money,
    /// What is left to pay on it.
    pub due: Money,
    /// What was paid beyond it, and is not on its way back.
    pub surplus: Money,
    /// What came beyond it, whether or not it went back since.
    pub beyond: Money,
    /// What of it payments under way would bring.
    pub coming: Money,
    /// Our opaque id of the patient.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patient: Option<String>,
    /// The id of the visit that was billed, or of which this is told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub appointment: Option<String>,
    /// The connection of the practice system that has the visit too: it alone hears of this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Who called the visit off, where that was said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancelled_by: Option<CancelledBy>,
    /// When the visit that was billed began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub starts_at: Option<Timestamp>,
    /// How the payment stood that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payment: Option<PaymentFacts>,
    /// How the refund stood that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refund: Option<RefundFacts>,
    /// How the dispute stood that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dispute: Option<DisputeFacts>,
    /// When another try after this payment is planned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_at: Option<Timestamp>,
    /// By when the dispute that the topic speaks of must be answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_by: Option<Timestamp>,
    /// The id of the receipt that says what is told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipt: Option<String>,
    /// What only a person can decide.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub matter: Option<Matter>,
}

/// So much of an invoice, tax rate by tax rate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfInvoice {
    /// Tax with it.
    pub total: Money,
    /// What of it falls on each tax rate.
    pub rates: Vec<OfRate>,
}

/// The credit note that the topic speaks of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoteFacts {
    /// As people quote it: `2026-1-C1`.
    pub number: String,
    /// What falls on each tax rate.
    pub rates: Vec<OfRate>,
}

/// By what way a payment came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CameBy {
    /// Through the payment's gateway.
    #[default]
    Gateway,
    /// Somebody took it and recorded it.
    Recorded(Recorded),
    /// Somebody entered it in the clinic's books, which told us.
    Books,
    /// It was the patient's credit.
    Credit,
}

/// The payment or tender that the topic speaks of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentFacts {
    /// What came, or was asked for.
    pub amount: Money,
    /// The gateway's id; empty where none brought it.
    pub gateway: String,
    /// Under which the gateway looks it up, or the books hold it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub there: Option<String>,
    /// How it stood; `None` of a tender, which has no states.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<payment::State>,
    /// Why it failed or went back, where its gateway told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decline: Option<Decline>,
    /// By what way it came.
    #[serde(default)]
    pub by: CameBy,
    /// `Visa ending 4242`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// What of it arrived and stayed, refunds not taken off.
    pub stays: Money,
    /// The gateway's page, while the patient may pay on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page: Option<Session>,
    /// The gateway itself makes another try.
    pub tried_there: bool,
    /// What of it came beyond what was due, and goes back by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub returning: Option<Money>,
}

/// The refund that the topic speaks of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefundFacts {
    /// The request that it is a part of; `None` where only its gateway made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<String>,
    /// The gateway's id of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub there: Option<String>,
    /// How it stood.
    pub state: refund::State,
}

/// The dispute that the topic speaks of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DisputeFacts {
    /// Its own within the case, the same from its opening to its end.
    pub key: String,
    /// The gateway's id of it; of a gateway that gives none, the payment's.
    pub there: String,
    /// How it stood.
    pub state: dispute::State,
}

impl Occurrence {
    /// That a visit was called off: the last that is told of it. `from` is the vendor that told us.
    pub fn of_cancelled(visit: &Visit, from: Option<&str>, zero: Money, at: Timestamp) -> Self {
        Self {
            n: visit.told,
            subject: Subject {
                topic: Topic::VisitCancelled,
                payment: None,
                object: None,
                alias: None,
            },
            at,
            heard_at: at,
            from: from.map(String::from),
            amount: zero,
            facts: Facts {
                patient: Some(visit.patient.clone()),
                appointment: Some(visit.id.clone()),
                source: visit.source.clone(),
                cancelled_by: visit.cancelled_by,
                starts_at: Some(visit.starts_at),
                ..Facts::of_no_money(zero)
            },
        }
    }
}

impl RefundFacts {
    fn of(refund: &Refund) -> Self {
        Self {
            request: refund.request.clone(),
            there: refund.id.clone(),
            state: refund.state,
        }
    }
}

impl DisputeFacts {
    fn of(dispute: &Dispute) -> Self {
        Self {
            key: dispute.key(),
            there: dispute.id.clone(),
            state: dispute.state,
        }
    }
}

impl Subject {
    /// Of this case: a refund is named by both of its keys.
    pub fn new(case: &Case, topic: Topic, payment: Option<u32>, object: Option<String>) -> Self {
        let refund = object.as_deref().and_then(|key| refund_named(case, key));
        let mirrored = refund.filter(|r| r.n.is_some()).and_then(mirrored);
        Self {
            topic,
            payment,
            alias: mirrored.filter(|alias| Some(alias) != object.as_ref()),
            object,
        }
    }

    /// Whether two occurrences speak of the same payment, refund or dispute, as far as both name
    /// one.
    pub fn is_of_the_same(&self, other: &Self) -> bool {
        // A payment's object says which time it was.
        let times = [
            Topic::PaymentReceived,
            Topic::PaymentReturned,
            Topic::PaymentApplied,
        ];
        let names = |subject: &Self| match times.contains(&subject.topic) {
            true => vec![],
            false => [&subject.object, &subject.alias]
                .into_iter()
                .flatten()
                .cloned()
                .collect(),
        };
        let (mine, others): (Vec<String>, Vec<String>) = (names(self), names(other));
        let payments = self.payment.zip(other.payment);
        let named = !mine.is_empty() && !others.is_empty();
        let objects = !named || mine.iter().any(|name| others.contains(name));
        payments.is_none_or(|(a, b)| a == b) && objects
    }

    /// Whether a bank gave back what it had taken.
    pub fn is_reinstated(&self) -> bool {
        let object = self.object.as_deref().unwrap_or_default();
        self.topic == Topic::PaymentReceived && object.starts_with("reinstated")
    }

    /// Whether it tells that a payment arrived once more.
    pub fn is_again(&self) -> bool {
        self.topic == Topic::PaymentReceived && self.object.is_some()
    }

    /// The receipt that says it: of this time, where there were several.
    fn receipt(&self, case: &Case) -> Option<String> {
        let base = ids::payment_reference(&case.id, self.payment?);
        let what = match self.topic {
            Topic::PaymentReceived | Topic::RefundPaid | Topic::RefundFailed => self.object.clone(),
            Topic::PaymentReturned => self.object.clone().or(Some("returned".into())),
            _ => None,
        };
        Some(what.map_or(base.clone(), |what| format!("{base}-{what}")))
    }

    /// When another try is planned, where it is told with this.
    fn retry_at(&self, case: &Case) -> Option<Timestamp> {
        let retry = case.retry.as_ref()?;
        let told = match self.topic {
            Topic::PaymentFailed | Topic::PaymentReturned => self.payment == Some(retry.payment),
            topic => topic == Topic::PaymentReceived,
        };
        told.then_some(retry.due)
    }

    /// By when the clinic must answer the dispute that has opened.
    fn due_by(&self, case: &Case) -> Option<Timestamp> {
        let opened = self.topic == Topic::DisputeOpened;
        self.dispute(case).filter(|_| opened)?.due_by
    }

    fn dispute<'a>(&self, case: &'a Case) -> Option<&'a Dispute> {
        let (name, payment) = (self.object.as_deref()?, case.payment(self.payment?)?);
        let told = matches!(self.topic, Topic::DisputeOpened | Topic::DisputeClosed);
        let mut disputes = payment.disputes.iter();
        disputes.find(|dispute| told && dispute.is(name))
    }

    /// What the topic speaks of comes to, where the case tells it.
    pub fn amount(&self, case: &Case) -> Option<Money> {
        let payment = self.payment.and_then(|n| case.payment(n));
        let tender = self.payment.and_then(|n| case.tender(n));
        let object = self.object.as_deref();
        match self.topic {
            Topic::InvoiceIssued | Topic::InvoiceVoided | Topic::NeedsPerson => {
                Some(case.invoice().total)
            }
            Topic::InvoiceCredited => credit_named(case, object?).map(|note| note.total),
            Topic::CheckoutReady
            | Topic::PaymentFailed
            | Topic::PaymentReceived
            | Topic::PaymentApplied => {
                let tendered = tender.map(|tender| tender.amount);
                payment.map(|p| p.amount).or(tendered)
            }
            Topic::PaymentReturned => {
                let taken = tender.map(|tender| tender.amount);
                payment.map(Payment::returned).or(taken)
            }
            Topic::RefundPaid | Topic::RefundFailed => {
                refund_named(case, object?).map(|refund| refund.amount)
            }
            Topic::DisputeOpened | Topic::DisputeClosed => {
                self.dispute(case).map(|dispute| dispute.amount)
            }
            Topic::VisitCancelled => None,
        }
    }
}

impl Facts {
    /// The case as it stands, for this subject.
    pub fn of(case: &Case, subject: &Subject) -> Self {
        let payment = subject.payment.and_then(|n| PaymentFacts::of(case, n));
        let object = subject.object.as_deref();
        let note = object.and_then(|key| credit_named(case, key));
        let refund = object.and_then(|key| refund_named(case, key));
        let sum = case.bill.sum();
        Self {
            invoice: case.invoice().number.clone(),
            total: case.invoice().total,
            // Its totals were made of the same lines.
            rates: case.invoice().rates().unwrap_or_default(),
            standing: OfInvoice {
                total: sum.total,
                rates: sum.rates,
            },
            deposit: case.bill.is_deposit(),
            note: note.map(|note| NoteFacts {
                number: note.number.clone(),
                rates: note.rates.clone(),
            }),
            of_deposit: refund.is_some_and(|refund| refund.of_deposit),
            to_credit: refund.is_some_and(|refund| !refund.way.is_back()),
            asked: case.asked(),
            due: case.due(),
            surplus: case.surplus(),
            beyond: case.beyond(),
            coming: Money::new(case.due().minor - case.unasked().minor, case.currency),
            patient: case.patient.clone(),
            appointment: case.appointment.clone(),
            source: None,
            cancelled_by: None,
            starts_at: case.starts_at,
            payment,
            refund: refund.map(RefundFacts::of),
            dispute: subject.dispute(case).map(DisputeFacts::of),
            retry_at: subject.retry_at(case),
            due_by: subject.due_by(case),
            receipt: subject.receipt(case),
            matter: None,
        }
    }

    /// Of what belongs to no book: only what a person is asked.
    pub fn of_matter(matter: Matter, zero: Money) -> Self {
        Self {
            invoice: matter.invoice.clone().unwrap_or_default(),
            matter: Some(matter),
            ..Self::of_no_money(zero)
        }
    }

    /// Of what no bill has a part in.
    fn of_no_money(zero: Money) -> Self {
        Self {
            invoice: String::new(),
            total: zero,
            rates: vec![],
            standing: OfInvoice {
                total: zero,
                rates: vec![],
            },
            deposit: false,
            note: None,
            of_deposit: false,
            to_credit: false,
            asked: zero,
            due: zero,
            surplus: zero,
            beyond: zero,
            coming: zero,
            patient: None,
            appointment: None,
            source: None,
            cancelled_by: None,
            starts_at: None,
            payment: None,
            refund: None,
            dispute: None,
            retry_at: None,
            due_by: None,
            receipt: None,
            matter: None,
        }
    }
}

impl PaymentFacts {
    /// Of the payment or tender of this number. A deposit that was given back does not stay.
    fn of(case: &Case, n: u32) -> Option<Self> {
        let back = case.deposit_given_back(n).minor;
        let stays = |stays: i64| Money::new(stays - back, case.currency);
        let tender = || {
            case.tender(n)
                .map(|tender| Self::of_tender(tender, stays(tender.stays().minor)))
        };
        let Some(payment) = case.payment(n) else {
            return tender();
        };
        let kept = payment.method.as_ref().map(|method| method.label.clone());
        let arrived = match payment.arrived() {
            true => stays(payment.amount.minor - payment.returned().minor),
            false => Money::zero(case.currency),
        };
        Some(Self {
            amount: payment.amount,
            gateway: payment.gateway.clone(),
            there: payment.capture.clone(),
            state: Some(payment.state),
            decline: payment.decline,
            by: CameBy::Gateway,
            method: payment.paid_with.clone().or(kept),
            stays: arrived,
            page: payment.open_page().cloned(),
            tried_there: payment.state.is_under_way() && payment.decline.is_some(),
            returning: returning(payment),
        })
    }

    fn of_tender(tender: &Tender, stays: Money) -> Self {
        Self {
            amount: tender.amount,
            gateway: String::new(),
            there: match &tender.by {
                By::Books { id, .. } => Some(id.clone()),
                By::Recorded { .. } | By::Credit { .. } => None,
            },
            state: None,
            decline: None,
            by: match &tender.by {
                By::Recorded { how, .. } => CameBy::Recorded(*how),
                By::Books { .. } => CameBy::Books,
                By::Credit { .. } => CameBy::Credit,
            },
            method: Some(tender.words().into()),
            stays,
            page: None,
            tried_there: false,
            returning: None,
        }
    }
}

/// What of a payment was too much and goes back by itself.
fn returning(payment: &Payment) -> Option<Money> {
    let request = surplus_request(payment.n);
    let goes = |r: &&Refund| r.request.as_ref() == Some(&request) && r.state.reserves();
    let mut refunds = payment.refunds.iter();
    refunds.find(goes).map(|refund| refund.amount)
}

/// The key that a refund has as long as only the gateway knows it.
fn mirrored(refund: &Refund) -> Option<String> {
    refund.id.as_ref()?;
    let unnumbered = Refund {
        n: None,
        ..refund.clone()
    };
    Some(unnumbered.key())
}

/// The refund of this key, also of the one that it had while only the gateway knew it.
pub fn refund_named<'a>(case: &'a Case, key: &str) -> Option<&'a Refund> {
    let mut all = case.all_refunds();
    all.find(|refund| refund.key() == key || mirrored(refund).as_deref() == Some(key))
}

/// The credit note of this key.
fn credit_named<'a>(case: &'a Case, key: &str) -> Option<&'a CreditNote> {
    case.bill.credits().iter().find(|note| note.key() == key)
}
