//! `/v1/events`: what came from outside, and what became of it. What was proven and could not be
//! read is kept here and can be sent through once more.

use crate::api::frame::call::{Answered, Call, Route, cursor, listed, reply};
use crate::api::frame::problem::Problem;
use crate::api::frame::read::Nothing;
use crate::api::views::event::view;
use crate::domain::actor::Permission::{Configure, View};
use crate::flows::events::{EventRow, replay as again};
use crate::io::store::Row;
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
            .get(&again::pk(call.clinic(), source, id), "event")
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

pub async fn replay(call: &Call<'_>) -> Answered {
    let id = &call.path[0];
    again::replay(call.app, &call.settings, &call.actor, id).await?;
    Ok(reply(202, &json!({ "id": id, "state": "waiting" })))
}
