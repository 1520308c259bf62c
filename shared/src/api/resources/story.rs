//! The story of a payment in words: what was asked for and reported, what was posted and why, what
//! was told to whom, and what is planned.

use super::{audit, deliveries, findings, payments};
use crate::api::frame::call::Call;
use crate::api::frame::call::Route;
use crate::api::frame::call::{Answered, reply};
use crate::api::frame::caller::Permission::View;
use crate::api::frame::once;
use crate::api::frame::problem::Problem;
use crate::domain::case::{Case, Payment};
use crate::domain::fact::Decline;
use crate::domain::journal::Entry;
use crate::domain::task::{Task, Work};
use crate::flows::events::EventRow;
use crate::io::clock;
use crate::io::queue::RowKey;
use crate::io::store::{Row, StoreError};
use crate::words::money::Money;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::collections::HashMap;

pub static ROUTES: &[Route] = &[Route::get(
    "/v1/payments/{id}/story",
    View,
    |call| Box::pin(story(call)),
    "What happened to this payment, in order and in words, with reasons, and what is planned.",
)
.gives(200, "Story")];

pub async fn story(call: &Call<'_>) -> Answered {
    let (case, n) = payments::known(call).await?;
    let payment = case.payment(n).ok_or_else(|| Problem::missing("payment"))?;
    let told = of(call, &case, payment).await?;
    let answer =
        json!({ "payment": payment.reference(&case.id), "invoice": case.id, "story": told });
    Ok(reply(200, &answer))
}

struct Told {
    at: Timestamp,
    kind: &'static str,
    text: String,
    cause: Option<String>,
}

/// All that is known of the payment, in order.
pub async fn of(call: &Call<'_>, case: &Case, payment: &Payment) -> Result<Vec<Value>, Problem> {
    let mut entries = audit::entries(call, &case.id).await?;
    entries.retain(|entry| entry.payments.contains(&payment.n));
    let mut told: Vec<Told> = entries.iter().map(posted).collect();
    // Causes name the events: `stripe evt_1`. What came in stands where it had its first effect.
    let mut caused = HashMap::new();
    for entry in &entries {
        let mut words = entry.cause.split(' ');
        if let (Some(source), Some(id)) = (words.next(), words.next()) {
            let pk = format!("{}#event#{source}#{id}", call.clinic());
            caused.entry(pk).or_insert(entry.at);
        }
    }
    let key = |pk: &String| RowKey {
        pk: pk.clone(),
        sk: "event".into(),
    };
    let keys: Vec<_> = caused.keys().map(key).collect();
    for row in call.app.store.get_all(&keys).await? {
        let at = caused.get(row.get("pk")).copied();
        told.push(reported(&row, at)?);
    }
    for row in deliveries::of_case(call, &case.id).await? {
        told.extend(delivered(&row, payment.n)?);
    }
    let notes = findings::notes(call, case, payment).await?;
    told.extend(notes.into_iter().map(written));
    told.extend(planned(case, payment));
    // Of one instant: what came in stands before what it brought about, and that before what was
    // told of it.
    told.sort_by_key(|told| (told.at, rank(told.kind)));
    let view = |told: Told| json!({ "at": told.at, "kind": told.kind, "text": told.text, "cause": told.cause });
    Ok(told.into_iter().map(view).collect())
}

/// What a person wrote beside what he found.
fn written(noted: findings::Noted) -> Told {
    Told {
        at: noted.at,
        kind: "note",
        text: noted.note,
        cause: Some(format!("key {}", noted.by)),
    }
}

/// What comes next by itself, if nothing comes before it.
fn planned(case: &Case, payment: &Payment) -> Option<Told> {
    let retry = case.retry.as_ref().filter(|r| r.payment == payment.n);
    let page = payment.open_page().and_then(|page| page.expires_at);
    let now = clock::now();
    let (at, text) = match (retry, page) {
        (Some(retry), _) => (retry.due, "It is tried again on this day."),
        (None, Some(until)) => (until, "Until then the payer can pay on the gateway's page."),
        (None, None) if payment.intent.is_some() => {
            (now, "The gateway is asked what became of the last call.")
        }
        (None, None) if payment.state.is_under_way() => {
            (now, "The gateway is asked from time to time how it stands.")
        }
        (None, None) => return None,
    };
    Some(Told {
        at: at.max(now),
        kind: "planned",
        text: text.into(),
        cause: None,
    })
}

fn rank(kind: &str) -> u8 {
    match kind {
        "event" => 0,
        "entry" => 1,
        "note" => 2,
        "delivery" => 3,
        _ => 4,
    }
}

