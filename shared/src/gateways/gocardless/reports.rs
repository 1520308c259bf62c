//! What GoCardless says by itself or when asked: webhooks (up to 250 events that carry ids and
//! no amounts, in no order) and look-ups.

use super::wire::*;
use super::{Lookup, clear};
use crate::domain::fact::{Decline, Fact, Kind};
use crate::inbound::*;
use crate::vendor::{Account, Reply, Request, Trouble};
use jiff::Timestamp;
use serde::Deserialize;
use std::collections::BTreeMap;

/// The whole body under the endpoint's secret, in hex.
pub fn signed(delivery: &Delivery, header: &str) -> Option<Signed> {
    Some(Signed {
        codes: vec![from_hex(header)?],
        message: delivery.body.clone(),
        at: None,
    })
}

#[derive(Deserialize)]
struct History {
    events: Vec<Happened>,
}
#[derive(Deserialize)]
struct Batch {
    events: Vec<serde_json::Value>,
}

pub fn read(verified: &Verified) -> Result<Vec<Item>, Unreadable> {
    let batch: Batch = serde_json::from_slice(verified.body())?;
    Ok(batch.events.into_iter().map(item).collect())
}

/// An event, in a webhook or in the list of them.
#[derive(Deserialize)]
pub struct Happened {
    pub created_at: Option<Timestamp>,
    pub resource_type: String,
    pub action: String,
    #[serde(default)]
    pub links: Links,
    #[serde(default)]
    pub details: Details,
    pub resource_metadata: Option<BTreeMap<String, String>>,
}
#[derive(Default, Deserialize)]
pub struct Details {
    pub cause: Option<String>,
    #[serde(default)]
    pub will_attempt_retry: bool,
}

impl Happened {
    pub fn name(&self) -> String {
        format!("{}.{}", self.resource_type, self.action)
    }
}

fn item(event: serde_json::Value) -> Item {
    let id = event["id"].as_str().map(String::from);
    let (name, notice) = match Happened::deserialize(event) {
        Ok(event) => (event.name(), notice(&event)),
        Err(why) => ("event".into(), Err(why.into())),
    };
    Item { id, name, notice }
}

/// Known, and of no consequence here: kinds of resource, and single actions of those that count.
const QUIET: &str = "creditors customers exports instalment_schedules organisations \
    outbound_payments payer_authorisations payment_account_transactions scheme_identifiers \
    subscriptions payments.surcharge_fee_credited payments.surcharge_fee_debited \
    payments.sds_settlement_delayed refunds.refund_settled mandates.created \
    mandates.customer_approval_granted mandates.customer_approval_skipped mandates.active \
    mandates.transferred mandates.submitted mandates.resubmission_requested \
    mandates.reinstated mandates.replaced billing_requests.created \
    billing_requests.flow_created billing_requests.flow_visited billing_requests.flow_exited \
    billing_requests.collect_customer_details billing_requests.collect_amount \
    billing_requests.collect_bank_account billing_requests.choose_currency \
    billing_requests.select_institution billing_requests.payer_details_confirmed \
    billing_requests.payer_geo_blocked billing_requests.bank_authorisation_visited \
    billing_requests.bank_authorisation_authorised billing_requests.bank_authorisation_denied \
    billing_requests.bank_authorisation_expired billing_requests.bank_authorisation_failed \
    payouts.fx_rate_confirmed payouts.tax_exchange_rates_confirmed";

