//! What Mollie says by itself or when asked: webhooks (an id, or a signed event about an id: both
//! are fetched) and look-ups, by id or through lists, newest first.

use super::wire::*;
use super::{Lookup, clear};
use crate::domain::fact::{Fact, Kind};
use crate::inbound::*;
use crate::vendor::{Account, Reply, Request, Trouble};
use serde::Deserialize;
use serde_json::Value;

/// Hex over the whole body, with or without `sha256=`; two of them while a secret is rotated.
pub fn signed(delivery: &Delivery, header: &str) -> Option<Signed> {
    let code = |part: &str| {
        let part = part.trim();
        from_hex(part.strip_prefix("sha256=").unwrap_or(part))
    };
    let codes: Vec<_> = header.split(',').filter_map(code).collect();
    (!codes.is_empty()).then(|| Signed {
        codes,
        message: delivery.body.clone(),
        at: None,
    })
}

pub fn read(verified: &Verified) -> Result<Vec<Item>, Unreadable> {
    // Signed events are JSON, classic ones a form. An unsigned event is only a hint all the same.
    match verified.body().first() {
        Some(b'{') => event(verified.body()),
        _ => classic(verified.body()),
    }
}

/// `id=tr_…`: the same call for every change of the payment, its refunds and chargebacks.
fn classic(body: &[u8]) -> Result<Vec<Item>, Unreadable> {
    let mut fields = form_urlencoded::parse(body);
    let id = fields.find(|(name, _)| name == "id");
    let (_, id) = id.ok_or(Unreadable("a webhook without an id".into()))?;
    let notice = match id.split_once('_') {
        Some(("tr", _)) => hint(&id),
        // Links, settlements, subscriptions, orders: nothing of ours.
        Some(("pl" | "stl" | "sub" | "ord", _)) => Ok(Notice::Ignored(Kind::Other)),
        _ => Err(Unreadable("an id of nothing known".into())),
    };
    Ok(vec![Item {
        id: None,
        name: "payment".into(),
        notice,
    }])
}

/// The id goes into an address: nothing but letters and digits may.
fn hint(id: &str) -> Result<Notice, Unreadable> {
    let (_, rest) = id.split_once('_').unwrap_or_default();
    let plain = !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_alphanumeric());
    let payment = id.to_string();
    plain
        .then_some(Notice::Hint { payment })
        .ok_or(Unreadable("an id with odd letters".into()))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    id: String,
    r#type: String,
    entity_id: String,
    #[serde(default, rename = "_embedded")]
    embedded: Value,
}

fn event(body: &[u8]) -> Result<Vec<Item>, Unreadable> {
    let event: Event = serde_json::from_slice(body)?;
    // Refunds and chargebacks name their payment only where the event carries them whole.
    let payment = event.embedded["entity"]["paymentId"].as_str();
    let notice = match event.r#type.as_str() {
        "payment.paid" | "payment.authorized" | "payment.failed" | "payment.canceled"
        | "payment.expired" | "payment.pending" => hint(&event.entity_id),
        "refund.queued"
        | "refund.pending"
        | "refund.processing"
        | "refund.refunded"
        | "refund.failed"
        | "refund.canceled"
        | "chargeback.received"
        | "chargeback.reversed" => hint(payment.unwrap_or(&event.entity_id)),
        "payout.completed" => Ok(Notice::Fact(Box::new(Fact::new(Kind::PayoutPaid)))),
        "payout.failed" => Ok(Notice::Fact(Box::new(Fact::new(Kind::PayoutFailed)))),
        other => match other.split_once('.') {
            Some((
                "capture"
                | "payment-link"
                | "balance-transaction"
                | "payout"
                | "sales-invoice"
                | "business-account-transfer",
                _,
            )) => Ok(Notice::Ignored(Kind::Other)),
            _ => Err(Unreadable(format!("an event {other}"))),
        },
    };
    Ok(vec![Item {
        id: Some(event.id),
        name: event.r#type,
        notice,
    }])
}

