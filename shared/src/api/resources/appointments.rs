//! `/v1/appointments`: booked, moved, called off or completed. Completion is what bills: the invoice
//! follows by the clinic's policy, once, however often it is reported.

use crate::api::frame::call::{Answered, Call, Route, cursor, reply, text, written};
use crate::api::frame::lines::{self, LineRequest};
use crate::api::frame::once::Once;
use crate::api::frame::patient::PatientName;
use crate::api::frame::problem::Problem;
use crate::api::frame::read::Nothing;
use crate::api::views::appointment::{
    Appointment, Appointments, ChangedAppointment, CompletedAppointment, changed, completed, view,
};
use crate::domain::actor::Permission::{Charge, View};
use crate::domain::policy::Collect;
use crate::domain::visit::{CancelledBy, Event, State, Visit};
use crate::flows::appointments::booking::{self, Booking, NewPrice};
use crate::flows::appointments::search::{self, Filter};
use crate::flows::appointments::{self, Asked, Said};
use crate::words::money::Currency;
use crate::words::text::Plain;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

/// An appointment, all of which is written.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(example = json!({"id": "A-77", "patient": {"reference": "P-1042"}, "starts_at": "2026-11-20T09:00:00+11:00", "site": "north", "practitioner": "dr-4", "currency": "EUR", "lines": [{"description": "Initial visit, 45 minutes", "quantity": 1, "unit": {"amount": "60.00", "currency": "EUR"}, "tax_rate": "10", "tax_included": true}], "collect": "saved_method"}))]
pub struct AppointmentRequest {
    /// The clinic's own. It goes into addresses: no slash.
    #[schemars(regex(pattern = r"^[^/]*[^/\s][^/]*$"))]
    id: Plain<64>,
    /// Our id, or the clinic's own reference. It stays as it was booked.
    patient: PatientName,
    starts_at: Timestamp,
    /// Its time is kept free and is not certain yet; written again without this it is booked.
    #[serde(default)]
    held: bool,
    /// Where it takes place: the clinic's own id.
    site: Option<Plain<64>>,
    /// With whom: the clinic's own id.
    practitioner: Option<Plain<64>>,
    /// That of the lines; the clinic's own where not given.
    currency: Option<Currency>,
    /// What it costs. With neither lines nor a type its price stays as it is; one that never had any
    /// cannot be billed, and once it took place a task asks for it.
    #[schemars(length(min = 1, max = 100))]
    lines: Option<Vec<LineRequest>>,
    /// The id of an appointment type, in place of lines: what it costs now stays so.
    #[serde(rename = "type")]
    of_type: Option<Plain<64>>,
    /// By policy where not given.
    collect: Option<Collect>,
    /// The id of an appointment of the same patient that is cancelled for this one: what was paid
    /// for it is paid for this one.
    replaces: Option<Plain<64>>,
}

/// Who called an appointment off.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(example = json!({"by": "patient"}))]
pub struct CancelRequest {
    /// The reason that a practice system files follows from it.
    by: Option<CancelledBy>,
}

/// When an appointment takes place now.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(example = json!({"starts_at": "2026-11-21T09:00:00+11:00"}))]
pub struct RescheduleRequest {
    /// Where not given, its time is off and no new one is known yet.
    starts_at: Option<Timestamp>,
}

