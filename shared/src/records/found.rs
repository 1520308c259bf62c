//! The rows by which patients are looked for: a code of what is known of a person leads to the
//! patient's id. Nothing can be read in it, and which codes lead to a patient stands in their row.

use crate::io::queue::RowKey;
use crate::io::store::{Row, Write};
use std::collections::BTreeSet;

/// Where the patients of a code stand, each under their id.
pub fn pk(clinic: &str, code: &str) -> String {
    format!("{clinic}#find#{code}")
}

fn key(clinic: &str, code: &str, patient: &str) -> RowKey {
    RowKey {
        pk: pk(clinic, code),
        sk: patient.into(),
    }
}

/// What is written where a patient is found by other codes than before.
pub fn changed(
    clinic: &str,
    patient: &str,
    before: &BTreeSet<String>,
    after: &BTreeSet<String>,
) -> Vec<Write> {
    let gone = before.difference(after);
    let gone = gone.map(|code| Write::Delete(key(clinic, code, patient)));
    let new = after.difference(before).map(|code| {
        let RowKey { pk, sk } = key(clinic, code, patient);
        Write::Put(Row::new(pk, sk))
    });
    gone.chain(new).collect()
}
