//! A clinic's API keys: found by the hash of all of a key, made, deleted. Only the hash is kept.

use super::App;
use super::denied::Denied;
use crate::domain::actor::{Actor, Permission};
use crate::domain::settings::Settings;
use crate::flows::audit::noted;
use crate::io::clock;
use crate::io::store::{StoreError, Write, Written};
use crate::records::key::{self, KeyRow};
use crate::words::text::Plain;
use crate::words::{ids, time};
use sha2::{Digest, Sha256};

/// A key that was just made, with itself, which nobody can tell again.
pub struct Made {
    pub id: String,
    pub label: String,
    pub permissions: Vec<Permission>,
    pub key: String,
}

/// What is kept of a key that somebody sent; `None` where there is none such.
pub async fn find(app: &App, key: &str) -> Result<Option<KeyRow>, StoreError> {
    let hash = hash(key);
    // Found by the hash of all of it: how long the search takes tells nothing of the key.
    let Some(row) = app.store.get(&key::pk(&hash), key::SK).await? else {
        return Ok(None);
    };
    KeyRow::read(&row).map(Some)
}

/// Makes a key for a person or system. Nobody gives a permission that they do not have.
pub async fn make(
    app: &App,
    settings: &Settings,
    actor: &Actor,
    label: Plain<60>,
    mut permissions: Vec<Permission>,
) -> Result<Made, Denied> {
    permissions.sort_by_key(|permission| permission.name());
    permissions.dedup();
    if permissions.is_empty() {
        return Err(Denied::invalid("permissions", "at least one"));
    }
    if let Some(permission) = lacking(actor, &permissions) {
        let name = permission.name();
        let why = format!("a key cannot give {name}, which it does not have itself");
        return Err(Denied::Lacks { permission, why });
    }
    let key = fresh(&settings.id);
    let id = hash(&key);
    let row = row(&settings.id, &key, &label, &permissions);
    let what = format!("key_made {}", &id[..8]);
    let note = noted(settings, None, &what, actor.cause());
    match app.store.transact(&[row, note]).await? {
        Written::Done => Ok(Made {
            id,
            label: label.into(),
            permissions,
            key,
        }),
        Written::Failed(_) | Written::Conflict => {
            Err(Denied::Again("the key was not made: repeat the request"))
        }
    }
}

/// Deletes a key, at once. None deletes itself, nor one that may more.
pub async fn delete(app: &App, settings: &Settings, actor: &Actor, id: &str) -> Result<(), Denied> {
    if id == actor.id() {
        let why = "a key cannot delete itself: use another one";
        return Err(Denied::conflict(why));
    }
    let row = app.store.get(&key::pk(id), key::SK).await?;
    let kept = row.as_ref().map(KeyRow::read).transpose()?;
    let kept = kept.filter(|kept| kept.clinic == settings.id);
    let kept = kept.ok_or(Denied::NotFound("key"))?;
    // Whoever could take away more than they have could be left alone with what they have.
    if let Some(permission) = lacking(actor, &kept.permissions) {
        let name = permission.name();
        let why = format!("this key may {name}, and a key deletes only what it could give");
        return Err(Denied::Lacks { permission, why });
    }
    let gone = Write::Delete(key::key(id));
    let what = format!("key_deleted {}", id.get(..8).unwrap_or(id));
    let note = noted(settings, None, &what, actor.cause());
    match app.store.transact(&[gone, note]).await? {
        Written::Done => Ok(()),
        Written::Failed(_) | Written::Conflict => {
            Err(Denied::Again("the key is still there: repeat the request"))
        }
    }
}

/// The first of these permissions that the asker does not have.
fn lacking(actor: &Actor, permissions: &[Permission]) -> Option<Permission> {
    let mut all = permissions.iter().copied();
    all.find(|permission| !actor.may(*permission))
}

/// A fresh key: shown once, kept only as a hash.
pub fn fresh(clinic: &str) -> String {
    let letters = format!("{}{}", ids::random(), ids::random());
    format!("mk_{clinic}_{}", &letters[..32])
}

pub fn hash(key: &str) -> String {
    hex::encode(Sha256::digest(key))
}

/// The row that makes a key valid.
pub fn row(clinic: &str, key: &str, label: &str, permissions: &[Permission]) -> Write {
    let row = KeyRow {
        clinic: clinic.into(),
        hash: hash(key),
        label: label.into(),
        permissions: permissions.to_vec(),
        made_at: time::millis(clock::now()),
    };
    Write::New(row.row())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_long_random_and_only_hashed() {
        let (one, two) = (fresh("demo"), fresh("demo"));
        assert!(one != two && one.starts_with("mk_demo_") && one.len() == 8 + 32);
        let made = format!("{:?}", row("demo", &one, "desk", &Permission::ALL));
        assert!(!made.contains(&one) && made.contains(&hash(&one)));
    }
}
