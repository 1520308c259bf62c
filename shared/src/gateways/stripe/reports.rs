//! What Stripe says by itself or when asked: webhooks (the `Stripe-Signature` header, events whose
//! object is the resource) and look-ups.

use super::wire::*;
use super::{Lookup, clear};
use crate::domain::fact::{Fact, Kind};
use crate::inbound::*;
use crate::vendor::{Account, Reply, Request, Trouble};
use serde::Deserialize;

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

pub fn read(verified: &Verified) -> Result<Vec<Item>, Unreadable> {
    let event: Event = serde_json::from_slice(verified.body())?;
    let notice = notice(&event.r#type, event.data.object).map(|fact| {
        fact.map_or(Notice::Ignored(Kind::Other), |fact| {
            let occurred_at = event.created.and_then(at);
            Notice::Fact(Box::new(Fact {
                occurred_at,
                ..fact
            }))
        })
    });
    let notice = notice.map_err(|why| Unreadable(why.to_string()));
    Ok(vec![Item {
        id: Some(event.id),
        name: event.r#type,
        notice,
    }])
}

fn notice(name: &str, object: serde_json::Value) -> Result<Option<Fact>, Trouble> {
    fn read<T: serde::de::DeserializeOwned>(object: serde_json::Value) -> Result<T, Trouble> {
        serde_json::from_value(object).map_err(|why| Trouble::Unreadable(why.to_string()))
    }
    let fact = match name {
        "payment_intent.succeeded"
        | "payment_intent.payment_failed"
        | "payment_intent.processing"
        | "payment_intent.canceled" => read::<Intent>(object)?.fact()?,
        "charge.succeeded" | "charge.failed" | "charge.refunded" => {
            read::<Charged>(object)?.fact(name)?
        }
        "checkout.session.completed" => {
            let page: Page = read(object)?;
            let paid = page.payment_status.as_deref() == Some("paid");
            page.fact(if paid {
                Kind::PaymentSucceeded
            } else {
                Kind::PaymentPending
            })?
        }
        "checkout.session.async_payment_succeeded" => {
            read::<Page>(object)?.fact(Kind::PaymentSucceeded)?
        }
        "checkout.session.async_payment_failed" => {
            read::<Page>(object)?.fact(Kind::PaymentFailed)?
        }
        "checkout.session.expired" => read::<Page>(object)?.fact(Kind::PaymentExpired)?,
        "refund.created" | "refund.updated" | "refund.failed" | "charge.refund.updated" => {
            read::<GivenBack>(object)?.fact()?
        }
        "charge.dispute.created" | "charge.dispute.closed" => read::<Disputed>(object)?.fact()?,
        _ => return Ok(None),
    };
    Ok(Some(fact))
}

#[derive(Deserialize)]
struct Event {
    id: String,
    r#type: String,
    created: Option<i64>,
    data: Data,
}
#[derive(Deserialize)]
struct Data {
    object: serde_json::Value,
}
#[derive(Deserialize)]
struct Disputed {
    id: String,
    amount: i64,
    currency: String,
    status: String,
    charge: String,
    payment_intent: Option<String>,
}

impl Disputed {
    fn fact(self) -> Result<Fact, Trouble> {
        let kind = match self.status.as_str() {
            "won" | "warning_closed" => Kind::DisputeWon,
            "lost" => Kind::DisputeLost,
            "needs_response"
            | "under_review"
            | "warning_needs_response"
            | "warning_under_review" => Kind::DisputeOpened,
            other => return Err(Trouble::Unreadable(format!("a dispute {other}"))),
        };
        Ok(Fact {
            payment: self.payment_intent.or(Some(self.charge.clone())),
            aliases: vec![self.charge],
            dispute: Some(self.id),
            amount: Some(money(self.amount, &self.currency)?),
            ..Fact::new(kind)
        })
    }
}

pub fn lookup(ask: &Lookup, _: &Account) -> Vec<Request> {
    let intent = ask.payment.as_ref().filter(|id| id.starts_with("pi_"));
    match (intent, &ask.session) {
        (Some(id), _) => vec![
            Request::get(format!("/v1/payment_intents/{id}"))
                .query("expand[]", "latest_charge.refunds"),
        ],
        (None, Some(id)) => vec![
            Request::get(format!("/v1/checkout/sessions/{id}"))
                .query("expand[]", "payment_intent.latest_charge.refunds"),
        ],
        (None, None) => vec![
            Request::get("/v1/payment_intents/search")
                .query(
                    "query",
                    format!("metadata['reference']:'{}'", ask.reference),
                )
                .query("expand[]", "data.latest_charge.refunds"),
        ],
    }
}

pub fn looked_up(ask: &Lookup, replies: &[Reply], _: &Account) -> Result<Vec<Fact>, Trouble> {
    let Some(reply) = replies.first() else {
        return Ok(vec![]);
    };
    let intent = match (
        ask.payment.as_ref().filter(|id| id.starts_with("pi_")),
        &ask.session,
    ) {
        (Some(_), _) => Some(clear(reply)?.json::<Intent>()?),
        (None, Some(_)) => {
            let page: Page = clear(reply)?.json()?;
            if page.status.as_deref() == Some("expired") {
                return Ok(vec![page.fact(Kind::PaymentExpired)?]);
            }
            page.payment_intent.and_then(Expanded::object)
        }
        (None, None) => clear(reply)?
            .json::<List<Intent>>()?
            .data
            .into_iter()
            .next(),
    };
    let Some(intent) = intent else {
        return Ok(vec![]);
    };
    let mut facts = vec![intent.fact()?];
    if let Some(Expanded::Object(charge)) = &intent.latest_charge {
        for refund in charge.refunds.iter().flat_map(|list| &list.data) {
            facts.push(refund.fact()?);
        }
    }
    Ok(facts)
}

/// A Checkout Session.
#[derive(Deserialize)]
pub struct Page {
    pub id: String,
    pub url: Option<String>,
    pub expires_at: Option<i64>,
    pub status: Option<String>,
    pub payment_status: Option<String>,
    pub payment_intent: Option<Expanded<Intent>>,
    client_reference_id: Option<String>,
    amount_total: Option<i64>,
    currency: Option<String>,
}

impl Page {
    pub fn fact(self, kind: Kind) -> Result<Fact, Trouble> {
        let amount = match (self.amount_total, &self.currency) {
            (Some(minor), Some(code)) => Some(money(minor, code)?),
            _ => None,
        };
        let payment = self.payment_intent.map(|intent| match intent {
            Expanded::Id(id) => id,
            Expanded::Object(intent) => intent.id,
        });
        let (reference, aliases) = (self.client_reference_id, vec![self.id]);
        Ok(Fact {
            reference,
            payment,
            aliases,
            amount,
            ..Fact::new(kind)
        })
    }
}
