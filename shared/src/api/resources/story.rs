//! `/v1/payments/{id}/story`: what happened to a payment, in words.

use crate::api::frame::call::{Answered, Call, Route, reply};
use crate::api::frame::problem::Problem;
use crate::api::views::story::{Story, view};
use crate::domain::actor::Permission::View;
use crate::flows::{named, story};

/// Every call of this resource: who may make it, what it takes and what it gives.
pub static ROUTES: &[Route] = &[Route::get(
    "/v1/payments/{id}/story",
    View,
    |call| Box::pin(story(call)),
    "What happened to this payment, in order and in words, with reasons, and what is planned.",
)
.gives::<Story>(200)];

async fn story(call: &Call<'_>) -> Answered {
    let (case, n) = named::payment(call.app, call.clinic(), &call.path[0]).await?;
    let payment = case.payment(n).ok_or_else(|| Problem::missing("payment"))?;
    let told = story::of(call.app, call.clinic(), &case, payment).await?;
    Ok(reply(200, &view(&case, payment, told)))
}
