//! `/v1/payments/{id}/disputes/{dispute}`: how a dispute ended of which its gateway says no more.

use crate::api::frame::call::{Answered, Call, Route, reply};
use crate::api::frame::problem::Problem;
use crate::api::views::dispute::{Dispute, view};
use crate::domain::actor::Permission::Approve;
use crate::flows::disputes::{self, disputed};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

/// What a person found of a dispute.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(example = json!({"found": "lost"}))]
pub struct DisputeFinding {
    /// As the gateway's dashboard shows it.
    found: Found,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
enum Found {
    Won,
    Lost,
}

/// Every call of this resource: who may make it, what it takes and what it gives.
pub static ROUTES: &[Route] = &[Route::post(
    "/v1/payments/{id}/disputes/{dispute}/resolve",
    Approve,
    |call| Box::pin(resolve(call)),
    "A person found how a dispute ended of which its gateway says no more. A lost one is due \
         again. What the gateway says later still counts.",
)
.gives::<Dispute>(200)
.takes::<DisputeFinding>()];

async fn resolve(call: &Call<'_>) -> Answered {
    let DisputeFinding { found } = call.body()?;
    let (app, settings, lost) = (call.app, &call.settings, found == Found::Lost);
    let (id, key) = (&call.path[0], &call.path[1]);
    let (case, n) = disputes::resolve(app, settings, &call.actor, id, key, lost).await?;
    let dispute = disputed(&case, n, key).ok_or_else(|| Problem::missing("dispute"))?;
    let payment = case.payment(n).ok_or_else(|| Problem::missing("payment"))?;
    Ok(reply(200, &view(&case, payment, dispute)))
}
