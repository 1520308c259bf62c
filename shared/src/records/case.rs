//! The row of a case, and the one by which it is listed as it stands.

use crate::domain::case::Case;
use crate::domain::invoice::Status;
use crate::io::queue::RowKey;
use crate::io::store::{List, Row, StoreError};
use crate::records::{appointment, patient};
use crate::words::time;
use jiff::Timestamp;

pub const SK: &str = "case";

pub fn pk(clinic: &str, case: &str) -> String {
    format!("{clinic}#case#{case}")
}

pub fn key(clinic: &str, case: &str) -> RowKey {
    RowKey {
        pk: pk(clinic, case),
        sk: SK.into(),
    }
}

/// The clinic and the case that a row's key belongs to.
pub fn read_pk(pk: &str) -> Option<(&str, &str)> {
    let (clinic, rest) = pk.split_once('#')?;
    Some((clinic, rest.strip_prefix("case#")?))
}

/// The list of all invoices of a clinic.
pub fn invoices(clinic: &str) -> List {
    List::new(format!("{clinic}#invoices"))
}

/// The list of a clinic's invoices that stand so.
pub fn invoices_of(clinic: &str, status: Status) -> List {
    List::new(format!("{clinic}#invoices#{}", status.name()))
}

/// The list of a patient's invoices.
pub fn invoices_for(clinic: &str, patient: &str) -> List {
    List::second(format!("{}#invoices", patient::pk(clinic, patient)))
}

/// The list of the invoices of an appointment, by the clinic's own id of it.
pub fn invoices_after(clinic: &str, appointment: &str) -> List {
    List::second(format!("{}#invoices", appointment::pk(clinic, appointment)))
}

/// The part of a list of invoices that was made between these times, the later one not included.
pub fn made_between(list: List, from: Timestamp, to: Timestamp) -> List {
    let at = |time| format!("{:015}", time::millis(time));
    list.between(at(from), at(to))
}

/// The row of a case, whose JSON is `data`.
pub fn row(case: &Case, data: String) -> Row {
    let row = Row::new(pk(&case.clinic, &case.id), SK)
        .text("data", data)
        .versioned(case.entries)
        .listed(invoices(&case.clinic), place(case));
    match &case.patient {
        Some(patient) => row.listed(invoices_for(&case.clinic, patient), place(case)),
        None => row,
    }
}

/// The row that lists a case among those that stand as it does, and those of its appointment.
pub fn status_row(case: &Case) -> Row {
    let row = Row::new(pk(&case.clinic, &case.id), "status")
        .text("case", &case.id)
        .listed(invoices_of(&case.clinic, case.status()), place(case));
    match &case.appointment {
        Some(of) => row.listed(invoices_after(&case.clinic, of), place(case)),
        None => row,
    }
}

/// The place of a case in every list of invoices.
pub fn place(case: &Case) -> String {
    format!("{:015}#{}", time::millis(case.created_at), case.id)
}

/// The case of its row.
pub fn read(row: &Row) -> Result<Case, StoreError> {
    row.read("data")
}
