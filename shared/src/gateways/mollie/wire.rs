//! Mollie's resources, as far as they are read, and what each says as a fact. A payment with
//! refunds or chargebacks still reads `paid`: they come with it when asked for.

use super::AMOUNTS;
use super::reports::Chargeback;
use crate::domain::fact::{Decline, Fact, Kind, Method};
use crate::money::{Currency, Money};
use crate::vendor::Trouble;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

#[derive(Deserialize)]
pub struct Failure {
    pub title: String,
    pub detail: String,
    pub field: Option<String>,
}

#[derive(Deserialize)]
pub struct Customer {
    pub id: String,
}

#[derive(Deserialize)]
pub struct Amount {
    currency: String,
    value: String,
}

impl Amount {
    pub fn money(&self) -> Result<Money, Trouble> {
        let unknown = || Trouble::Unreadable(format!("currency {}", self.currency));
        let currency = Currency::read(&self.currency).ok_or_else(unknown)?;
        Ok(AMOUNTS.read(&self.value, currency)?)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Payment {
    pub id: String,
    status: String,
    amount: Amount,
    #[serde(default)]
    metadata: Value,
    method: Option<String>,
    customer_id: Option<String>,
    mandate_id: Option<String>,
    details: Option<Details>,
    status_reason: Option<Reason>,
    pub expires_at: Option<Timestamp>,
    #[serde(default, rename = "_links")]
    links: Links,
    #[serde(default, rename = "_embedded")]
    embedded: Embedded,
}
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Details {
    card_number: Option<String>,
    card_label: Option<String>,
    failure_reason: Option<String>,
    bank_reason_code: Option<String>,
}
#[derive(Deserialize)]
struct Reason {
    code: String,
}
#[derive(Default, Deserialize)]
struct Links {
    checkout: Option<Link>,
}
#[derive(Deserialize)]
pub struct Link {
    pub href: String,
}
#[derive(Default, Deserialize)]
struct Embedded {
    #[serde(default)]
    refunds: Vec<GivenBack>,
    #[serde(default)]
    chargebacks: Vec<Chargeback>,
}

impl Payment {
    pub fn reference(&self) -> Option<&str> {
        reference(&self.metadata)
    }

    /// The hosted page, as long as there is one.
    pub fn page(&self) -> Option<String> {
        self.links.checkout.as_ref().map(|link| link.href.clone())
    }

    /// The payment, then its refunds and chargebacks.
    pub fn facts(&self) -> Result<Vec<Fact>, Trouble> {
        let kind = match self.status.as_str() {
            "open" | "pending" | "authorized" => Kind::PaymentPending,
            "paid" => Kind::PaymentSucceeded,
            "failed" | "canceled" => Kind::PaymentFailed,
            "expired" => Kind::PaymentExpired,
            other => return Err(Trouble::Unreadable(format!("a payment {other}"))),
        };
        let decline = match self.status.as_str() {
            "failed" => Some(self.decline()),
            "canceled" => Some(Decline::Cancelled),
            _ => None,
        };
        let payment = Fact {
            reference: self.reference().map(String::from),
            payment: Some(self.id.clone()),
            amount: Some(self.amount.money()?),
            decline,
            method: self.kept(),
            ..Fact::new(kind)
        };
        let mut facts = vec![payment];
        for refund in &self.embedded.refunds {
            facts.push(refund.fact()?);
        }
        for chargeback in &self.embedded.chargebacks {
            facts.push(chargeback.fact()?);
        }
        Ok(facts)
    }

    /// A mandate can be charged once the first payment is paid.
    fn kept(&self) -> Option<Method> {
        let paid = self.status == "paid";
        let both = self.customer_id.clone().zip(self.mandate_id.clone());
        both.filter(|_| paid).map(|(customer, token)| Method {
            gateway: "mollie".into(),
            customer: Some(customer),
            token,
            label: self.label(),
        })
    }

    fn label(&self) -> String {
        let last4 = |digits: &&String| digits.len() == 4;
        let details = self.details.as_ref();
        let card = details.and_then(|details| {
            let digits = details.card_number.as_ref().filter(last4)?;
            Some((details.card_label.as_deref().unwrap_or("Card"), digits))
        });
        match (card, self.method.as_deref()) {
            (Some((brand, last4)), _) => format!("{brand} ending {last4}"),
            (None, Some("creditcard" | "applepay")) => "Card".into(),
            (None, Some("paypal")) => "PayPal account".into(),
            (None, _) => "Bank account".into(),
        }
    }

    fn decline(&self) -> Decline {
        let details = self.details.as_ref();
        let card = details.and_then(|details| details.failure_reason.as_deref());
        let bank = details.and_then(|details| details.bank_reason_code.as_deref());
        let reason = self.status_reason.as_ref().map(|reason| &*reason.code);
        match card.or(reason).or(bank) {
            Some(
                "insufficient_funds"
                | "exceeds_withdrawal_amount_limit"
                | "exceeds_withdrawal_count_limit"
                | "AM04",
            ) => Decline::Funds,
            Some(
                "card_expired"
                | "expired_card"
                | "inactive_card"
                | "lost_card"
                | "stolen_card"
                | "invalid_card_number"
                | "invalid_card_type"
                | "closed_account"
                | "invalid_account_number"
                | "AC01"
                | "AC04"
                | "AC06"
                | "AC13"
                | "MD01"
                | "MD07",
            ) => Decline::Method,
            Some(
                "authentication_abandoned"
                | "authentication_failed"
                | "authentication_required"
                | "authentication_unavailable_acs",
            ) => Decline::Action,
            Some("possible_fraud" | "suspected_fraud" | "fraud_security_related") => Decline::Fraud,
            // Every other reason may pass on another day.
            Some(_) | None => Decline::Other,
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GivenBack {
    pub id: String,
    status: String,
    amount: Amount,
    payment_id: String,
    #[serde(default)]
    metadata: Value,
}

impl GivenBack {
    pub fn reference(&self) -> Option<&str> {
        reference(&self.metadata)
    }

    pub fn fact(&self) -> Result<Fact, Trouble> {
        let kind = match self.status.as_str() {
            "queued" | "pending" | "processing" => Kind::RefundPending,
            "refunded" => Kind::RefundSucceeded,
            "failed" | "canceled" => Kind::RefundFailed,
            other => return Err(Trouble::Unreadable(format!("a refund {other}"))),
        };
        Ok(Fact {
            reference: self.reference().map(String::from),
            payment: Some(self.payment_id.clone()),
            refund: Some(self.id.clone()),
            amount: Some(self.amount.money()?),
            ..Fact::new(kind)
        })
    }
}

/// Metadata is whatever was sent: ours is an object with the reference.
fn reference(metadata: &Value) -> Option<&str> {
    metadata.get("reference")?.as_str()
}
