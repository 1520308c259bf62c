//! `/v1/deliveries`: what was told to systems and patients. One that did not arrive can be sent
//! again by a person who has looked.

use super::invoices;
use super::tasks;
use crate::api::frame::call::Route;
use crate::api::frame::call::{Answered, Call, listed, reply};
use crate::api::frame::caller::Permission::{Charge, View};
use crate::api::frame::problem::{Kind, Problem};
use crate::api::frame::read::Nothing;
use crate::api::views::delivery::view;
use crate::flows::case_pk;
use crate::flows::deliveries::{self, Repeated};
use crate::io::store::StoreError;
use crate::records::delivery::{DeliveryRow, PREFIX, sk_of};
use crate::words::ids;

pub static ROUTES: &[Route] = &[
    Route::get(
        "/v1/deliveries",
        View,
        |call| Box::pin(list(call)),
        "What was told to systems and patients, newest first, or all of a case.",
    )
    .gives(200, "Deliveries")
    .query(&["case", "before", "limit"]),
    Route::post(
        "/v1/deliveries/{case}/{id}/repeat",
        Charge,
        |call| Box::pin(repeat(call)),
        "Sends what failed, was skipped, or is unknown once more.",
    )
    .gives(202, "Delivery")
    .takes::<Nothing>("Nothing"),
];

pub async fn list(call: &Call<'_>) -> Answered {
    let (rows, next) = match call.query("case") {
        None => call.page("deliveries").await?,
        Some(case) => {
            let case = invoices::known(call, case).await?;
            let pk = case_pk(call.clinic(), &case.id);
            (call.app.store.under(&pk, PREFIX).await?, None)
        }
    };
    let rows = rows.iter().map(DeliveryRow::read);
    let rows = rows.collect::<Result<Vec<_>, _>>()?;
    Ok(listed("deliveries", rows.iter().map(view).collect(), next))
}

/// All that was told of a case.
pub async fn of_case(call: &Call<'_>, case: &str) -> Result<Vec<DeliveryRow>, StoreError> {
    let pk = case_pk(call.clinic(), case);
    let rows = call.app.store.under(&pk, PREFIX).await?;
    rows.iter().map(DeliveryRow::read).collect()
}

pub async fn repeat(call: &Call<'_>) -> Answered {
    let (case, id) = (&call.path[0], &call.path[1]);
    let pk = tasks::place(call, case)?;
    let missing = || Problem::missing("delivery");
    let sk = sk_of(id).ok_or_else(missing)?;
    let row = call.app.store.get(&pk, &sk).await?.ok_or_else(missing)?;
    let row = DeliveryRow::read(&row)?;
    let of_case = Some(case.as_str()).filter(|case| ids::is_id(case));
    let note = call.noted(of_case, &format!("delivery_repeated {id}"));
    let why = format!("repeated by key {}", call.caller.short());
    match deliveries::repeat(call.app, &row, &why, note).await? {
        Repeated::Open(open) => Ok(reply(202, &view(&open))),
        Repeated::NotOver => {
            let state = row.state.name();
            let why = format!("it is {state}: only what did not arrive is repeated");
            Err(Problem::new(Kind::Conflict, why))
        }
        Repeated::Taken => Err(Problem::new(Kind::Conflict, "it is being repeated already")),
    }
}
