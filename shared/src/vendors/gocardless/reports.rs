//! What GoCardless says by itself or when asked: webhooks (up to 250 events that carry ids and
//! no amounts, in no order) and look-ups.

use super::decline::{decline, given_up};
use super::wire::*;
use super::{clear, reference};
use crate::contract::*;
use crate::domain::fact::{Decline, Fact, Kind};
use crate::words::json;
use jiff::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

#[derive(Deserialize)]
struct Batch {
    events: Vec<Value>,
}

pub fn read(verified: &Verified) -> Result<Vec<Item>, Unreadable> {
    let batch: Batch = json::read(verified.body())?;
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
    details: Value,
    #[serde(default)]
    resource_metadata: Value,
}

impl Happened {
    pub fn name(&self) -> String {
        format!("{}.{}", self.resource_type, self.action)
    }

    pub fn cause(&self) -> Option<&str> {
        self.details["cause"].as_str()
    }

    pub fn is_tried_again(&self) -> bool {
        self.action == "failed" && self.details["will_attempt_retry"] == true
    }

    /// A payment's history holds events of its refunds too.
    pub fn is_of_payment(&self, actions: &[&str]) -> bool {
        self.resource_type == "payments" && actions.contains(&self.action.as_str())
    }
}

fn item(event: Value) -> Item {
    let id = event["id"].as_str().map(String::from);
    let (name, notice) = match json::read_part::<Happened>(&event) {
        Ok(event) => (event.name(), notice(&event)),
        Err(why) => ("event".into(), Err(why.into())),
    };
    Item { id, name, notice }
}

/// Kinds of resource that collect money, give it back or pay it out.
const OF_MONEY: [&str; 5] = [
    "payments.",
    "refunds.",
    "mandates.",
    "billing_requests.",
    "payouts.",
];

/// Actions of theirs that are of no consequence here: GoCardless's public reference, from memory,
/// unverified.
const QUIET: &[&str] = &[
    "billing_requests.bank_authorisation_authorised",
    "billing_requests.bank_authorisation_denied",
    "billing_requests.bank_authorisation_expired",
    "billing_requests.bank_authorisation_failed",
    "billing_requests.bank_authorisation_visited",
    "billing_requests.choose_currency",
    "billing_requests.collect_amount",
    "billing_requests.collect_bank_account",
    "billing_requests.collect_customer_details",
    "billing_requests.created",
    "billing_requests.flow_created",
    "billing_requests.flow_exited",
    "billing_requests.flow_visited",
    "billing_requests.payer_details_confirmed",
    "billing_requests.payer_geo_blocked",
    "billing_requests.select_institution",
    "mandates.created",
    "mandates.customer_approval_granted",
    "mandates.customer_approval_skipped",
    "mandates.resubmission_requested",
    "mandates.submitted",
    "mandates.transferred",
    "payments.sds_settlement_delayed",
    "payments.surcharge_fee_credited",
    "payments.surcharge_fee_debited",
    "payouts.fx_rate_confirmed",
    "payouts.tax_exchange_rates_confirmed",
    "refunds.refund_settled",
];

fn notice(event: &Happened) -> Result<Notice, Unreadable> {
    let name = event.name();
    let hint = |id: String| Ok(Notice::Hint { payment: id });
    match name.as_str() {
        // It is tried again by itself: not over, unless it had been collected before.
        "payments.failed" if event.is_tried_again() => hint(link(event, "payment")?),
        // A payout paid for what `failed` told of, with its cause; it may be collected again since.
        "payments.late_failure_settled" => hint(link(event, "payment")?),
        "mandates.active" | "mandates.reinstated" => Ok(Notice::MethodBack {
            token: link(event, "mandate")?,
            at: event.created_at,
        }),
        "mandates.cancelled"
        | "mandates.failed"
        | "mandates.expired"
        | "mandates.blocked"
        | "mandates.consumed"
        | "mandates.replaced"
        | "mandates.suspended_by_payer" => Ok(Notice::MethodGone {
            token: link(event, "mandate")?,
            at: event.created_at,
        }),
        "subscriptions.cancelled" => Ok(Notice::Ignored(Kind::SubscriptionCancelled)),
        quiet if QUIET.contains(&quiet) => Ok(Notice::Ignored(Kind::Other)),
        of_money => match fact(event, of_money)? {
            Some(fact) => Ok(told(event, fact)),
            None => unknown_type(of_money, &OF_MONEY),
        },
    }
}

