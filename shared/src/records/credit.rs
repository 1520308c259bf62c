//! The row of a patient's credit, among its journal.

use crate::domain::credit::Credit;
use crate::io::store::{Row, StoreError};

pub const SK: &str = "credit";

/// By the credit's own id.
pub fn pk(clinic: &str, id: &str) -> String {
    format!("{clinic}#credit#{id}")
}

/// The row of a credit, whose JSON is `data`.
pub fn row(credit: &Credit, data: String) -> Row {
    Row::new(pk(&credit.clinic, &credit.id), SK)
        .text("data", data)
        .versioned(credit.entries)
}

/// The credit of its row.
pub fn read(row: &Row) -> Result<Credit, StoreError> {
    row.read("data")
}