/// By id; a refund or chargeback that came without its payment is the first of the list from it.
pub fn lookup(ask: &Lookup, _: &Account) -> Vec<Request> {
    let id = ask.payment.as_ref().or(ask.session.as_ref());
    vec![match id.map(|id| (id, id.split_once('_'))) {
        None => latest(),
        Some((id, Some(("re", _)))) => first_from("/v2/refunds", id),
        Some((id, Some(("chb", _)))) => first_from("/v2/chargebacks", id),
        Some((id, _)) => {
            Request::get(format!("/v2/payments/{id}")).query("embed", "refunds,chargebacks")
        }
    }]
}

fn first_from(list: &str, id: &str) -> Request {
    Request::get(list).query("from", id).query("limit", "1")
}

pub fn latest() -> Request {
    Request::get("/v2/payments").query("limit", "250")
}

pub fn latest_of(customer: &str) -> Request {
    Request::get(format!("/v2/customers/{customer}/payments")).query("limit", "250")
}

pub fn looked_up(ask: &Lookup, replies: &[Reply], _: &Account) -> Result<Vec<Fact>, Trouble> {
    let unasked = || Trouble::Unreadable("no reply".into());
    let reply = clear(replies.first().ok_or_else(unasked)?)?;
    let id = ask.payment.as_deref().or(ask.session.as_deref());
    match id.map(|id| (id, id.split_once('_'))) {
        None => match reply.json::<Page<Payments>>()?.payment(&ask.reference)? {
            Some(payment) => payment.facts(),
            None => Ok(vec![]),
        },
        Some((id, Some(("re", _)))) => {
            let found = reply.json::<Page<Refunds>>()?.embedded.refunds;
            let found = found.iter().find(|refund| refund.id == id);
            Ok(vec![found.ok_or(Trouble::Missing)?.fact()?])
        }
        Some((id, Some(("chb", _)))) => {
            let found = reply.json::<Page<Chargebacks>>()?.embedded.chargebacks;
            let found = found.iter().find(|chargeback| chargeback.id == id);
            Ok(vec![found.ok_or(Trouble::Missing)?.fact()?])
        }
        Some(_) => reply.json::<Payment>()?.facts(),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Chargeback {
    pub id: String,
    amount: Amount,
    payment_id: String,
    reversed_at: Option<String>,
}

impl Chargeback {
    /// The money is gone at once; there is no verdict but a reversal.
    pub fn fact(&self) -> Result<Fact, Trouble> {
        let kind = match self.reversed_at {
            Some(_) => Kind::DisputeWon,
            None => Kind::DisputeOpened,
        };
        Ok(Fact {
            payment: Some(self.payment_id.clone()),
            dispute: Some(self.id.clone()),
            amount: Some(self.amount.money()?),
            ..Fact::new(kind)
        })
    }
}

/// A page of a list.
#[derive(Deserialize)]
pub struct Page<T> {
    #[serde(rename = "_embedded")]
    embedded: T,
    #[serde(rename = "_links")]
    links: Around,
}
#[derive(Deserialize)]
struct Around {
    next: Option<Link>,
}
#[derive(Deserialize)]
pub struct Payments {
    payments: Vec<Payment>,
}
#[derive(Deserialize)]
pub struct Refunds {
    refunds: Vec<GivenBack>,
}
#[derive(Deserialize)]
pub struct Chargebacks {
    chargebacks: Vec<Chargeback>,
}

impl Page<Payments> {
    /// The payment with our reference.
    pub fn payment(self, reference: &str) -> Result<Option<Payment>, Trouble> {
        let mut all = self.embedded.payments.into_iter();
        let found = all.find(|payment| payment.reference() == Some(reference));
        sure(found, self.links)
    }
}

impl Page<Refunds> {
    pub fn refund(self, reference: &str) -> Result<Option<GivenBack>, Trouble> {
        let mut all = self.embedded.refunds.into_iter();
        let found = all.find(|refund| refund.reference() == Some(reference));
        sure(found, self.links)
    }
}

/// "Not there" is only said of a list that has no further page.
fn sure<T>(found: Option<T>, links: Around) -> Result<Option<T>, Trouble> {
    match (found, links.next) {
        (None, Some(_)) => Err(Trouble::Unclear("it is not among the latest 250".into())),
        (found, _) => Ok(found),
    }
}
