//! A record: one thing that happened, as a machine of the clinic's hears of it. It is made of a
//! notification alone, and neutral as that is: no service, no note, and a name only where the clinic
//! shares names.

use super::system::{CameBy, Notification, Recorded};
use crate::domain::fact::Decline;
use crate::domain::outbox::Topic;
use crate::domain::task::Alert;
use crate::domain::{dispute, payment, refund};
use crate::words::money::Money;
use crate::words::schema::{Id, PaymentId};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

/// One thing that happened, told once. What it is about is as it stood right after; whatever became
/// of it since is told by records of its own, in the order in which it was heard of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Record {
    /// What happened.
    #[serde(rename = "type")]
    pub kind: RecordType,
    /// When it happened, as the gateway says; else when Meridian heard of it.
    pub timestamp: Timestamp,
    /// What it is about.
    pub data: RecordData,
}

/// What can have happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub enum RecordType {
    /// An invoice was made.
    #[serde(rename = "invoice.issued")]
    InvoiceIssued,
    /// A credit note: so much of the invoice is not asked for any more.
    #[serde(rename = "invoice.credited")]
    InvoiceCredited,
    /// Nothing of the invoice is asked for any more.
    #[serde(rename = "invoice.voided")]
    InvoiceVoided,
    /// The patient can pay on a page, whose address the API tells.
    #[serde(rename = "checkout.ready")]
    CheckoutReady,
    /// Money came, or came again.
    #[serde(rename = "payment.received")]
    PaymentReceived,
    /// What the invoice takes of a payment is another amount; nothing moved.
    #[serde(rename = "payment.applied")]
    PaymentApplied,
    /// An attempt failed, and nothing was taken.
    #[serde(rename = "payment.failed")]
    PaymentFailed,
    /// A bank took back what had come.
    #[serde(rename = "payment.returned")]
    PaymentReturned,
    /// Money was sent back.
    #[serde(rename = "refund.paid")]
    RefundPaid,
    /// A refund did not arrive, or was not made.
    #[serde(rename = "refund.failed")]
    RefundFailed,
    /// A payer wants money back by way of the bank.
    #[serde(rename = "dispute.opened")]
    DisputeOpened,
    /// A dispute ended, one way or the other.
    #[serde(rename = "dispute.closed")]
    DisputeClosed,
    /// A person is asked something that only a person can decide.
    #[serde(rename = "task.raised")]
    TaskRaised,
}

impl RecordType {
    /// Every one, in the order of the topics.
    pub const ALL: [Self; 13] = [
        Self::InvoiceIssued,
        Self::InvoiceCredited,
        Self::InvoiceVoided,
        Self::CheckoutReady,
        Self::PaymentReceived,
        Self::PaymentApplied,
        Self::PaymentFailed,
        Self::PaymentReturned,
        Self::RefundPaid,
        Self::RefundFailed,
        Self::DisputeOpened,
        Self::DisputeClosed,
        Self::TaskRaised,
    ];

    /// As records and the field `topics` spell it.
    pub fn name(self) -> &'static str {
        match self {
            Self::InvoiceIssued => "invoice.issued",
            Self::InvoiceCredited => "invoice.credited",
            Self::InvoiceVoided => "invoice.voided",
            Self::CheckoutReady => "checkout.ready",
            Self::PaymentReceived => "payment.received",
            Self::PaymentApplied => "payment.applied",
            Self::PaymentFailed => "payment.failed",
            Self::PaymentReturned => "payment.returned",
            Self::RefundPaid => "refund.paid",
            Self::RefundFailed => "refund.failed",
            Self::DisputeOpened => "dispute.opened",
            Self::DisputeClosed => "dispute.closed",
            Self::TaskRaised => "task.raised",
        }
    }

    /// That of an occurrence of this topic; `None` of what no record is made of.
    pub fn of(topic: Topic) -> Option<Self> {
        Some(match topic {
            Topic::InvoiceIssued => Self::InvoiceIssued,
            Topic::InvoiceCredited => Self::InvoiceCredited,
            Topic::InvoiceVoided => Self::InvoiceVoided,
            Topic::CheckoutReady => Self::CheckoutReady,
            Topic::PaymentReceived => Self::PaymentReceived,
            Topic::PaymentApplied => Self::PaymentApplied,
            Topic::PaymentFailed => Self::PaymentFailed,
            Topic::PaymentReturned => Self::PaymentReturned,
            Topic::RefundPaid => Self::RefundPaid,
            Topic::RefundFailed => Self::RefundFailed,
            Topic::DisputeOpened => Self::DisputeOpened,
            Topic::DisputeClosed => Self::DisputeClosed,
            Topic::NeedsPerson => Self::TaskRaised,
            Topic::VisitCancelled => return None,
        })
    }
}

/// What a record is about; what it does not speak of is null.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct RecordData {
    /// The clinic's id.
    pub clinic: String,
    /// Of the payment, of what went back of it, of the refund, dispute, credit note or invoice,
    /// whichever the type names; of a task what is at stake.
    pub amount: Money,
    /// The invoice, or the deposit before it; null of what belongs to none.
    pub invoice: Option<RecordedInvoice>,
    /// The number of the credit note: `2026-1-C1`.
    pub credit_note: Option<String>,
    /// The payment or tender.
    pub payment: Option<RecordedPayment>,
    /// What went back, or was to.
    pub refund: Option<RecordedRefund>,
    /// What its payer contests at the bank.
    pub dispute: Option<RecordedDispute>,
    /// What a person is asked.
    pub task: Option<RecordedTask>,
    /// Whose invoice it is; null where it is nobody's who is known.
    pub patient: Option<RecordedPatient>,
    /// The clinic's own id of the appointment that is billed.
    pub appointment: Option<String>,
}

