//! The row of a clinic's settings.

use crate::domain::settings::Settings;
use crate::io::store::{Row, StoreError, Write};

pub const SK: &str = "settings";

pub fn pk(clinic: &str) -> String {
    format!("{clinic}#settings")
}

pub fn row(settings: &Settings) -> Row {
    Row::new(pk(&settings.id), SK).json("data", settings)
}

/// Writes them where they are still as they were read.
pub fn unchanged_since(read: &Row, new: &Settings) -> Write {
    Write::NewOr {
        row: row(new),
        attribute: "data",
        value: read.get("data").into(),
    }
}

/// The settings of their row.
pub fn read(row: &Row) -> Result<Settings, StoreError> {
    row.read("data")
}
