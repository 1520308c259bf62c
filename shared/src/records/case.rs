//! The row of a case, and the one by which it is listed as it stands.

use crate::domain::case::Case;
use crate::domain::invoice::Status;
use crate::io::queue::RowKey;
use crate::io::store::Row;
use crate::words::time;

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
pub fn invoices(clinic: &str) -> String {
    format!("{clinic}#invoices")
}

/// The list of a clinic's invoices that stand so.
pub fn invoices_of(clinic: &str, status: Status) -> String {
    format!("{clinic}#invoices#{}", status.name())
}

/// The row of a case, whose JSON is `data`.
pub fn row(case: &Case, data: String) -> Row {
    Row::new(pk(&case.clinic, &case.id), SK)
        .text("data", data)
        .number("version", case.entries)
        .listed(invoices(&case.clinic), created(case))
}

/// The row that lists a case among those that stand as it does.
pub fn status_row(case: &Case) -> Row {
    Row::new(pk(&case.clinic, &case.id), "status")
        .text("case", &case.id)
        .listed(invoices_of(&case.clinic, case.status()), created(case))
}

fn created(case: &Case) -> String {
    format!("{:015}#{}", time::millis(case.created_at), case.id)
}
