//! `/v1/settings`: what a clinic is, its policy, and the systems that are told.

use crate::api::frame::call::Route;
use crate::api::frame::call::{Answered, Call, reply};
use crate::api::frame::caller::Permission::{Configure, View};
use crate::api::frame::problem::Problem;
use crate::api::frame::read::{no_card_number, plain, printable};
use crate::contract::Offer;
use crate::domain::settings::Settings;
use crate::flows::intake::is_name;
use crate::vendors;
use serde_json::json;

pub static ROUTES: &[Route] = &[
    Route::get(
        "/v1/settings",
        View,
        |call| Box::pin(get(call)),
        "What the clinic is, its policy, and the systems that are told.",
    )
    .gives(200, "Settings"),
    Route::put(
        "/v1/settings",
        Configure,
        |call| Box::pin(put(call)),
        "Writes all settings. Functions may remember the former ones for a minute.",
    )
    .gives(200, "Settings")
    .takes::<Settings>("Settings"),
];

pub async fn get(call: &Call<'_>) -> Answered {
    let settings = call.app.latest_settings(call.clinic()).await?;
    Ok(reply(
        200,
        &json!(settings.ok_or_else(|| Problem::missing("clinic"))?),
    ))
}

pub async fn put(call: &Call<'_>) -> Answered {
    let settings: Settings = call.body()?;
    if settings.id != call.clinic() {
        return Err(Problem::invalid("id", "a clinic keeps its id"));
    }
    check(&settings)?;
    let note = call.noted(None, "settings_changed");
    call.app.put_settings(&settings, note).await?;
    Ok(reply(200, &json!(settings)))
}

/// What the shape alone does not hold.
pub fn check(settings: &Settings) -> Result<(), Problem> {
    if !is_name(&settings.id) {
        let why = "1 to 40 lower-case letters, digits and dashes, not beginning with a dash";
        return Err(Problem::invalid("id", why));
    }
    no_card_number("id", &settings.id)?;
    plain("name", &settings.name, 100)?;
    for (field, text) in [("address", &settings.address), ("phone", &settings.phone)] {
        if !text.is_empty() {
            plain(field, text, 200)?;
        }
    }
    if !settings.tax_number.is_empty() {
        printable("tax_number", &settings.tax_number, 200)?;
    }
    if jiff::tz::TimeZone::get(&settings.time_zone).is_err() {
        let why = "an IANA name such as Australia/Melbourne";
        return Err(Problem::invalid("time_zone", why));
    }
    let policy = &settings.policy;
    page("policy.gateway", &policy.gateway)?;
    if policy.retry_after_days.len() > 10 || policy.retry_after_days.iter().any(|days| *days > 365)
    {
        return Err(Problem::invalid(
            "policy.retry_after_days",
            "at most 10, each 0 to 365 days",
        ));
    }
    if policy
        .approval_above
        .is_some_and(|above| above.is_sign_negative())
    {
        return Err(Problem::invalid("policy.approval_above", "0 or more"));
    }
    for (n, id) in settings.systems.iter().enumerate() {
        if vendors::system(id).is_none() || settings.systems[..n].contains(id) {
            let known: Vec<_> = vendors::SYSTEMS
                .iter()
                .map(|system| system.vendor.id)
                .collect();
            let why = format!("each once, of {}", known.join(", "));
            return Err(Problem::invalid(&format!("systems[{n}]"), why));
        }
    }
    Ok(())
}

/// A gateway that has a page where patients pay.
pub fn page(field: &str, id: &str) -> Result<(), Problem> {
    offers(field, id, |gateway| lacks(&gateway.checkout))
}

/// A gateway that charges saved methods.
pub fn charges(field: &str, id: &str) -> Result<(), Problem> {
    offers(field, id, |gateway| lacks(&gateway.charge))
}

fn offers(
    field: &str,
    id: &str,
    lacks: fn(&crate::contract::Gateway) -> Option<&'static str>,
) -> Result<(), Problem> {
    let Some(gateway) = vendors::gateway(id) else {
        let known: Vec<_> = vendors::GATEWAYS
            .iter()
            .map(|gateway| gateway.vendor.id)
            .collect();
        return Err(Problem::invalid(
            field,
            format!("one of {}", known.join(", ")),
        ));
    };
    match lacks(gateway) {
        None => Ok(()),
        Some(why) => Err(Problem::invalid(
            field,
            format!("{id} does not offer this: {why}"),
        )),
    }
}

fn lacks<T>(offer: &Offer<T>) -> Option<&'static str> {
    match offer {
        Offer::Yes(_) => None,
        Offer::No(why) => Some(why),
    }
}
