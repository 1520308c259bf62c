//! The row by which an invoice's number leads to its case: no two of a clinic share one.

use crate::io::store::{Row, Write};
use crate::words::ids;

pub const SK: &str = "ref";

pub fn pk(clinic: &str, number: &str) -> String {
    format!("{clinic}#number#{}", ids::derived(&["number", number]))
}

fn row(clinic: &str, number: &str, case: &str) -> Row {
    Row::new(pk(clinic, number), SK).text("case", case)
}

/// The case that has the number.
pub fn case(row: &Row) -> &str {
    row.get("case")
}

/// Takes the number for this case, where no other case has it.
pub fn claim(clinic: &str, number: &str, case: &str) -> Write {
    Write::NewOr {
        row: row(clinic, number, case),
        attribute: "case",
        value: case.into(),
    }
}
