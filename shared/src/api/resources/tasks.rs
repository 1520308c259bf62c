//! `/v1/tasks`: what only a person can decide.

use crate::api::frame::call::{Answered, Call, Route, reply};
use crate::api::frame::problem::Problem;
use crate::api::frame::read::Nothing;
use crate::api::views::task::{Task, Tasks, view};
use crate::domain::actor::Permission::{Charge, View};
use crate::domain::task::Alert;
use crate::flows::tasks::done as worked_off;
use crate::records::task;

/// Every call of this resource: who may make it, what it takes and what it gives.
pub static ROUTES: &[Route] = &[
    Route::get(
        "/v1/tasks",
        View,
        |call| Box::pin(list(call)),
        "What waits for a person, newest first; with `alert` what was raised for this cause.",
    )
    .gives::<Tasks>(200)
    .query(&["alert", "before", "limit"]),
    Route::post(
        "/v1/tasks/{case}/{id}/done",
        Charge,
        |call| Box::pin(done(call)),
        "A person has worked it off.",
    )
    .gives::<Task>(200)
    .takes::<Nothing>(),
];

async fn list(call: &Call<'_>) -> Answered {
    let list = match call.word::<Alert>("alert")? {
        Some(alert) => task::list_of(call.clinic(), alert),
        None => task::list(call.clinic()),
    };
    let (rows, next) = call.page(&list).await?;
    let shown = rows.iter().filter_map(|row| view(row).transpose());
    let tasks = shown.collect::<Result<_, _>>()?;
    Ok(reply(200, &Tasks { tasks, next }))
}

async fn done(call: &Call<'_>) -> Answered {
    let (owner, id) = (&call.path[0], &call.path[1]);
    let (app, settings) = (call.app, &call.settings);
    let done = worked_off::done(app, settings, &call.actor, owner, id).await?;
    let shown = view(&done)?.ok_or_else(|| Problem::missing("task"))?;
    Ok(reply(200, &shown))
}
