//! `/v1/keys`: a clinic's API keys. A key is shown once, when it is made.

use super::call::{Answered, Call, listed, reply};
use super::caller::{Permission, hash, key_row, new_key, pk};
use super::problem::{Kind, Problem};
use super::read::plain;
use crate::io::queue::RowKey;
use crate::io::store::{Row, StoreError, Write, Written};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewKey {
    label: String,
    permissions: Vec<Permission>,
}

pub async fn create(call: &Call<'_>) -> Answered {
    let NewKey {
        label,
        mut permissions,
    } = call.body()?;
    plain("label", &label, 60)?;
    permissions.sort_by_key(|permission| permission.name());
    permissions.dedup();
    if permissions.is_empty() {
        return Err(Problem::invalid("permissions", "at least one"));
    }
    if let Some(more) = lacking(call, &permissions) {
        let why = format!(
            "a key cannot give {}, which it does not have itself",
            more.name()
        );
        return Err(Problem::new(Kind::Forbidden, why));
    }
    let key = new_key(call.clinic());
    let row = key_row(call.clinic(), &key, &label, &permissions);
    let note = call.noted(None, &format!("key_made {}", &hash(&key)[..8]));
    if call.app.store.transact(&[row, note]).await? != Written::Done {
        return Err(Problem::new(
            Kind::Unavailable,
            "the key was not made: repeat the request",
        ));
    }
    let answer = json!({
        "id": hash(&key), "label": label, "permissions": permissions, "key": key,
    });
    Ok(reply(201, &answer))
}

pub async fn list(call: &Call<'_>) -> Answered {
    let (rows, next) = call.page("keys").await?;
    let keys = rows.iter().map(view).collect::<Result<_, _>>()?;
    Ok(listed("keys", keys, next))
}

pub async fn delete(call: &Call<'_>) -> Answered {
    let id = &call.path[0];
    if *id == call.caller.key {
        let why = "a key cannot delete itself: use another one";
        return Err(Problem::new(Kind::Conflict, why));
    }
    let row = call.app.store.get(&pk(id), "key").await?;
    let row = row.filter(|row| row.get("clinic") == call.clinic());
    let row = row.ok_or_else(|| Problem::missing("key"))?;
    // Whoever could take away more than they have could be left alone with what they have.
    let permissions: Vec<Permission> = row.read("permissions")?;
    if let Some(more) = lacking(call, &permissions) {
        let why = format!(
            "this key may {}, and a key deletes only what it could give",
            more.name()
        );
        return Err(Problem::new(Kind::Forbidden, why).with("permission", more.name().into()));
    }
    let gone = Write::Delete(RowKey {
        pk: pk(id),
        sk: "key".into(),
    });
    let note = call.noted(None, &format!("key_deleted {}", id.get(..8).unwrap_or(id)));
    match call.app.store.transact(&[gone, note]).await? {
        Written::Done => Ok(reply(200, &json!({ "id": id, "deleted": true }))),
        _ => Err(Problem::new(
            Kind::Unavailable,
            "the key is still there: repeat the request",
        )),
    }
}

/// The first of these permissions that the caller does not have.
fn lacking(call: &Call<'_>, permissions: &[Permission]) -> Option<Permission> {
    let mut all = permissions.iter().copied();
    all.find(|permission| !call.caller.has(*permission))
}

fn view(row: &Row) -> Result<Value, StoreError> {
    let permissions: Vec<Permission> = row.read("permissions")?;
    Ok(json!({
        "id": row.get("pk").trim_start_matches("key#"),
        "label": row.get("label"),
        "permissions": permissions,
        "made_at": Timestamp::from_millisecond(row.int("made_at")).ok(),
    }))
}
