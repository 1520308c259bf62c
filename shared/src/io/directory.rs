//! Which clinics there are, for intake: ids in a few rows of the table.

use crate::words::ids;

/// The row of a clinic's part of the directory: a set of ids under `ids`.
pub fn pk(clinic: &str) -> String {
    // Sixteen of them, as a row may have 400 KB.
    format!("_#clinics#{}", &hex::encode(ids::digest(&[clinic]))[..1])
}

pub const SK: &str = "clinics";
/// The attribute that holds the ids.
pub const IDS: &str = "ids";
