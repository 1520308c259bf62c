//! An API key as it is answered; never the key itself.

use crate::domain::actor::Permission;
use crate::io::store::{Row, StoreError};
use jiff::Timestamp;
use serde_json::{Value, json};

pub fn view(row: &Row) -> Result<Value, StoreError> {
    let permissions: Vec<Permission> = row.read("permissions")?;
    Ok(json!({
        "id": row.get("pk").trim_start_matches("key#"),
        "label": row.get("label"),
        "permissions": permissions,
        "made_at": Timestamp::from_millisecond(row.int("made_at")).ok(),
    }))
}
