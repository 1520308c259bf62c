//! A business system that hears of a clinic's money, as a value. Adapters shape requests; what
//! patients and staff read is written once, in `messages/`, and arrives here as a [`Message`].

use crate::contract::{Account, Effect, Offer, Pause, Read, Trouble, Vendor};
use crate::domain::fact::Decline;
pub use crate::domain::invoice::OfRate;
use crate::domain::invoice::portion;
pub use crate::domain::outbox::CameBy;
use crate::domain::outbox::Topic;
use crate::domain::task::Alert;
pub use crate::domain::tender::Recorded;
pub use crate::domain::visit::CancelledBy;
use crate::domain::{dispute, payment, refund};
use crate::words::money::{BadAmount, Currency, Money};
use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

/// All that Meridian knows of a business system: who it is, whom it reaches, and what it is told.
pub struct System {
    /// Where it is and how we prove ourselves to it.
    pub vendor: &'static Vendor,
    /// What it is to the clinic, as the table shows it: `SMS to patients`, `accounting`.
    pub is: &'static str,
    /// Who reads what it is told.
    pub channel: Channel,
    /// Whether a clinic may have several, each a connection of its own: `own@billing`.
    pub several: bool,
    /// Whether this account of it hears of a topic that it subscribes to.
    pub hears: fn(&Account, Topic) -> bool,
    /// One for each topic that it hears of; of the others it hears nothing.
    pub subscriptions: &'static [Subscription],
    /// Asks what became of a message that it took, by the id under which it was filed.
    pub arrival: Offer<Read<str, Arrival>>,
    /// What it keeps of a patient under an id of its own, found or made before documents name it.
    pub contact: Offer<ContactCalls>,
}

/// How a system's own record of a patient is found by our number, and made where there is none. Both
/// are asked under one lock for each patient, so that many documents at once make one contact.
pub struct ContactCalls {
    /// Asks for the contact that bears our number of the patient; `None` where there is none.
    pub find: Read<Notification, Option<ExternalId>>,
    /// Makes it, under that number.
    pub make: Read<Notification, ExternalId>,
    /// What is not found proves nothing so many seconds after a call that made one was lost.
    pub trusted_after: i64,
}

/// What became of a message that a system took.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// It reached the addressee.
    Arrived,
    /// Nothing is known yet: it is asked again later.
    UnderWay,
    /// It never will, for this reason.
    Lost(String),
    /// The addressee wants none.
    Unwanted,
}

/// Who reads what a system is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channel {
    /// The patient, by e-mail: needs the address.
    PatientEmail,
    /// The patient, by text message: needs the number.
    PatientText,
    /// The people of the clinic, all in one place.
    Staff,
    /// Nobody at once: invoices, payments and what is taken back of them are filed.
    Books,
    /// Nobody at once: what happened is kept as data, each thing once and as it was then.
    Records,
    /// Nobody at once: a practice system does with its own visit what was done with it here.
    Practice,
}

/// What a system does when something happens: one call, or several in this order, each remembered
/// when it is done.
pub struct Subscription {
    /// What it hears of.
    pub topic: Topic,
    /// Its calls, in this order.
    pub steps: &'static [Effect<Notification, ExternalId>],
    /// Whether this step has nothing to do this time; it counts as done.
    pub skips: fn(&Notification, usize) -> bool,
    /// What must have been filed before, if anything.
    pub depends_on: DependsOn,
    /// Whether a step names the patient's contact at the system.
    pub names_contact: bool,
}

/// What this system must have heard before: of the same case, and of the same payment, refund or
/// dispute where both speak of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DependsOn {
    /// It stands by itself.
    Nothing,
    /// It builds on what was filed then: a payment needs its invoice.
    Needs(Topic),
    /// It takes back what was told then: where nothing was, there is nothing to take back.
    TakesBack(Topic),
}

impl DependsOn {
    /// The topic that goes before, if any.
    pub fn topic(self) -> Option<Topic> {
        match self {
            Self::Nothing => None,
            Self::Needs(topic) | Self::TakesBack(topic) => Some(topic),
        }
    }
}

/// For systems that hear of all that they subscribe to.
pub const fn everything(_: &Account, _: Topic) -> bool {
    true
}

/// For steps that always have something to do.
pub const fn never(_: &Notification, _: usize) -> bool {
    false
}

impl Subscription {
    /// A topic for which nothing must have been filed before.
    pub const fn of(topic: Topic, steps: &'static [Effect<Notification, ExternalId>]) -> Self {
        Self {
            topic,
            steps,
            skips: never,
            depends_on: DependsOn::Nothing,
            names_contact: false,
        }
    }
}