/// Every call of this resource: who may make it, what it takes and what it gives.
pub static ROUTES: &[Route] = &[
    Route::get(
        "/v1/appointments",
        View,
        |call| Box::pin(list(call)),
        "Appointments, the latest first: those that fit every filter. `day` is the clinic's day on \
         which they begin. A page may hold fewer than `limit`: go on while there is a `next`.",
    )
    .gives::<Appointments>(200)
    .query(&["state", "patient", "day", "before", "limit"]),
    Route::post(
        "/v1/appointments",
        Charge,
        |call| Box::pin(put(call)),
        "Books an appointment, or writes all of one that is still to come (200). One that took place \
         without a price gets it, and is billed at once.",
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
    Route::post(
        "/v1/appointments/{id}/cancel",
        Charge,
        |call| Box::pin(cancel(call)),
        "It was called off. Pages on which it could still be paid are closed; where money is on it, a \
         task asks what becomes of that. The practice system that it came from hears of it, where \
         that is one of the clinic's systems.",
    )
    .gives::<ChangedAppointment>(200)
    .takes::<CancelRequest>()
    .once(),
    Route::post(
        "/v1/appointments/{id}/no-show",
        Charge,
        |call| Box::pin(change(call, Event::NoShow)),
        "Nobody came. As for one that was called off, money on it is a task.",
    )
    .gives::<ChangedAppointment>(200)
    .takes::<Nothing>()
    .once(),
    Route::post(
        "/v1/appointments/{id}/reschedule",
        Charge,
        |call| Box::pin(reschedule(call)),
        "It begins at another time. What was paid for it stays.",
    )
    .gives::<ChangedAppointment>(200)
    .takes::<RescheduleRequest>()
    .once(),
    Route::post(
        "/v1/appointments/{id}/restore",
        Charge,
        |call| Box::pin(change(call, Event::Restored)),
        "One that was called off, or to which nobody came, is to come after all.",
    )
    .gives::<ChangedAppointment>(200)
    .takes::<Nothing>()
    .once(),
];

async fn list(call: &Call<'_>) -> Answered {
    let filter = Filter {
        state: call.one_of("state", &State::ALL, State::name)?,
        patient: call.id("patient")?,
        day: call.day("day")?,
    };
    let (before, limit) = (call.before()?, call.limit()? as usize);
    let (app, settings) = (call.app, &call.settings);
    let (visits, next) = search::search(app, settings, filter, before, limit).await?;
    let appointments = visits.iter().map(|visit| view(visit, &[])).collect();
    let next = next.as_deref().map(cursor);
    Ok(reply(200, &Appointments { appointments, next }))
}

async fn put(call: &Call<'_>) -> Answered {
    let new: AppointmentRequest = call.body()?;
    let price = price(call, new.currency, new.lines, new.of_type)?;
    let booking = Booking {
        id: new.id.into(),
        patient: new.patient.into(),
        held: new.held,
        starts_at: new.starts_at,
        source: None,
        site: new.site.map(String::from),
        practitioner: new.practitioner.map(String::from),
        price,
        collect: new.collect,
        replaces: new.replaces.map(String::from),
    };
    let (app, settings) = (call.app, &call.settings);
    let (booked, new) = booking::book(app, settings, &call.actor, booking).await?;
    shown(call, &booked, if new { 201 } else { 200 }).await
}

/// What it is to cost, if anything is said of it.
fn price(
    call: &Call<'_>,
    currency: Option<Currency>,
    lines: Option<Vec<LineRequest>>,
    of_type: Option<Plain<64>>,
) -> Result<Option<NewPrice>, Problem> {
    match (lines, of_type) {
        (Some(_), Some(_)) => Err(Problem::invalid("type", "send lines or a type, not both")),
        (None, _) if currency.is_some() => {
            let why = "it is that of lines: send them, or leave it out";
            Err(Problem::invalid("currency", why))
        }
        (None, of_type) => Ok(of_type.map(|id| NewPrice::Type(id.into()))),
        (Some(lines), None) => {
            let currency = currency.unwrap_or(call.settings.currency);
            let (lines, descriptions) = lines::checked(lines, currency)?;
            Ok(Some(NewPrice::Lines {
                currency,
                lines,
                descriptions,
            }))
        }
    }
}

async fn get(call: &Call<'_>) -> Answered {
    let found = appointments::find(call.app, call.clinic(), &call.path[0]).await?;
    call.shows(&found.visit.patient);
    shown(call, &found.visit, 200).await
}

/// An appointment with what its lines are for.
async fn shown(call: &Call<'_>, visit: &Visit, status: u16) -> Answered {
    let texts = appointments::descriptions(call.app, call.clinic(), visit).await?;
    Ok(reply(status, &view(visit, &texts)))
}

async fn complete(call: &Call<'_>) -> Answered {
    say(call, &Event::Completed, |visit| written(&completed(visit))).await
}

async fn cancel(call: &Call<'_>) -> Answered {
    let CancelRequest { by } = call.body()?;
    change(call, Event::Cancelled { by }).await
}

async fn reschedule(call: &Call<'_>) -> Answered {
    let RescheduleRequest { starts_at } = call.body()?;
    change(call, Event::Moved { starts_at }).await
}

async fn change(call: &Call<'_>, event: Event) -> Answered {
    say(call, &event, |visit| written(&changed(visit))).await
}

/// Says this of the appointment, once.
async fn say(call: &Call<'_>, event: &Event, answer: fn(&Visit) -> String) -> Answered {
    let row = match call.once().await? {
        Once::Again(answer) => return Ok(answer),
        Once::First(row) => row,
    };
    let asked = Asked {
        actor: &call.actor,
        row: &row,
        answer,
    };
    let (app, settings) = (call.app, &call.settings);
    match appointments::say(app, settings, &call.path[0], event, &asked).await? {
        Said::Now(visit) => Ok(text(call.route.gives.0, answer(&visit))),
        Said::Before(known) => call.again(&known, &row),
    }
}
