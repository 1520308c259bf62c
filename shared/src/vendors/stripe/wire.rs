//! Stripe's resources, as far as they are read, and what each says as a fact. Any other resource
//! in them may be an id or the object itself.

use super::decline::{decline, returned_by_bank};
use super::{money, unknown};
use crate::contract::*;
use crate::domain::fact::{Decline, Fact, Kind, Method};
use crate::words::json;
use jiff::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json as object};

pub fn id_of(place: Option<&Value>) -> Option<String> {
    let text = place.and_then(|value| value.as_str().or(value["id"].as_str()));
    text.map(str::to_owned)
}

pub fn read_as<T: DeserializeOwned>(value: &Value) -> Result<T, Trouble> {
    Ok(json::read_part(value)?)
}

/// Our reference, from metadata that may be null.
fn ours(metadata: Option<&Value>) -> Option<String> {
    metadata?["reference"].as_str().map(str::to_owned)
}

#[derive(Deserialize)]
pub struct Intent {
    id: String,
    amount: i64,
    amount_received: Option<i64>,
    currency: String,
    status: String,
    customer: Option<Value>,
    payment_method: Option<Value>,
    payment_method_types: Option<Vec<String>>,
    metadata: Option<Value>,
    last_payment_error: Option<Value>,
    latest_charge: Option<Value>,
}

impl Intent {
    /// Nothing where it only waits for the payer, who has not begun or is at it.
    pub fn fact(&self) -> Result<Option<Fact>, Trouble> {
        let error = self.last_payment_error.as_ref();
        let kind = match self.status.as_str() {
            "succeeded" => Kind::PaymentSucceeded,
            "canceled" => Kind::PaymentFailed,
            "processing" | "requires_capture" => Kind::PaymentPending,
            "requires_payment_method" if error.is_some() => Kind::PaymentFailed,
            "requires_payment_method" | "requires_confirmation" | "requires_action" => {
                return Ok(None);
            }
            _ => return unknown("status of a payment intent"),
        };
        let came = self.amount_received.filter(|_| self.status == "succeeded");
        let why = match self.status.as_str() {
            "canceled" => Decline::Cancelled,
            _ => error.map_or(Decline::Other, decline),
        };
        let charge = self.latest_charge.as_ref();
        let details = charge.map(|charge| &charge["payment_method_details"]);
        let details = details.filter(|details| details.is_object());
        let types = self.payment_method_types.iter().flatten();
        let once = details.is_none() && types.into_iter().any(|t| ONCE.contains(&t.as_str()));
        let method = kept(&self.customer, &self.payment_method, details).filter(|_| !once);
        let arrived = kind == Kind::PaymentSucceeded;
        Ok(Some(Fact {
            reference: ours(self.metadata.as_ref()),
            payment: Some(self.id.clone()),
            aliases: id_of(self.latest_charge.as_ref()).into_iter().collect(),
            amount: Some(money(came.unwrap_or(self.amount), &self.currency)?),
            decline: (kind == Kind::PaymentFailed).then_some(why),
            paid_with: details.filter(|_| arrived).and_then(label),
            method,
            ..Fact::new(kind)
        }))
    }
}

#[derive(Deserialize)]
pub struct Charged {
    id: String,
    amount: i64,
    amount_captured: i64,
    amount_refunded: i64,
    captured: bool,
    currency: String,
    status: String,
    payment_intent: Option<Value>,
    customer: Option<Value>,
    payment_method: Option<Value>,
    metadata: Option<Value>,
    payment_method_details: Option<Value>,
    failure_code: Option<String>,
    outcome: Option<Value>,
}

impl Charged {
    pub fn fact(&self) -> Result<Fact, Trouble> {
        let (kind, minor) = match (self.status.as_str(), self.captured) {
            ("succeeded", true) => (Kind::PaymentSucceeded, self.amount_captured),
            // Only set aside on the card.
            ("succeeded", false) | ("pending", _) => (Kind::PaymentPending, self.amount),
            ("failed", _) => (Kind::PaymentFailed, self.amount),
            _ => return unknown("status of a charge"),
        };
        let why = match &self.outcome {
            Some(why) if why["type"] == "blocked" => Decline::Fraud,
            Some(why) if why["reason"].is_string() => decline(&object!({
                "code": why["reason"],
                "advice_code": why["advice_code"],
            })),
            _ => decline(&object!({"code": self.failure_code})),
        };
        let details = self.payment_method_details.as_ref();
        let arrived = kind == Kind::PaymentSucceeded;
        let method = kept(&self.customer, &self.payment_method, details);
        Ok(Fact {
            amount: Some(money(minor, &self.currency)?),
            decline: (kind == Kind::PaymentFailed).then_some(why),
            paid_with: details.filter(|_| arrived).and_then(label),
            method: method.filter(|_| arrived),
            ..self.about(kind)
        })
    }

    /// All that was refunded of it so far.
    pub fn refunded(&self) -> Result<Fact, Trouble> {
        Ok(Fact {
            refunded_total: Some(money(self.amount_refunded, &self.currency)?),
            ..self.about(Kind::RefundSucceeded)
        })
    }

    fn about(&self, kind: Kind) -> Fact {
        Fact {
            reference: ours(self.metadata.as_ref()),
            payment: id_of(self.payment_intent.as_ref()).or(Some(self.id.clone())),
            aliases: vec![self.id.clone()],
            ..Fact::new(kind)
        }
    }
}

