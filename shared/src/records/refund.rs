//! The row of a refund that was asked for: who asked, of which case, and why, sealed.

use crate::domain::case::Case;
use crate::io::store::{List, Row};
use crate::records::patient;
use crate::words::time;
use jiff::Timestamp;

pub const SK: &str = "refund";

pub fn pk(clinic: &str, request: &str) -> String {
    format!("{clinic}#refund#{request}")
}

/// The id of the request whose row has this key.
pub fn id_of(pk: &str) -> &str {
    pk.rsplit('#').next().unwrap_or_default()
}

/// The list of a clinic's refunds.
pub fn list(clinic: &str) -> List {
    List::new(format!("{clinic}#refunds"))
}

/// The list of the refunds of a patient's invoices.
pub fn list_for(clinic: &str, patient: &str) -> List {
    List::second(format!("{}#refunds", patient::pk(clinic, patient)))
}

/// A request of this case, without a reason.
pub fn row(case: &Case, id: &str, by: &str, at: Timestamp) -> Row {
    let (clinic, place) = (&case.clinic, format!("{:015}#{id}", time::millis(at)));
    let row = Row::new(pk(clinic, id), SK)
        .text("case", &case.id)
        .text("requested_by", by)
        .listed(list(clinic), &place);
    match &case.patient {
        Some(patient) => row.listed(list_for(clinic, patient), place),
        None => row,
    }
}

pub fn case(row: &Row) -> &str {
    row.get("case")
}

/// The id of the key by which it was asked for.
pub fn requested_by(row: &Row) -> &str {
    row.get("requested_by")
}

/// The same row with the reason that was given, sealed.
pub fn because(row: Row, sealed: String) -> Row {
    row.text("reason", sealed)
}

/// The reason that was given, sealed.
pub fn reason(row: &Row) -> Option<&str> {
    row.has("reason").then(|| row.get("reason"))
}
