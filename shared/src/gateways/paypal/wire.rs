//! PayPal's resources, as far as they are read, and what each says as a fact.

use super::AMOUNTS;
use crate::domain::case::Session;
use crate::domain::fact::{Decline, Fact, Kind, Method};
use crate::money::{Currency, Money};
use crate::vendor::Trouble;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

/// An error's body.
#[derive(Deserialize)]
pub struct Refusal {
    name: Option<String>,
    #[serde(default)]
    details: Vec<Detail>,
}
#[derive(Deserialize)]
struct Detail {
    issue: String,
}

impl Refusal {
    /// What tells one error from another: the issue of the first detail, else the name.
    pub fn issue(self) -> String {
        let issue = self.details.into_iter().next().map(|detail| detail.issue);
        issue.or(self.name).unwrap_or_default()
    }
}

#[derive(Deserialize)]
pub struct Amount {
    currency_code: String,
    value: String,
}

impl Amount {
    pub fn money(&self) -> Result<Money, Trouble> {
        let unknown = || Trouble::Unreadable(format!("currency {}", self.currency_code));
        let currency = Currency::read(&self.currency_code).ok_or_else(unknown)?;
        Ok(AMOUNTS.read(&self.value, currency)?)
    }
}

#[derive(Deserialize)]
struct Link {
    href: String,
    rel: String,
}

/// The id at the end of the link to the resource above, where that is one of these.
fn above(links: &[Link], resources: &str) -> Option<String> {
    let up = links.iter().find(|link| link.rel == "up")?;
    let (rest, id) = up.href.rsplit_once('/')?;
    rest.ends_with(resources).then(|| id.into())
}

#[derive(Deserialize)]
pub struct Order {
    id: String,
    status: String,
    create_time: Option<Timestamp>,
    #[serde(default)]
    purchase_units: Vec<Unit>,
    payment_source: Option<Source>,
    #[serde(default)]
    links: Vec<Link>,
}
#[derive(Deserialize)]
struct Unit {
    reference_id: Option<String>,
    custom_id: Option<String>,
    amount: Option<Amount>,
    payments: Option<Payments>,
}
#[derive(Deserialize)]
struct Payments {
    #[serde(default)]
    captures: Vec<Capture>,
    #[serde(default)]
    refunds: Vec<GivenBack>,
}
#[derive(Deserialize)]
struct Source {
    paypal: Option<Wallet>,
}
#[derive(Deserialize)]
struct Wallet {
    attributes: Option<Attributes>,
}
#[derive(Deserialize)]
struct Attributes {
    vault: Option<Vault>,
}
#[derive(Deserialize)]
struct Vault {
    id: Option<String>,
    customer: Option<Customer>,
}
#[derive(Deserialize)]
struct Customer {
    id: Option<String>,
}

impl Order {
    /// The page on which the payer approves. The order waits three hours for that.
    pub fn page(self) -> Result<Session, Trouble> {
        let to_payer = |link: &Link| link.rel == "payer-action" || link.rel == "approve";
        let link = self.links.into_iter().find(to_payer);
        let missing = || Trouble::Unreadable(format!("an order {} without a page", self.status));
        let expires_at = self.create_time.map(|at| at + SignedDuration::from_hours(3));
        Ok(Session {
            id: self.id,
            url: link.ok_or_else(missing)?.href,
            expires_at,
        })
    }

    fn payments(&self) -> impl Iterator<Item = &Payments> {
        self.purchase_units.iter().filter_map(|unit| unit.payments.as_ref())
    }

    pub fn has_captures(&self) -> bool {
        self.payments().any(|payments| !payments.captures.is_empty())
    }

    /// The reply to a call that takes money.
    pub fn taken(&self) -> Result<Vec<Fact>, Trouble> {
        match self.status.as_str() {
            _ if self.has_captures() => self.facts(),
            "PAYER_ACTION_REQUIRED" => Err(Trouble::Declined(Decline::Action)),
            other => Err(Trouble::Unclear(format!("an order {other} without a capture"))),
        }
    }

    pub fn facts(&self) -> Result<Vec<Fact>, Trouble> {
        let mut captures = vec![];
        for capture in self.payments().flat_map(|payments| &payments.captures) {
            captures.push(self.of(capture.fact()?)?);
        }
        let Some(last) = captures.last().cloned() else {
            return Ok(vec![self.of(self.before_capture()?)?]);
        };
        // The payer may try again on the page: a failed attempt counts where there is no other.
        captures.retain(|fact| fact.kind != Kind::PaymentFailed);
        if captures.is_empty() {
            captures.push(last);
        }
        for refund in self.payments().flat_map(|payments| &payments.refunds) {
            captures.push(refund.fact()?);
        }
        Ok(captures)
    }

    fn before_capture(&self) -> Result<Fact, Trouble> {
        let (kind, approved) = match self.status.as_str() {
            "APPROVED" => (Kind::PaymentPending, true),
            "CREATED" | "SAVED" | "PAYER_ACTION_REQUIRED" => (Kind::PaymentPending, false),
            "VOIDED" => (Kind::PaymentExpired, false),
            other => return Err(Trouble::Unreadable(format!("an order {other} without a capture"))),
        };
        Ok(Fact {
            approved,
            ..Fact::new(kind)
        })
    }

