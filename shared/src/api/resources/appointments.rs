//! `/v1/appointments`: booked, then completed. Completion is what bills: the invoice follows by the
//! clinic's policy, once, however often it is reported.

use crate::api::frame::call::{Answered, Call, Route, reply, text, written};
use crate::api::frame::lines::{self, LineRequest};
use crate::api::frame::once::Once;
use crate::api::frame::patient::PatientName;
use crate::api::frame::problem::Problem;
use crate::api::frame::read::Nothing;
use crate::api::views::appointment::{Appointment, CompletedAppointment, view};
use crate::domain::actor::Permission::{Charge, View};
use crate::domain::policy::Collect;
use crate::flows::appointments::{self, Booking, Completed, invoice_of};
use crate::flows::invoicing::{self, AppointmentState};
use crate::words::money::Currency;
use crate::words::text::Plain;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

/// An appointment, all of which is written.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(example = json!({"id": "A-77", "patient": {"reference": "P-1042"}, "starts_at": "2026-11-20T09:00:00+11:00", "currency": "EUR", "lines": [{"description": "Initial visit, 45 minutes", "quantity": 1, "unit": {"amount": "60.00", "currency": "EUR"}, "tax_rate": "10", "tax_included": true}], "collect": "saved_method"}))]
pub struct AppointmentRequest {
    /// The clinic's own. It goes into addresses: no slash.
    #[schemars(regex(pattern = r"^[^/]*[^/\s][^/]*$"))]
    id: Plain<64>,
    /// Our id, or the clinic's own reference.
    patient: PatientName,
    starts_at: Timestamp,
    /// The clinic's own where not given.
    currency: Option<Currency>,
    #[schemars(length(min = 1, max = 100))]
    lines: Vec<LineRequest>,
    /// By policy where not given.
    collect: Option<Collect>,
}

/// Every call of this resource: who may make it, what it takes and what it gives.
pub static ROUTES: &[Route] = &[
    Route::post(
        "/v1/appointments",
        Charge,
        |call| Box::pin(put(call)),
        "Books an appointment, or writes all of one that is still booked (200).",
    )
    .gives::<Appointment>(201)
    .takes::<AppointmentRequest>()
    .also::<Appointment>(200),
    Route::get(
        "/v1/appointments/{id}",
        View,
        |call| Box::pin(get(call)),
        "An appointment, by the clinic's own id.",
    )
    .gives::<Appointment>(200)
    .shows_person(),
    Route::post(
        "/v1/appointments/{id}/complete",
        Charge,
        |call| Box::pin(complete(call)),
        "The session took place: it is invoiced and collected by policy, once.",
    )
    .gives::<CompletedAppointment>(202)
    .takes::<Nothing>()
    .once(),
];

async fn put(call: &Call<'_>) -> Answered {
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

async fn get(call: &Call<'_>) -> Answered {
    let found = invoicing::appointment(call.app, call.clinic(), &call.path[0]).await?;
    let (booked, _) = found.ok_or_else(|| Problem::missing("appointment"))?;
    let texts = appointments::descriptions(call.app, call.clinic(), &booked).await?;
    call.shows(&booked.patient);
    Ok(reply(200, &view(call.clinic(), &booked, &texts)))
}

async fn complete(call: &Call<'_>) -> Answered {
    let row = match call.once().await? {
        Once::Again(answer) => return Ok(answer),
        Once::First(row) => row,
    };
    let id = &call.path[0];
    let answer = written(&CompletedAppointment {
        appointment: id.clone(),
        state: AppointmentState::Completed,
        invoice: invoice_of(call.clinic(), id),
    });
    let (app, settings, once) = (call.app, &call.settings, (&row, answer.as_str()));
    match appointments::complete(app, settings, &call.actor, id, once).await? {
        Completed::Now => Ok(text(call.route.gives.0, answer)),
        Completed::Before(known) => call.again(&known, &row),
    }
}
