//! What a gateway says happened, whoever brought it: a webhook, the reply to a call, or a look-up.

use crate::words::ids;
use crate::words::money::Money;
use jiff::Timestamp;
use jiff::civil::Date;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The kinds of event that Meridian knows, as `/v1/events` names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "EventKind")]
pub enum Kind {
    /// Money came.
    PaymentSucceeded,
    /// An attempt was declined or cancelled; nothing was taken.
    PaymentFailed,
    /// It is under way, or approved and not yet taken.
    PaymentPending,
    /// Nobody can pay on the page any more.
    PaymentExpired,
    /// Money that had come was taken back by a bank, without a dispute.
    PaymentReturned,
    /// Money that we or the clinic sent back is there.
    RefundSucceeded,
    /// What was sent back did not get there, and is at the gateway again.
    RefundFailed,
    /// A refund is on its way.
    RefundPending,
    /// A payer wants money back by way of the bank.
    DisputeOpened,
    /// A dispute ended, and the clinic keeps or gets back the money.
    DisputeWon,
    /// A dispute ended, and the payer keeps the money.
    DisputeLost,
    /// The gateway paid this payment out; listed, without effect.
    Settled,
    /// The clinic's bank got money; listed, without effect.
    PayoutPaid,
    /// The clinic's bank did not get it; listed, without effect.
    PayoutFailed,
    /// A method may be charged.
    MandateActive,
    /// A method may not be charged any more.
    MandateCancelled,
    /// Told of subscriptions that others manage; listed, without effect.
    SubscriptionCancelled,
    /// A visit took place: it is billed.
    AppointmentCompleted,
    /// A visit was called off.
    AppointmentCancelled,
    /// A visit has another time.
    AppointmentRescheduled,
    /// The patient did not come.
    AppointmentNoShow,
    /// Somebody wrote, by SMS or in a chat.
    MessageReceived,
    /// Somebody filled in a form.
    FormSubmitted,
    /// Somebody bought at a shop; listed, without effect.
    OrderCreated,
    /// Known, and of no consequence here.
    Other,
}

/// Why a payer's bank or gateway said no, as far as it changes what we do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Decline {
    /// Not enough money: worth another try.
    Funds,
    /// This card or account will not work again: lost, closed, expired, mandate gone.
    Method,
    /// The payer must act: strong authentication, approval.
    Action,
    /// Taken for fraud by the bank, the gateway or the clinic's own rules: not tried again.
    Fraud,
    /// The payer stopped it.
    Cancelled,
    /// Without a reason, or with one that nobody knows: worth another try.
    Other,
}

impl Decline {
    /// As journals and the API write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Funds => "funds",
            Self::Method => "method",
            Self::Action => "action",
            Self::Fraud => "fraud",
            Self::Cancelled => "cancelled",
            Self::Other => "other",
        }
    }

    /// The one of this name.
    pub fn read(name: &str) -> Option<Self> {
        let all = [
            Self::Funds,
            Self::Method,
            Self::Action,
            Self::Fraud,
            Self::Cancelled,
            Self::Other,
        ];
        all.into_iter().find(|one| one.name() == name)
    }

    /// Whether the same method may be tried again by itself.
    pub fn may_retry(self) -> bool {
        matches!(self, Self::Funds | Self::Other)
    }

    /// Whether the method will never work again: it is not charged any more.
    pub fn ends_method(self) -> bool {
        self == Self::Method
    }
}

