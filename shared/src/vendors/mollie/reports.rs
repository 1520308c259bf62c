//! What Mollie says by itself or when asked: webhooks (an id, or a signed event about an id: both
//! are fetched) and look-ups, by id or through lists, newest first.

use super::clear;
use super::wire::*;
use crate::contract::*;
use crate::domain::fact::{Fact, Kind};
use crate::words::json;
use jiff::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

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

/// Of a payment, a refund, a chargeback or a link by which payers pay. It goes into an address:
/// nothing but letters, digits and `_` may.
fn hint(id: &str) -> Result<Notice, Unreadable> {
    let (kind, rest) = id.split_once('_').unwrap_or_default();
    let plain = rest.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    match ["tr", "re", "chb", "pl"].contains(&kind) && plain && !rest.is_empty() {
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

/// Families of events that speak of payments and what gives them back. Captures, balances,
/// invoices and transfers are none of ours.
const OF_MONEY: [&str; 3] = ["payment.", "refund.", "chargeback."];

fn event(body: &[u8]) -> Result<Vec<Item>, Unreadable> {
    let event: Event = json::read(body)?;
    // Refunds and chargebacks name their payment only where the event carries them whole.
    let payment = event.embedded["entity"]["paymentId"].as_str();
    let payout = |kind| {
        Ok(Notice::Fact(Box::new(Fact {
            aliases: vec![event.entity_id.clone()],
            occurred_at: event.created_at,
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
        "payment-link.paid" => hint(&event.entity_id),
        "payout.completed" => payout(Kind::PayoutPaid),
        "payout.failed" | "payout.canceled" => payout(Kind::PayoutFailed),
        other => unknown_type(other, &OF_MONEY),
    };
    Ok(vec![Item {
        id: Some(event.id),
        name: event.r#type,
        notice,
    }])
}

/// By id; a refund or chargeback that came without its payment is the first of the list from it.
pub fn look_up(ask: &Lookup, talk: &mut Talk, _: &Account) -> Result<LookedUp, Pause> {
    let Some(id) = ask.payment.as_ref().or(ask.session.as_ref()) else {
        let page = page(talk, latest())?;
        let found = page.find::<Payment>("payments", &ask.reference)?;
        return Ok(match found {
            Some(payment) => told(payment).told()?,
            None => LookedUp::default(),
        });
    };
    match id.split_once('_').map(|(kind, _)| kind) {
        Some("re") => {
            let page = page(talk, first_from("/v2/refunds", id))?;
            let refund = GivenBack::read(page.of_id("refunds", id)?)?;
            Ok(LookedUp::from(vec![refund.fact()?]).told()?)
        }
        Some("chb") => {
            let list = first_from("/v2/chargebacks", id).query("embed", "payment");
            let page = page(talk, list)?;
            let back = page.of_id("chargebacks", id)?;
            let fact = Chargeback::read(back)?.fact(&back["_embedded"]["payment"])?;
            Ok(LookedUp::from(vec![fact]).told()?)
        }
        Some("pl") => {
            let list = Request::get(format!("/v2/payment-links/{id}/payments"));
            let page = page(talk, list.query("limit", "250"))?;
            Ok(all_of(&page).told()?)
        }
        _ => {
            let payment = Request::get(format!("/v2/payments/{id}"));
            let payment = talk.ask(payment.query("embed", "refunds,chargebacks"))?;
            Ok(told(&clear(payment)?.json()?).told()?)
        }
    }
}

/// What each payment of a link says.
fn all_of(page: &Page) -> LookedUp {
    let mut all = LookedUp::default();
    for payment in page.items("payments") {
        let one = told(payment);
        all.facts.extend(one.facts);
        all.unread.extend(one.unread);
    }
    if page.has_more("payments") {
        all.unread.push("more payments than one page holds".into());
    }
    all
}

fn page(talk: &mut Talk, list: Request) -> Result<Page, Pause> {
    Ok(clear(talk.ask(list)?)?.json()?)
}

fn first_from(list: &str, id: &str) -> Request {
    Request::get(list).query("from", id).query("limit", "1")
}

fn latest() -> Request {
    Request::get("/v2/payments").query("limit", "250")
}

pub fn latest_of(customer: &str) -> Request {
    Request::get(format!("/v2/customers/{customer}/payments")).query("limit", "250")
}

/// A page of a list, its items as they came.
#[derive(Deserialize)]
pub struct Page {
    count: usize,
    #[serde(rename = "_embedded")]
    embedded: Value,
    #[serde(rename = "_links")]
    links: Value,
}

impl Page {
    /// The item with our reference. "Not there" is only said of a list that has no further page,
    /// and of which every item can be read.
    pub fn find<T: DeserializeOwned>(
        &self,
        list: &str,
        ours: &str,
    ) -> Result<Option<&Value>, Trouble> {
        let items = self.items(list);
        let found = items
            .iter()
            .find(|one| reference(&one["metadata"]) == Some(ours));
        let sound = |one: &Value| json::read_part::<T>(one).is_ok();
        match found {
            None if self.has_more(list) => {
                Err(Trouble::Unclear("it is not among the latest 250".into()))
            }
            None if !items.iter().all(sound) => {
                Err(Trouble::Unclear("one of a list cannot be read".into()))
            }
            found => Ok(found),
        }
    }

    /// The item of this id.
    fn of_id(&self, list: &str, id: &str) -> Result<&Value, Trouble> {
        let found = self.items(list).iter().find(|one| one["id"] == id);
        found.ok_or(Trouble::Missing)
    }

    fn items(&self, list: &str) -> &[Value] {
        parts(&self.embedded[list])
    }

    fn has_more(&self, list: &str) -> bool {
        self.count != self.items(list).len() || !self.links["next"].is_null()
    }
}