fn posted(entry: &Entry) -> Told {
    let moved = entry.postings.iter().filter_map(|posting| {
        let gateway = posting.account.strip_prefix("gateway:")?;
        let amount = Money::new(posting.minor.abs(), entry.currency);
        let way = if posting.minor > 0 {
            "came in at"
        } else {
            "left"
        };
        Some(format!(" {amount} {way} {gateway}."))
    });
    let mut text = words(&entry.what);
    if let Some(why) = entry.why {
        text = format!("{}: {}.", text.trim_end_matches('.'), reason(why));
    }
    let text = format!("{text}{}", moved.collect::<String>());
    Told {
        at: entry.at,
        kind: "entry",
        text,
        cause: Some(entry.cause.clone()),
    }
}

/// Why money did not come or stay.
fn reason(why: Decline) -> &'static str {
    match why {
        Decline::Funds => "not enough money",
        Decline::Method => "this card or account does not work any more",
        Decline::Action => "the payer must approve it",
        Decline::Fraud => "it was suspicious, or disputed",
        Decline::Cancelled => "the payer stopped it",
        Decline::Other => "no reason was given",
    }
}

fn words(what: &str) -> String {
    match what {
        "invoice_issued" => "The invoice was issued.".into(),
        "charge_requested" => "A charge was asked for.".into(),
        "retry_due" => "The day of another try had come.".into(),
        "calling_gateway" => "The gateway was called.".into(),
        "reply_lost" => "No answer came back: the outcome was unknown.".into(),
        "gateway_busy" => "The gateway did not act; it is tried again.".into(),
        "still_unknown" => "It was looked up, and nothing new was known.".into(),
        "checkout_opened" => "The gateway's page was opened.".into(),
        "payment_approved" => "The payer approved on the gateway's page.".into(),
        "payment_pending" => "The payment was under way.".into(),
        "payment_succeeded" => "The payment arrived.".into(),
        "payment_failed" => "The payment failed.".into(),
        "payment_expired" => "The payment expired.".into(),
        "payment_returned" => "The payment went back.".into(),
        "refund_requested" => "A refund was asked for.".into(),
        "refund_approved" => "The refund was approved.".into(),
        "refund_rejected" => "The refund was given up.".into(),
        "payment_closed" => "A person ended this payment.".into(),
        "finding_recorded" => "One person found that it did not happen.".into(),
        "payment_resolved" => "People found at the gateway what became of this payment.".into(),
        "refund_resolved" => "People found at the gateway what became of this refund.".into(),
        "payment_tried_again_there" => "A try failed, and the gateway makes another.".into(),
        "invoice_voided" => "The invoice was voided.".into(),
        "refund_pending" => "The refund was under way.".into(),
        "refund_succeeded" => "The refund was paid.".into(),
        "refund_failed" => "The refund failed.".into(),
        "dispute_opened" => "The payer's bank opened a dispute.".into(),
        "dispute_won" => "The dispute was won.".into(),
        "dispute_lost" => "The dispute was lost.".into(),
        "needs_person" => "A person was asked to look.".into(),
        other => format!("{}.", other.replace('_', " ")),
    }
}

fn reported(row: &Row, at: Option<Timestamp>) -> Result<Told, StoreError> {
    let event: EventRow = row.read("data")?;
    let amount = event
        .amount
        .map(|amount| format!(" of {amount}"))
        .unwrap_or_default();
    let (source, name, id) = (&event.source, &event.name, &event.vendor_event_id);
    let text = match source.as_str() {
        once::SOURCE => format!("The clinic asked: {name}."),
        _ => format!("{source} reported {name}{amount}: {}.", row.get("state")),
    };
    Ok(Told {
        at: at.unwrap_or(event.received_at),
        kind: "event",
        text,
        cause: Some(format!("{source} {id}")),
    })
}

fn delivered(row: &Row, payment: u32) -> Result<Option<Told>, StoreError> {
    let task: Task = row.read("data")?;
    let Work::Deliver(delivery) = task.work else {
        return Ok(None);
    };
    if delivery.payment != Some(payment) {
        return Ok(None);
    }
    let (system, topic) = (&delivery.system, delivery.topic.name().replace('-', " "));
    let mut text = format!("{system} is told of {topic}: {}", row.get("state"));
    if row.has("filed_as") {
        text += &format!(", filed as {}", row.get("filed_as"));
    }
    if !row.get("why").is_empty() && row.get("state") != "done" {
        text += &format!(" ({})", row.get("why"));
    }
    Ok(Some(Told {
        at: task.due,
        kind: "delivery",
        text: format!("{text}."),
        cause: None,
    }))
}
