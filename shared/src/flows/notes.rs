//! What staff write beside money: the reason of a refund, by what a tender's paper is found, what
//! somebody saw at the gateway. A name slips in easily, so it is sealed under the patient's key, and
//! erasing reaches it; of a walk-in, under the clinic's.

use super::denied::Denied;
use super::{App, Failure, patients};
use crate::domain::case::Case;
use crate::words::seal::Key;

/// Seals what was written in a field of a request to its place. Of a patient who was erased nothing
/// is noted any more.
pub async fn seal(
    app: &App,
    case: &Case,
    place: &str,
    field: &'static str,
    text: &str,
) -> Result<String, Denied> {
    match key(app, case, "").await? {
        Some(key) => Ok(key.seal(place, &text)),
        None => {
            let why = "this patient was erased: leave it out";
            Err(Denied::invalid(field, why))
        }
    }
}

/// What was sealed to this place; nothing once its patient was erased.
pub async fn open(
    app: &App,
    case: &Case,
    place: &str,
    sealed: &str,
) -> Result<Option<String>, Failure> {
    let key = key(app, case, sealed).await?;
    Ok(key.and_then(|key| key.open(place, sealed).ok()))
}

/// The key under which what is noted of this case is sealed; `sealed` is a text that it is to open,
/// empty where there is none yet. Nothing once the patient was erased.
pub async fn key(app: &App, case: &Case, sealed: &str) -> Result<Option<Key>, Failure> {
    let Some(patient) = &case.patient else {
        let purpose = format!("clinic {}", case.clinic);
        return Ok(Some(app.key_of(&purpose, sealed).await?));
    };
    let patient = patients::patient(app, &case.clinic, patient).await?;
    Ok(patient.and_then(|patient| patient.key))
}
