//! `/v1/keys`: a clinic's API keys. A key is shown once, when it is made.

use crate::api::frame::call::{Answered, Call, PAGING, Route, reply};
use crate::api::views::key::{DeletedKey, Keys, NewKey, made, view};
use crate::domain::actor::Permission::{self, Configure};
use crate::flows::keys;
use crate::records::key;
use crate::words::text::Plain;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

/// A key that is to be made.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(example = json!({"label": "front desk", "permissions": ["view", "charge"]}))]
pub struct KeyRequest {
    /// The person or system that it stands for.
    label: Plain<60>,
    /// At least one; each only of those that the caller's own key has.
    #[schemars(length(min = 1))]
    permissions: Vec<Permission>,
}

/// Every call of this resource: who may make it, what it takes and what it gives.
pub static ROUTES: &[Route] = &[
    Route::get(
        "/v1/keys",
        Configure,
        |call| Box::pin(list(call)),
        "The clinic's keys.",
    )
    .gives::<Keys>(200)
    .query(PAGING),
    Route::post(
        "/v1/keys",
        Configure,
        |call| Box::pin(create(call)),
        "Makes a key. It is shown only here.",
    )
    .gives::<NewKey>(201)
    .takes::<KeyRequest>(),
    Route::delete(
        "/v1/keys/{id}",
        Configure,
        |call| Box::pin(delete(call)),
        "Deletes a key, at once.",
    )
    .gives::<DeletedKey>(200),
];

async fn create(call: &Call<'_>) -> Answered {
    let KeyRequest { label, permissions } = call.body()?;
    let (app, settings) = (call.app, &call.settings);
    let key = keys::make(app, settings, &call.actor, label, permissions).await?;
    Ok(reply(201, &made(key)))
}

async fn list(call: &Call<'_>) -> Answered {
    let (rows, next) = call.page(&key::list(call.clinic())).await?;
    let keys = rows.iter().map(view).collect::<Result<_, _>>()?;
    Ok(reply(200, &Keys { keys, next }))
}

async fn delete(call: &Call<'_>) -> Answered {
    let id = call.path[0].clone();
    keys::delete(call.app, &call.settings, &call.actor, &id).await?;
    Ok(reply(200, &DeletedKey { id, deleted: true }))
}
