//! An API key as it is answered; never the key itself but when it is made.

use super::sample;
use crate::domain::actor::Permission;
use crate::flows::keys;
use crate::io::store::{Row, StoreError};
use crate::records::key::KeyRow;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

/// A key of the clinic.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Key {
    /// Its hash: it opens nothing.
    pub id: String,
    /// The person or system that it stands for.
    pub label: String,
    /// What it may do.
    pub permissions: Vec<Permission>,
    /// When it was made.
    pub made_at: Option<Timestamp>,
}

/// A page of keys, newest first.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(example = Self { keys: vec![Key::example()], next: None })]
pub struct Keys {
    /// At most `limit`.
    pub keys: Vec<Key>,
    /// Where the list goes on; null at its end.
    pub next: Option<String>,
}

/// A key that was just made. It is shown only here.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(example = Self::example())]
pub struct NewKey {
    /// Its hash: it opens nothing.
    pub id: String,
    /// The person or system that it stands for.
    pub label: String,
    /// What it may do.
    pub permissions: Vec<Permission>,
    /// To be sent as `Authorization: Bearer`.
    #[schemars(regex(pattern = "^mk_"))]
    pub key: String,
}

/// A key that opens nothing any more.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(example = Self { id: Key::example().id, deleted: true })]
pub struct DeletedKey {
    /// Its hash, as the list showed it.
    pub id: String,
    /// Always true.
    #[schemars(extend("const" = true))]
    pub deleted: bool,
}

/// A key of a list, by its row.
pub fn view(row: &Row) -> Result<Key, StoreError> {
    let kept = KeyRow::read(row)?;
    Ok(Key {
        id: kept.hash,
        label: kept.label,
        permissions: kept.permissions,
        made_at: Timestamp::from_millisecond(kept.made_at).ok(),
    })
}

/// A key with itself.
pub fn made(made: keys::Made) -> NewKey {
    NewKey {
        id: made.id,
        label: made.label,
        permissions: made.permissions,
        key: made.key,
    }
}

impl Key {
    fn example() -> Self {
        Self {
            id: "5f2b".repeat(16),
            label: "front desk".into(),
            permissions: vec![Permission::Charge, Permission::View],
            made_at: Some(sample::instant()),
        }
    }
}

impl NewKey {
    fn example() -> Self {
        let Key {
            id,
            label,
            permissions,
            ..
        } = Key::example();
        let key = format!("mk_wattle_{}", "x".repeat(32));
        Self {
            id,
            label,
            permissions,
            key,
        }
    }
}
