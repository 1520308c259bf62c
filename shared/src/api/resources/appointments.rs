//! `/v1/appointments`: booked, then completed. Completion is what bills: the invoice follows by the
//! clinic's policy, once, however often it is reported.

use super::patients::{Reference, named};
use crate::api::frame::call::Route;
use crate::api::frame::call::{Answered, Call, reply, text};
use crate::api::frame::caller::Permission::{Charge, View};
use crate::api::frame::lines::{self, NewLine};
use crate::api::frame::once::{self, Once};
use crate::api::frame::problem::{Kind, Problem};
use crate::api::frame::read::Nothing;
use crate::api::frame::read::{TextOr, plain};
use crate::api::views::appointment::{invoice_of, view};
use crate::domain::policy::Collect;
use crate::flows::invoicing;
use crate::flows::invoicing::{Appointment, AppointmentState, appointment_pk};
use crate::flows::patients;
use crate::io::store::Written;
use crate::words::money::Currency;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::json;

pub static ROUTES: &[Route] = &[
    Route::post(
        "/v1/appointments",
        Charge,
        |call| Box::pin(put(call)),
        "Books an appointment, or writes all of one that is still booked (200).",
    )
    .gives(201, "Appointment")
    .takes::<NewAppointment>("AppointmentRequest")
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

/// How often a write that met another one is tried again.
const TRIES: u32 = 5;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewAppointment {
    /// The clinic's own.
    id: String,
    patient: TextOr<Reference>,
    starts_at: Timestamp,
    currency: Option<Currency>,
    lines: Vec<NewLine>,
    collect: Option<Collect>,
}

pub async fn put(call: &Call<'_>) -> Answered {
    let new: NewAppointment = call.body()?;
    plain("id", &new.id, 64)?;
    if new.id.contains('/') {
        return Err(Problem::invalid("id", "it goes into addresses: no slash"));
    }
    let currency = new.currency.unwrap_or(call.settings.currency);
    let (lines, descriptions) = lines::checked(new.lines, currency)?;
    let (patient, key) = named(call, &new.patient).await?;
    let place = lines_place(call, &new.id);
    let appointment = Appointment {
        id: new.id,
        patient: patient.id.clone(),
        starts_at: new.starts_at,
        state: AppointmentState::Booked,
        currency,
        lines,
        descriptions_sealed: key.seal(&place, &descriptions),
        collect: new.collect,
        case: None,
    };
    let note = call.noted(None, &format!("appointment_booked {}", appointment.id));
    for _ in 0..TRIES {
        let read = invoicing::appointment(call.app, call.clinic(), &appointment.id).await?;
        if read
            .as_ref()
            .is_some_and(|(known, _)| known.state != AppointmentState::Booked)
        {
            let why = "it is no longer booked, so it cannot be changed: invoice the rest apart";
            return Err(Problem::new(Kind::Conflict, why));
        }
        let version = read.map(|(_, version)| version);
        let put = invoicing::put_appointment(
            call.app,
            &call.settings,
            &appointment,
            version,
            vec![note.clone()],
        )
        .await?;
        if put == Written::Done {
            let status = if version.is_none() { 201 } else { 200 };
            return Ok(reply(
                status,
                &view(call.clinic(), &appointment, &descriptions),
            ));
        }
    }
    Err(met_others())
}

pub async fn get(call: &Call<'_>) -> Answered {
    let found = invoicing::appointment(call.app, call.clinic(), &call.path[0]).await?;
    let (appointment, _) = found.ok_or_else(|| Problem::missing("appointment"))?;
    let patient = patients::patient(call.app, call.clinic(), &appointment.patient).await?;
    let place = lines_place(call, &appointment.id);
    let key = patient.and_then(|patient| patient.key);
    let opened = key.and_then(|key| key.open(&place, &appointment.descriptions_sealed).ok());
    let descriptions: Vec<String> = opened.unwrap_or_default();
    Ok(reply(
        200,
        &view(call.clinic(), &appointment, &descriptions),
    ))
}

pub async fn complete(call: &Call<'_>) -> Answered {
    let row = match call.once().await? {
        Once::Again(answer) => return Ok(answer),
        Once::First(row) => row,
    };
    for _ in 0..TRIES {
        let found = invoicing::appointment(call.app, call.clinic(), &call.path[0]).await?;
        let (appointment, version) = found.ok_or_else(|| Problem::missing("appointment"))?;
        let answer = json!({
            "appointment": appointment.id,
            "state": AppointmentState::Completed,
            "invoice": invoice_of(call.clinic(), &appointment.id),
        });
        let answer = answer.to_string();
        let request = once::write(&row, &answer);
        let written = match appointment.state {
            AppointmentState::Booked => {
                let done = Appointment {
                    state: AppointmentState::Completed,
                    ..appointment
                };
                let note = call.noted(None, &format!("appointment_completed {}", done.id));
                let (settings, app) = (&call.settings, call.app);
                invoicing::put_appointment(app, settings, &done, Some(version), vec![request, note])
                    .await?
            }
            AppointmentState::Completed => call.app.store.transact(&[request]).await?,
            AppointmentState::Cancelled | AppointmentState::NoShow => {
                let why = "it was cancelled or nobody came: charge a fee with POST /v1/charges";
                return Err(Problem::new(Kind::Conflict, why));
            }
        };
        match written {
            Written::Done => return Ok(text(call.route.gives.0, answer)),
            Written::Failed(at) if at.contains(&0) => {
                if let Some(known) = call.app.store.get(&row.pk(), "event").await? {
                    return call.again(&known, &row);
                }
            }
            Written::Failed(_) | Written::Conflict => {}
        }
    }
    Err(met_others())
}

fn met_others() -> Problem {
    Problem::new(
        Kind::Conflict,
        "it is being written by other requests: repeat this one",
    )
}

fn lines_place(call: &Call<'_>, appointment: &str) -> String {
    format!("{} lines", appointment_pk(call.clinic(), appointment))
}