/// An invoice as it stood.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct RecordedInvoice {
    /// By which the API finds it.
    #[schemars(with = "Id")]
    pub id: String,
    /// As people quote it; null while it is a deposit that has none.
    pub number: Option<String>,
    /// Whether nothing was invoiced yet: what comes is a deposit.
    pub deposit: bool,
    /// What it asked for, its credit notes taken off: nothing once it is void.
    pub asked: Money,
    /// What was left to pay.
    pub due: Money,
}

/// A payment or tender as it stood.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct RecordedPayment {
    /// As the API names it, and the gateway keeps it.
    #[schemars(with = "PaymentId")]
    pub id: String,
    /// The clinic's connection, `stripe` or `stripe@north`; null where no gateway brought it.
    pub gateway: Option<String>,
    /// The gateway's id of it.
    pub gateway_ref: Option<String>,
    /// By what way it came, or was to come.
    pub by: RecordedWay,
    /// All of it; null where only a task names it.
    pub amount: Option<Money>,
    /// How it stood; null of a tender, which has no states, and where only a task names it.
    pub state: Option<payment::State>,
    /// Why it failed or went back, where the gateway told.
    pub decline: Option<Decline>,
}

/// A refund as it stood.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct RecordedRefund {
    /// Within its invoice: `r1`.
    pub id: String,
    /// By which the API names the refund that it is a part of; null where only the gateway made it.
    pub request: Option<String>,
    /// The gateway's id of it.
    pub gateway_ref: Option<String>,
    /// By what way it goes back.
    pub by: RecordedWay,
    /// How it stood; null where only a task names it.
    pub state: Option<refund::State>,
}

/// A dispute as it stood.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct RecordedDispute {
    /// Within its payment, as the API names it.
    pub id: String,
    /// The gateway's id of it.
    pub gateway_ref: Option<String>,
    /// How it stood at the bank.
    pub state: Option<dispute::State>,
    /// By when the clinic must answer it, where that was told.
    pub due_by: Option<Timestamp>,
}

/// A task as it was raised. Its words and the calls that answer it are the API's to tell.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct RecordedTask {
    /// Unique within its invoice.
    pub id: String,
    /// Why somebody must look.
    pub alert: Option<Alert>,
}

/// A patient, as far as it may be told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct RecordedPatient {
    /// Meridian's, by which the API finds the patient.
    #[schemars(with = "Id")]
    pub id: String,
    /// The clinic's own; `erased` once the patient was erased.
    pub reference: String,
    /// Null unless the clinic shares names.
    #[schemars(extend("x-personal" = true))]
    pub name: Option<String>,
}

/// By what way money comes or goes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RecordedWay {
    /// Through the payment's gateway.
    Gateway,
    /// Coins and notes.
    Cash,
    /// A card machine that Meridian does not talk to.
    Terminal,
    /// A health fund or insurer.
    Fund,
    /// A transfer to or from the clinic's bank account.
    Bank,
    /// Entered in the clinic's accounting first.
    Books,
    /// The patient's credit.
    Credit,
}

impl RecordedWay {
    fn of(by: CameBy) -> Self {
        match by {
            CameBy::Gateway => Self::Gateway,
            CameBy::Books => Self::Books,
            CameBy::Credit => Self::Credit,
            CameBy::Recorded(Recorded::Cash) => Self::Cash,
            CameBy::Recorded(Recorded::Terminal) => Self::Terminal,
            CameBy::Recorded(Recorded::Fund) => Self::Fund,
            CameBy::Recorded(Recorded::Bank) => Self::Bank,
        }
    }
}

impl Record {
    /// What a notification tells; `None` where no record is made of it.
    pub fn of(told: &Notification) -> Option<Self> {
        let kind = RecordType::of(told.topic)?;
        let (ids, stood) = (&told.ids, &told.stood);
        let invoice = ids.case.as_ref().map(|id| RecordedInvoice {
            id: id.clone(),
            number: Some(told.invoice.clone()).filter(|number| !number.is_empty()),
            deposit: stood.deposit,
            asked: stood.asked,
            due: stood.due,
        });
        let refund = ids.refund.as_ref().map(|id| RecordedRefund {
            id: id.clone(),
            request: ids.request.clone(),
            gateway_ref: ids.refund_there.clone(),
            by: RecordedWay::of(told.by),
            state: stood.refund,
        });
        let dispute = ids.dispute.as_ref().map(|id| RecordedDispute {
            id: id.clone(),
            gateway_ref: ids.dispute_there.clone(),
            state: stood.dispute,
            due_by: stood.due_by,
        });
        let task = ids.task.as_ref().map(|id| RecordedTask {
            id: id.clone(),
            alert: stood.alert,
        });
        let patient = ids.patient.as_ref().map(|id| RecordedPatient {
            id: id.clone(),
            reference: told.customer.reference.clone(),
            name: told.customer.name.clone(),
        });
        Some(Self {
            kind,
            timestamp: told.at,
            data: RecordData {
                clinic: ids.clinic.clone(),
                amount: told.amount,
                invoice,
                credit_note: told.note.clone(),
                payment: payment(told),
                refund,
                dispute,
                task,
                patient,
                appointment: ids.appointment.clone(),
            },
        })
    }
}

fn payment(told: &Notification) -> Option<RecordedPayment> {
    let gateway = Some(told.gateway.clone()).filter(|gateway| !gateway.is_empty());
    Some(RecordedPayment {
        id: told.ids.payment.clone()?,
        gateway,
        gateway_ref: told.ids.payment_there.clone(),
        by: RecordedWay::of(told.came),
        amount: told.payment,
        state: told.stood.payment,
        decline: told.stood.decline,
    })
}
