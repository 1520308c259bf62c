//! Stripe's resources, as far as they are read, and what each says as a fact.

use super::AMOUNTS;
use crate::domain::fact::{Decline, Fact, Kind, Method};
use crate::money::{Currency, Money};
use crate::vendor::Trouble;
use jiff::Timestamp;
use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Deserialize)]
pub struct List<T> {
    pub data: Vec<T>,
}

#[derive(Deserialize)]
pub struct Failed {
    pub error: Failure,
}
#[derive(Deserialize)]
pub struct Failure {
    pub r#type: String,
    pub code: Option<String>,
    pub decline_code: Option<String>,
}

/// An id, or the object itself where it was asked to be expanded.
#[derive(Deserialize)]
#[serde(untagged)]
pub enum Expanded<T> {
    Id(String),
    Object(Box<T>),
}

impl<T> Expanded<T> {
    pub fn object(self) -> Option<T> {
        match self {
            Self::Object(object) => Some(*object),
            Self::Id(_) => None,
        }
    }
}

#[derive(Deserialize)]
pub struct Intent {
    pub id: String,
    amount: i64,
    currency: String,
    status: String,
    customer: Option<String>,
    payment_method: Option<Expanded<WithId>>,
    #[serde(default)]
    metadata: BTreeMap<String, String>,
    last_payment_error: Option<Failure>,
    pub latest_charge: Option<Expanded<Charged>>,
}
#[derive(Deserialize)]
pub struct WithId {
    id: String,
}

impl Intent {
    pub fn fact(&self) -> Result<Fact, Trouble> {
        let kind = match self.status.as_str() {
            "succeeded" => Kind::PaymentSucceeded,
            "canceled" => Kind::PaymentFailed,
            "requires_payment_method" if self.last_payment_error.is_some() => Kind::PaymentFailed,
            "requires_payment_method"
            | "requires_confirmation"
            | "requires_action"
            | "processing"
            | "requires_capture" => Kind::PaymentPending,
            other => return Err(Trouble::Unreadable(format!("an intent {other}"))),
        };
        let failed = kind == Kind::PaymentFailed;
        let why = if self.status == "canceled" {
            Decline::Cancelled
        } else {
            self.why()
        };
        let token = self.payment_method.as_ref().map(|method| match method {
            Expanded::Id(id) => id.clone(),
            Expanded::Object(method) => method.id.clone(),
        });
        let charge = self.latest_charge.as_ref();
        let method = self
            .customer
            .clone()
            .zip(token)
            .map(|(customer, token)| Method {
                gateway: "stripe".into(),
                customer: Some(customer),
                token,
                label: charge.map_or("Card".into(), Expanded::label),
            });
        Ok(Fact {
            reference: self.metadata.get("reference").cloned(),
            payment: Some(self.id.clone()),
            aliases: charge.map(Expanded::charge_id).into_iter().collect(),
            amount: Some(money(self.amount, &self.currency)?),
            decline: failed.then_some(why),
            method,
            ..Fact::new(kind)
        })
    }

    fn why(&self) -> Decline {
        decline(self.last_payment_error.as_ref())
    }
}

#[derive(Deserialize)]
pub struct Charged {
    id: String,
    amount: i64,
    amount_refunded: i64,
    currency: String,
    payment_intent: Option<String>,
    #[serde(default)]
    metadata: BTreeMap<String, String>,
    payment_method_details: Option<Details>,
    pub refunds: Option<List<GivenBack>>,
    failure_code: Option<String>,
}
#[derive(Deserialize)]
struct Details {
    card: Option<Card>,
}
#[derive(Deserialize)]
struct Card {
    brand: Option<String>,
    last4: Option<String>,
}

impl Charged {
    pub fn fact(self, name: &str) -> Result<Fact, Trouble> {
        let kind = match name {
            "charge.refunded" => Kind::RefundSucceeded,
            "charge.failed" => Kind::PaymentFailed,
            _ => Kind::PaymentSucceeded,
        };
        let amount = money(self.amount, &self.currency)?;
        let total = money(self.amount_refunded, &self.currency)?;
        let refunded = kind == Kind::RefundSucceeded;
        let failure = Failure {
            r#type: "card_error".into(),
            code: None,
            decline_code: self.failure_code,
        };
        Ok(Fact {
            reference: self.metadata.get("reference").cloned(),
            payment: self.payment_intent.clone().or(Some(self.id.clone())),
            aliases: vec![self.id],
            amount: (!refunded).then_some(amount),
            refunded_total: refunded.then_some(total),
            decline: (kind == Kind::PaymentFailed).then(|| decline(Some(&failure))),
            ..Fact::new(kind)
        })
    }
}

impl Expanded<Charged> {
    fn charge_id(&self) -> String {
        match self {
            Self::Id(id) => id.clone(),
            Self::Object(charge) => charge.id.clone(),
        }
    }

    fn label(&self) -> String {
        let card = match self {
            Self::Object(charge) => charge
                .payment_method_details
                .as_ref()
                .and_then(|details| details.card.as_ref()),
            Self::Id(_) => None,
        };
        match card.map(|card| (&card.brand, &card.last4)) {
            Some((Some(brand), Some(last4))) => format!("{brand} ending {last4}"),
            _ => "Card".into(),
        }
    }
}

#[derive(Deserialize)]
pub struct GivenBack {
    id: String,
    amount: i64,
    currency: String,
    status: Option<String>,
    payment_intent: Option<String>,
    charge: Option<String>,
    metadata: Option<BTreeMap<String, String>>,
}

impl GivenBack {
    pub fn fact(&self) -> Result<Fact, Trouble> {
        let kind = match self.status.as_deref() {
            Some("succeeded") => Kind::RefundSucceeded,
            Some("failed" | "canceled") => Kind::RefundFailed,
            Some("pending" | "requires_action") => Kind::RefundPending,
            other => return Err(Trouble::Unreadable(format!("a refund {other:?}"))),
        };
        let metadata = self.metadata.as_ref();
        Ok(Fact {
            reference: metadata.and_then(|m| m.get("reference")).cloned(),
            payment: self.payment_intent.clone().or(self.charge.clone()),
            aliases: self.charge.iter().cloned().collect(),
            refund: Some(self.id.clone()),
            amount: Some(money(self.amount, &self.currency)?),
            ..Fact::new(kind)
        })
    }
}

pub fn money(minor: i64, code: &str) -> Result<Money, Trouble> {
    let unknown = || Trouble::Unreadable(format!("currency {code}"));
    let currency = Currency::read(code).ok_or_else(unknown)?;
    Ok(AMOUNTS.read(&minor.to_string(), currency)?)
}

pub fn decline(error: Option<&Failure>) -> Decline {
    let Some(error) = error else {
        return Decline::Other;
    };
    match error.decline_code.as_deref().or(error.code.as_deref()) {
        Some(
            "insufficient_funds" | "card_velocity_exceeded" | "withdrawal_count_limit_exceeded",
        ) => Decline::Funds,
        Some("expired_card" | "lost_card" | "stolen_card" | "pickup_card" | "incorrect_number") => {
            Decline::Method
        }
        Some("authentication_required" | "payment_intent_authentication_failure") => {
            Decline::Action
        }
        Some("fraudulent" | "merchant_blacklist") => Decline::Fraud,
        // Every other code may pass on another day.
        Some(_) | None => Decline::Other,
    }
}

pub fn at(seconds: i64) -> Option<Timestamp> {
    Timestamp::from_second(seconds).ok()
}
