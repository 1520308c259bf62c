//! `/v1/patients`: whom invoices are for.

use crate::api::frame::call::{Answered, Call, Route, cursor, reply};
use crate::api::views::erasure::{ErasedPatient, view as erased};
use crate::api::views::patient::{self, Patients, view};
use crate::domain::actor::Permission::{Approve, Charge, View};
use crate::flows::deliveries::optouts;
use crate::flows::patient_search::{Wanted, search};
use crate::flows::patients::{self, Patient, Person};
use crate::flows::{Failure, erasure, named, opt_in as opted_in};
use crate::words::text::{Email, Phone, Plain};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

/// A patient, all of whom is written.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(example = json!({"reference": "P-1042", "name": "Juniper Vale", "email": "juniper@example.org", "phone": "+61370100142"}))]
pub struct PatientRequest {
    /// The clinic's own.
    reference: Plain<64>,
    /// As on invoices and receipts.
    name: Option<Plain<120>>,
    /// Where receipts go, where the clinic switched that on.
    email: Option<Email>,
    /// In international form (E.164).
    phone: Option<Phone>,
}

/// So many people are shown at once.
const MOST: i32 = 20;

/// Every call of this resource: who may make it, what it takes and what it gives.
pub static ROUTES: &[Route] = &[
    Route::get(
        "/v1/patients",
        View,
        |call| Box::pin(list(call)),
        "The patients whom all that is given fits, at most 20 at once. `name`: words or their \
         beginnings, in any order, without accents. `phone`: all of a number with its `+`, or how \
         it ends, at least six digits. `email`: a whole address. A page may hold fewer than \
         `limit`: go on while there is a `next`.",
    )
    .gives::<Patients>(200)
    .query(&["name", "phone", "email", "before", "limit"])
    .shows_person(),
    Route::post(
        "/v1/patients",
        Charge,
        |call| Box::pin(put(call)),
        "Makes a patient, or writes all of one whose reference is known (200).",
    )
    .gives::<patient::Patient>(201)
    .takes::<PatientRequest>()
    .also::<patient::Patient>(200),
    Route::get(
        "/v1/patients/{id}",
        View,
        |call| Box::pin(get(call)),
        "A patient.",
    )
    .gives::<patient::Patient>(200)
    .shows_person(),
    Route::delete(
        "/v1/patients/{id}",
        Approve,
        |call| Box::pin(erase(call)),
        "Erases a patient for good, and tells what stays and who else was told of them. What is \
         under way goes on; nothing more is charged by itself. Not while an appointment is to come.",
    )
    .gives::<ErasedPatient>(200),
    Route::delete(
        "/v1/patients/{id}/opt-out",
        Charge,
        |call| Box::pin(opt_in(call)),
        "The patient wants texts again: lifts that the number opted out. One that answered STOP \
         must answer START too, or its provider goes on refusing.",
    )
    .gives::<patient::Patient>(200)
    .shows_person(),
];

async fn put(call: &Call<'_>) -> Answered {
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

/// Who is looked for; 422 where what is given would lead to anybody.
async fn list(call: &Call<'_>) -> Answered {
    let given = |name| call.query(name);
    let wanted = Wanted::typed(given("name"), given("phone"), given("email"))?;
    let (after, limit) = (call.before()?, call.limit_up_to(MOST)? as usize);
    let (found, next) = search(call.app, call.clinic(), &wanted, after, limit).await?;
    let mut patients = vec![];
    for patient in &found {
        call.shows(&patient.id);
        patients.push(shown(call, patient).await?);
    }
    let next = next.as_deref().map(cursor);
    Ok(reply(200, &Patients { patients, next }))
}

async fn get(call: &Call<'_>) -> Answered {
    let patient = named::patient(call.app, call.clinic(), &call.path[0]).await?;
    call.shows(&patient.id);
    Ok(reply(200, &shown(call, &patient).await?))
}

/// The same answer again where it was done before.
async fn erase(call: &Call<'_>) -> Answered {
    let id = &call.path[0];
    let erasure = erasure::erase(call.app, &call.settings, &call.actor, id).await?;
    Ok(reply(200, &erased(id, &erasure)))
}

/// The patient wants texts again; 404 where the number did not opt out.
async fn opt_in(call: &Call<'_>) -> Answered {
    let (app, settings, id) = (call.app, &call.settings, &call.path[0]);
    let patient = opted_in::lift(app, settings, &call.actor, id).await?;
    call.shows(&patient.id);
    Ok(reply(200, &shown(call, &patient).await?))
}

async fn shown(call: &Call<'_>, patient: &Patient) -> Result<patient::Patient, Failure> {
    let opted_out = match &patient.person.phone {
        Some(phone) => optouts::texts_unwanted(call.app, call.clinic(), phone).await?,
        None => false,
    };
    Ok(view(patient, opted_out))
}