/// What a patient is told of, by whatever channel. That a refund failed concerns only who was told
/// that it was paid.
pub const fn to_patients(steps: &'static [Effect<Notification, ExternalId>]) -> [Subscription; 6] {
    [
        Subscription::of(Topic::CheckoutReady, steps),
        Subscription::of(Topic::PaymentReceived, steps),
        Subscription::of(Topic::PaymentFailed, steps),
        Subscription::of(Topic::PaymentReturned, steps),
        Subscription::of(Topic::RefundPaid, steps),
        Subscription {
            topic: Topic::RefundFailed,
            steps,
            skips: never,
            depends_on: DependsOn::TakesBack(Topic::RefundPaid),
            names_contact: false,
        },
    ]
}

/// What is kept as records: money that came, failed or went back, and disputes. That a refund failed
/// is a record of its own, where it was told that it was paid.
pub const fn to_records(steps: &'static [Effect<Notification, ExternalId>]) -> [Subscription; 7] {
    [
        Subscription::of(Topic::PaymentReceived, steps),
        Subscription::of(Topic::PaymentReturned, steps),
        Subscription::of(Topic::PaymentFailed, steps),
        Subscription::of(Topic::RefundPaid, steps),
        Subscription {
            depends_on: DependsOn::TakesBack(Topic::RefundPaid),
            ..Subscription::of(Topic::RefundFailed, steps)
        },
        Subscription::of(Topic::DisputeOpened, steps),
        Subscription::of(Topic::DisputeClosed, steps),
    ]
}

/// What a system is told. Neutral by construction: no service, no diagnosis, no note.
#[derive(Clone, Debug)]
pub struct Notification {
    /// Ours for this delivery and stable over repeats: letters, digits and dashes, at most 60.
    pub key: String,
    /// What happened.
    pub topic: Topic,
    /// The ids under which this system filed what the notification comes `after`, one for each step of it.
    pub filed: Vec<String>,
    /// The clinic's name, as patients know it.
    pub clinic: String,
    /// As the patient quotes it.
    pub invoice: String,
    /// The refund's own number, as it stands on its receipt, where the topic is a refund.
    pub refund: Option<String>,
    /// The credit note's number, where the topic is one.
    pub note: Option<String>,
    /// The ids under which the steps of this notification were filed that are done.
    pub made: Vec<String>,
    /// By what way the money of the payment came.
    pub came: CameBy,
    /// The same; of a refund, by what way it goes back.
    pub by: CameBy,
    /// Of the payment, what was returned of it, the refund or the invoice, whichever the topic
    /// speaks of.
    pub amount: Money,
    /// The whole payment, where the topic speaks of one.
    pub payment: Option<Money>,
    /// What was refunded of the sale before this refund.
    pub refunded_before: Money,
    /// How the payment or refund stands in the books.
    pub standing: Standing,
    /// Of the invoice, its credit notes taken off; of the credit note where the topic is one.
    pub total: Money,
    /// What of the total falls on each tax rate.
    pub rates: Vec<OfRate>,
    /// In the clinic's time zone.
    pub date: Date,
    /// The moment at which it happened, as the gateway says; else when we heard of it.
    pub at: Timestamp,
    /// What it is about, by every id that names it.
    pub ids: Ids,
    /// How what it is about stood then.
    pub stood: Stood,
    /// The name of the gateway that the money went through; empty where none did.
    pub gateway: String,
    /// The patient, as far as this system may know.
    pub customer: Customer,
    /// The id of the patient's contact at the system, where it is known.
    pub contact: Option<String>,
    /// What people read, in channels that people read.
    pub message: Message,
}

impl Notification {
    /// What a refund takes back of the sale, rate by rate: what all refunds up to it come to, less
    /// what those before it took. Together they take no cent more or less than the invoice had.
    pub fn taken_back(&self) -> Result<Vec<OfRate>, BadAmount> {
        let after = self.refunded_before.plus(self.standing.applied)?;
        let before = portion(&self.rates, self.total, self.refunded_before)?;
        let after = portion(&self.rates, self.total, after)?;
        let mut parts = vec![];
        for (before, after) in before.iter().zip(after) {
            let gross = after.gross.less(before.gross)?;
            let tax = after.tax.less(before.tax)?;
            if gross.minor != 0 || tax.minor != 0 {
                let percent = after.percent;
                parts.push(OfRate {
                    percent,
                    gross,
                    tax,
                });
            }
        }
        Ok(parts)
    }

