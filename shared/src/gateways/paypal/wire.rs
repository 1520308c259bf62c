//! PayPal's orders and captures, as far as they are read, what each says as a fact, and what a
//! refusal means.

use super::reports::GivenBack;
use super::{AMOUNTS, text};
use crate::domain::case::Session;
use crate::domain::fact::{Decline, Fact, Kind, Method};
use crate::money::{Currency, Money};
use crate::vendor::Trouble;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::Value;

#[derive(Deserialize)]
pub struct Amount {
    #[serde(alias = "currency")]
    currency_code: String,
    #[serde(alias = "total")]
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
pub struct Link {
    href: String,
    rel: String,
}

/// The id at the end of the link to the resource above, where that is one of these.
pub fn above(links: &[Link], resources: &str) -> Option<String> {
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
    #[serde(default)]
    payment_source: Value,
    #[serde(default)]
    links: Vec<Link>,
}
#[derive(Deserialize)]
struct Unit {
    custom_id: Option<String>,
    amount: Option<Amount>,
    #[serde(default)]
    payments: Payments,
}
#[derive(Default, Deserialize)]
#[serde(default)]
struct Payments {
    captures: Vec<Capture>,
    refunds: Vec<GivenBack>,
}

impl Order {
    /// The page on which the payer approves. The order waits three hours for that.
    pub fn page(self) -> Result<Session, Trouble> {
        let to_payer = |link: &Link| link.rel == "payer-action" || link.rel == "approve";
        let link = self.links.into_iter().find(to_payer);
        let missing = || Trouble::Unreadable(format!("an order {} without a page", self.status));
        let window = SignedDuration::from_hours(3);
        Ok(Session {
            id: self.id,
            url: link.ok_or_else(missing)?.href,
            expires_at: self.create_time.map(|at| at + window),
        })
    }

    fn payments(&self) -> impl Iterator<Item = &Payments> {
        self.purchase_units.iter().map(|unit| &unit.payments)
    }

    pub fn has_captures(&self) -> bool {
        self.payments().any(|of| !of.captures.is_empty())
    }

    /// The reply to a call that takes money.
    pub fn taken(&self) -> Result<Vec<Fact>, Trouble> {
        match self.status.as_str() {
            _ if self.has_captures() => self.facts(),
            "PAYER_ACTION_REQUIRED" => Err(Trouble::Declined(Decline::Action)),
            _ => Err(Trouble::Unclear(self.bare())),
        }
    }

    fn bare(&self) -> String {
        format!("an order {} without a capture", self.status)
    }

    pub fn facts(&self) -> Result<Vec<Fact>, Trouble> {
        let mut facts = vec![];
        for capture in self.payments().flat_map(|of| &of.captures) {
            let mut fact = capture.fact()?;
            fact.method = self.method();
            facts.push(self.whole(fact));
        }
        let Some(last) = facts.last().cloned() else {
            let before = self.before_capture()?.map(|fact| self.whole(fact));
            return Ok(before.into_iter().collect());
        };
        // The payer may try again on the page: a failed attempt counts where there is no other.
        facts.retain(|fact| fact.kind != Kind::PaymentFailed);
        if facts.is_empty() {
            // What was approved since goes before the attempt that failed.
            let anew = self.before_capture().ok().flatten();
            let anew = anew.filter(|fact| fact.approved);
            facts.push(anew.map_or(last, |fact| self.whole(fact)));
        }
        for refund in self.payments().flat_map(|of| &of.refunds) {
            facts.push(self.whole(refund.fact()?));
        }
        Ok(facts)
    }

    /// Nothing while the payer has not begun, or is at it.
    fn before_capture(&self) -> Result<Option<Fact>, Trouble> {
        let (kind, approved) = match self.status.as_str() {
            "APPROVED" => (Kind::PaymentPending, true),
            "CREATED" | "SAVED" | "PAYER_ACTION_REQUIRED" => return Ok(None),
            "VOIDED" => (Kind::PaymentExpired, false),
            _ => return Err(Trouble::Unreadable(self.bare())),
        };
        let mut amounts = self.purchase_units.iter().flat_map(|of| &of.amount);
        Ok(Some(Fact {
            approved,
            amount: amounts.next().map(Amount::money).transpose()?,
            ..Fact::new(kind)
        }))
    }

