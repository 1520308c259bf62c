//! The row of a clinic's settings.

use crate::domain::settings::Settings;
use crate::io::store::Row;

pub const SK: &str = "settings";

pub fn pk(clinic: &str) -> String {
    format!("{clinic}#settings")
}

pub fn row(settings: &Settings) -> Row {
    Row::new(pk(&settings.id), SK).json("data", settings)
}