/// What an event of this name says of money; nothing where its name is none of these.
fn fact(event: &Happened, name: &str) -> Result<Option<Fact>, Unreadable> {
    Ok(Some(match name {
        "payments.created"
        | "payments.customer_approval_granted"
        | "payments.submitted"
        | "payments.resubmission_requested" => payment(event, Kind::PaymentPending, None)?,
        "payments.confirmed" => payment(event, Kind::PaymentSucceeded, None)?,
        "payments.paid_out" => payment(event, Kind::Settled, None)?,
        "payments.failed" => payment(event, Kind::PaymentFailed, Some(decline(event.cause())))?,
        "payments.cancelled" | "payments.customer_approval_denied" => {
            payment(event, Kind::PaymentFailed, Some(given_up(Some(event))))?
        }
        "payments.charged_back" => chargeback(event, Kind::DisputeOpened)?,
        "payments.chargeback_cancelled" => chargeback(event, Kind::DisputeWon)?,
        "payments.chargeback_settled" => chargeback(event, Kind::DisputeLost)?,
        "refunds.created" => refund(event, Kind::RefundPending)?,
        "refunds.paid" => refund(event, Kind::RefundSucceeded)?,
        "refunds.failed" | "refunds.bounced" | "refunds.funds_returned" => {
            refund(event, Kind::RefundFailed)?
        }
        "billing_requests.fulfilled" => asked_for(event, Kind::PaymentPending, None)?,
        "billing_requests.cancelled" => {
            asked_for(event, Kind::PaymentFailed, Some(Decline::Cancelled))?
        }
        "billing_requests.failed" => asked_for(event, Kind::PaymentFailed, Some(Decline::Other))?,
        "payouts.paid" => Fact {
            aliases: vec![link(event, "payout")?],
            ..Fact::new(Kind::PayoutPaid)
        },
        "payouts.bounced" => Fact {
            aliases: vec![link(event, "payout")?],
            ..Fact::new(Kind::PayoutFailed)
        },
        _ => return Ok(None),
    }))
}

/// Events carry few ids: what leads to no payment, and an approval of nothing, is fetched.
fn told(event: &Happened, fact: Fact) -> Notice {
    let fact = Fact {
        reference: reference(&event.resource_metadata),
        occurred_at: event.created_at,
        ..fact
    };
    let lost = fact.payment.is_none() && fact.reference.is_none();
    let empty = event.action == "fulfilled" && fact.payment.is_none() && !fact.approved;
    let hint = |id: &str| Notice::Hint { payment: id.into() };
    match (&fact.refund, fact.aliases.first()) {
        (Some(id), _) if lost => hint(id),
        (None, Some(id)) if empty => hint(id),
        _ => Notice::Fact(Box::new(fact)),
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

fn asked_for(event: &Happened, kind: Kind, decline: Option<Decline>) -> Result<Fact, Unreadable> {
    let id = link(event, "billing_request")?;
    let fulfilled = event.action == "fulfilled";
    Ok(Fact {
        decline,
        ..page(id, &event.links, fulfilled, kind)
    })
}

fn link(event: &Happened, name: &str) -> Result<String, Unreadable> {
    let missing = || Unreadable(format!("no link to its {name}"));
    event.links.get(name).cloned().ok_or_else(missing)
}

/// By any id that a hint, a session or an answer gave. There is no search by our reference.
pub fn look_up(ask: &Lookup, talk: &mut Talk, _: &Account) -> Result<LookedUp, Pause> {
    let id = ask.payment.as_deref().or(ask.session.as_deref());
    let id = id.unwrap_or_default();
    match id.get(..2) {
        Some("PM") => of_payment(id, talk),
        Some("RF") => {
            let refund = talk.ask(Request::get(format!("/refunds/{id}")))?;
            let refund: GivenBack = inside(clear(refund)?, "refunds")?;
            Ok(LookedUp::from(vec![refund.fact()?]).told()?)
        }
        Some("BR") => {
            let request = talk.ask(Request::get(format!("/billing_requests/{id}")))?;
            let request: BillingRequest = inside(clear(request)?, "billing_requests")?;
            let facts: Vec<Fact> = request.fact()?.into_iter().collect();
            Ok(LookedUp::from(facts).told()?)
        }
        _ => Err(Trouble::Unclear("without an id it cannot be found".into()).into()),
    }
}

/// What happened to it tells what its status does not: that it came, and went back since.
fn of_payment(id: &str, talk: &mut Talk) -> Result<LookedUp, Pause> {
    let payment = talk.ask(Request::get(format!("/payments/{id}")))?;
    let payment = inside::<Payment>(clear(payment)?, "payments");
    let list = |name: &str| {
        Request::get(format!("/{name}"))
            .query("payment", id)
            .query("limit", "500")
    };
    let mut unread = vec![];
    let refunds = clear(talk.ask(list("refunds"))?)?;
    let refunds = each::<GivenBack>(refunds, "refunds", &mut unread);
    let events = clear(talk.ask(list("events"))?)?;
    let history = each::<Happened>(events, "events", &mut unread);
    let mut told = match payment {
        Ok(payment) => payment.facts(&history),
        Err(why) => {
            let mut told = LookedUp::default();
            told.add(Err(why));
            told
        }
    };
    for refund in refunds {
        told.add(refund.fact());
    }
    told.unread.extend(unread);
    Ok(told.told()?)
}

/// The items of a list that can be read, and why others cannot.
fn each<T: DeserializeOwned>(reply: &Reply, name: &str, unread: &mut Vec<String>) -> Vec<T> {
    let list = inside::<Value>(reply, name);
    let list = list.and_then(|list| match list {
        Value::Null => Err(Trouble::Unreadable(format!("{name} is missing"))),
        list => Ok(list),
    });
    let list = list.unwrap_or_else(|why| {
        unread.push(Unreadable::from(why).0);
        Value::Null
    });
    let items = parts(&list).iter().map(json::read_part::<T>);
    let (read, odd): (Vec<_>, Vec<_>) = items.partition(Result::is_ok);
    unread.extend(
        odd.into_iter()
            .filter_map(Result::err)
            .map(|why| format!("{name}: {why}")),
    );
    read.into_iter().flatten().collect()
}
