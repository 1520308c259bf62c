//! `/v1/deliveries`: what was told to systems and patients. One that did not arrive can be sent
//! again by a person who has looked.

use crate::api::frame::call::{Answered, Call, Route, cursor, place_of, reply, text, written};
use crate::api::frame::once::Once;
use crate::api::frame::problem::Problem;
use crate::api::frame::read::Nothing;
use crate::api::views::delivery::{Deliveries, Delivery, Replay, view};
use crate::domain::actor::Permission::{Charge, View};
use crate::flows::deliveries::asked::{self, Filter};
use crate::flows::deliveries::replay::{self, Replayed, Span};
use crate::flows::named;
use crate::records::delivery::State;
use crate::vendors;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

/// Every call of this resource: who may make it, what it takes and what it gives.
pub static ROUTES: &[Route] = &[
    Route::get(
        "/v1/deliveries",
        View,
        |call| Box::pin(list(call)),
        "What was told to systems and patients, newest first, or all of a case: what fits every \
         filter. A page may hold fewer than `limit`: go on while there is a `next`.",
    )
    .gives::<Deliveries>(200)
    .query(&["case", "state", "system", "before", "limit"]),
    Route::post(
        "/v1/deliveries/{case}/{id}/repeat",
        Charge,
        |call| Box::pin(repeat(call)),
        "Sends what failed, was skipped, or is unknown once more.",
    )
    .gives::<Delivery>(202)
    .takes::<Nothing>(),
    Route::post(
        "/v1/deliveries/replay",
        Charge,
        |call| Box::pin(replay(call)),
        "Tells a system that keeps records, such as an address of your own, what it was told of a \
         span of time once more, the oldest first and each under the id that it had. A request \
         takes a page: go on `after` its `next`, under a key of its own.",
    )
    .gives::<Replay>(202)
    .takes::<ReplayRequest>()
    .once(),
];

/// What is told again; each was heard of from `from` on and before `to`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(example = json!({
    "system": "own", "from": "2026-11-20T00:00:00Z", "to": "2026-11-21T00:00:00Z",
}))]
pub struct ReplayRequest {
    /// The system by the name of its connection: `own@billing`.
    system: String,
    /// When the first of them was heard of here, at the earliest.
    from: Timestamp,
    /// When the last of them was heard of here, just before.
    to: Timestamp,
    /// The `next` of the page before; left out for the first.
    after: Option<String>,
}

async fn list(call: &Call<'_>) -> Answered {
    let filter = Filter {
        state: call.one_of("state", &State::ALL, State::name)?,
        system: system(call)?,
    };
    let (app, clinic) = (call.app, call.clinic());
    let (rows, next) = match call.query("case") {
        None => {
            let (before, limit) = (call.before()?, call.limit()? as usize);
            asked::search(app, clinic, filter, before, limit).await?
        }
        Some(case) => {
            let case = named::invoice(app, clinic, case).await?;
            (asked::of_case(app, clinic, &case.id, filter).await?, None)
        }
    };
    let deliveries = rows.iter().map(view).collect();
    let next = next.as_deref().map(cursor);
    Ok(reply(200, &Deliveries { deliveries, next }))
}

/// The system that a list is asked for; 422 where there is none of this id.
fn system<'a>(call: &'a Call<'_>) -> Result<Option<&'a str>, Problem> {
    let id = call.query("system");
    match id.is_none_or(|id| vendors::system(id).is_some()) {
        true => Ok(id),
        false => Err(Problem::invalid("system", "give the id of a system")),
    }
}

async fn repeat(call: &Call<'_>) -> Answered {
    let (owner, id) = (&call.path[0], &call.path[1]);
    let open = asked::repeat(call.app, &call.settings, &call.actor, owner, id).await?;
    Ok(reply(202, &view(&open)))
}

async fn replay(call: &Call<'_>) -> Answered {
    let asked: ReplayRequest = call.body()?;
    let row = match call.once().await? {
        Once::Again(answer) => return Ok(answer),
        Once::First(row) => row,
    };
    let span = Span {
        system: &asked.system,
        from: asked.from,
        to: asked.to,
        after: asked
            .after
            .as_deref()
            .map(|text| place_of("after", text))
            .transpose()?,
    };
    let answer = |replayed: usize, next: Option<&str>| {
        let next = next.map(cursor);
        written(&Replay { replayed, next })
    };
    let (app, settings, actor) = (call.app, &call.settings, &call.actor);
    match replay::replay(app, settings, actor, &span, answer, &row).await? {
        Replayed::Now(answer) => Ok(text(call.route.gives.0, answer)),
        Replayed::Before(known) => call.again(&known, &row),
    }
}
