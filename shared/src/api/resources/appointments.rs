//! `/v1/appointments`: booked, then completed. Completion is what bills: the invoice follows by the
//! clinic's policy, once, however often it is reported.

use crate::api::frame::call::{Answered, Call, Route, reply, text};
use crate::api::frame::lines::{self, LineRequest};
use crate::api::frame::once::Once;
use crate::api::frame::patient::PatientName;
use crate::api::frame::problem::Problem;
use crate::api::frame::read::Nothing;
use crate::api::views::appointment::view;
use crate::domain::actor::Permission::{Charge, View};
use crate::domain::policy::Collect;
use crate::flows::appointments::{self, Booking, Completed, invoice_of};
use crate::flows::invoicing::{self, AppointmentState};
use crate::words::money::Currency;
use crate::words::text::Plain;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::json;

/// An appointment, all of which is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AppointmentRequest {
    /// The clinic's own.
    id: Plain<64>,
    patient: PatientName,
    starts_at: Timestamp,
    currency: Option<Currency>,
    lines: Vec<LineRequest>,
    collect: Option<Collect>,
}

pub static ROUTES: &[Route] = &[
    Route::post(
        "/v1/appointments",
        Charge,
        |call| Box::pin(put(call)),
        "Books an appointment, or writes all of one that is still booked (200).",
    )
    .gives(201, "Appointment")
    .takes::<AppointmentRequest>("AppointmentRequest")
    .also(200, "Appointment"),
    Route::get(
        "/v1/appointments/{id}",
        View,
        |call| Box::pin(get(call)),
        "An appointment, by the clinic's own id.",
    )
    .gives(200, "Appointment"),
    Route::post(
        "/v1/appointments/{id}/complete",
        Charge,
        |call| Box::pin(complete(call)),
        "The session took place: it is invoiced and collected by policy, once.",
    )
    .gives(202, "CompletedAppointment")
    .takes::<Nothing>("Nothing")
    .once(),
];

pub async fn put(call: &Call<'_>) -> Answered {
    let new: AppointmentRequest = call.body()?;
    let currency = new.currency.unwrap_or(call.settings.currency);
    let (lines, descriptions) = lines::checked(new.lines, currency)?;
    let booking = Booking {
        id: new.id,
        patient: new.patient.into(),
        starts_at: new.starts_at,
        currency,
        lines,
        descriptions: descriptions.clone(),
        collect: new.collect,
    };
    let (app, settings) = (call.app, &call.settings);
    let (booked, new) = appointments::book(app, settings, &call.actor, booking).await?;
    let status = if new { 201 } else { 200 };
    Ok(reply(status, &view(call.clinic(), &booked, &descriptions)))
}

pub async fn get(call: &Call<'_>) -> Answered {
    let found = invoicing::appointment(call.app, call.clinic(), &call.path[0]).await?;
    let (booked, _) = found.ok_or_else(|| Problem::missing("appointment"))?;
    let texts = appointments::descriptions(call.app, call.clinic(), &booked).await?;
    Ok(reply(200, &view(call.clinic(), &booked, &texts)))
}

pub async fn complete(call: &Call<'_>) -> Answered {
    let row = match call.once().await? {
        Once::Again(answer) => return Ok(answer),
        Once::First(row) => row,
    };
    let id = &call.path[0];
    let answer = json!({
        "appointment": id,
        "state": AppointmentState::Completed,
        "invoice": invoice_of(call.clinic(), id),
    });
    let answer = answer.to_string();
    let (app, settings, once) = (call.app, &call.settings, (&row, answer.as_str()));
    match appointments::complete(app, settings, &call.actor, id, once).await? {
        Completed::Now => Ok(text(call.route.gives.0, answer)),
        Completed::Before(known) => call.again(&known, &row),
    }
}
