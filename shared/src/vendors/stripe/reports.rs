//! What Stripe says by itself or when asked: webhooks (the `Stripe-Signature` header, events whose
//! object is the resource, thin ones that only name it) and look-ups.

use super::wire::*;
use super::{clear, money};
use crate::contract::*;
use crate::domain::fact::{Fact, Kind};
use crate::words::json;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

pub fn at(seconds: i64) -> Option<Timestamp> {
    Timestamp::from_second(seconds).ok()
}

#[derive(Deserialize)]
struct Event {
    id: String,
    r#type: String,
    object: Option<String>,
    created: Option<Value>,
    data: Option<Value>,
    related_object: Option<Value>,
}

pub fn read(verified: &Verified) -> Result<Vec<Item>, Unreadable> {
    let event: Event = json::read(verified.body())?;
    let data = event.data.unwrap_or_default();
    let occurred_at = event.created.and_then(|at| at.as_i64()).and_then(at);
    let notice = match event.object.as_deref() {
        Some("v2.core.event") => Ok(thin(&event.related_object.unwrap_or_default())),
        _ => notice(&event.r#type, &data["object"], occurred_at),
    };
    let notice = notice.map(|notice| match notice {
        Notice::Fact(fact) => Notice::Fact(Box::new(Fact {
            occurred_at,
            ..*fact
        })),
        other => other,
    });
    Ok(vec![Item {
        id: Some(event.id),
        name: event.r#type,
        notice,
    }])
}

fn thin(about: &Value) -> Notice {
    let kinds = [
        "payment_intent",
        "charge",
        "refund",
        "dispute",
        "checkout.session",
    ];
    match kinds.iter().any(|kind| about["type"] == *kind) {
        // Under whatever id: what is none is found out where it is looked at.
        true => Notice::Hint {
            payment: about["id"].as_str().unwrap_or_default().into(),
        },
        false => Notice::Ignored(Kind::Other),
    }
}

/// Families of events that speak of payments and what gives them back.
const OF_MONEY: [&str; 4] = ["payment_intent.", "charge.", "refund.", "checkout.session."];

fn notice(name: &str, object: &Value, at: Option<Timestamp>) -> Result<Notice, Unreadable> {
    let fact = match name {
        // The intent's own event says why.
        "charge.failed" if !object["payment_intent"].is_null() => None,
        "charge.succeeded" | "charge.captured" | "charge.pending" | "charge.failed" => {
            Some(read_as::<Charged>(object)?.fact()?)
        }
        "charge.refunded" => Some(read_as::<Charged>(object)?.refunded()?),
        "charge.refund.updated" => Some(read_as::<Moved>(object)?.refund()?),
        "payout.paid" => Some(read_as::<Moved>(object)?.payout(Kind::PayoutPaid)?),
        "payout.failed" => Some(read_as::<Moved>(object)?.payout(Kind::PayoutFailed)?),
        "payment_method.detached" => return Ok(gone(object, at)?),
        "mandate.updated" if object["status"] == "inactive" => {
            return Ok(gone(&object["payment_method"], at)?);
        }
        "mandate.updated" if object["status"] == "pending" => None,
        "mandate.updated" | "payment_method.attached" => {
            return Ok(Notice::Ignored(Kind::MandateActive));
        }
        "customer.subscription.deleted" => {
            return Ok(Notice::Ignored(Kind::SubscriptionCancelled));
        }
        // These say all in their object, whatever happened to it.
        "payment_intent.amount_capturable_updated"
        | "payment_intent.canceled"
        | "payment_intent.created"
        | "payment_intent.partially_funded"
        | "payment_intent.payment_failed"
        | "payment_intent.processing"
        | "payment_intent.requires_action"
        | "payment_intent.succeeded" => read_as::<Intent>(object)?.fact()?,
        "checkout.session.async_payment_failed"
        | "checkout.session.async_payment_succeeded"
        | "checkout.session.completed"
        | "checkout.session.expired" => read_as::<Page>(object)?.fact(name)?,
        "refund.created" | "refund.updated" | "refund.failed" => {
            Some(read_as::<Moved>(object)?.refund()?)
        }
        "charge.dispute.closed"
        | "charge.dispute.created"
        | "charge.dispute.funds_reinstated"
        | "charge.dispute.funds_withdrawn"
        | "charge.dispute.updated" => Some(read_as::<Moved>(object)?.dispute(name)?),
        // An amount that was only set aside lapsed; a charge got a description.
        "charge.expired" | "charge.updated" => None,
        _ => return unknown_type(name, &OF_MONEY),
    };
    let ignored = Notice::Ignored(Kind::Other);
    Ok(fact.map_or(ignored, |fact| Notice::Fact(Box::new(fact))))
}

fn gone(method: &Value, at: Option<Timestamp>) -> Result<Notice, Trouble> {
    let token = id_of(Some(method));
    let token = token.ok_or(Trouble::Unreadable("a mandate of no method".into()))?;
    Ok(Notice::MethodGone { token, at })
}

/// A Checkout Session.
#[derive(Deserialize)]
pub struct Page {
    pub id: String,
    pub url: Option<String>,
    pub expires_at: Option<i64>,
    mode: Option<String>,
    status: Option<String>,
    payment_status: Option<String>,
    payment_intent: Option<Value>,
    client_reference_id: Option<String>,
    amount_total: Option<i64>,
    currency: Option<String>,
}

impl Page {
    /// The answer to our wish that it ends.
    pub fn ended(self) -> Result<Fact, Trouble> {
        match self.status.as_deref() {
            Some("expired") => self.of(Kind::PaymentExpired),
            _ => Err(Trouble::Unreadable("a session that did not end".into())),
        }
    }

    /// Nothing of one that is no payment: it keeps a card, or begins a subscription.
    fn fact(self, name: &str) -> Result<Option<Fact>, Trouble> {
        if self.mode.as_deref().is_some_and(|mode| mode != "payment") {
            return Ok(None);
        }
        let kind = match (name, self.payment_status.as_deref()) {
            ("checkout.session.expired", _) => Kind::PaymentExpired,
            ("checkout.session.async_payment_failed", _) => Kind::PaymentFailed,
            (_, Some("paid")) => Kind::PaymentSucceeded,
            // A debit takes days to arrive.
            (_, Some("unpaid")) => Kind::PaymentPending,
            (_, Some("no_payment_required")) => return Ok(None),
            _ => return unknown("payment_status of a session"),
        };
        self.of(kind).map(Some)
    }

    fn of(self, kind: Kind) -> Result<Fact, Trouble> {
        let amount = self.amount_total.zip(self.currency);
        Ok(Fact {
            reference: self.client_reference_id,
            payment: id_of(self.payment_intent.as_ref()),
            aliases: vec![self.id],
            amount: amount
                .map(|(minor, code)| money(minor, &code))
                .transpose()?,
            ..Fact::new(kind)
        })
    }
}

/// Where an id is asked for, what is shown with it, and the field by which refunds and disputes
/// are listed for it. A session alone tells no disputes: those come once its payment is known.
fn place(id: &str) -> Option<(&'static str, &'static str, Option<&'static str>)> {
    let above = "payment_intent.latest_charge";
    Some(match id.split_once('_')?.0 {
        "pi" => ("payment_intents", "latest_charge", Some("payment_intent")),
        "ch" | "py" => ("charges", above, Some("charge")),
        "re" | "pyr" => ("refunds", above, None),
        "dp" | "du" => ("disputes", above, None),
        "cs" => (
            "checkout/sessions",
            "payment_intent.latest_charge.refunds",
            None,
        ),
        _ => return None,
    })
}

/// By the newest id that is known, else by a search for our reference. Lists of one page each.
pub fn look_up(ask: &Lookup, talk: &mut Talk, _: &Account) -> Result<LookedUp, Pause> {
    let mut told = LookedUp::default();
    let known = [&ask.payment, &ask.session].into_iter().flatten();
    let Some((id, (of, with, by))) = known.filter_map(|id| Some((id, place(id)?))).next() else {
        if ask.reference.is_empty() {
            return Ok(told);
        }
        let query = format!("metadata['reference']:'{}'", ask.reference);
        let search = Request::get("/v1/payment_intents/search").query("query", query);
        let search = search.query("expand[]", "data.latest_charge.refunds");
        shown(talk.ask(search)?, &mut told)?;
        return Ok(told.told()?);
    };
    let object = Request::get(format!("/v1/{of}/{id}")).query("expand[]", with);
    shown(talk.ask(object)?, &mut told)?;
    for (list, by) in ["refunds", "disputes"]
        .into_iter()
        .filter_map(|list| Some((list, by?)))
    {
        let list = Request::get(format!("/v1/{list}")).query(by, id);
        shown(talk.ask(list.query("limit", "100"))?, &mut told)?;
    }
    Ok(told.told()?)
}

fn shown(reply: &Reply, told: &mut LookedUp) -> Result<(), Trouble> {
    match clear(reply)?.json::<Value>() {
        Ok(object) if object.is_object() => tell(&object, told),
        Ok(_) => told.add(Err(Trouble::Unreadable("it is no object".into()))),
        Err(why) => told.add(Err(why)),
    }
    Ok(())
}

/// What an object says, the payment that it belongs to first. An object that cannot be read hides
/// no other.
fn tell(of: &Value, told: &mut LookedUp) {
    let payment = &of["payment_intent"];
    match of["object"].as_str() {
        Some("list" | "search_result") => {
            for item in parts(&of["data"]) {
                match item.is_object() {
                    true => tell(item, told),
                    false => told.add(unknown("kind of an object")),
                }
            }
            if of["has_more"] == true {
                let more = "more refunds or disputes than one page holds";
                told.add(Err(Trouble::Unreadable(more.into())));
            }
        }
        Some("payment_intent") => {
            add(told, read_as::<Intent>(of).and_then(|intent| intent.fact()));
            tell(&of["latest_charge"]["refunds"], told);
        }
        Some("charge") if payment.is_null() => {
            told.add(read_as::<Charged>(of).and_then(|charge| charge.fact()));
        }
        Some("refund") => {
            tell(payment, told);
            told.add(read_as::<Moved>(of).and_then(|refund| refund.refund()));
        }
        Some("dispute") => {
            tell(payment, told);
            told.add(read_as::<Moved>(of).and_then(|dispute| dispute.dispute("")));
        }
        Some("checkout.session") if of["status"] == "expired" => {
            let expired = |page: Page| page.fact("checkout.session.expired");
            add(told, read_as::<Page>(of).and_then(expired));
        }
        Some("checkout.session") => {
            let before = told.facts.len();
            tell(payment, told);
            // Its one payment failed after all: nobody tries again on a page that is complete.
            let failed = told.facts[before..]
                .iter()
                .any(|fact| fact.kind == Kind::PaymentFailed);
            if of["status"] == "complete" && failed {
                let over = |page: Page| page.of(Kind::PaymentExpired);
                told.add(read_as::<Page>(of).and_then(over));
            }
        }
        Some("charge") => tell(payment, told),
        // An id that was not expanded, or nothing.
        None if !of.is_object() => {}
        _ => told.add(unknown("kind of an object")),
    }
}

/// A part that may say nothing.
fn add(told: &mut LookedUp, part: Result<Option<Fact>, Trouble>) {
    if let Some(part) = part.transpose() {
        told.add(part);
    }
}
