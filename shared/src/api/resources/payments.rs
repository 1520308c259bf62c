//! `/v1/payments`: one attempt to collect money, and its end.

use crate::api::frame::call::{Answered, Call, Route, reply};
use crate::api::frame::problem::Problem;
use crate::api::frame::read::Nothing;
use crate::api::views::payment::{Payment, view};
use crate::domain::actor::Permission::{Approve, View};
use crate::domain::case::Case;
use crate::flows::{named, payments};

/// Every call of this resource: who may make it, what it takes and what it gives.
pub static ROUTES: &[Route] = &[
    Route::get(
        "/v1/payments/{id}",
        View,
        |call| Box::pin(get(call)),
        "One attempt to collect money.",
    )
    .gives::<Payment>(200),
    Route::post(
        "/v1/payments/{id}/close",
        Approve,
        |call| Box::pin(close(call)),
        "Ends an open payment that nobody shall pay any more, its page at the gateway first: what \
         it asked for can be charged again. One whose money is on its way, or of which nobody \
         knows, is refused with what to do. Money that comes all the same still counts.",
    )
    .gives::<Payment>(200)
    .takes::<Nothing>(),
];

async fn get(call: &Call<'_>) -> Answered {
    let (case, n) = named::payment(call.app, call.clinic(), &call.path[0]).await?;
    shown(&case, n)
}

/// A person wants that nobody pays this any more.
async fn close(call: &Call<'_>) -> Answered {
    let (app, settings, id) = (call.app, &call.settings, &call.path[0]);
    let (case, n) = payments::close(app, settings, &call.actor, id).await?;
    shown(&case, n)
}

/// One payment of a case, 200.
pub fn shown(case: &Case, n: u32) -> Answered {
    let payment = case.payment(n).ok_or_else(|| Problem::missing("payment"))?;
    Ok(reply(200, &view(case, payment)))
}
