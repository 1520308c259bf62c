//! GoCardless's resources, as far as they are read, and what each says as a fact.

use super::AMOUNTS;
use super::reports::Happened;
use crate::domain::fact::{Decline, Fact, Kind, Method};
use crate::money::{Currency, Money};
use crate::vendor::Trouble;
use jiff::Timestamp;
use serde::Deserialize;
use std::collections::BTreeMap;

/// Bodies are wrapped in the plural name of their resource.
#[derive(Deserialize)]
pub struct Requested {
    pub billing_requests: BillingRequest,
}
#[derive(Deserialize)]
pub struct Flows {
    pub billing_request_flows: Flow,
}
#[derive(Deserialize)]
pub struct Paid {
    pub payments: Payment,
}
#[derive(Deserialize)]
pub struct Refunded {
    pub refunds: GivenBack,
}
#[derive(Deserialize)]
pub struct AllRefunds {
    pub refunds: Vec<GivenBack>,
}

#[derive(Deserialize)]
pub struct Failed {
    pub error: Failure,
}
#[derive(Deserialize)]
pub struct Failure {
    pub r#type: String,
    #[serde(default)]
    pub errors: Vec<Detail>,
}
#[derive(Deserialize)]
pub struct Detail {
    pub reason: Option<String>,
    field: Option<String>,
    #[serde(default)]
    links: Links,
}

impl Failure {
    /// What was made under this key before.
    pub fn conflicting(&self) -> Option<&String> {
        let conflict = |detail: &&Detail| detail.says("idempotent_creation_conflict");
        let detail = self.errors.iter().find(conflict)?;
        detail.links.get("conflicting_resource_id")
    }

    /// For staff: reasons and fields, never what was sent in them.
    pub fn words(&self) -> String {
        let each = self.errors.iter();
        let each = each.filter_map(|detail| detail.reason.as_ref().or(detail.field.as_ref()));
        each.fold(self.r#type.clone(), |words, each| {
            format!("{words}, {each}")
        })
    }
}

impl Detail {
    pub fn says(&self, reason: &str) -> bool {
        self.reason.as_deref() == Some(reason)
    }
}

/// Ids of other resources, by their role.
pub type Links = BTreeMap<String, String>;

#[derive(Deserialize)]
pub struct BillingRequest {
    pub id: String,
    status: String,
    metadata: Option<BTreeMap<String, String>>,
    #[serde(default)]
    links: Links,
}

impl BillingRequest {
    pub fn fact(self) -> Result<Fact, Trouble> {
        let method = method(&self.links);
        let (kind, decline) = match self.status.as_str() {
            "pending" | "ready_to_fulfil" | "fulfilling" => (Kind::PaymentPending, None),
            "fulfilled" if method.is_some() => (Kind::PaymentPending, None),
            "cancelled" => (Kind::PaymentFailed, Some(Decline::Cancelled)),
            other => return Err(Trouble::Unreadable(format!("a billing request {other}"))),
        };
        let approved = self.status == "fulfilled";
        Ok(Fact {
            reference: reference(self.metadata.as_ref()),
            aliases: vec![self.id],
            decline,
            approved,
            method: method.filter(|_| approved),
            ..Fact::new(kind)
        })
    }
}

