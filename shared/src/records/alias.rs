//! The rows by which an id of a vendor leads to its case, or to the patient whose method it is.

use crate::io::queue::RowKey;
use crate::io::store::Row;

pub const SK: &str = "ref";

pub fn pk(clinic: &str, gateway: &str, id: &str) -> String {
    format!("{clinic}#ref#{gateway}#{id}")
}

pub fn key(clinic: &str, gateway: &str, id: &str) -> RowKey {
    RowKey {
        pk: pk(clinic, gateway, id),
        sk: SK.into(),
    }
}

pub fn of_case(clinic: &str, gateway: &str, id: &str, case: &str) -> Row {
    Row::new(pk(clinic, gateway, id), SK).text("case", case)
}

pub fn of_patient(clinic: &str, gateway: &str, token: &str, patient: &str) -> Row {
    Row::new(pk(clinic, gateway, token), SK).text("patient", patient)
}

/// The case that it leads to, where it does.
pub fn case(row: &Row) -> Option<&str> {
    Some(row.get("case")).filter(|case| !case.is_empty())
}

/// The patient that it leads to.
pub fn patient(row: &Row) -> &str {
    row.get("patient")
}
