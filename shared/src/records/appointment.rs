//! The row of a visit, which the API calls an appointment.

use crate::domain::visit::Visit;
use crate::io::store::{List, Row, StoreError, Write};
use crate::records::patient;
use crate::words::{ids, time};
use jiff::Timestamp;

pub const SK: &str = "appointment";

/// By the clinic's own id.
pub fn pk(clinic: &str, id: &str) -> String {
    pk_of_hash(clinic, &ids::derived(&["appointment", id]))
}

/// The clinic whose appointment has this key.
pub fn clinic_of(pk: &str) -> &str {
    pk.split('#').next().unwrap_or_default()
}

/// Our id of the visit whose rows have this key.
pub fn hash_of(pk: &str) -> Option<&str> {
    pk.split_once("#appointment#").map(|(_, hash)| hash)
}

/// The key of the rows of the visit of this id of ours.
pub fn pk_of_hash(clinic: &str, hash: &str) -> String {
    format!("{clinic}#appointment#{hash}")
}

/// The list of a clinic's appointments.
pub fn list(clinic: &str) -> List {
    List::new(format!("{clinic}#appointments"))
}

/// The list of a patient's appointments.
pub fn list_for(clinic: &str, patient: &str) -> List {
    List::second(format!("{}#appointments", patient::pk(clinic, patient)))
}

/// The part of a list of appointments that begin between these times, the later one not included.
pub fn begin_between(list: List, from: Timestamp, to: Timestamp) -> List {
    let at = |time| format!("{:015}", time::millis(time));
    list.between(at(from), at(to))
}

/// The place in these lists of one that begins then, in epoch milliseconds.
pub fn place(starts: i64, id: &str) -> String {
    format!("{starts:015}#{id}")
}

/// A visit with the version of its row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VisitRow {
    pub clinic: String,
    pub visit: Visit,
    /// As it was read.
    pub version: u64,
}

impl VisitRow {
    pub fn read(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            clinic: clinic_of(row.pk()).into(),
            visit: row.read("data")?,
            version: row.version(),
        })
    }

    pub fn pk(&self) -> String {
        pk(&self.clinic, &self.visit.id)
    }

    /// Writes the visit as it is now, where nobody wrote it since it was read.
    pub fn write(&self, now: &Visit) -> Write {
        Write::Replace {
            row: row(&self.clinic, now, self.version + 1),
            version: self.version,
        }
    }
}

/// Writes a visit that is not there yet.
pub fn new(clinic: &str, visit: &Visit) -> Write {
    Write::New(row(clinic, visit, 1))
}

fn row(clinic: &str, visit: &Visit, version: u64) -> Row {
    let place = place(time::millis(visit.starts_at), &visit.id);
    Row::new(pk(clinic, &visit.id), SK)
        .json("data", visit)
        .versioned(version)
        .listed(list(clinic), place.clone())
        .listed(list_for(clinic, &visit.patient), place)
}
