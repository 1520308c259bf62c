//! The row of a receipt: what it says, and its page once that was written.

use crate::domain::receipt::Facts;
use crate::io::queue::RowKey;
use crate::io::store::{Row, StoreError, Write};

pub const SK: &str = "receipt";

pub fn pk(clinic: &str, receipt: &str) -> String {
    format!("{clinic}#receipt#{receipt}")
}

pub fn key(clinic: &str, receipt: &str) -> RowKey {
    RowKey {
        pk: pk(clinic, receipt),
        sk: SK.into(),
    }
}

/// A new receipt, without its page.
pub fn row(clinic: &str, receipt: &str, case: &str, facts: &Facts) -> Row {
    Row::new(pk(clinic, receipt), SK)
        .json("facts", facts)
        .versioned(0)
        .text("case", case)
}

/// What it says.
pub fn facts(row: &Row) -> Result<Facts, StoreError> {
    row.read("facts")
}

/// The case that it is of.
pub fn case(row: &Row) -> &str {
    row.get("case")
}

/// Its page as it was written, sealed, with the patient whose key opens it; `None` before that.
pub fn page(row: &Row) -> Option<(&str, &str)> {
    row.has("page")
        .then(|| (row.get("page"), row.get("patient")))
}

/// Writes its page, sealed under the key of this patient, where nobody wrote one.
pub fn written(row: Row, sealed: String, patient: String) -> Write {
    let row = row.text("page", sealed).text("patient", patient);
    Write::Replace {
        row: row.versioned(1),
        version: 0,
    }
}
