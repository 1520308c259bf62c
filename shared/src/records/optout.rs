//! The row of a number that opted out of texts, by a code of it.

use crate::io::queue::RowKey;
use crate::io::store::Row;

pub fn key(clinic: &str, code: &str) -> RowKey {
    RowKey {
        pk: format!("{clinic}#optout#{code}"),
        sk: "optout".into(),
    }
}

/// The row of one that was heard of at this time, in epoch milliseconds.
pub fn row(key: RowKey, heard_at: i64) -> Row {
    Row::new(key.pk, key.sk).number("heard_at", heard_at)
}
