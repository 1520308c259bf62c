//! The row of a number that opted out of texts, by a code of it.

use crate::io::queue::RowKey;

pub fn key(clinic: &str, code: &str) -> RowKey {
    RowKey {
        pk: format!("{clinic}#optout#{code}"),
        sk: "optout".into(),
    }
}
