//! What an ask names: a patient, an invoice, a payment, a refund. Found in its clinic, or denied in
//! words that say what is missing.

use super::App;
use super::denied::Denied;
use super::patients::{self, Patient};
use crate::domain::case::Case;
use crate::io::store::Row;
use crate::records::{patient, refund};
use crate::words::ids::{self, Reference};
use crate::words::seal::Key;

/// Whom an ask names: by our id, or by the clinic's own reference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Named {
    Id(String),
    Reference(String),
}

/// What is told of a patient who is no more.
pub const ERASED: &str = "this patient was erased: POST /v1/patients begins anew";

/// The patient of this id.
pub async fn patient(app: &App, clinic: &str, id: &str) -> Result<Patient, Denied> {
    let found = match ids::is_id(id) {
        true => patients::patient(app, clinic, id).await?,
        false => None,
    };
    found.ok_or(Denied::NotFound("patient"))
}

/// The patient that an ask names, and the key under which what is said of them is sealed.
pub async fn person(app: &App, clinic: &str, named: &Named) -> Result<(Patient, Key), Denied> {
    let id = match named {
        Named::Id(id) => id.clone(),
        Named::Reference(reference) => patient::id(clinic, reference),
    };
    let known = patient(app, clinic, &id).await.map_err(|why| match why {
        Denied::NotFound(_) => {
            Denied::invalid("patient", "nobody is known by this: POST /v1/patients")
        }
        other => other,
    })?;
    let erased = || Denied::invalid("patient", ERASED);
    let key = known.key.clone().ok_or_else(erased)?;
    Ok((known, key))
}

/// The case of an invoice.
pub async fn invoice(app: &App, clinic: &str, id: &str) -> Result<Case, Denied> {
    let found = match ids::is_id(id) {
        true => app.case(clinic, id).await?,
        false => None,
    };
    found.ok_or(Denied::NotFound("invoice"))
}

/// The case that a payment's id names, and the payment's number in it.
pub async fn payment(app: &App, clinic: &str, id: &str) -> Result<(Case, u32), Denied> {
    let missing = Denied::NotFound("payment");
    match ids::read_reference(id) {
        Some((case, Reference::Payment(n))) => match app.case(clinic, case).await? {
            Some(case) if case.payment(n).is_some() => Ok((case, n)),
            _ => Err(missing),
        },
        _ => Err(missing),
    }
}

/// The case that a tender's id names, and the tender's number in it.
pub async fn tender(app: &App, clinic: &str, id: &str) -> Result<(Case, u32), Denied> {
    let missing = Denied::NotFound("tender");
    match ids::read_reference(id) {
        Some((case, Reference::Payment(n))) => match app.case(clinic, case).await? {
            Some(case) if case.tender(n).is_some() => Ok((case, n)),
            _ => Err(missing),
        },
        _ => Err(missing),
    }
}

/// The row of a refund that was asked for here, and its case.
pub async fn refund(app: &App, clinic: &str, id: &str) -> Result<(Row, Case), Denied> {
    let row = app.store.get(&refund::pk(clinic, id), refund::SK).await?;
    let row = row.ok_or(Denied::NotFound("refund"))?;
    let case = invoice(app, clinic, refund::case(&row)).await?;
    Ok((row, case))
}
