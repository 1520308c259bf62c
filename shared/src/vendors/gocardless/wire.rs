//! GoCardless's resources, as far as they are read, and what each says as a fact.
//! Source of fields and statuses: the types of the official client library.

use super::decline::{decline, given_up};
use super::reports::Happened;
use super::{LookedUp, money, reference, unknown};
use crate::contract::*;
use crate::domain::fact::{Decline, Fact, Kind, Method};
use crate::words::json::{self, Unfit};
use jiff::Timestamp;
use jiff::civil::Date;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// Bodies are wrapped in the plural name of their resource.
pub fn inside<T: DeserializeOwned>(reply: &Reply, name: &str) -> Result<T, Trouble> {
    let mut body: Value = reply.json()?;
    let resource = body.get_mut(name).map(Value::take).unwrap_or_default();
    let unfit = |why: Unfit| Trouble::Unreadable(format!("{name}: {why}"));
    json::read_part(&resource).map_err(unfit)
}

#[derive(Deserialize)]
pub struct Failed {
    pub error: Failure,
}

#[derive(Deserialize)]
pub struct Failure {
    r#type: String,
    #[serde(default)]
    errors: Vec<Value>,
}

impl Failure {
    pub fn reason(&self) -> Option<&str> {
        self.errors.first()?["reason"].as_str()
    }

    /// What was made under this key before.
    pub fn conflicting(&self) -> Option<&str> {
        let conflict = |detail: &&Value| detail["reason"] == "idempotent_creation_conflict";
        let detail = self.errors.iter().find(conflict)?;
        detail["links"]["conflicting_resource_id"].as_str()
    }

    /// For staff: reasons and fields, never what was sent in them.
    pub fn words(&self) -> String {
        let said = |detail: &Value| {
            detail["reason"]
                .as_str()
                .or(detail["field"].as_str())
                .map(String::from)
        };
        let each = self.errors.iter().filter_map(said);
        each.fold(self.r#type.clone(), |words, each| {
            format!("{words}, {each}")
        })
    }
}

/// Ids of other resources, by their role.
pub type Links = BTreeMap<String, String>;

#[derive(Deserialize)]
pub struct BillingRequest {
    pub id: String,
    status: String,
    #[serde(default)]
    metadata: Value,
    #[serde(default)]
    links: Links,
    /// What was made of it, whole: of all that, the end of the bank account's number is read.
    #[serde(default)]
    resources: Value,
}

impl BillingRequest {
    /// The answer to our wish that nobody agrees to it any more.
    pub fn ended(self) -> Result<Option<Fact>, Trouble> {
        let cancelled = self.status == "cancelled";
        let ended = |fact: Fact| Fact {
            kind: Kind::PaymentExpired,
            decline: None,
            ..fact
        };
        Ok(self
            .fact()?
            .map(|fact| if cancelled { ended(fact) } else { fact }))
    }

    /// Nothing while nobody has agreed to it.
    pub fn fact(self) -> Result<Option<Fact>, Trouble> {
        let kind = match self.status.as_str() {
            "pending" | "ready_to_fulfil" => return Ok(None),
            "fulfilling" | "fulfilled" => Kind::PaymentPending,
            "cancelled" => Kind::PaymentFailed,
            _ => return unknown("status of a billing request"),
        };
        let ending = self.resources["customer_bank_account"]["account_number_ending"].as_str();
        Ok(Some(Fact {
            reference: reference(&self.metadata),
            decline: (kind == Kind::PaymentFailed).then_some(Decline::Cancelled),
            paid_with: ending.map(|digits| format!("Bank account ending {digits}")),
            ..page(self.id, &self.links, self.status == "fulfilled", kind)
        }))
    }
}

/// A hosted page, as a webhook or a look-up tells of it. Fulfilled with a mandate it is the
/// payer's approval, unless GoCardless collects a payment of its own making by itself.
pub fn page(id: String, links: &Links, fulfilled: bool, kind: Kind) -> Fact {
    let payment = links.get("payment_request_payment").cloned();
    let method = method(links).filter(|_| fulfilled && payment.is_none());
    Fact {
        payment,
        aliases: vec![id],
        approved: method.is_some(),
        method,
        ..Fact::new(kind)
    }
}

/// The mandate that a fulfilled billing request made. The payer's bank is left out of the label:
/// only some notices tell it.
fn method(links: &Links) -> Option<Method> {
    let mandate = links
        .get("mandate_request_mandate")
        .or_else(|| links.get("mandate"))?;
    Some(Method {
        gateway: "gocardless".into(),
        customer: links.get("customer").cloned(),
        token: mandate.clone(),
        label: "Bank account".into(),
    })
}

