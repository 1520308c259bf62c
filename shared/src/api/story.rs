//! The story of a case in words: what was posted, what came from outside, what was told to whom.

use super::call::Call;
use super::problem::Problem;
use super::{audit, deliveries};
use crate::domain::case::Case;
use crate::domain::journal::Entry;
use crate::domain::task::{Task, Work};
use crate::flows::events::EventRow;
use crate::money::Money;
use crate::queue::RowKey;
use crate::store::{Row, StoreError};
use jiff::Timestamp;
use serde_json::{Value, json};

struct Told {
    at: Timestamp,
    kind: &'static str,
    text: String,
    cause: Option<String>,
}

/// All that is known, in order.
pub async fn of(call: &Call<'_>, case: &Case) -> Result<Vec<Value>, Problem> {
    let entries = audit::entries(call, &case.id).await?;
    let mut told: Vec<Told> = entries.iter().map(posted).collect();
    // Causes name the events: `stripe evt_1`.
    let mut keys: Vec<_> = entries
        .iter()
        .filter_map(|entry| {
            let mut words = entry.cause.split(' ');
            let (source, id) = (words.next()?, words.next()?);
            let pk = format!("{}#event#{source}#{id}", call.clinic());
            Some(RowKey {
                pk,
                sk: "event".into(),
            })
        })
        .collect();
    keys.sort_by(|a, b| a.pk.cmp(&b.pk));
    keys.dedup();
    for row in call.house.store.get_all(&keys).await? {
        told.push(reported(&row)?);
    }
    for row in deliveries::of_case(call, &case.id).await? {
        told.extend(delivered(&row)?);
    }
    // Entries and events of one instant: what came in stands before what it brought about.
    told.sort_by_key(|told| (told.at, rank(told.kind)));
    let view = |told: Told| json!({ "at": told.at, "kind": told.kind, "text": told.text, "cause": told.cause });
    Ok(told.into_iter().map(view).collect())
}

fn rank(kind: &str) -> u8 {
    match kind {
        "event" => 0,
        "entry" => 1,
        _ => 2,
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
    let text = format!("{}{}", words(&entry.what), moved.collect::<String>());
    Told {
        at: entry.at,
        kind: "entry",
        text,
        cause: Some(entry.cause.clone()),
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

fn reported(row: &Row) -> Result<Told, StoreError> {
    let event: EventRow = row.read("data")?;
    let amount = event
        .amount
        .map(|amount| format!(" of {amount}"))
        .unwrap_or_default();
    let (source, name, id) = (&event.source, &event.name, &event.vendor_event_id);
    let text = match source.as_str() {
        super::once::SOURCE => format!("The clinic asked: {name}."),
        _ => format!("{source} reported {name}{amount}: {}.", row.get("state")),
    };
    Ok(Told {
        at: event.received_at,
        kind: "event",
        text,
        cause: Some(format!("{source} {id}")),
    })
}

fn delivered(row: &Row) -> Result<Option<Told>, StoreError> {
    let task: Task = row.read("data")?;
    let Work::Deliver(delivery) = task.work else {
        return Ok(None);
    };
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
