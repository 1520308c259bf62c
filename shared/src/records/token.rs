//! The row of a vendor's access token: sealed, renewed by one function at a time, and due when its
//! connection would otherwise be forgotten.

use crate::io::queue::RowKey;
use crate::io::store::{Row, Write};
use serde::{Deserialize, Serialize};

pub const SK: &str = "token";

pub fn pk(clinic: &str, vendor: &str) -> String {
    format!("{clinic}#token#{vendor}")
}

/// The clinic and the vendor that the token of this key is of.
pub fn read_pk(pk: &str) -> Option<(&str, &str)> {
    pk.split_once("#token#")
}

/// A token as it is sealed.
#[derive(Clone, Serialize, Deserialize)]
pub struct AccessToken {
    pub token: String,
    /// Epoch seconds.
    pub expires_at: i64,
    /// Where the account is called, if the token call named it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// The account that it was given to, by a digest of its fields.
    pub account: String,
}

/// A row of this version, without a lock.
pub fn row(pk: &str, version: u64) -> Row {
    Row::new(pk, SK).versioned(version)
}

/// Until when a function holds the lock on its renewal, in epoch seconds.
pub fn locked_until(row: &Row) -> i64 {
    row.int("locked_until")
}

/// The same row in the hands of one function.
pub fn locked(row: Row, version: u64, until: i64, owner: String) -> Row {
    row.versioned(version)
        .number("locked_until", until)
        .text("locked_by", owner)
}

/// The same row with a token, sealed.
pub fn holding(row: Row, sealed: String) -> Row {
    row.text("sealed", sealed)
}

/// The token, sealed; `None` where there is none.
pub fn sealed(row: &Row) -> Option<&str> {
    row.has("sealed").then(|| row.get("sealed"))
}

/// Forgets the token, and has another got at this time, in epoch milliseconds.
pub fn due_anew(pk: &str, due: i64) -> Write {
    Write::Change {
        key: RowKey {
            pk: pk.into(),
            sk: SK.into(),
        },
        set: Row::default().number("due_at", due),
        remove: vec!["sealed"],
    }
}
