//! A patient wants texts again.

use super::deliveries::optouts;
use super::denied::Denied;
use super::patients::Patient;
use super::{App, named};
use crate::domain::actor::Actor;
use crate::domain::settings::Settings;
use crate::flows::audit::noted_of;
use crate::io::store::Written;

/// Lifts that a patient's number opted out. One that answered STOP must answer START too, or its
/// provider goes on refusing.
pub async fn lift(
    app: &App,
    settings: &Settings,
    actor: &Actor,
    patient: &str,
) -> Result<Patient, Denied> {
    let clinic = &settings.id;
    let patient = named::patient(app, clinic, patient).await?;
    let phone = match patient.person.phone.as_deref() {
        Some(phone) if optouts::texts_unwanted(app, clinic, phone).await? => phone,
        _ => return Err(Denied::NotFound("opt-out")),
    };
    let mut writes = optouts::lifted(app, clinic, phone).await?;
    let what = "opt_out_lifted";
    writes.push(noted_of(settings, &patient.id, what, actor.cause()));
    match app.store.transact(&writes).await? {
        Written::Done => Ok(patient),
        Written::Failed(_) | Written::Conflict => {
            let why = "it is being written by another request: repeat";
            Err(Denied::conflict(why))
        }
    }
}