/// What moves under a payment, or out to the clinic: a refund, a dispute, a payout.
#[derive(Deserialize)]
pub struct Moved {
    id: String,
    amount: i64,
    currency: String,
    status: Option<String>,
    reason: Option<String>,
    payment_intent: Option<Value>,
    charge: Option<Value>,
    metadata: Option<Value>,
    /// What a dispute took out of the clinic's account, and gave back.
    balance_transactions: Option<Vec<Value>>,
    /// Of a dispute: by when it must be answered, `due_by`, in epoch seconds; 0 where it cannot be.
    evidence_details: Option<Value>,
}

impl Moved {
    /// Source of the statuses: the text of `refund.status` in the API description.
    pub fn refund(&self) -> Result<Fact, Trouble> {
        let kind = match self.status.as_deref() {
            Some("succeeded") => Kind::RefundSucceeded,
            Some("failed" | "canceled") => Kind::RefundFailed,
            Some("pending" | "requires_action") => Kind::RefundPending,
            _ => return unknown("status of a refund"),
        };
        Ok(Fact {
            reference: ours(self.metadata.as_ref()),
            refund: Some(self.id.clone()),
            ..self.of(kind, self.amount)?
        })
    }

    /// A dispute as an event of this name tells it; without a name, as a look-up shows it.
    pub fn dispute(&self, name: &str) -> Result<Fact, Trouble> {
        // What banks send back of a debit is told as a dispute, lost from the start.
        let returned = self.reason.as_deref().and_then(returned_by_bank);
        let back = name == "charge.dispute.funds_reinstated";
        let (kind, minor) = match self.status.as_deref() {
            Some("lost") if returned.is_some() => (Kind::PaymentReturned, self.amount),
            Some("lost") => (Kind::DisputeLost, self.amount),
            Some("won" | "warning_closed") => (Kind::DisputeWon, self.amount),
            Some("needs_response" | "under_review") if back => (Kind::DisputeWon, self.amount),
            Some("needs_response" | "under_review") => (Kind::DisputeOpened, self.amount),
            // An inquiry: nothing was taken yet.
            Some("warning_needs_response" | "warning_under_review") => (Kind::DisputeOpened, 0),
            // Stopped before it became a chargeback: what it took, if anything, says the balance.
            // In newer versions than ours, from memory, unverified.
            Some("prevented") if self.took() && !back => (Kind::DisputeLost, self.amount),
            Some("prevented") => (Kind::DisputeWon, self.amount),
            _ => return unknown("status of a dispute"),
        };
        Ok(Fact {
            dispute: Some(self.id.clone()),
            due_by: self.due_by().filter(|_| kind == Kind::DisputeOpened),
            decline: returned.filter(|_| kind == Kind::PaymentReturned),
            ..self.of(kind, minor)?
        })
    }

    fn due_by(&self) -> Option<Timestamp> {
        let second = self.evidence_details.as_ref()?["due_by"].as_i64();
        Timestamp::from_second(second.filter(|second| *second > 0)?).ok()
    }

    /// Whether a dispute has taken more out of the account than it gave back.
    fn took(&self) -> bool {
        let moved = self.balance_transactions.iter().flatten();
        moved
            .filter_map(|moved| moved["amount"].as_i64())
            .sum::<i64>()
            < 0
    }

    pub fn payout(&self, kind: Kind) -> Result<Fact, Trouble> {
        Ok(Fact {
            payment: Some(self.id.clone()),
            ..self.of(kind, self.amount)?
        })
    }

    fn of(&self, kind: Kind, minor: i64) -> Result<Fact, Trouble> {
        let charge = id_of(self.charge.as_ref());
        Ok(Fact {
            payment: id_of(self.payment_intent.as_ref()).or(charge.clone()),
            aliases: charge.into_iter().collect(),
            amount: Some(money(minor, &self.currency)?),
            ..Fact::new(kind)
        })
    }
}

/// Methods of a bank's own page serve once: what may be charged again is the debit that they leave
/// behind, which only the charge names. Source: `generated_sepa_debit` of the API description.
const ONCE: [&str; 3] = ["ideal", "bancontact", "sofort"];

fn kept(customer: &Option<Value>, token: &Option<Value>, of: Option<&Value>) -> Option<Method> {
    let kind = of.and_then(|of| of["type"].as_str()).unwrap_or_default();
    let token = match of.filter(|_| ONCE.contains(&kind)) {
        Some(of) => id_of(of[kind].get("generated_sepa_debit"))?,
        None => id_of(token.as_ref())?,
    };
    Some(Method {
        gateway: "stripe".into(),
        customer: Some(id_of(customer.as_ref())?),
        token,
        label: of.and_then(label).unwrap_or("Card".into()),
    })
}

/// `Visa ending 4242`; nothing where only the kind is known.
fn label(details: &Value) -> Option<String> {
    let of = &details[details["type"].as_str()?];
    let last4 = of["last4"].as_str().or(of["iban_last4"].as_str())?;
    let name = match of.get("brand").map(Value::as_str) {
        None => "Bank account".into(),
        // Source: `payment_method_details_card.brand` of the API description, which may be null.
        Some(None | Some("unknown")) => "Card".into(),
        Some(Some(brand)) => {
            let (first, rest) = brand.split_at_checked(1).unwrap_or((brand, ""));
            first.to_uppercase() + rest
        }
    };
    Some(format!("{name} ending {last4}"))
}
