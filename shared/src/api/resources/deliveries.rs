//! `/v1/deliveries`: what was told to systems and patients. One that did not arrive can be sent
//! again by a person who has looked.

use crate::api::frame::call::{Answered, Call, Route, cursor, reply};
use crate::api::frame::problem::Problem;
use crate::api::frame::read::Nothing;
use crate::api::views::delivery::{Deliveries, Delivery, view};
use crate::domain::actor::Permission::{Charge, View};
use crate::flows::deliveries::asked::{self, Filter};
use crate::flows::named;
use crate::records::delivery::State;
use crate::vendors;

/// Every call of this resource: who may make it, what it takes and what it gives.
pub static ROUTES: &[Route] = &[
    Route::get(
        "/v1/deliveries",
        View,
        |call| Box::pin(list(call)),
        "What was told to systems and patients, newest first, or all of a case: what fits every \
         filter. A page may hold fewer than `limit`: go on while there is a `next`.",
    )
    .gives::<Deliveries>(200)
    .query(&["case", "state", "system", "before", "limit"]),
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
    let filter = Filter {
        state: call.one_of("state", &State::ALL, State::name)?,
        system: system(call)?,
    };
    let (app, clinic) = (call.app, call.clinic());
    let (rows, next) = match call.query("case") {
        None => {
            let (before, limit) = (call.before()?, call.limit()? as usize);
            asked::search(app, clinic, filter, before, limit).await?
        }
        Some(case) => {
            let case = named::invoice(app, clinic, case).await?;
            (asked::of_case(app, clinic, &case.id, filter).await?, None)
        }
    };
    let deliveries = rows.iter().map(view).collect();
    let next = next.as_deref().map(cursor);
    Ok(reply(200, &Deliveries { deliveries, next }))
}

/// The system that a list is asked for; 422 where there is none of this id.
fn system<'a>(call: &'a Call<'_>) -> Result<Option<&'a str>, Problem> {
    let id = call.query("system");
    let known = |id: &str| vendors::systems().any(|s| s.vendor.id == id);
    match id.is_none_or(known) {
        true => Ok(id),
        false => Err(Problem::invalid("system", "give the id of a system")),
    }
}

async fn repeat(call: &Call<'_>) -> Answered {
    let (owner, id) = (&call.path[0], &call.path[1]);
    let open = asked::repeat(call.app, &call.settings, &call.actor, owner, id).await?;
    Ok(reply(202, &view(&open)))
}
