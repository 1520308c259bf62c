//! Mollie's resources, as far as they are read, and what each says as a fact. A payment with
//! refunds or chargebacks still reads `paid`: they come with it when asked for.
//! Source of fields and statuses: Mollie's OpenAPI description of v2.

use super::{AMOUNTS, LookedUp, parts, read_money, unknown};
use crate::contract::*;
use crate::domain::fact::{Decline, Fact, Kind, Method};
use crate::words::json;
use crate::words::money::Money;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

/// Why Mollie says no. A word that stands in no list, one about the clinic's own set-up among them,
/// may pass on another day.
const REASONS: Declines = Declines(include_str!("declines.txt"));

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
        read_money(&AMOUNTS, &self.value, &self.currency)
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
    /// What the method tells, by its kind.
    #[serde(default)]
    details: Value,
    #[serde(default)]
    status_reason: Value,
    created_at: Option<Timestamp>,
    paid_at: Option<Timestamp>,
    failed_at: Option<Timestamp>,
    canceled_at: Option<Timestamp>,
    expired_at: Option<Timestamp>,
    pub expires_at: Option<Timestamp>,
    #[serde(default, rename = "_links")]
    links: Value,
}

/// A payment with its refunds and chargebacks, each read by itself.
pub fn told(payment: &Value) -> LookedUp {
    let mut told = LookedUp::default();
    let own = json::read_part::<Payment>(payment).map_err(Trouble::from);
    if let Some(own) = own.and_then(|own| own.fact()).transpose() {
        told.add(own);
    }
    let with = &payment["_embedded"];
    for refund in parts(&with["refunds"]) {
        told.add(GivenBack::read(refund).and_then(|refund| refund.fact()));
    }
    for back in parts(&with["chargebacks"]) {
        told.add(Chargeback::read(back).and_then(|back| back.fact(payment)));
    }
    told
}

/// What was taken from a bank account on a mandate.
fn debited(payment: &Value) -> Option<Money> {
    let debit = matches!(payment["method"].as_str(), Some("directdebit" | "bacs"));
    let amount = json::read_part::<Amount>(&payment["amount"]);
    amount.ok()?.money().ok().filter(|_| debit)
}

impl Payment {
    /// The hosted page, as long as there is one.
    pub fn page(&self) -> Option<String> {
        self.links["checkout"]["href"].as_str().map(String::from)
    }

    /// Nothing on an open page, where nobody has paid yet.
    pub fn fact(&self) -> Result<Option<Fact>, Trouble> {
        let (kind, decline, occurred_at) = match self.status.as_str() {
            "open" | "pending" | "authorized" => (Kind::PaymentPending, None, self.created_at),
            "paid" => (Kind::PaymentSucceeded, None, self.paid_at),
            "failed" => (Kind::PaymentFailed, Some(self.decline()), self.failed_at),
            "canceled" => {
                let why = Some(Decline::Cancelled);
                (Kind::PaymentFailed, why, self.canceled_at)
            }
            "expired" => (Kind::PaymentExpired, None, self.expired_at),
            _ => return unknown("status of a payment"),
        };
        let payment = Fact {
            reference: reference(&self.metadata).map(String::from),
            payment: Some(self.id.clone()),
            amount: Some(self.amount.money()?),
            decline,
            occurred_at,
            paid_with: self.paid_with(),
            method: self.kept(),
            ..Fact::new(kind)
        };
        let idle = self.status == "open" && self.page().is_some();
        Ok((!idle).then_some(payment))
    }

    /// The answer to our wish that nobody pays it any more.
    pub fn ended(&self) -> Result<Vec<Fact>, Trouble> {
        let fact = self.fact()?.map(|fact| match self.status.as_str() {
            "canceled" => Fact {
                kind: Kind::PaymentExpired,
                decline: None,
                ..fact
            },
            _ => fact,
        });
        Ok(fact.into_iter().collect())
    }

    /// A mandate can be charged once the first payment is paid.
    fn kept(&self) -> Option<Method> {
        let paid = self.status == "paid";
        let both = self.customer_id.clone().zip(self.mandate_id.clone());
        let in_general = match self.method.as_deref() {
            Some("creditcard" | "applepay" | "googlepay") => "Card",
            Some("paypal") => "PayPal account",
            _ => "Bank account",
        };
        both.filter(|_| paid).map(|(customer, token)| Method {
            gateway: "mollie".into(),
            customer: Some(customer),
            token,
            label: self.paid_with().unwrap_or(in_general.into()),
        })
    }

