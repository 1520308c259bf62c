//! What a system keeps of one patient under an id of its own. The row is the lock under which it is
//! found or made, so that many deliveries at once make one.

use crate::io::queue::RowKey;
use crate::io::store::{Row, StoreError};
use crate::words::ids;
use serde::{Deserialize, Serialize};

/// Under the clinic's reference of the patient, which is hashed: a key holds no personal data.
pub fn key(clinic: &str, vendor: &str, reference: &str) -> RowKey {
    let patient = ids::derived(&["known", reference]);
    RowKey {
        pk: format!("{clinic}#known#{vendor}#{patient}"),
        sk: "contact".into(),
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known {
    /// The system's id of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Until then somebody is finding or making it, in epoch seconds.
    #[serde(default)]
    pub lease_until: i64,
    /// When a call went out that makes it, in epoch seconds; 0 where none did.
    #[serde(default)]
    pub made_at: i64,
}

impl Known {
    pub fn read(row: &Row) -> Result<Self, StoreError> {
        row.read("data")
    }

    pub fn row(&self, key: &RowKey, version: u64) -> Row {
        Row::new(&key.pk, &key.sk)
            .json("data", self)
            .versioned(version)
    }
}
