//! `/v1/tasks`: what only a person can decide.

use crate::api::frame::call::{Answered, Call, PAGING, Route, listed, reply};
use crate::api::frame::read::Nothing;
use crate::api::views::task::view;
use crate::domain::actor::Permission::{Charge, View};
use crate::flows::tasks::done as worked_off;

pub static ROUTES: &[Route] = &[
    Route::get(
        "/v1/tasks",
        View,
        |call| Box::pin(list(call)),
        "What waits for a person, newest first.",
    )
    .gives(200, "Tasks")
    .query(PAGING),
    Route::post(
        "/v1/tasks/{case}/{id}/done",
        Charge,
        |call| Box::pin(done(call)),
        "A person has worked it off.",
    )
    .gives(200, "Task")
    .takes::<Nothing>("Nothing"),
];

pub async fn list(call: &Call<'_>) -> Answered {
    let (rows, next) = call.page("tasks").await?;
    let shown = rows.iter().filter_map(|row| view(row).transpose());
    Ok(listed("tasks", shown.collect::<Result<_, _>>()?, next))
}

pub async fn done(call: &Call<'_>) -> Answered {
    let (owner, id) = (&call.path[0], &call.path[1]);
    let (app, settings) = (call.app, &call.settings);
    let done = worked_off::done(app, settings, &call.actor, owner, id).await?;
    Ok(reply(200, &view(&done)?.unwrap_or_default()))
}
