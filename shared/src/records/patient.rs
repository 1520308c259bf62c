//! The row of a patient.

use crate::domain::erasure::Erasure;
use crate::domain::task::Lane;
use crate::io::queue::RowKey;
use crate::io::store::{List, Row, StoreError, Write};
use crate::words::ids;
use std::collections::BTreeSet;

pub const SK: &str = "patient";

/// What became of one who was erased.
const ERASURE: &str = "erasure";
/// The person.
const SEALED: &str = "sealed";

pub fn pk(clinic: &str, patient: &str) -> String {
    format!("{clinic}#patient#{patient}")
}

pub fn key(clinic: &str, patient: &str) -> RowKey {
    RowKey {
        pk: pk(clinic, patient),
        sk: SK.into(),
    }
}

/// The clinic and the patient that a row's key belongs to.
pub fn read_pk(pk: &str) -> Option<(&str, &str)> {
    let (clinic, rest) = pk.split_once('#')?;
    Some((clinic, rest.strip_prefix("patient#")?))
}

/// The list of a clinic's patients.
pub fn list(clinic: &str) -> List {
    List::new(format!("{clinic}#patients"))
}

/// Our id of the clinic's patient of this reference.
pub fn id(clinic: &str, reference: &str) -> String {
    ids::derived(&["patient", clinic, reference])
}

/// A patient who was not erased.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PatientRow {
    pub clinic: String,
    pub id: String,
    /// The clinic's own.
    pub reference: String,
    /// What the person is sealed under, sealed itself.
    pub key: String,
    /// The person.
    pub sealed: String,
    /// What leads to the patient (`found`), so that it can be taken back.
    pub codes: BTreeSet<String>,
}

impl PatientRow {
    pub fn read(row: &Row) -> Result<Self, StoreError> {
        let pk = row.pk();
        let no_patient = || StoreError::Corrupt(format!("{pk} is no key of a patient"));
        let (clinic, id) = read_pk(pk).ok_or_else(no_patient)?;
        Ok(Self {
            clinic: clinic.into(),
            id: id.into(),
            reference: row.get("reference").into(),
            key: row.get("key").into(),
            sealed: row.get(SEALED).into(),
            codes: row.read("codes")?,
        })
    }

    pub fn row(&self) -> Row {
        Row::new(pk(&self.clinic, &self.id), SK)
            .text("reference", &self.reference)
            .text("key", &self.key)
            .text(SEALED, &self.sealed)
            .json("codes", &self.codes)
            .listed(list(&self.clinic), self.id.clone())
    }
}

/// The row of one who was erased. It is in no list, and due: what follows is done until it is.
pub fn erased(pk: &str, erasure: &Erasure, due: i64) -> Row {
    Row::new(pk, SK)
        .json(ERASURE, erasure)
        .due(Lane::Settle, due)
}

/// Whether the patient was erased.
pub fn is_erased(row: &Row) -> bool {
    row.has(ERASURE)
}

/// What became of the patient, if they were erased.
pub fn erasure(row: &Row) -> Result<Option<Erasure>, StoreError> {
    match is_erased(row) {
        true => row.read(ERASURE).map(Some),
        false => Ok(None),
    }
}

/// Whether something that follows from erasing the patient may be left to do.
pub fn is_being_erased(row: &Row) -> bool {
    is_erased(row) && row.waits()
}

/// What is written once nothing is left to do.
pub fn erased_wholly(key: &RowKey) -> Write {
    Write::Change {
        key: key.clone(),
        set: Row::default(),
        remove: vec!["due_pk", "due_at", "taken_at"],
    }
}

/// Writes a patient who is not known yet.
pub fn made(row: Row) -> Write {
    Write::New(row.versioned(1))
}

/// Writes a patient anew where nobody has since this row was read.
pub fn replaced(read: &Row, row: Row) -> Write {
    let version = read.version();
    let row = row.versioned(version + 1);
    Write::Replace { row, version }
}

/// Holds that the patient is still as in this row, and that whoever read it before this writes
/// nothing of what they decided then.
pub fn touched(read: &Row) -> Write {
    replaced(read, read.clone())
}
