//! `/v1/events`: what came from outside, and what became of it. What was proven and could not be
//! read is kept here and can be sent through once more.

use crate::api::frame::call::Route;
use crate::api::frame::call::{Answered, Call, cursor, listed, reply};
use crate::api::frame::caller::Permission::{Configure, View};
use crate::api::frame::problem::{Kind, Problem};
use crate::api::frame::read::Nothing;
use crate::api::views::event::view;
use crate::contract::body_hash;
use crate::domain::task::Queue;
use crate::flows::events::EventRow;
use crate::io::clock;
use crate::io::queue::{Received, RowKey};
use crate::io::store::{Row, StoreError, Write, Written};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use jiff::Timestamp;
use serde_json::json;

pub static ROUTES: &[Route] = &[
    Route::get(
        "/v1/events",
        View,
        |call| Box::pin(list(call)),
        "What came from outside, newest first. A page may hold fewer than `limit`: go on while \
         there is a `next`.",
    )
    .gives(200, "Events")
    .query(&[
        "source",
        "vendor_event_id",
        "gateway_ref",
        "state",
        "since",
        "before",
        "limit",
    ]),
    Route::post(
        "/v1/events/{id}/replay",
        Configure,
        |call| Box::pin(replay(call)),
        "Sends a quarantined event through once more, as proven as it was.",
    )
    .gives(202, "Replayed")
    .takes::<Nothing>("Nothing"),
];

/// Rows that are read at once while filtering, and how often, before the caller goes on.
const READ: i32 = 200;
const ROUNDS: usize = 10;

const STATES: [&str; 6] = [
    "waiting",
    "posted",
    "ignored",
    "superseded",
    "quarantined",
    "contradiction",
];

pub async fn list(call: &Call<'_>) -> Answered {
    let since = match call.query("since") {
        None => None,
        Some(text) => match text.parse::<Timestamp>() {
            Ok(since) => Some(since),
            Err(_) => return Err(Problem::invalid("since", "such as 2026-01-31T09:00:00Z")),
        },
    };
    let (source, id) = (call.query("source"), call.query("vendor_event_id"));
    let (reference, state) = (call.query("gateway_ref"), call.query("state"));
    if state.is_some_and(|state| !STATES.contains(&state)) {
        return Err(Problem::invalid(
            "state",
            format!("one of {}", STATES.join(", ")),
        ));
    }
    let fits = |row: &Row, event: &EventRow| {
        source.is_none_or(|source| event.source == source)
            && id.is_none_or(|id| event.vendor_event_id == id)
            && reference.is_none_or(|r| event.gateway_ref.as_deref() == Some(r))
            && state.is_none_or(|state| row.get("state") == state)
            && since.is_none_or(|since| event.received_at >= since)
    };
    if let (Some(source), Some(id)) = (source, id) {
        let row = call
            .app
            .store
            .get(&pk(call.clinic(), source, id), "event")
            .await?;
        let mut found = vec![];
        if let Some(row) = row {
            let event: EventRow = row.read("data")?;
            found.extend(fits(&row, &event).then(|| view(&row, &event)));
        }
        return Ok(listed("events", found, None));
    }
    let (list, limit) = (format!("{}#events", call.clinic()), call.limit()? as usize);
    let (mut before, mut found) = (call.before()?, vec![]);
    for _ in 0..ROUNDS {
        let (rows, next) = call.app.store.list(&list, before.as_deref(), READ).await?;
        for row in &rows {
            let event: EventRow = row.read("data")?;
            if since.is_some_and(|since| event.received_at < since) {
                return Ok(listed("events", found, None));
            }
            if fits(row, &event) {
                found.push(view(row, &event));
            }
            before = Some(row.get("list_sk").to_owned());
            if found.len() == limit {
                return Ok(listed("events", found, before.as_deref().map(cursor)));
            }
        }
        before = next;
        if before.is_none() {
            return Ok(listed("events", found, None));
        }
    }
    Ok(listed("events", found, before.as_deref().map(cursor)))
}

/// Sends a quarantined event through posting once more, as proven as it was.
pub async fn replay(call: &Call<'_>) -> Answered {
    let id = &call.path[0];
    let missing = || Problem::missing("event");
    let (source, vendor_event_id) = id.split_once(':').ok_or_else(missing)?;
    let pk = pk(call.clinic(), source, vendor_event_id);
    let row = call
        .app
        .store
        .get(&pk, "event")
        .await?
        .ok_or_else(missing)?;
    if row.get("state") != "quarantined" {
        let why = format!(
            "it is {}: only quarantined events are replayed",
            row.get("state")
        );
        return Err(Problem::new(Kind::Conflict, why));
    }
    let event: EventRow = row.read("data")?;
    let received = received(call, &row, &event).await?;
    // Open to be posted again, and only by the one who sends it.
    let opened = Write::NewOr {
        row: row
            .text("state", "waiting")
            .text("why", "sent through again"),
        attribute: "state",
        value: "quarantined".into(),
    };
    let note = call.noted(None, &format!("event_replayed {source} {vendor_event_id}"));
    // What was asked of people is answered; where it fails again, it is asked again.
    let answered = Write::Delete(RowKey {
        pk: pk.clone(),
        sk: "task#person-unreadable".into(),
    });
    let writes = [opened, note, answered];
    if call.app.store.transact(&writes).await? != Written::Done {
        return Err(Problem::new(Kind::Conflict, "it is being replayed already"));
    }
    if let Err(why) = call.app.queues.send(Queue::Events, &received).await {
        let key = RowKey {
            pk,
            sk: "event".into(),
        };
        let back = Row::default().text("state", "quarantined");
        let back = Write::Change {
            key,
            set: back,
            remove: vec![],
        };
        call.app.store.transact(&[back]).await?;
        return Err(why.into());
    }
    tracing::info!(
        event = "replayed",
        source,
        id = vendor_event_id,
        key = call.caller.short()
    );
    Ok(reply(202, &json!({ "id": id, "state": "waiting" })))
}

/// The delivery as it came, opened from the parts in which it is kept.
async fn received(call: &Call<'_>, row: &Row, event: &EventRow) -> Result<Received, Problem> {
    let pk = event.pk();
    let key = call.app.key(&format!("clinic {}", call.clinic())).await?;
    let mut text = String::new();
    for n in 0..row.int("parts") {
        let name = format!("part#{n:03}");
        let part = call.app.store.get(&pk, &name).await?;
        let place = format!("{pk} part {n}");
        let opened = part.and_then(|part| key.open::<String>(&place, part.get("sealed")).ok());
        text += &opened.ok_or_else(|| StoreError::Corrupt(format!("{pk} {name}")))?;
    }
    let body = BASE64_STANDARD.decode(&text);
    let body = body.map_err(|why| StoreError::Corrupt(format!("{pk}: {why}")))?;
    Ok(Received {
        clinic: event.clinic.clone(),
        source: event.source.clone(),
        // What was not proven when it came is proven by nobody's wish to see it again.
        proven: row.get("proven") == "true",
        received_at: clock::now().as_second(),
        url: format!(
            "{}/webhooks/{}/{}",
            call.app.public_url, event.clinic, event.source
        ),
        headers: vec![],
        sha256: body_hash(&body),
        body: text,
        replays: Some(event.vendor_event_id.clone()),
        again: false,
    })
}

fn pk(clinic: &str, source: &str, id: &str) -> String {
    format!("{clinic}#event#{source}#{id}")
}