    fn paid_with(&self) -> Option<String> {
        let text = |name: &str| self.details[name].as_str();
        if let Some(last4) = text("cardNumber").and_then(last4) {
            return Some(format!(
                "{} ending {last4}",
                text("cardLabel").unwrap_or("Card")
            ));
        }
        // Of other methods the "account" is an e-mail address or a telephone number.
        let account = text("consumerAccount").filter(|account| is_iban(account))?;
        Some(format!("Bank account ending {}", last4(account)?))
    }

    /// What says something in particular goes before what says "declined", and a reason that
    /// leaves no hope before one that does.
    fn decline(&self) -> Decline {
        let details = ["failureReason", "bankReasonCode"].map(|name| self.details[name].as_str());
        let told = [self.status_reason["code"].as_str(), details[0], details[1]];
        let told: Vec<_> = told
            .into_iter()
            .flatten()
            .filter_map(|code| REASONS.of(code))
            .collect();
        let hopeless = told.iter().find(|why| !why.may_retry());
        *hopeless.or(told.first()).unwrap_or(&Decline::Other)
    }
}

fn last4(number: &str) -> Option<&str> {
    let last = number.get(number.len().checked_sub(4)?..)?;
    last.bytes().all(|b| b.is_ascii_digit()).then_some(last)
}

fn is_iban(account: &str) -> bool {
    let (country, rest) = account.split_at_checked(2).unwrap_or_default();
    let letters = country.bytes().all(|b| b.is_ascii_uppercase());
    letters && rest.len() > 12 && rest.bytes().all(|b| b.is_ascii_alphanumeric())
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GivenBack {
    pub id: String,
    status: String,
    amount: Amount,
    payment_id: String,
    created_at: Option<Timestamp>,
    #[serde(default)]
    metadata: Value,
}

impl GivenBack {
    pub fn read(part: &Value) -> Result<Self, Trouble> {
        Ok(json::read_part(part)?)
    }

    pub fn fact(&self) -> Result<Fact, Trouble> {
        let kind = match self.status.as_str() {
            "queued" | "pending" | "processing" => Kind::RefundPending,
            "refunded" => Kind::RefundSucceeded,
            "failed" | "canceled" => Kind::RefundFailed,
            _ => return unknown("status of a refund"),
        };
        Ok(Fact {
            reference: reference(&self.metadata).map(String::from),
            payment: Some(self.payment_id.clone()),
            refund: Some(self.id.clone()),
            amount: Some(self.amount.money()?),
            // Of its end no time is told.
            occurred_at: self.created_at.filter(|_| kind == Kind::RefundPending),
            ..Fact::new(kind)
        })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Chargeback {
    id: String,
    amount: Amount,
    payment_id: String,
    #[serde(default)]
    reason: Value,
    created_at: Option<Timestamp>,
    reversed_at: Option<Timestamp>,
}

impl Chargeback {
    pub fn read(part: &Value) -> Result<Self, Trouble> {
        Ok(json::read_part(part)?)
    }

    /// The money is gone at once, and there is no verdict but a reversal. Over a card a bank can
    /// be answered: a dispute. A bank debit simply comes back, as from every gateway, and is due.
    pub fn fact(&self, payment: &Value) -> Result<Fact, Trouble> {
        let debited = debited(payment);
        let amount = self.amount.money()?;
        let whole = debited.filter(|debited| debited.minor <= amount.minor);
        let amount = whole.unwrap_or(amount);
        let (kind, occurred_at) = match (debited, self.reversed_at) {
            (Some(_), None) => (Kind::PaymentReturned, self.created_at),
            (_, at @ Some(_)) => (Kind::DisputeWon, at),
            (None, None) => (Kind::DisputeOpened, self.created_at),
        };
        let id = Some(self.id.clone());
        let returned = kind == Kind::PaymentReturned;
        let why = self.reason["code"]
            .as_str()
            .and_then(|code| REASONS.of(code));
        Ok(Fact {
            payment: Some(self.payment_id.clone()),
            refund: id.clone().filter(|_| returned),
            dispute: id.filter(|_| matches!(kind, Kind::DisputeWon | Kind::DisputeOpened)),
            amount: Some(amount),
            decline: returned.then_some(why.unwrap_or(Decline::Other)),
            occurred_at,
            ..Fact::new(kind)
        })
    }
}

/// Metadata is whatever was sent: ours is an object with the reference.
pub fn reference(metadata: &Value) -> Option<&str> {
    metadata.get("reference")?.as_str()
}
