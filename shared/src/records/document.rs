//! The row that keeps what the lines of an invoice are for, sealed, among the rows of its case.

use crate::io::store::Row;

pub const SK: &str = "document";

pub fn row(pk: &str, sealed: String) -> Row {
    Row::new(pk, SK).text("sealed", sealed)
}

pub fn sealed(row: &Row) -> &str {
    row.get("sealed")
}