    /// A fact with what only the order knows.
    fn of(&self, mut fact: Fact) -> Result<Fact, Trouble> {
        let unit = self.purchase_units.first();
        let reference = || unit.and_then(|unit| unit.custom_id.clone().or(unit.reference_id.clone()));
        fact.reference = fact.reference.or_else(reference);
        if !fact.aliases.contains(&self.id) {
            fact.aliases.push(self.id.clone());
        }
        if fact.amount.is_none() {
            let amount = unit.and_then(|unit| unit.amount.as_ref());
            fact.amount = amount.map(Amount::money).transpose()?;
        }
        fact.method = self.method();
        Ok(fact)
    }

    /// The wallet that PayPal now keeps.
    fn method(&self) -> Option<Method> {
        let wallet = self.payment_source.as_ref()?.paypal.as_ref()?;
        let vault = wallet.attributes.as_ref()?.vault.as_ref()?;
        Some(Method {
            gateway: "paypal".into(),
            customer: vault.customer.as_ref().and_then(|customer| customer.id.clone()),
            token: vault.id.clone()?,
            label: "PayPal account".into(),
        })
    }
}

#[derive(Deserialize)]
pub struct Capture {
    id: String,
    status: String,
    amount: Amount,
    custom_id: Option<String>,
    invoice_id: Option<String>,
    processor_response: Option<Processor>,
    supplementary_data: Option<Supplement>,
    #[serde(default)]
    links: Vec<Link>,
}
#[derive(Deserialize)]
struct Processor {
    response_code: Option<String>,
}
#[derive(Deserialize)]
struct Supplement {
    related_ids: Option<Related>,
}
#[derive(Deserialize)]
struct Related {
    order_id: Option<String>,
}

impl Capture {
    pub fn fact(&self) -> Result<Fact, Trouble> {
        let kind = match self.status.as_str() {
            "COMPLETED" | "PARTIALLY_REFUNDED" | "REFUNDED" => Kind::PaymentSucceeded,
            "PENDING" => Kind::PaymentPending,
            // Webhooks say DENIED where the resource's own list says DECLINED.
            "DECLINED" | "DENIED" | "FAILED" => Kind::PaymentFailed,
            other => return Err(Trouble::Unreadable(format!("a capture {other}"))),
        };
        self.fact_of(kind)
    }

    pub fn fact_of(&self, kind: Kind) -> Result<Fact, Trouble> {
        let related = self.supplementary_data.as_ref().and_then(|data| data.related_ids.as_ref());
        let order = related.and_then(|ids| ids.order_id.clone());
        let mut aliases: Vec<_> = order.or_else(|| above(&self.links, "/orders")).into_iter().collect();
        // An attempt that failed gives its id to no payment: the next one in the order may pay.
        let failed = kind == Kind::PaymentFailed;
        if failed {
            aliases.push(self.id.clone());
        }
        Ok(Fact {
            reference: self.custom_id.clone().or(self.invoice_id.clone()),
            payment: (!failed).then(|| self.id.clone()),
            aliases,
            amount: Some(self.amount.money()?),
            decline: failed.then(|| self.why()),
            ..Fact::new(kind)
        })
    }

    /// The processor's codes are PayPal's public list; its API files name the codes only.
    fn why(&self) -> Decline {
        let answer = self.processor_response.as_ref();
        match answer.and_then(|answer| answer.response_code.as_deref()) {
            Some("5120") => Decline::Funds,
            Some("1330" | "5400" | "9520") => Decline::Method,
            Some("9500") => Decline::Fraud,
            // Every other code may pass on another day.
            Some(_) | None => Decline::Other,
        }
    }
}

/// A refund; a reversal has the same shape.
#[derive(Deserialize)]
pub struct GivenBack {
    id: String,
    status: String,
    amount: Amount,
    custom_id: Option<String>,
    invoice_id: Option<String>,
    #[serde(default)]
    links: Vec<Link>,
}

impl GivenBack {
    pub fn fact(&self) -> Result<Fact, Trouble> {
        let kind = match self.status.as_str() {
            "COMPLETED" => Kind::RefundSucceeded,
            "PENDING" => Kind::RefundPending,
            "FAILED" | "CANCELLED" => Kind::RefundFailed,
            other => return Err(Trouble::Unreadable(format!("a refund {other}"))),
        };
        Ok(Fact {
            refund: Some(self.id.clone()),
            ..self.fact_of(kind)?
        })
    }

    pub fn fact_of(&self, kind: Kind) -> Result<Fact, Trouble> {
        Ok(Fact {
            // One made in PayPal's dashboard carries the payment's.
            reference: self.custom_id.clone().or(self.invoice_id.clone()),
            payment: above(&self.links, "/captures"),
            amount: Some(self.amount.money()?),
            ..Fact::new(kind)
        })
    }
}
