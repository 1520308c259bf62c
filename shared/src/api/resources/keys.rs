//! `/v1/keys`: a clinic's API keys. A key is shown once, when it is made.

use crate::api::frame::call::{Answered, Call, listed, reply};
use crate::api::frame::call::{PAGING, Route};
use crate::api::frame::caller::Permission::Configure;
use crate::api::frame::caller::{Permission, hash, key_row, new_key, pk};
use crate::api::frame::problem::{Kind, Problem};
use crate::api::frame::read::plain;
use crate::api::views::key::view;
use crate::io::queue::RowKey;
use crate::io::store::{Write, Written};
use serde::Deserialize;
use serde_json::json;

pub static ROUTES: &[Route] = &[
    Route::get(
        "/v1/keys",
        Configure,
        |call| Box::pin(list(call)),
        "The clinic's keys.",
    )
    .gives(200, "Keys")
    .query(PAGING),
    Route::post(
        "/v1/keys",
        Configure,
        |call| Box::pin(create(call)),
        "Makes a key. It is shown only here.",
    )
    .gives(201, "NewKey")
    .takes::<NewKey>("KeyRequest"),
    Route::delete(
        "/v1/keys/{id}",
        Configure,
        |call| Box::pin(delete(call)),
        "Deletes a key, at once.",
    )
    .gives(200, "DeletedKey"),
];

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
