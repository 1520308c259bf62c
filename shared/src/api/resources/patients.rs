//! `/v1/patients`: whom invoices are for.

use crate::api::frame::call::{Answered, Call, Route, reply};
use crate::api::views::patient::view;
use crate::domain::actor::Permission::{Charge, View};
use crate::flows::deliveries::optouts;
use crate::flows::patients::{self, Patient, Person};
use crate::flows::{Failure, named, opt_in as opted_in};
use crate::words::text::{Email, Phone, Plain};
use serde::Deserialize;

/// A patient, all of whom is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PatientRequest {
    /// The clinic's own.
    reference: Plain<64>,
    name: Option<Plain<120>>,
    email: Option<Email>,
    phone: Option<Phone>,
}

pub static ROUTES: &[Route] = &[
    Route::post(
        "/v1/patients",
        Charge,
        |call| Box::pin(put(call)),
        "Makes a patient, or writes all of one whose reference is known (200).",
    )
    .gives(201, "Patient")
    .takes::<PatientRequest>("PatientRequest")
    .also(200, "Patient"),
    Route::get(
        "/v1/patients/{id}",
        View,
        |call| Box::pin(get(call)),
        "A patient.",
    )
    .gives(200, "Patient"),
    Route::delete(
        "/v1/patients/{id}/opt-out",
        Charge,
        |call| Box::pin(opt_in(call)),
        "The patient wants texts again: lifts that the number opted out. One that answered STOP \
         must answer START too, or its provider goes on refusing.",
    )
    .gives(200, "Patient"),
];

pub async fn put(call: &Call<'_>) -> Answered {
    let new: PatientRequest = call.body()?;
    let person = Person {
        name: new.name.map(String::from).unwrap_or_default(),
        email: new.email.map(String::from),
        phone: new.phone.map(String::from),
    };
    let (app, settings, actor) = (call.app, &call.settings, &call.actor);
    let (patient, new) = patients::write(app, settings, actor, &new.reference, &person).await?;
    let status = if new { 201 } else { 200 };
    Ok(reply(status, &shown(call, &patient).await?))
}

pub async fn get(call: &Call<'_>) -> Answered {
    let patient = named::patient(call.app, call.clinic(), &call.path[0]).await?;
    Ok(reply(200, &shown(call, &patient).await?))
}

/// The patient wants texts again; 404 where the number did not opt out.
pub async fn opt_in(call: &Call<'_>) -> Answered {
    let (app, settings, id) = (call.app, &call.settings, &call.path[0]);
    let patient = opted_in::lift(app, settings, &call.actor, id).await?;
    Ok(reply(200, &shown(call, &patient).await?))
}

async fn shown(call: &Call<'_>, patient: &Patient) -> Result<serde_json::Value, Failure> {
    let opted_out = match &patient.person.phone {
        Some(phone) => optouts::texts_unwanted(call.app, call.clinic(), phone).await?,
        None => false,
    };
    Ok(view(patient, opted_out))
}