/// The mandate that a fulfilled billing request made. The payer's bank is left out of the label:
/// only some notices tell it.
pub fn method(links: &Links) -> Option<Method> {
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
pub struct Flow {
    pub authorisation_url: Option<String>,
    pub expires_at: Option<Timestamp>,
    pub links: FlowLinks,
}
#[derive(Deserialize)]
pub struct FlowLinks {
    pub billing_request: String,
}

#[derive(Deserialize)]
pub struct Payment {
    id: String,
    amount: i64,
    currency: String,
    status: String,
    metadata: Option<BTreeMap<String, String>>,
}

impl Payment {
    /// What the payment comes to. A status alone does not say whether money that failed had been
    /// collected before, nor how a chargeback ended: the history does.
    pub fn facts(self, history: &[Happened]) -> Result<Vec<Fact>, Trouble> {
        let had = |action: &str| history.iter().find(|event| event.action == action);
        let collected = had("confirmed").is_some() || had("paid_out").is_some();
        let cause = had("failed").and_then(|event| event.details.cause.as_deref());
        let (kind, why) = match self.status.as_str() {
            "pending_customer_approval" | "pending_submission" | "submitted" => {
                (Kind::PaymentPending, None)
            }
            "confirmed" | "paid_out" | "charged_back" => (Kind::PaymentSucceeded, None),
            // Without a reason: the event of a late failure has none either, and either may come first.
            "failed" if collected => (Kind::PaymentReturned, None),
            "failed" => (Kind::PaymentFailed, Some(decline(cause))),
            "cancelled" | "customer_approval_denied" => {
                (Kind::PaymentFailed, Some(Decline::Cancelled))
            }
            other => return Err(Trouble::Unreadable(format!("a payment {other}"))),
        };
        let dispute = match self.status.as_str() {
            "charged_back" if had("chargeback_settled").is_some() => Some(Kind::DisputeLost),
            "charged_back" => Some(Kind::DisputeOpened),
            _ => had("chargeback_cancelled").map(|_| Kind::DisputeWon),
        };
        let payment = Fact {
            reference: reference(self.metadata.as_ref()),
            payment: Some(self.id.clone()),
            amount: Some(money(self.amount, &self.currency)?),
            ..Fact::new(kind)
        };
        let dispute = dispute.map(|kind| Fact {
            kind,
            dispute: Some(self.id),
            ..payment.clone()
        });
        let payment = Fact {
            decline: why,
            ..payment
        };
        Ok([payment].into_iter().chain(dispute).collect())
    }
}

#[derive(Deserialize)]
pub struct GivenBack {
    id: String,
    amount: i64,
    currency: String,
    status: String,
    metadata: Option<BTreeMap<String, String>>,
    #[serde(default)]
    links: Links,
}

impl GivenBack {
    pub fn fact(self) -> Result<Fact, Trouble> {
        let kind = match self.status.as_str() {
            "created" | "pending_submission" | "submitted" => Kind::RefundPending,
            "paid" => Kind::RefundSucceeded,
            "cancelled" | "bounced" | "funds_returned" | "failed" => Kind::RefundFailed,
            other => return Err(Trouble::Unreadable(format!("a refund {other}"))),
        };
        Ok(Fact {
            reference: reference(self.metadata.as_ref()),
            payment: self.links.get("payment").cloned(),
            refund: Some(self.id),
            amount: Some(money(self.amount, &self.currency)?),
            ..Fact::new(kind)
        })
    }
}

pub fn reference(metadata: Option<&BTreeMap<String, String>>) -> Option<String> {
    metadata?.get("reference").cloned()
}

fn money(minor: i64, code: &str) -> Result<Money, Trouble> {
    let unknown = || Trouble::Unreadable(format!("currency {code}"));
    let currency = Currency::read(code).ok_or_else(unknown)?;
    Ok(AMOUNTS.read(&minor.to_string(), currency)?)
}

/// Causes are the same for all schemes; a scheme's own reason codes are not looked at.
pub fn decline(cause: Option<&str>) -> Decline {
    match cause {
        Some("insufficient_funds" | "refer_to_payer") => Decline::Funds,
        Some("payment_stopped" | "payment_cancelled") => Decline::Cancelled,
        Some(cause) if ENDED.contains(&cause) => Decline::Method,
        // Every other cause may pass on another day.
        Some(_) | None => Decline::Other,
    }
}

const ENDED: &[&str] = &[
    "account_blocked_for_any_financial_transaction",
    "authorisation_disputed",
    "bank_account_closed",
    "bank_account_disabled",
    "bank_account_transferred",
    "direct_debit_not_enabled",
    "invalid_bank_details",
    "mandate_cancelled",
    "mandate_expired",
    "mandate_suspended_by_payer",
];
