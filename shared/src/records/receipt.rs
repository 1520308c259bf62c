//! The row of a receipt: what it says, and its page once that was written.

use crate::domain::receipt::Facts;
use crate::io::queue::RowKey;
use crate::io::store::Row;

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
        .number("version", 0)
        .text("case", case)
}
