//! Appointments: booked, then completed. Completion is what bills: the invoice follows by the
//! clinic's policy, once, however often it is reported.

use super::denied::Denied;
use super::invoicing::{Appointment, AppointmentState, appointment, case_id, put_appointment};
use super::named::{self, Named};
use super::{App, patients};
use crate::domain::actor::Actor;
use crate::domain::invoice::Line;
use crate::domain::policy::Collect;
use crate::domain::settings::Settings;
use crate::flows::audit::noted;
use crate::io::store::{Row, Written};
use crate::records;
use crate::records::event::{self, EventRow};
use crate::words::money::Currency;
use crate::words::text::Plain;
use jiff::Timestamp;

/// How often a write that met another one is tried again.
const TRIES: u32 = 5;

/// An appointment as somebody books it.
pub struct Booking {
    /// The clinic's own id.
    pub id: Plain<64>,
    pub patient: Named,
    pub starts_at: Timestamp,
    pub currency: Currency,
    pub lines: Vec<Line>,
    /// What each line is for: sealed.
    pub descriptions: Vec<String>,
    /// How it is collected, where not by policy.
    pub collect: Option<Collect>,
}

/// Books an appointment, or writes all of one that is still booked. Tells whether it is a new one.
pub async fn book(
    app: &App,
    settings: &Settings,
    actor: &Actor,
    new: Booking,
) -> Result<(Appointment, bool), Denied> {
    if new.id.contains('/') {
        return Err(Denied::invalid("id", "it goes into addresses: no slash"));
    }
    let (patient, key) = named::person(app, &settings.id, &new.patient).await?;
    let booked = Appointment {
        patient: patient.id.clone(),
        starts_at: new.starts_at,
        state: AppointmentState::Booked,
        currency: new.currency,
        lines: new.lines,
        descriptions_sealed: key.seal(&lines_place(&settings.id, &new.id), &new.descriptions),
        collect: new.collect,
        case: None,
        id: new.id.into(),
    };
    let what = format!("appointment_booked {}", booked.id);
    let note = noted(settings, None, &what, actor.cause());
    for _ in 0..TRIES {
        let read = appointment(app, &settings.id, &booked.id).await?;
        let known = read.as_ref().map(|(known, _)| known.state);
        if known.is_some_and(|state| state != AppointmentState::Booked) {
            let why = "it is no longer booked, so it cannot be changed: invoice the rest apart";
            return Err(Denied::conflict(why));
        }
        let version = read.map(|(_, version)| version);
        let before = vec![note.clone()];
        let put = put_appointment(app, settings, &booked, version, before).await?;
        if put == Written::Done {
            return Ok((booked, version.is_none()));
        }
    }
    Err(met_others())
}

/// How a report that a session took place ended.
pub enum Completed {
    Now,
    /// Under the same request before, whose row says how it was answered.
    Before(Box<Row>),
}

/// The session took place: it is invoiced and collected by policy, once. `row` is the request's,
/// with what it is answered.
pub async fn complete(
    app: &App,
    settings: &Settings,
    actor: &Actor,
    id: &str,
    (row, answer): (&EventRow, &str),
) -> Result<Completed, Denied> {
    let request = row.answered(answer);
    for _ in 0..TRIES {
        let found = appointment(app, &settings.id, id).await?;
        let (booked, version) = found.ok_or(Denied::NotFound("appointment"))?;
        let written = match booked.state {
            AppointmentState::Booked => {
                let done = Appointment {
                    state: AppointmentState::Completed,
                    ..booked
                };
                let what = format!("appointment_completed {}", done.id);
                let note = noted(settings, None, &what, actor.cause());
                let before = vec![request.clone(), note];
                put_appointment(app, settings, &done, Some(version), before).await?
            }
            AppointmentState::Completed => {
                app.store.transact(std::slice::from_ref(&request)).await?
            }
            AppointmentState::Cancelled | AppointmentState::NoShow => {
                let why = "it was cancelled or nobody came: charge a fee with POST /v1/charges";
                return Err(Denied::conflict(why));
            }
        };
        match written {
            Written::Done => return Ok(Completed::Now),
            Written::Failed(at) if at.contains(&0) => {
                if let Some(known) = app.store.get(&row.pk(), event::SK).await? {
                    return Ok(Completed::Before(Box::new(known)));
                }
            }
            Written::Failed(_) | Written::Conflict => {}
        }
    }
    Err(met_others())
}

/// What the lines of an appointment are for; nothing once its patient was erased.
pub async fn descriptions(
    app: &App,
    clinic: &str,
    booked: &Appointment,
) -> Result<Vec<String>, Denied> {
    let patient = patients::patient(app, clinic, &booked.patient).await?;
    let place = lines_place(clinic, &booked.id);
    let key = patient.and_then(|patient| patient.key);
    let opened = key.and_then(|key| key.open(&place, &booked.descriptions_sealed).ok());
    Ok(opened.unwrap_or_default())
}

/// The invoice that an appointment's completion makes.
pub fn invoice_of(clinic: &str, appointment: &str) -> String {
    case_id(clinic, &["appointment".into(), appointment.into()])
}

fn met_others() -> Denied {
    Denied::conflict("it is being written by other requests: repeat this one")
}

fn lines_place(clinic: &str, appointment: &str) -> String {
    format!("{} lines", records::appointment::pk(clinic, appointment))
}