    /// A fact with what the order knows.
    fn whole(&self, mut fact: Fact) -> Fact {
        let custom = |unit: &Unit| unit.custom_id.clone();
        let ours = || self.purchase_units.iter().find_map(custom);
        fact.reference = fact.reference.or_else(ours);
        if !fact.aliases.contains(&self.id) {
            fact.aliases.push(self.id.clone());
        }
        fact
    }

    /// The wallet that PayPal now keeps.
    fn method(&self) -> Option<Method> {
        let vault = self.payment_source.pointer("/paypal/attributes/vault")?;
        Some(Method {
            gateway: "paypal".into(),
            customer: text(vault, "/customer/id"),
            token: text(vault, "/id")?,
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
    #[serde(default)]
    processor_response: Value,
    #[serde(default)]
    supplementary_data: Value,
    #[serde(default)]
    links: Vec<Link>,
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
        let order = text(&self.supplementary_data, "/related_ids/order_id");
        let order = order.or_else(|| above(&self.links, "/orders"));
        // An attempt that failed gives its id to no payment: the next one in the order may pay.
        let failed = kind == Kind::PaymentFailed;
        let own = failed.then(|| self.id.clone());
        Ok(Fact {
            reference: self.custom_id.clone().or(self.invoice_id.clone()),
            payment: (!failed).then(|| self.id.clone()),
            aliases: order.into_iter().chain(own).collect(),
            amount: Some(self.amount.money()?),
            decline: failed.then(|| self.why()),
            ..Fact::new(kind)
        })
    }

    /// The processor's codes are PayPal's public list; its API files name the codes only.
    fn why(&self) -> Decline {
        match self.processor_response["response_code"].as_str() {
            Some("5120") => Decline::Funds,
            Some("1330" | "5140" | "5150" | "5180" | "5400" | "9510" | "9520") => Decline::Method,
            Some("5650") => Decline::Action,
            Some("9500") => Decline::Fraud,
            // Every other code may pass on another day.
            Some(_) | None => Decline::Other,
        }
    }
}

/// Issues that say no to the payer.
const METHOD: &str = "PAYER_CANNOT_PAY PAYER_ACCOUNT_RESTRICTED PAYER_ACCOUNT_LOCKED_OR_CLOSED \
    TOKEN_ID_NOT_FOUND TOKEN_EXPIRED PAYMENT_SOURCE_CANNOT_BE_USED";
const ACTION: &str =
    "PAYER_ACTION_REQUIRED REDIRECT_PAYER_FOR_ALTERNATE_FUNDING ORDER_NOT_APPROVED";
const FRAUD: &str = "COMPLIANCE_VIOLATION PAYEE_BLOCKED_TRANSACTION TRANSACTION_BLOCKED_BY_PAYEE";
const OTHER: &str = "INSTRUMENT_DECLINED PAYMENT_SOURCE_DECLINED_BY_PROCESSOR TRANSACTION_REFUSED \
    MAX_NUMBER_OF_PAYMENT_ATTEMPTS_EXCEEDED";
/// Issues of the clinic's own account, which its staff must mend with PayPal.
const CLINIC: &str = "AUTH_CAPTURE_NOT_ENABLED TRANSACTION_RECEIVING_LIMIT_EXCEEDED \
    INVALID_ACCOUNT_STATUS PERMISSION_DENIED";
const CLINICS: [&str; 3] = ["PAYEE_ACCOUNT_", "PAYEE_NOT_ENABLED_", "NOT_ENABLED_"];

/// By the issue of an error: definite only where nothing of ours can have happened.
pub fn refused(issue: String) -> Trouble {
    let known = |list: &str| list.split(' ').any(|known| known == issue);
    let of_clinic = known(CLINIC) || CLINICS.iter().any(|of| issue.starts_with(of));
    match issue.as_str() {
        // Our reference or our key was seen before: something of ours happened, and must be found.
        "DUPLICATE_INVOICE_ID" | "ORDER_ALREADY_CAPTURED" => Trouble::Exists(String::new()),
        "DUPLICATE_REQUEST_ID" => Trouble::Unclear(issue),
        "ORDER_COMPLETION_IN_PROGRESS" | "PREVIOUS_REQUEST_IN_PROGRESS" => Trouble::InFlight,
        _ if known(METHOD) => Trouble::Declined(Decline::Method),
        _ if known(ACTION) => Trouble::Declined(Decline::Action),
        _ if known(FRAUD) => Trouble::Declined(Decline::Fraud),
        _ if known(OTHER) => Trouble::Declined(Decline::Other),
        _ if of_clinic => Trouble::Credentials(issue),
        _ => Trouble::Rejected(issue),
    }
}
