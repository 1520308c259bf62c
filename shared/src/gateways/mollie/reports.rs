//! What Mollie says by itself or when asked: webhooks (an id, or a signed event about an id: both
//! are fetched) and look-ups, by id or through lists, newest first.

use super::wire::*;
use super::{LookedUp, Lookup, Told, clear};
use crate::domain::fact::{Decline, Fact, Kind};
use crate::inbound::*;
use crate::vendor::{Account, Reply, Request, Trouble};
use jiff::Timestamp;
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

/// `id=tr_…`: the same call for every change of the payment, mostly its refunds' and chargebacks' too.
fn classic(body: &[u8]) -> Result<Vec<Item>, Unreadable> {
    let mut fields = form_urlencoded::parse(body);
    let id = fields.find(|(name, _)| name == "id");
    let (_, id) = id.ok_or(Unreadable("a webhook without an id".into()))?;
    let notice = match id.split_once('_') {
        // Links, settlements, subscriptions, orders: nothing of ours.
        Some(("pl" | "stl" | "sub" | "ord", _)) => Ok(Notice::Ignored(Kind::Other)),
        _ => hint(&id),
    };
    Ok(vec![Item {
        id: None,
        name: "payment".into(),
        notice,
    }])
}

/// Of a payment, a refund or a chargeback. It goes into an address: nothing but letters, digits
/// and `_` may.
fn hint(id: &str) -> Result<Notice, Unreadable> {
    let (kind, rest) = id.split_once('_').unwrap_or_default();
    let plain = rest.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    match ["tr", "re", "chb"].contains(&kind) && plain && !rest.is_empty() {
        true => Ok(Notice::Hint { payment: id.into() }),
        false => Err(Unreadable("an id of nothing known".into())),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    id: String,
    r#type: String,
    #[serde(default)]
    entity_id: String,
    created_at: Option<Timestamp>,
    #[serde(default, rename = "_embedded")]
    embedded: Value,
}

fn event(body: &[u8]) -> Result<Vec<Item>, Unreadable> {
    let event: Event = serde_json::from_slice(body)?;
    // Refunds and chargebacks name their payment only where the event carries them whole.
    let payment = event.embedded["entity"]["paymentId"].as_str();
    let payout = |kind| {
        let (aliases, occurred_at) = (vec![event.entity_id.clone()], event.created_at);
        Ok(Notice::Fact(Box::new(Fact {
            aliases,
            occurred_at,
            ..Fact::new(kind)
        })))
    };
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
        "payout.completed" => payout(Kind::PayoutPaid),
        "payout.failed" => payout(Kind::PayoutFailed),
        "hook.ping" => Ok(Notice::Ignored(Kind::Other)),
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
        Some((id, Some(("chb", _)))) => first_from("/v2/chargebacks", id).query("embed", "payment"),
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

pub fn looked_up(ask: &Lookup, replies: &[Reply], _: &Account) -> Told {
    let unasked = || Trouble::Unreadable("no reply".into());
    let reply = clear(replies.first().ok_or_else(unasked)?)?;
    let id = ask.payment.as_deref().or(ask.session.as_deref());
    match id.map(|id| (id, id.split_once('_'))) {
        None => match reply.json::<Page>()?.payment(&ask.reference)? {
            Some(payment) => Ok(payment.facts()?.into()),
            None => Ok(LookedUp::default()),
        },
        Some((id, Some(("re", _)))) => {
            let found = reply.json::<Page>()?.embedded.refunds;
            let found = found.iter().find(|refund| refund.id == id);
            Ok(vec![found.ok_or(Trouble::Missing)?.fact()?].into())
        }
        Some((id, Some(("chb", _)))) => {
            let found = reply.json::<Page>()?.embedded.chargebacks;
            let found = found.iter().find(|chargeback| chargeback.id == id);
            Ok(vec![found.ok_or(Trouble::Missing)?.fact(None)?].into())
        }
        Some(_) => Ok(reply.json::<Payment>()?.facts()?.into()),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Chargeback {
    pub id: String,
    amount: Amount,
    payment_id: String,
    #[serde(default)]
    reason: Value,
    created_at: Option<Timestamp>,
    reversed_at: Option<Timestamp>,
    #[serde(default, rename = "_embedded")]
    embedded: Embedded,
}

impl Chargeback {
    /// The money is gone at once, and there is no verdict but a reversal. Over a card a bank can
    /// be answered: a dispute. A bank debit simply comes back, as from every gateway, and is due.
    pub fn fact(&self, payment: Option<&Payment>) -> Result<Fact, Trouble> {
        let payment = payment.or(self.embedded.payment.as_deref());
        let debited = payment.map(Payment::debited).transpose()?.flatten();
        let amount = self.amount.money()?;
        let whole = debited.filter(|debited| debited.minor <= amount.minor);
        let amount = whole.unwrap_or(amount);
        let (kind, occurred_at) = match (debited, self.reversed_at) {
            (Some(_), None) => (Kind::PaymentReturned, self.created_at),
            (_, at @ Some(_)) => (Kind::DisputeWon, at),
            (None, None) => (Kind::DisputeOpened, self.created_at),
        };
        let (id, returned) = (Some(self.id.clone()), kind == Kind::PaymentReturned);
        let why = self.reason["code"].as_str().and_then(why);
        Ok(Fact {
            payment: Some(self.payment_id.clone()),
            refund: id.clone().filter(|_| returned),
            dispute: id.filter(|_| matches!(kind, Kind::DisputeWon | Kind::DisputeOpened)),
            amount: Some(amount),
            decline: returned.then_some(why.unwrap_or(Decline::Other)),
            occurred_at,
            ..Fact::new(kind)
        })
    }
}

/// A page of a list.
#[derive(Deserialize)]
pub struct Page {
    count: usize,
    #[serde(rename = "_embedded")]
    embedded: Embedded,
    #[serde(rename = "_links")]
    links: Value,
}

impl Page {
    /// The payment with our reference.
    pub fn payment(self, reference: &str) -> Result<Option<Payment>, Trouble> {
        let whole = self.is_whole(self.embedded.payments.len());
        let mut all = self.embedded.payments.into_iter();
        sure(all.find(|one| one.reference() == Some(reference)), whole)
    }

    pub fn refund(self, reference: &str) -> Result<Option<GivenBack>, Trouble> {
        let whole = self.is_whole(self.embedded.refunds.len());
        let mut all = self.embedded.refunds.into_iter();
        sure(all.find(|one| one.reference() == Some(reference)), whole)
    }

    fn is_whole(&self, shown: usize) -> bool {
        self.count == shown && self.links["next"].is_null()
    }
}

/// "Not there" is only said of a list that has no further page.
fn sure<T>(found: Option<T>, whole: bool) -> Result<Option<T>, Trouble> {
    match (found, whole) {
        (None, false) => Err(Trouble::Unclear("it is not among the latest 250".into())),
        (found, _) => Ok(found),
    }
}
