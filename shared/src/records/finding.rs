//! The rows of what people noted of what they found, sealed, among the rows of the case.

use crate::io::store::Row;

/// What the keys of all notes on a payment or refund begin with, by the id of its task.
pub fn prefix(task: &str) -> String {
    format!("finding#{task}#")
}

/// A note, by what tells it from others.
pub fn row(pk: &str, task: &str, said: &str) -> Row {
    Row::new(pk, format!("{}{said}", prefix(task)))
}
