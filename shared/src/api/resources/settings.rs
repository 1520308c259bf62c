//! `/v1/settings`: what a clinic is, its policy, and the systems that are told.

use crate::api::frame::call::{Answered, Call, Route, reply};
use crate::api::frame::problem::Problem;
use crate::domain::actor::Permission::{Configure, View};
use crate::domain::settings::Settings;
use crate::flows::settings;

/// Every call of this resource: who may make it, what it takes and what it gives.
pub static ROUTES: &[Route] = &[
    Route::get(
        "/v1/settings",
        View,
        |call| Box::pin(get(call)),
        "What the clinic is, its policy, and the systems that are told.",
    )
    .gives::<Settings>(200),
    Route::put(
        "/v1/settings",
        Configure,
        |call| Box::pin(put(call)),
        "Writes all settings. Functions may remember the former ones for a minute.",
    )
    .gives::<Settings>(200)
    .takes::<Settings>(),
];

async fn get(call: &Call<'_>) -> Answered {
    let settings = call.app.latest_settings(call.clinic()).await?;
    let settings = settings.ok_or_else(|| Problem::missing("clinic"))?;
    Ok(reply(200, &*settings))
}

async fn put(call: &Call<'_>) -> Answered {
    let new: Settings = call.body()?;
    settings::change(call.app, &call.settings, &call.actor, &new).await?;
    Ok(reply(200, &new))
}
