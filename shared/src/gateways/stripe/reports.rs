//! What Stripe says by itself or when asked: webhooks (the `Stripe-Signature` header, events whose
//! object is the resource, thin ones that only name it) and look-ups.

use super::wire::*;
use super::{Lookup, clear, money};
use crate::domain::fact::{Fact, Kind};
use crate::inbound::*;
use crate::vendor::{Account, Reply, Request, Trouble};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

/// `t=1492774577,v1=5257a8…,v1=…`: each code covers the time, a dot and the body.
pub fn signed(delivery: &Delivery, header: &str) -> Option<Signed> {
    let fields = |name: &'static str| {
        header
            .split(',')
            .filter_map(move |pair| pair.trim().strip_prefix(name))
    };
    let time = fields("t=").next()?;
    let codes: Vec<_> = fields("v1=").filter_map(from_hex).collect();
    let message = [time.as_bytes(), b".", &delivery.body].concat();
    (!codes.is_empty()).then_some(Signed {
        codes,
        message,
        at: Some(time.parse().ok()?),
    })
}

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
    let event: Event = serde_json::from_slice(verified.body())?;
    let data = event.data.unwrap_or_default();
    let occurred_at = event.created.and_then(|at| at.as_i64()).and_then(at);
    let notice = match event.object.as_deref() {
        Some("v2.core.event") => Ok(thin(&event.related_object.unwrap_or_default())),
        _ => notice(&event.r#type, data["object"].clone()),
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
        notice: notice.map_err(|why| Unreadable(why.to_string())),
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
    match about["id"].as_str() {
        Some(id) if kinds.iter().any(|kind| about["type"] == *kind) => {
            Notice::Hint { payment: id.into() }
        }
        _ => Notice::Ignored(Kind::Other),
    }
}

fn notice(name: &str, object: Value) -> Result<Notice, Trouble> {
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
        "payment_method.detached" => return gone(&object),
        "mandate.updated" if object["status"] == "inactive" => {
            return gone(&object["payment_method"]);
        }
        "mandate.updated" if object["status"] == "pending" => None,
        "mandate.updated" | "payment_method.attached" => {
            return Ok(Notice::Ignored(Kind::MandateActive));
        }
        "customer.subscription.deleted" => {
            return Ok(Notice::Ignored(Kind::SubscriptionCancelled));
        }
        // These say all in their object, whatever happened to it.
        _ => match name.rsplit_once('.').map_or("", |(of, _)| of) {
            "payment_intent" => read_as::<Intent>(object)?.fact()?,
            "checkout.session" => read_as::<Page>(object)?.fact(name)?,
            "refund" => Some(read_as::<Moved>(object)?.refund()?),
            "charge.dispute" => Some(read_as::<Moved>(object)?.dispute(name)?),
            _ => None,
        },
    };
    let ignored = Notice::Ignored(Kind::Other);
    Ok(fact.map_or(ignored, |fact| Notice::Fact(Box::new(fact))))
}

fn gone(method: &Value) -> Result<Notice, Trouble> {
    let token = id_of(Some(method));
    let token = token.ok_or(Trouble::Unreadable("a mandate of no method".into()))?;
    Ok(Notice::MethodGone { token })
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
            other => Err(Trouble::Unreadable(format!("an ended session {other:?}"))),
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
            (_, other) => return Err(Trouble::Unreadable(format!("a session {other:?}"))),
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

pub fn lookup(ask: &Lookup, _: &Account) -> Vec<Request> {
    let known = [&ask.payment, &ask.session].into_iter().flatten();
    let Some((id, (of, with, by))) = known.filter_map(|id| Some((id, place(id)?))).next() else {
        if ask.reference.is_empty() {
            return vec![];
        }
        let query = format!("metadata['reference']:'{}'", ask.reference);
        let search = Request::get("/v1/payment_intents/search").query("query", query);
        return vec![search.query("expand[]", "data.latest_charge.refunds")];
    };
    let mut all = vec![Request::get(format!("/v1/{of}/{id}")).query("expand[]", with)];
    for list in ["refunds", "disputes"] {
        all.extend(by.map(|by| {
            Request::get(format!("/v1/{list}"))
                .query(by, id)
                .query("limit", "100")
        }));
    }
    all
}

pub fn looked_up(_: &Lookup, replies: &[Reply], _: &Account) -> Result<Vec<Fact>, Trouble> {
    let mut facts = vec![];
    for reply in replies {
        tell(&clear(reply)?.json()?, &mut facts)?;
    }
    Ok(facts)
}

/// What an object says, the payment that it belongs to first.
fn tell(of: &Value, facts: &mut Vec<Fact>) -> Result<(), Trouble> {
    let payment = &of["payment_intent"];
    match of["object"].as_str() {
        Some("list" | "search_result") => {
            if of["has_more"] == true {
                return Err(Trouble::Unreadable(
                    "more refunds than one page holds".into(),
                ));
            }
            for item in of["data"].as_array().into_iter().flatten() {
                tell(item, facts)?;
            }
        }
        Some("payment_intent") => {
            facts.extend(read_as::<Intent>(of.clone())?.fact()?);
            tell(&of["latest_charge"]["refunds"], facts)?;
        }
        Some("charge") if payment.is_null() => facts.push(read_as::<Charged>(of.clone())?.fact()?),
        Some("refund") => {
            tell(payment, facts)?;
            facts.push(read_as::<Moved>(of.clone())?.refund()?);
        }
        Some("dispute") => {
            tell(payment, facts)?;
            facts.push(read_as::<Moved>(of.clone())?.dispute("")?);
        }
        Some("checkout.session") if of["status"] == "expired" => {
            facts.extend(read_as::<Page>(of.clone())?.fact("checkout.session.expired")?);
        }
        Some("checkout.session") => {
            let before = facts.len();
            tell(payment, facts)?;
            // Its one payment failed after all: nobody tries again on a page that is complete.
            let failed = facts[before..]
                .iter()
                .any(|fact| fact.kind == Kind::PaymentFailed);
            if of["status"] == "complete" && failed {
                facts.push(read_as::<Page>(of.clone())?.of(Kind::PaymentExpired)?);
            }
        }
        Some("charge") => tell(payment, facts)?,
        // An id that was not expanded, or nothing.
        None if !of.is_object() => {}
        other => return Err(Trouble::Unreadable(format!("an object {other:?}"))),
    }
    Ok(())
}
