//! `/v1/clinics`: making a clinic, with the deployment's root key. The clinic and its first key are
//! one write, so that no clinic is left without one. The same request again gives the same clinic
//! another key: the answer with the first may have been lost.

use super::settings;
use crate::api::frame::call::Route;
use crate::api::frame::call::{Answered, reply};
use crate::api::frame::caller::{Permission, key_row, new_key};
use crate::api::frame::problem::{Kind, Problem};
use crate::api::frame::read;
use crate::domain::settings::Settings;
use crate::flows::{App, noted};
use crate::io::store::Written;
use serde_json::json;

pub static ROUTES: &[Route] = &[Route::root(
    "/v1/clinics",
    |app, body| Box::pin(create(app, body)),
    "Makes a clinic. The answer holds its first key, which is shown only here.",
)
.gives(201, "NewClinic")
.takes::<Settings>("Settings")];

pub async fn create(app: &App, body: &[u8]) -> Answered {
    let settings: Settings = read::body(body)?;
    settings::check(&settings)?;
    let key = new_key(&settings.id);
    let row = key_row(&settings.id, &key, "first key", &Permission::ALL);
    let note = |what| noted(&settings, None, what, "api by the root key".into());
    let made = app
        .make_clinic(&settings, row.clone(), note("clinic_made"))
        .await?;
    let same = !made && app.latest_settings(&settings.id).await?.as_deref() == Some(&settings);
    if same && app.store.transact(&[row, note("key_made")]).await? != Written::Done {
        return Err(Problem::new(
            Kind::Unavailable,
            "no key was made: repeat the request",
        ));
    }
    if !made && !same {
        let why = format!(
            "the clinic {} exists: change it with one of its own keys",
            settings.id
        );
        return Err(Problem::new(Kind::Conflict, why));
    }
    tracing::info!(event = "clinic_made", clinic = settings.id);
    let mut answer = json!(settings);
    answer["key"] = json!(key);
    Ok(reply(201, &answer))
}
