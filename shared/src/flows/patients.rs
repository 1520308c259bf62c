//! Patients: who they are, sealed under a key of their own, and the methods that gateways keep for
//! them. Without the key in the row nobody can tell who it was; the books stay whole.

use super::audit::noted_of;
use super::commit::{Busy, TRIES, pause};
use super::{App, Failure, patient_codes};
use crate::domain::actor::Actor;
use crate::domain::fact::Method;
pub use crate::domain::person::Person;
use crate::domain::settings::Settings;
use crate::io::store::{Row, StoreError, Write, Written};
use crate::records::patient::{PatientRow, id, pk};
use crate::records::{found, method, patient};
use crate::words::seal::Key;
use jiff::Timestamp;
use std::collections::BTreeSet;

/// A patient as read: the clinic's own reference, the person, and the key of what is sealed.
pub struct Patient {
    pub id: String,
    pub reference: String,
    pub person: Person,
    /// `None` once the patient was erased: what one sealed now, nobody could open again.
    pub key: Option<Key>,
    pub erased_at: Option<Timestamp>,
}

/// Whose name stands where an erased patient's reference stood.
pub const ERASED: &str = "erased";

/// A patient; an erased one has no name and no addresses.
pub async fn patient(app: &App, clinic: &str, id: &str) -> Result<Option<Patient>, Failure> {
    let pk = pk(clinic, id);
    match app.store.get(&pk, patient::SK).await? {
        Some(row) => opened(app, id, &row).await.map(Some),
        None => Ok(None),
    }
}

pub(super) async fn opened(app: &App, id: &str, row: &Row) -> Result<Patient, Failure> {
    if let Some(erasure) = patient::erasure(row)? {
        return Ok(Patient {
            id: id.into(),
            reference: ERASED.into(),
            person: Person::default(),
            key: None,
            erased_at: Some(erasure.at),
        });
    }
    let (pk, row) = (row.pk(), PatientRow::read(row)?);
    let master = app.key_of("patients", &row.key).await?;
    let cannot = |_| StoreError::Corrupt(format!("patient {id} cannot be opened"));
    let key = Key::unwrap(&row.key, &master, pk).map_err(cannot)?;
    let person = key.open(pk, &row.sealed).map_err(cannot)?;
    Ok(Patient {
        id: id.into(),
        reference: row.reference,
        person,
        key: Some(key),
        erased_at: None,
    })
}

/// Makes a patient, or changes who a known one is. The key stays; one that was erased gets a
/// fresh one. Tells whether it is a new one.
pub async fn write(
    app: &App,
    settings: &Settings,
    actor: &Actor,
    reference: &str,
    person: &Person,
) -> Result<(Patient, bool), Failure> {
    let clinic = &settings.id;
    let id = id(clinic, reference);
    let note = noted_of(settings, &id, "patient_written", actor.cause());
    let pk = pk(clinic, &id);
    let master = app.key("patients").await?;
    let codes = patient_codes::codes(app, clinic, person).await?;
    for attempt in 0..TRIES {
        let read = app.store.get(&pk, patient::SK).await?;
        if read.as_ref().is_some_and(patient::is_being_erased) {
            return Err(Busy(format!("patient {id}, who is being erased,")).into());
        }
        let known = match &read {
            Some(row) => Some(opened(app, &id, row).await?),
            None => None,
        };
        let new = known.is_none();
        let key = known.and_then(|patient| patient.key);
        let key = key.unwrap_or_else(Key::random);
        let row = PatientRow {
            clinic: clinic.clone(),
            id: id.clone(),
            reference: reference.into(),
            key: key.wrapped(&master, &pk),
            sealed: key.seal(&pk, person),
            codes: codes.clone(),
        };
        let row = row.row();
        // Two that make the patient at once must not end with two keys, and one who is erased
        // meanwhile stays so.
        let mut writes = vec![match &read {
            None => patient::made(row),
            Some(read) => patient::replaced(read, row),
        }];
        let before = led_by(read.as_ref())?;
        writes.extend(found::changed(clinic, &id, &before, &codes));
        writes.push(note.clone());
        if app.store.transact(&writes).await? == Written::Done {
            let reference = reference.to_owned();
            return Ok((
                Patient {
                    id,
                    reference,
                    person: person.clone(),
                    key: Some(key),
                    erased_at: None,
                },
                new,
            ));
        }
        pause(attempt).await;
    }
    Err(Busy(format!("patient {id}")).into())
}

