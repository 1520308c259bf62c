//! How a clinic's connection to a vendor stands: whether its calls are answered, held or refused.
//! There is no row for one that never gave trouble.

use crate::domain::task::Lane;
use crate::io::queue::RowKey;
use crate::io::store::{Row, StoreError};
use crate::words::time;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub const SK: &str = "connection";

pub fn key(clinic: &str, vendor: &str) -> RowKey {
    RowKey {
        pk: format!("{clinic}#connection#{vendor}"),
        sk: SK.into(),
    }
}

/// The clinic and the vendor of such a key.
pub fn read_pk(pk: &str) -> Option<(&str, &str)> {
    pk.split_once("#connection#")
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    #[default]
    Fine,
    /// It takes no more calls for a while: too many were made.
    Held,
    /// It did not answer several times in a row.
    Silent,
    /// It does not accept our key: a person must mend that.
    Broken,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connection {
    pub standing: Standing,
    /// Since when it gives trouble.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// Until then nothing is sent; then what waits is let through, one to see or all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// In the vendor's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// Calls in a row that were not answered.
    #[serde(default)]
    pub unanswered: u32,
    /// How often in a row it took no more calls.
    #[serde(default)]
    pub held: u32,
    /// People were asked to look.
    #[serde(default)]
    pub asked: bool,
}

impl Connection {
    pub fn read(row: &Row) -> Result<Self, StoreError> {
        row.read("data")
    }

    /// The row of this version, due when what waits may be let through.
    pub fn row(&self, key: &RowKey, version: u64) -> Row {
        let row = Row::new(&key.pk, &key.sk)
            .json("data", self)
            .versioned(version);
        match self.until {
            Some(until) => row.due(Lane::Tell, time::millis(until)),
            None => row,
        }
    }

    /// Whether it gave trouble since it answered last.
    pub fn is_troubled(&self) -> bool {
        let quiet = Self {
            until: self.until,
            ..Self::default()
        };
        *self != quiet
    }

    /// Whether what is to be sent waits.
    pub fn holds(&self) -> bool {
        self.standing != Standing::Fine
    }
}
