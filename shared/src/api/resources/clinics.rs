//! `/v1/clinics`: making a clinic, with the deployment's root key.

use crate::api::frame::call::{Answered, Route, reply};
use crate::api::frame::read;
use crate::api::views::settings::NewClinic;
use crate::domain::actor::Actor;
use crate::domain::settings::Settings;
use crate::flows::{App, clinics};

/// Every call of this resource: who may make it, what it takes and what it gives.
pub static ROUTES: &[Route] = &[Route::root(
    "/v1/clinics",
    |app, actor, body| Box::pin(create(app, actor, body)),
    "Makes a clinic. The answer holds its first key, which is shown only here.",
)
.gives::<NewClinic>(201)
.takes::<Settings>()];

/// 201 with the settings as they were written and the first key, which may everything. The same
/// again gives another key; 409 where a clinic of this id has other settings.
async fn create(app: &App, actor: &Actor, body: &[u8]) -> Answered {
    let settings: Settings = read::body(body)?;
    let key = clinics::make(app, actor, &settings).await?;
    Ok(reply(201, &NewClinic { settings, key }))
}
