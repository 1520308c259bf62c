//! `/v1/events`: what came from outside, and what became of it. What was proven and could not be
//! read is kept here and can be sent through once more.

use crate::api::frame::call::{Answered, Call, Route, cursor, reply};
use crate::api::frame::problem::Problem;
use crate::api::frame::read::Nothing;
use crate::api::views::event::{EventState, Events, Replayed, view};
use crate::domain::actor::Permission::{Configure, View};
use crate::flows::events::replay as again;
use crate::flows::events::search::{Filter, search};
use jiff::Timestamp;

/// Every call of this resource: who may make it, what it takes and what it gives.
pub static ROUTES: &[Route] = &[
    Route::get(
        "/v1/events",
        View,
        |call| Box::pin(list(call)),
        "What came from outside, newest first. A page may hold fewer than `limit`: go on while \
         there is a `next`.",
    )
    .gives::<Events>(200)
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
    .gives::<Replayed>(202)
    .takes::<Nothing>(),
];

async fn list(call: &Call<'_>) -> Answered {
    let since = call.query("since").map(str::parse::<Timestamp>).transpose();
    let since = since.map_err(|_| Problem::invalid("since", "such as 2026-01-31T09:00:00Z"))?;
    let state = call.one_of("state", &EventState::ALL, EventState::name)?;
    let filter = Filter {
        source: call.query("source"),
        vendor_event_id: call.query("vendor_event_id"),
        gateway_ref: call.query("gateway_ref"),
        state: state.map(EventState::name),
        since,
    };
    let (before, limit) = (call.before()?, call.limit()? as usize);
    let (found, next) = search(call.app, call.clinic(), filter, before, limit).await?;
    let shown = found.iter().map(|(row, event)| view(row, event));
    let (events, next) = (
        shown.collect::<Result<_, _>>()?,
        next.as_deref().map(cursor),
    );
    Ok(reply(200, &Events { events, next }))
}

async fn replay(call: &Call<'_>) -> Answered {
    let id = &call.path[0];
    again::replay(call.app, &call.settings, &call.actor, id).await?;
    let replayed = Replayed {
        id: id.clone(),
        state: EventState::Waiting,
    };
    Ok(reply(202, &replayed))
}
