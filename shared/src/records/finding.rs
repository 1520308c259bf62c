//! The rows of what people noted of what they found, sealed, among the rows of the case.

use crate::io::store::Row;
use jiff::Timestamp;

/// What the keys of all notes on a payment or refund begin with, by the id of its task.
pub fn prefix(task: &str) -> String {
    format!("finding#{task}#")
}

/// A note, sealed, by what tells it from others: who wrote it, and when in epoch milliseconds.
pub fn row(pk: &str, task: &str, said: &str, (by, at, sealed): (&str, i64, String)) -> Row {
    Row::new(pk, format!("{}{said}", prefix(task)))
        .text("by", by)
        .number("at", at)
        .text("sealed", sealed)
}

/// What was noted, sealed.
pub fn sealed(row: &Row) -> &str {
    row.get("sealed")
}

/// Who noted it.
pub fn by(row: &Row) -> &str {
    row.get("by")
}

/// When it was noted.
pub fn at(row: &Row) -> Timestamp {
    Timestamp::from_millisecond(row.int("at")).unwrap_or_default()
}
