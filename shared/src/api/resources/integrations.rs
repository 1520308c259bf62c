//! `/v1/integrations`: which vendors a clinic can connect, and what each needs. What is configured
//! is told, never its value.

use crate::api::frame::call::{Answered, Call, Route, reply};
use crate::api::views::integration::{Integration, Integrations, view};
use crate::domain::actor::Permission::{Configure, View};
use crate::flows::integrations::{self, Connection};
use crate::io::secrets::Fields;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

/// What is written; a group that is left out stays as it is.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(example = json!({"fields": {"secret_key": "sk_test_1"}, "inbound": {"webhook_secret": "whsec_1"}}))]
pub struct ConnectionRequest {
    /// What the vendor is called with.
    fields: Option<Fields>,
    /// What webhooks are proven with.
    inbound: Option<Fields>,
    /// What its access tokens are renewed with.
    oauth: Option<Fields>,
}

/// Every call of this resource: who may make it, what it takes and what it gives.
pub static ROUTES: &[Route] = &[
    Route::get(
        "/v1/integrations",
        View,
        |call| Box::pin(list(call)),
        "Vendors that can be connected, and what is configured; never a value.",
    )
    .gives::<Integrations>(200),
    Route::get(
        "/v1/integrations/{vendor}",
        View,
        |call| Box::pin(get(call)),
        "One vendor: the fields that it needs, and which are configured.",
    )
    .gives::<Integration>(200),
    Route::put(
        "/v1/integrations/{vendor}",
        Configure,
        |call| Box::pin(put(call)),
        "Writes a vendor's secrets, each group as a whole. They may take five minutes to be used \
         everywhere.",
    )
    .gives::<Integration>(200)
    .takes::<ConnectionRequest>(),
    Route::delete(
        "/v1/integrations/{vendor}",
        Configure,
        |call| Box::pin(disconnect(call)),
        "Gives up one of several systems, such as an address of your own: nothing more is told there, \
         and its secrets are emptied. Functions may remember them for five minutes.",
    )
    .gives::<Integration>(200),
    Route::delete(
        "/v1/integrations/{vendor}/inbound/former",
        Configure,
        |call| Box::pin(drop_former(call)),
        "Drops the webhook secret before the last change, which proves for 48 hours otherwise. \
         Functions may remember it for five minutes.",
    )
    .gives::<Integration>(200),
];

async fn list(call: &Call<'_>) -> Answered {
    let all = integrations::all(call.app, &call.settings).await?;
    let integrations = all.into_iter().map(view).collect();
    Ok(reply(200, &Integrations { integrations }))
}

async fn get(call: &Call<'_>) -> Answered {
    let one = integrations::one(call.app, call.clinic(), &call.path[0]).await?;
    Ok(reply(200, &view(one)))
}

async fn put(call: &Call<'_>) -> Answered {
    let new: ConnectionRequest = call.body()?;
    let new = Connection {
        fields: new.fields,
        inbound: new.inbound,
        oauth: new.oauth,
    };
    let (app, settings, vendor) = (call.app, &call.settings, &call.path[0]);
    let connected = integrations::connect(app, settings, &call.actor, vendor, new).await?;
    Ok(reply(200, &view(connected)))
}

async fn disconnect(call: &Call<'_>) -> Answered {
    let (app, settings, vendor) = (call.app, &call.settings, &call.path[0]);
    let left = integrations::disconnect(app, settings, &call.actor, vendor).await?;
    Ok(reply(200, &view(left)))
}

async fn drop_former(call: &Call<'_>) -> Answered {
    let (app, settings, vendor) = (call.app, &call.settings, &call.path[0]);
    let left = integrations::drop_former(app, settings, &call.actor, vendor).await?;
    Ok(reply(200, &view(left)))
}
