//! `/v1/keys`: a clinic's API keys. A key is shown once, when it is made.

use crate::api::frame::call::{Answered, Call, PAGING, Route, listed, reply};
use crate::api::views::key::view;
use crate::domain::actor::Permission::{self, Configure};
use crate::flows::keys;
use crate::words::text::Plain;
use serde::Deserialize;
use serde_json::json;

/// A key that is to be made.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyRequest {
    /// The person or system that it stands for.
    label: Plain<60>,
    permissions: Vec<Permission>,
}

pub static ROUTES: &[Route] = &[
    Route::get(
        "/v1/keys",
        Configure,
        |call| Box::pin(list(call)),
        "The clinic's keys.",
    )
    .gives(200, "Keys")
    .query(PAGING),
    Route::post(
        "/v1/keys",
        Configure,
        |call| Box::pin(create(call)),
        "Makes a key. It is shown only here.",
    )
    .gives(201, "NewKey")
    .takes::<KeyRequest>("KeyRequest"),
    Route::delete(
        "/v1/keys/{id}",
        Configure,
        |call| Box::pin(delete(call)),
        "Deletes a key, at once.",
    )
    .gives(200, "DeletedKey"),
];

pub async fn create(call: &Call<'_>) -> Answered {
    let KeyRequest { label, permissions } = call.body()?;
    let (app, settings) = (call.app, &call.settings);
    let made = keys::make(app, settings, &call.actor, label, permissions).await?;
    let answer = json!({
        "id": made.id, "label": made.label, "permissions": made.permissions, "key": made.key,
    });
    Ok(reply(201, &answer))
}

pub async fn list(call: &Call<'_>) -> Answered {
    let (rows, next) = call.page("keys").await?;
    let keys = rows.iter().map(view).collect::<Result<_, _>>()?;
    Ok(listed("keys", keys, next))
}

pub async fn delete(call: &Call<'_>) -> Answered {
    let id = &call.path[0];
    keys::delete(call.app, &call.settings, &call.actor, id).await?;
    Ok(reply(200, &json!({ "id": id, "deleted": true })))
}
