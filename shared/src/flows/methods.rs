//! The methods that gateways keep for a patient: added, removed, and the one that is charged by
//! itself.

use super::denied::Denied;
use super::patients::{self, Kept};
use super::{App, named, settings as clinics_settings};
use crate::domain::actor::Actor;
use crate::domain::fact::Method;
use crate::domain::settings::Settings;
use crate::flows::audit::noted_of;
use crate::io::clock;
use crate::io::store::{Write, Written};
use crate::records::method;
use crate::words::text::Plain;
use crate::words::{label, time};

/// A method that its gateway already keeps.
pub struct NewMethod {
    pub gateway: String,
    pub token: Plain<200>,
    pub customer: Option<Plain<200>>,
    /// Of which only the kind and the last four digits are kept.
    pub label: Plain<60>,
    /// Whether the patient agreed that it is charged for later invoices too.
    pub later_charges: bool,
}

/// Adds a method to a patient's.
pub async fn keep(
    app: &App,
    settings: &Settings,
    actor: &Actor,
    patient: &str,
    new: NewMethod,
) -> Result<Kept, Denied> {
    clinics_settings::charges(&settings.policy, "gateway", &new.gateway)?;
    let patient = named::patient(app, &settings.id, patient).await?;
    if patient.erased_at.is_some() {
        return Err(Denied::conflict(named::ERASED));
    }
    let method = Method {
        gateway: new.gateway,
        customer: new.customer.map(String::from),
        token: new.token.into(),
        label: label::kept(&new.label),
    };
    let mut writes = method::keep(&settings.id, &patient.id, &method, new.later_charges);
    let what = "method_kept";
    writes.push(noted_of(settings, &patient.id, what, actor.cause()));
    written(app, &writes).await?;
    Ok(Kept {
        method,
        later_charges: new.later_charges,
        chosen: false,
        kept_at: time::millis(clock::now()),
    })
}

/// Removes a method: it is not charged any more. Its gateway may keep it.
pub async fn remove(
    app: &App,
    settings: &Settings,
    actor: &Actor,
    patient: &str,
    method: &str,
) -> Result<(), Denied> {
    let kept = kept(app, &settings.id, patient, method).await?;
    let removed = method::removed(&settings.id, patient, &kept.method);
    let note = noted_of(settings, patient, "method_removed", actor.cause());
    written(app, &[removed, note]).await
}

/// Makes this the method that is charged by itself, while it can be.
pub async fn choose(
    app: &App,
    settings: &Settings,
    actor: &Actor,
    patient: &str,
    method: &str,
) -> Result<Kept, Denied> {
    let kept = kept(app, &settings.id, patient, method).await?;
    if !kept.later_charges {
        let why = "the patient did not agree that it is charged later: add it with later_charges";
        return Err(Denied::conflict(why));
    }
    let chosen = method::chosen(&settings.id, patient, &kept.method);
    let note = noted_of(settings, patient, "method_chosen", actor.cause());
    written(app, &[chosen, note]).await?;
    Ok(Kept {
        chosen: true,
        ..kept
    })
}

/// A patient's method of this id.
async fn kept(app: &App, clinic: &str, patient: &str, method: &str) -> Result<Kept, Denied> {
    let patient = named::patient(app, clinic, patient).await?;
    let found = patients::kept_method(app, clinic, &patient.id, method).await?;
    found.ok_or(Denied::NotFound("payment method"))
}

async fn written(app: &App, writes: &[Write]) -> Result<(), Denied> {
    match app.store.transact(writes).await? {
        Written::Done => Ok(()),
        Written::Failed(_) | Written::Conflict => {
            let why = "it is being written by another request: repeat";
            Err(Denied::conflict(why))
        }
    }
}
