//! Making a clinic. The clinic and its first key are one write, so that no clinic is left without
//! one. The same again gives the same clinic another key: the answer with the first may have been
//! lost.

use super::audit::noted;
use super::denied::Denied;
use super::{App, accounts, keys, settings};
use crate::domain::actor::{Actor, Permission};
use crate::domain::settings::Settings;
use crate::io::directory;
use crate::io::queue::RowKey;
use crate::io::store::{StoreError, Write, Written};
use crate::records::settings::row;

/// Makes a clinic, and gives its first key, which may everything.
pub async fn make(app: &App, actor: &Actor, new: &Settings) -> Result<String, Denied> {
    settings::check(new)?;
    let key = keys::fresh(&new.id);
    let row = keys::row(&new.id, &key, "first key", &Permission::ALL);
    let note = |what| noted(new, None, what, actor.cause());
    let made = make_with(app, new, row.clone(), note("clinic_made")).await?;
    let same = !made && app.latest_settings(&new.id).await?.as_deref() == Some(new);
    if same && app.store.transact(&[row, note("key_made")]).await? != Written::Done {
        return Err(Denied::Again("no key was made: repeat the request"));
    }
    if !made && !same {
        let why = format!(
            "the clinic {} exists: change it with one of its own keys",
            new.id
        );
        return Err(Denied::Conflict(why));
    }
    tracing::info!(event = "clinic_made", clinic = new.id);
    Ok(key)
}

/// Makes a clinic, with its first key; `false` where it exists.
async fn make_with(app: &App, new: &Settings, key: Write, note: Write) -> Result<bool, StoreError> {
    let known = Write::Add {
        key: RowKey {
            pk: directory::pk(&new.id),
            sk: directory::SK.into(),
        },
        attribute: directory::IDS,
        text: new.id.clone(),
    };
    let writes = [Write::New(row(new)), key, note, known];
    let made = app.store.transact(&writes).await? == Written::Done;
    accounts::keep_all_renewed(app, new).await?;
    Ok(made)
}