#[derive(Deserialize)]
pub struct Payment {
    id: String,
    amount: i64,
    currency: String,
    status: String,
    charge_date: Option<Date>,
    #[serde(default)]
    metadata: Value,
}

impl Payment {
    /// What the payment comes to. A status alone does not say whether money that failed had been
    /// collected before, nor how a chargeback ended: the history does, however it is sorted.
    pub fn facts(self, history: &[Happened]) -> LookedUp {
        let mut told = LookedUp::default();
        let payment = self.payment(history);
        let back = self.dispute(history).zip(payment.as_ref().ok());
        let back = back.map(|((kind, occurred_at), payment)| Fact {
            kind,
            dispute: Some(self.id.clone()),
            decline: None,
            occurred_at,
            ..payment.clone()
        });
        told.add(payment);
        told.facts.extend(back);
        told
    }

    fn payment(&self, history: &[Happened]) -> Result<Fact, Trouble> {
        let last = |actions: &[&str]| newest(history, actions);
        let why = |event: Option<&Happened>| decline(event.and_then(Happened::cause));
        let failed = last(&["failed"]);
        let given_up_at = last(&["cancelled", "customer_approval_denied"]);
        let under_way = last(&["created", "submitted", "resubmission_requested"]);
        // Collected once, gone back, and failed when it was tried again: that is a new failure.
        let again = last(&["resubmission_requested"]).and_then(|event| event.created_at);
        let collected = last(&["confirmed", "paid_out"])
            .is_some_and(|event| again.is_none() || event.created_at > again);
        let retried = failed.is_some_and(Happened::is_tried_again);
        let (kind, decline, at) = match self.status.as_str() {
            "pending_customer_approval" | "pending_submission" | "submitted" => {
                (Kind::PaymentPending, None, under_way)
            }
            "confirmed" | "paid_out" | "charged_back" => {
                (Kind::PaymentSucceeded, None, last(&["confirmed"]))
            }
            "failed" if collected => (Kind::PaymentReturned, Some(why(failed)), failed),
            // Still under way: with the reason, so that everybody hears of it.
            "failed" if retried => (Kind::PaymentPending, Some(why(failed)), failed),
            "failed" => (Kind::PaymentFailed, Some(why(failed)), failed),
            "cancelled" | "customer_approval_denied" => (
                Kind::PaymentFailed,
                Some(given_up(given_up_at)),
                given_up_at,
            ),
            _ => return unknown("status of a payment"),
        };
        Ok(Fact {
            reference: reference(&self.metadata),
            payment: Some(self.id.clone()),
            amount: Some(money(self.amount, &self.currency)?),
            collected_on: self.charge_date.filter(|_| kind == Kind::PaymentPending),
            occurred_at: at.and_then(|event| event.created_at),
            decline,
            ..Fact::new(kind)
        })
    }

    /// How its chargeback stands, and since when.
    fn dispute(&self, history: &[Happened]) -> Option<(Kind, Option<Timestamp>)> {
        let actions = ["charged_back", "chargeback_cancelled", "chargeback_settled"];
        let back = newest(history, &actions);
        let kind = match (self.status.as_str(), back.map(|event| &*event.action)) {
            ("charged_back", Some("chargeback_settled")) => Kind::DisputeLost,
            ("charged_back", _) => Kind::DisputeOpened,
            (_, Some(_)) => {
                newest(history, &["chargeback_cancelled"])?;
                Kind::DisputeWon
            }
            (_, None) => return None,
        };
        Some((kind, back.and_then(|event| event.created_at)))
    }
}

/// The newest of a payment's own events of these actions.
fn newest<'a>(history: &'a [Happened], actions: &[&str]) -> Option<&'a Happened> {
    let of = history.iter().filter(|event| event.is_of_payment(actions));
    of.min_by_key(|event| Reverse(event.created_at))
}

#[derive(Deserialize)]
pub struct GivenBack {
    id: String,
    amount: i64,
    currency: String,
    status: String,
    #[serde(default)]
    metadata: Value,
    #[serde(default)]
    links: Links,
}

impl GivenBack {
    pub fn fact(self) -> Result<Fact, Trouble> {
        let kind = match self.status.as_str() {
            "created" | "pending_submission" | "submitted" => Kind::RefundPending,
            "paid" => Kind::RefundSucceeded,
            // `failed` is an event's word, and not among the library's statuses.
            "cancelled" | "bounced" | "funds_returned" | "failed" => Kind::RefundFailed,
            _ => return unknown("status of a refund"),
        };
        Ok(Fact {
            reference: reference(&self.metadata),
            payment: self.links.get("payment").cloned(),
            refund: Some(self.id),
            amount: Some(money(self.amount, &self.currency)?),
            ..Fact::new(kind)
        })
    }
}