    /// What of a refund takes nothing back of the sale.
    pub fn unsold(&self) -> Money {
        let minor = self.amount.minor - self.standing.applied.minor;
        Money::new(minor.max(0), self.amount.currency)
    }
}

/// What an occurrence is about, by id, as far as it names that: ours as our API names them, and the
/// gateway's own. They are opaque: who the patient is they tell nobody who has not our books.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ids {
    /// The clinic's own, as it chose it.
    pub clinic: String,
    /// Of the invoice, by which our API finds it; `None` of what belongs to none.
    pub case: Option<String>,
    /// `{case}-p1`: of the payment or tender, which the gateway keeps too.
    pub payment: Option<String>,
    /// Under which the gateway looks the payment up.
    pub payment_there: Option<String>,
    /// The refund's own within its invoice: `r1`. One that was heard of before it was known to be
    /// ours had another until then; the gateway's id stays the same.
    pub refund: Option<String>,
    /// The request that the refund is a part of, where it was asked for here.
    pub request: Option<String>,
    /// The gateway's of the refund.
    pub refund_there: Option<String>,
    /// The dispute's own within its invoice, the same from its opening to its end.
    pub dispute: Option<String>,
    /// The gateway's of the dispute.
    pub dispute_there: Option<String>,
    /// Of the task that a person is asked by, unique within its invoice.
    pub task: Option<String>,
    /// Ours of the patient.
    pub patient: Option<String>,
    /// The clinic's own of the visit that is billed, or of which this is told.
    pub appointment: Option<String>,
}

/// How the invoice and what was told of stood right after it happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stood {
    /// What the invoice asked for: nothing once it is void.
    pub asked: Money,
    /// What was left to pay on it.
    pub due: Money,
    /// Nothing was invoiced yet: what came is a deposit.
    pub deposit: bool,
    /// How the payment stood; `None` of a tender.
    pub payment: Option<payment::State>,
    /// Why the payment failed or went back, where its gateway told.
    pub decline: Option<Decline>,
    /// How the refund stood.
    pub refund: Option<refund::State>,
    /// How the dispute stood.
    pub dispute: Option<dispute::State>,
    /// By when the dispute must be answered, while it is open.
    pub due_by: Option<Timestamp>,
    /// Who called the visit off, where that was said.
    pub cancelled_by: Option<CancelledBy>,
    /// Why a person is asked.
    pub alert: Option<Alert>,
}

impl Stood {
    /// Of what belongs to no invoice: nothing is asked for.
    pub fn none(currency: Currency) -> Self {
        Self {
            asked: Money::zero(currency),
            due: Money::zero(currency),
            deposit: false,
            payment: None,
            decline: None,
            refund: None,
            dispute: None,
            due_by: None,
            cancelled_by: None,
            alert: None,
        }
    }
}

/// How a payment or refund stands in the books of a system. A payment follows the case: what is
/// filed of it is replaced when what stays of it changes. What is beyond the invoice is not filed:
/// it was never sold, and goes back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// What the invoice takes of the payment now; of a refund, what it takes back of the sale.
    pub applied: Money,
    /// What was filed of the payment last, and under which id.
    pub was: Money,
    /// The id under which the payment was filed last.
    pub payment: Option<String>,
}

impl Standing {
    /// Of what is no payment: all amounts are zero.
    pub fn none(currency: Currency) -> Self {
        Self {
            applied: Money::zero(currency),
            was: Money::zero(currency),
            payment: None,
        }
    }
}

/// The patient towards a system: the clinic's own reference; the name only where the clinic
/// switched it on; the address only for the channel that needs it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Customer {
    /// The clinic's own id of the patient; opaque to anybody else.
    pub reference: String,
    /// Only where the clinic switched names on.
    pub name: Option<String>,
    /// Only for [`Channel::PatientEmail`].
    pub email: Option<String>,
    /// E.164.
    pub phone: Option<String>,
}

/// What a person reads.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// One line without markup.
    pub subject: String,
    /// The whole in plain text.
    pub text: String,
    /// The same for mail programs that show it; empty in channels that do not.
    pub html: String,
}

/// The id under which the system filed it, where it told one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExternalId(pub Option<String>);

/// For a step that is made only where a look does not find it: what is found is the step's end, and
/// nothing is sent.
pub fn unless_there(found: Option<ExternalId>) -> Result<(), Pause> {
    match found {
        Some(filed) => Err(Trouble::Exists(filed.0.unwrap_or_default()).into()),
        None => Ok(()),
    }
}
