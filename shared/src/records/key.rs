//! The row of an API key, found by the hash of all of it.

use crate::domain::actor::Permission;
use crate::io::queue::RowKey;
use crate::io::store::{List, Row, StoreError};

pub const SK: &str = "key";

pub fn pk(hash: &str) -> String {
    format!("key#{hash}")
}

pub fn key(hash: &str) -> RowKey {
    RowKey {
        pk: pk(hash),
        sk: SK.into(),
    }
}

/// The list of a clinic's keys.
pub fn list(clinic: &str) -> List {
    List::new(format!("{clinic}#keys"))
}

/// What is kept of a key.
#[derive(Debug)]
pub struct KeyRow {
    pub clinic: String,
    pub hash: String,
    /// The person or system that it stands for.
    pub label: String,
    pub permissions: Vec<Permission>,
    /// Milliseconds since 1970.
    pub made_at: i64,
}

impl KeyRow {
    pub fn read(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            clinic: row.get("clinic").into(),
            hash: row.pk().trim_start_matches("key#").into(),
            label: row.get("label").into(),
            permissions: row.read("permissions")?,
            made_at: row.int("made_at"),
        })
    }

    pub fn row(&self) -> Row {
        let place = format!("{:015}#{}", self.made_at, self.hash);
        Row::new(pk(&self.hash), SK)
            .text("clinic", &self.clinic)
            .text("label", &self.label)
            .json("permissions", &self.permissions)
            .number("made_at", self.made_at)
            .listed(list(&self.clinic), place)
    }
}