/// What leads to a patient whose row was read; nothing to one who is not known, or was erased.
fn led_by(read: Option<&Row>) -> Result<BTreeSet<String>, StoreError> {
    match read {
        Some(row) if patient::erasure(row)?.is_none() => Ok(PatientRow::read(row)?.codes),
        _ => Ok(BTreeSet::new()),
    }
}

/// What takes back all that leads to a patient whose row was read.
pub fn lost(read: &Row) -> Result<Vec<Write>, StoreError> {
    let row = PatientRow::read(read)?;
    let nothing = BTreeSet::new();
    Ok(found::changed(&row.clinic, &row.id, &row.codes, &nothing))
}

/// The methods that may be charged: the one that the clinic chose for this patient first, then
/// the newest.
pub async fn methods(app: &App, clinic: &str, patient: &str) -> Result<Vec<Kept>, StoreError> {
    let rows = app.store.under(&pk(clinic, patient), method::ALL).await?;
    let chosen = method::chosen_of(&rows);
    let usable = |row: &&Row| method::is_usable(row);
    let kept = |row: &Row| {
        Ok(Kept {
            method: method::read(row)?,
            later_charges: method::is_for_later(row),
            chosen: row.sk() == chosen,
            kept_at: method::kept_at(row),
        })
    };
    let kept: Result<_, StoreError> = rows.iter().filter(usable).map(kept).collect();
    Ok(in_order(kept?))
}

/// The method that is charged by itself, of those that are fit for it: the chosen one while it is
/// usable, else the newest that the patient agreed to for later charges.
pub async fn method_for(
    app: &App,
    clinic: &str,
    patient: &str,
    is_fit: impl Fn(&Method) -> bool,
) -> Result<Option<Method>, StoreError> {
    let mut methods = methods(app, clinic, patient).await?;
    methods.retain(|kept| is_fit(&kept.method));
    Ok(charged_by_itself(&methods).cloned())
}

/// The method that another try charges, of those that are fit for it: see [`charged_again`].
pub async fn method_to_charge(
    app: &App,
    clinic: &str,
    patient: &str,
    used: Option<&Method>,
    is_fit: impl Fn(&Method) -> bool,
) -> Result<Option<Method>, StoreError> {
    let mut methods = methods(app, clinic, patient).await?;
    methods.retain(|kept| is_fit(&kept.method));
    let known = match used {
        Some(used) if charged_by_itself(&methods).is_none() => {
            let place = method::sk(&used.gateway, &used.token);
            let row = app.store.get(&pk(clinic, patient), &place).await?;
            row.is_some()
        }
        _ => false,
    };
    Ok(charged_again(&methods, used, known).cloned())
}

/// The patient's method of this id, while it may be charged.
pub async fn kept_method(
    app: &App,
    clinic: &str,
    patient: &str,
    id: &str,
) -> Result<Option<Kept>, StoreError> {
    let methods = methods(app, clinic, patient).await?;
    Ok(methods.into_iter().find(|kept| kept.id() == id))
}

/// A method that may be charged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    pub method: Method,
    /// Whether the patient agreed that it is charged for later invoices too.
    pub later_charges: bool,
    /// Whether it is the one that the clinic chose.
    pub chosen: bool,
    /// Milliseconds since 1970.
    pub kept_at: i64,
}

/// Methods that may be charged, in the order in which they are taken: the chosen one, the newest.
pub fn in_order(mut methods: Vec<Kept>) -> Vec<Kept> {
    methods.sort_by_key(|kept| std::cmp::Reverse((kept.chosen, kept.kept_at)));
    methods
}

/// The method that is charged by itself, of methods in their order.
pub fn charged_by_itself(methods: &[Kept]) -> Option<&Method> {
    let mut agreed = methods.iter().filter(|kept| kept.later_charges);
    agreed.next().map(|kept| &kept.method)
}

/// The method that another try charges: the one that is charged by itself, else the one that was
/// used, if the clinic charged it without keeping it here and it did not end. `known` tells whether
/// there is anything here about the one that was used.
pub fn charged_again<'a>(
    methods: &'a [Kept],
    used: Option<&'a Method>,
    known: bool,
) -> Option<&'a Method> {
    charged_by_itself(methods).or(used.filter(|_| !known))
}

impl Kept {
    /// Ours, stable for a gateway's token.
    pub fn id(&self) -> String {
        method::id(&self.method.gateway, &self.method.token)
    }
}
