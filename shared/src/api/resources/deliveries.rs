//! `/v1/deliveries`: what was told to systems and patients. One that did not arrive can be sent
//! again by a person who has looked.

use crate::api::frame::call::{Answered, Call, Route, reply};
use crate::api::frame::read::Nothing;
use crate::api::views::delivery::{Deliveries, Delivery, view};
use crate::domain::actor::Permission::{Charge, View};
use crate::flows::deliveries::asked;
use crate::flows::named;
use crate::records::delivery;
use crate::records::delivery::DeliveryRow;

/// Every call of this resource: who may make it, what it takes and what it gives.
pub static ROUTES: &[Route] = &[
    Route::get(
        "/v1/deliveries",
        View,
        |call| Box::pin(list(call)),
        "What was told to systems and patients, newest first, or all of a case.",
    )
    .gives::<Deliveries>(200)
    .query(&["case", "before", "limit"]),
    Route::post(
        "/v1/deliveries/{case}/{id}/repeat",
        Charge,
        |call| Box::pin(repeat(call)),
        "Sends what failed, was skipped, or is unknown once more.",
    )
    .gives::<Delivery>(202)
    .takes::<Nothing>(),
];

async fn list(call: &Call<'_>) -> Answered {
    let (rows, next) = match call.query("case") {
        None => {
            let (rows, next) = call.page(&delivery::list(call.clinic())).await?;
            let rows = rows.iter().map(DeliveryRow::read);
            (rows.collect::<Result<Vec<_>, _>>()?, next)
        }
        Some(case) => {
            let case = named::invoice(call.app, call.clinic(), case).await?;
            let rows = asked::of_case(call.app, call.clinic(), &case.id).await?;
            (rows, None)
        }
    };
    let deliveries = rows.iter().map(view).collect();
    Ok(reply(200, &Deliveries { deliveries, next }))
}

async fn repeat(call: &Call<'_>) -> Answered {
    let (owner, id) = (&call.path[0], &call.path[1]);
    let open = asked::repeat(call.app, &call.settings, &call.actor, owner, id).await?;
    Ok(reply(202, &view(&open)))
}