fn notice(event: &Happened) -> Result<Notice, Unreadable> {
    let name = event.name();
    let mut quiet = QUIET.split(' ');
    if quiet.any(|known| known == name || known == event.resource_type) {
        return Ok(Notice::Ignored(Kind::Other));
    }
    let fact = match name.as_str() {
        "payments.created"
        | "payments.customer_approval_granted"
        | "payments.submitted"
        | "payments.resubmission_requested" => payment(event, Kind::PaymentPending, None)?,
        "payments.confirmed" => payment(event, Kind::PaymentSucceeded, None)?,
        "payments.paid_out" => payment(event, Kind::Settled, None)?,
        // GoCardless tries again by itself: the payment is not over.
        "payments.failed" if event.details.will_attempt_retry => {
            payment(event, Kind::PaymentPending, None)?
        }
        "payments.failed" => {
            let why = decline(event.details.cause.as_deref());
            payment(event, Kind::PaymentFailed, Some(why))?
        }
        "payments.cancelled" | "payments.customer_approval_denied" => {
            payment(event, Kind::PaymentFailed, Some(Decline::Cancelled))?
        }
        "payments.late_failure_settled" => payment(event, Kind::PaymentReturned, None)?,
        "payments.charged_back" => chargeback(event, Kind::DisputeOpened)?,
        "payments.chargeback_cancelled" => chargeback(event, Kind::DisputeWon)?,
        "payments.chargeback_settled" => chargeback(event, Kind::DisputeLost)?,
        "refunds.created" => refund(event, Kind::RefundPending)?,
        "refunds.paid" => refund(event, Kind::RefundSucceeded)?,
        "refunds.failed" | "refunds.bounced" | "refunds.funds_returned" => {
            refund(event, Kind::RefundFailed)?
        }
        "mandates.cancelled" | "mandates.failed" | "mandates.expired" | "mandates.blocked"
        | "mandates.consumed" => {
            let token = link(event, "mandate")?;
            return Ok(Notice::MethodGone { token });
        }
        "billing_requests.fulfilled" => page(event, Kind::PaymentPending, None)?,
        "billing_requests.cancelled" => page(event, Kind::PaymentFailed, Some(Decline::Cancelled))?,
        "billing_requests.failed" => page(event, Kind::PaymentFailed, Some(Decline::Other))?,
        "payouts.paid" => Fact::new(Kind::PayoutPaid),
        _ => return Err(Unreadable(format!("an event {name}"))),
    };
    let fact = Fact {
        reference: reference(event.resource_metadata.as_ref()),
        occurred_at: event.created_at,
        ..fact
    };
    // Events carry few ids: what leads to no payment, and an approval of nothing, is fetched.
    let lost = fact.payment.is_none() && fact.reference.is_none();
    match (&fact.refund, fact.aliases.first()) {
        (Some(id), _) if lost => Ok(Notice::Hint {
            payment: id.clone(),
        }),
        (_, Some(id)) if fact.approved && fact.method.is_none() => Ok(Notice::Hint {
            payment: id.clone(),
        }),
        _ => Ok(Notice::Fact(Box::new(fact))),
    }
}

fn payment(event: &Happened, kind: Kind, decline: Option<Decline>) -> Result<Fact, Unreadable> {
    Ok(Fact {
        payment: Some(link(event, "payment")?),
        decline,
        ..Fact::new(kind)
    })
}

/// A payment has one chargeback, and that has no id of its own.
fn chargeback(event: &Happened, kind: Kind) -> Result<Fact, Unreadable> {
    Ok(Fact {
        dispute: Some(link(event, "payment")?),
        ..payment(event, kind, None)?
    })
}

fn refund(event: &Happened, kind: Kind) -> Result<Fact, Unreadable> {
    Ok(Fact {
        payment: event.links.get("payment").cloned(),
        refund: Some(link(event, "refund")?),
        ..Fact::new(kind)
    })
}

/// The hosted page: fulfilled is the payer's approval, and names the mandate.
fn page(event: &Happened, kind: Kind, decline: Option<Decline>) -> Result<Fact, Unreadable> {
    let approved = event.action == "fulfilled";
    Ok(Fact {
        aliases: vec![link(event, "billing_request")?],
        decline,
        approved,
        method: method(&event.links).filter(|_| approved),
        ..Fact::new(kind)
    })
}

fn link(event: &Happened, name: &str) -> Result<String, Unreadable> {
    let missing = || Unreadable(format!("no link to its {name}"));
    event.links.get(name).cloned().ok_or_else(missing)
}

/// By any id that a hint, a session or an answer gave. There is no search by our reference.
pub fn lookup(ask: &Lookup, _: &Account) -> Vec<Request> {
    let id = id(ask);
    let of_payment = |list: &str| {
        Request::get(list)
            .query("payment", id)
            .query("limit", "500")
    };
    match id.get(..2) {
        Some("PM") => vec![
            Request::get(format!("/payments/{id}")),
            of_payment("/refunds"),
            of_payment("/events"),
        ],
        Some("RF") => vec![Request::get(format!("/refunds/{id}"))],
        Some("BR") => vec![Request::get(format!("/billing_requests/{id}"))],
        _ => vec![],
    }
}

pub fn looked_up(ask: &Lookup, replies: &[Reply], _: &Account) -> Result<Vec<Fact>, Trouble> {
    match replies {
        [payment, refunds, events] => {
            let payment = clear(payment)?.json::<Paid>()?.payments;
            let history: History = clear(events)?.json()?;
            let mut facts = payment.facts(&history.events)?;
            for refund in clear(refunds)?.json::<AllRefunds>()?.refunds {
                facts.push(refund.fact()?);
            }
            Ok(facts)
        }
        [refund] if id(ask).starts_with("RF") => {
            Ok(vec![clear(refund)?.json::<Refunded>()?.refunds.fact()?])
        }
        [request] => {
            let request: Requested = clear(request)?.json()?;
            Ok(vec![request.billing_requests.fact()?])
        }
        _ => Err(Trouble::Unclear("without an id it cannot be found".into())),
    }
}

fn id(ask: &Lookup) -> &str {
    let id = ask.payment.as_deref().or(ask.session.as_deref());
    id.unwrap_or_default()
}
