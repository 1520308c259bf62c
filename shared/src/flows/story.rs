//! The story of a payment in words: what was asked for and reported, what was posted and why, what
//! was told to whom, and what is planned.

use super::deliveries::asked;
use super::denied::Denied;
use super::{App, audit, findings};
use crate::domain::case::{Case, Payment};
use crate::domain::fact::Decline;
use crate::domain::journal::Entry;
use crate::io::clock;
use crate::io::queue::RowKey;
use crate::io::store::{Row, StoreError};
use crate::records::delivery::{DeliveryRow, State};
use crate::records::event::{self, EventRow};
use crate::words::money::Money;
use jiff::Timestamp;
use std::collections::HashMap;

/// One thing that happened, or comes next.
#[derive(Debug)]
pub struct Told {
    pub at: Timestamp,
    pub kind: Kind,
    /// A sentence for people.
    pub text: String,
    /// What brought it, as the journal names it.
    pub cause: Option<String>,
}

/// In the order in which things of one instant stand: what came in before what it brought about, and
/// that before what was told of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Came from outside.
    Event,
    /// Was posted.
    Entry,
    /// A person noted it of what they found.
    Note,
    /// Was told to a system or a patient.
    Delivery,
    /// Comes next by itself.
    Planned,
}

/// All that is known of the payment, in order.
pub async fn of(
    app: &App,
    clinic: &str,
    case: &Case,
    payment: &Payment,
) -> Result<Vec<Told>, Denied> {
    let mut entries = audit::entries(app, clinic, &case.id).await?;
    entries.retain(|entry| entry.payments.contains(&payment.n));
    let mut told: Vec<Told> = entries.iter().map(posted).collect();
    told.extend(reports(app, clinic, &entries).await?);
    for row in asked::of_case(app, clinic, &case.id, asked::Filter::default()).await? {
        told.extend(delivered(&row, payment.n));
    }
    let notes = findings::notes(app, case, payment).await?;
    told.extend(notes.into_iter().map(written));
    told.extend(planned(case, payment));
    told.sort_by_key(|told| (told.at, told.kind));
    Ok(told)
}

/// What came in and was posted by these entries. It stands where it had its first effect.
async fn reports(app: &App, clinic: &str, entries: &[Entry]) -> Result<Vec<Told>, StoreError> {
    // Causes name the events: `stripe evt_1`.
    let mut caused = HashMap::new();
    for entry in entries {
        let mut words = entry.cause.split(' ');
        if let (Some(source), Some(id)) = (words.next(), words.next()) {
            let pk = event::pk(clinic, source, id);
            caused.entry(pk).or_insert(entry.at);
        }
    }
    let key = |pk: &String| RowKey {
        pk: pk.clone(),
        sk: event::SK.into(),
    };
    let keys: Vec<_> = caused.keys().map(key).collect();
    let rows = app.store.get_all(&keys).await?;
    let at = |row: &Row| caused.get(row.pk()).copied();
    rows.iter().map(|row| reported(row, at(row))).collect()
}

/// What a person wrote beside what they found.
fn written(noted: findings::Noted) -> Told {
    Told {
        at: noted.at,
        kind: Kind::Note,
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
        kind: Kind::Planned,
        text: text.into(),
        cause: None,
    })
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
        kind: Kind::Entry,
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
        "visit_moved" => "The visit got another time.".into(),
        "visit_called_off" => "The visit was called off.".into(),
        "visit_restored" => "The visit takes place after all.".into(),
        "needs_person" => "A person was asked to look.".into(),
        other => format!("{}.", other.replace('_', " ")),
    }
}

fn reported(row: &Row, at: Option<Timestamp>) -> Result<Told, StoreError> {
    let told = EventRow::read(row)?;
    let amount = told
        .amount
        .map(|amount| format!(" of {amount}"))
        .unwrap_or_default();
    let (source, name, id) = (&told.source, &told.name, &told.vendor_event_id);
    let text = match source.as_str() {
        event::API => format!("The clinic asked: {name}."),
        _ => format!("{source} reported {name}{amount}: {}.", event::state(row)),
    };
    Ok(Told {
        at: at.unwrap_or(told.received_at),
        kind: Kind::Event,
        text,
        cause: Some(format!("{source} {id}")),
    })
}

fn delivered(row: &DeliveryRow, payment: u32) -> Option<Told> {
    if row.about.subject.payment != Some(payment) {
        return None;
    }
    let topic = row.about.subject.topic.name().replace('-', " ");
    let system = &row.about.system;
    let mut text = format!("{system} is told of {topic}: {}", row.state.name());
    if let Some(id) = row.filed_as() {
        text += &format!(", filed as {id}");
    }
    if !row.why.is_empty() && row.state != State::Done {
        text += &format!(" ({})", row.why);
    }
    Some(Told {
        at: row.about.heard_at,
        kind: Kind::Delivery,
        text: format!("{text}."),
        cause: None,
    })
}