/// One thing that a gateway says. Ids are the gateway's own; `reference` is ours.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fact {
    /// What happened.
    pub kind: Kind,
    /// Our own reference, where the gateway hands it back: of the payment, or of the refund.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// The id under which the payment is refunded and looked up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payment: Option<String>,
    /// Other ids of the same payment: its session, its charge.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<String>,
    /// The gateway's id of a refund, or of a reversal that a bank made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refund: Option<String>,
    /// The gateway's id of a dispute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dispute: Option<String>,
    /// Of the payment, the refund or the dispute, whichever the kind speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<Money>,
    /// Everything refunded on the payment so far, where that is all the gateway tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refunded_total: Option<Money>,
    /// Why it failed or went back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decline: Option<Decline>,
    /// The gateway's own words for a refusal, for staff.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub words: Option<String>,
    /// When it happened, as the gateway says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub occurred_at: Option<Timestamp>,
    /// The day on which a bank debit is collected, while it is on its way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub collected_on: Option<Date>,
    /// By when the clinic must answer a dispute, while it is open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_by: Option<Timestamp>,
    /// The payer approved, and the money moves only when we complete it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub approved: bool,
    /// How people tell the method apart that paid, kept or not: `Visa ending 4242`. Nothing general.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paid_with: Option<String>,
    /// A method that the gateway now keeps and that may be charged again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<Method>,
    /// It was reported, and the look-up that was made of it does not show it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub hearsay: bool,
}

impl Fact {
    /// A fact of this kind that says no more; the rest is filled in.
    pub fn new(kind: Kind) -> Self {
        Self {
            kind,
            reference: None,
            payment: None,
            aliases: Vec::new(),
            refund: None,
            dispute: None,
            amount: None,
            refunded_total: None,
            decline: None,
            words: None,
            occurred_at: None,
            collected_on: None,
            due_by: None,
            approved: false,
            paid_with: None,
            method: None,
            hearsay: false,
        }
    }

    /// The fact where every id in it can be one, or the name of the field that holds none. A
    /// reference that is not ours leads nowhere and is left out, so is what is too long to be read.
    pub fn checked(self) -> Result<Self, String> {
        let method = self.method.as_ref();
        let one = |id: &Option<String>| id.as_deref().is_none_or(is_vendor_id);
        for (field, sound) in [
            ("the payment's", one(&self.payment)),
            (
                "the payment's other",
                self.aliases.iter().all(|id| is_vendor_id(id)),
            ),
            ("the refund's", one(&self.refund)),
            ("the dispute's", one(&self.dispute)),
            (
                "the method's",
                method.is_none_or(|m| is_vendor_id(&m.token)),
            ),
            ("the payer's", method.is_none_or(|m| one(&m.customer))),
        ] {
            if !sound {
                return Err(format!("{field} id is none"));
            }
        }
        let ours = |text: &String| ids::read_reference(text).is_some();
        let short = |text: &String| text.chars().count() <= LONGEST_LABEL;
        Ok(Self {
            reference: self.reference.filter(ours),
            paid_with: self.paid_with.filter(short),
            method: self.method.map(|method| Method {
                label: Some(method.label)
                    .filter(short)
                    .unwrap_or("Kept method".into()),
                ..method
            }),
            ..self
        })
    }

    /// Every id by which the payment may be known.
    pub fn payment_ids(&self) -> impl Iterator<Item = &str> {
        self.payment.iter().chain(&self.aliases).map(String::as_str)
    }
}

/// `Visa ending 4242`, with room for longer names of brands.
const LONGEST_LABEL: usize = 80;

/// Whether a vendor's id can be one: letters, digits and what stands between them, short enough
/// for a row's key, and safe in an address.
pub fn is_vendor_id(text: &str) -> bool {
    let inner = |b: u8| b.is_ascii_alphanumeric() || b"_-.:".contains(&b);
    let begins = text
        .bytes()
        .next()
        .is_some_and(|b| b.is_ascii_alphanumeric());
    begins && text.len() <= 255 && text.bytes().all(inner)
}

/// A method kept at a gateway. Opaque ids only: never a number, never a name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Method {
    /// The id of the gateway that keeps it.
    pub gateway: String,
    /// The payer's id at the gateway, where it needs one beside the method.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer: Option<String>,
    /// What is charged: a payment method, a vault id, a mandate.
    pub token: String,
    /// How staff and patients tell it apart: `Visa ending 4242`, `Bank account`.
    pub label: String,
}
