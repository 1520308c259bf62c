//! `/v1/integrations`: which vendors a clinic can connect, and what each needs. What is configured
//! is told, never its value.

use crate::api::frame::call::Route;
use crate::api::frame::call::{Answered, Call, reply};
use crate::api::frame::caller::Permission::{Configure, View};
use crate::api::frame::problem::Problem;
use crate::contract::{Auth, Grant, Inbound, Proof, Vendor};
use crate::flows::accounts;
use crate::io::secrets::{self, Fields};
use crate::vendors;
use futures::future::try_join_all;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

pub static ROUTES: &[Route] = &[
    Route::get(
        "/v1/integrations",
        View,
        |call| Box::pin(list(call)),
        "Vendors that can be connected, and what is configured; never a value.",
    )
    .gives(200, "Integrations"),
    Route::get(
        "/v1/integrations/{vendor}",
        View,
        |call| Box::pin(get(call)),
        "One vendor: the fields that it needs, and which are configured.",
    )
    .gives(200, "Integration"),
    Route::put(
        "/v1/integrations/{vendor}",
        Configure,
        |call| Box::pin(put(call)),
        "Writes a vendor's secrets, each group as a whole. They may take five minutes to be used \
         everywhere.",
    )
    .gives(200, "Integration")
    .takes::<Connection>("ConnectionRequest"),
    Route::delete(
        "/v1/integrations/{vendor}/inbound/former",
        Configure,
        |call| Box::pin(drop_former(call)),
        "Drops the webhook secret before the last change, which proves for 48 hours otherwise. \
         Functions may remember it for five minutes.",
    )
    .gives(200, "Integration"),
];

/// What is written; a group that is left out stays as it is.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Connection {
    fields: Option<Fields>,
    inbound: Option<Fields>,
    oauth: Option<Fields>,
}

/// One secret of a vendor: its group in the API, its name, what it must and may hold.
struct Group {
    name: &'static str,
    secret: String,
    needed: Vec<&'static str>,
    optional: Vec<&'static str>,
    /// Settings of some accounts only, such as another environment, are let through.
    others: bool,
}

pub async fn list(call: &Call<'_>) -> Answered {
    let all = try_join_all(vendors().into_iter().map(|vendor| view(call, vendor))).await?;
    Ok(reply(200, &json!({ "integrations": all })))
}

pub async fn get(call: &Call<'_>) -> Answered {
    Ok(reply(200, &view(call, known(&call.path[0])?).await?))
}

pub async fn put(call: &Call<'_>) -> Answered {
    let new: Connection = call.body()?;
    let vendor = known(&call.path[0])?;
    let mut given = [
        ("fields", new.fields),
        ("inbound", new.inbound),
        ("oauth", new.oauth),
    ];
    let groups = groups(call.clinic(), vendor);
    let mut writes = vec![];
    for (name, fields) in &mut given {
        let Some(fields) = fields.take() else {
            continue;
        };
        let group = groups.iter().find(|group| group.name == *name);
        let group = group.ok_or_else(|| {
            Problem::invalid(
                name,
                format!("{} has nothing to configure here", vendor.name),
            )
        })?;
        let fields = checked(vendor, group, fields)?;
        writes.push((&group.secret, fields));
    }
    // A sender whose proof needs no secret is heard once its vendor is connected: intake takes a
    // source without this secret for one that nobody uses.
    if let Some(group) = groups.iter().find(|group| group.name == "inbound")
        && group.needed.is_empty()
        && !writes.iter().any(|(secret, _)| **secret == group.secret)
        && call.app.secrets.latest(&group.secret).await?.is_none()
    {
        writes.push((&group.secret, Fields::new()));
    }
    for (secret, fields) in &writes {
        // Written anew, it would take the place of the former one, which may still sign webhooks.
        if call.app.secrets.latest(secret).await?.as_deref() == Some(fields) {
            continue;
        }
        // Noted first: a secret that changed without a trace is worse than a trace of a try.
        let note = call.noted(None, &format!("integration_changed {}", vendor.id));
        call.app.store.transact(&[note]).await?;
        call.app.secrets.put(secret, fields).await?;
        tracing::info!(
            event = "configured",
            secret = *secret,
            key = call.caller.short()
        );
    }
    let shown = view(call, vendor).await?;
    if !writes.is_empty() && shown["connected"] == true {
        accounts::keep_renewed(call.app, call.clinic(), vendor, true).await?;
    }
    Ok(reply(200, &shown))
}

/// `DELETE /v1/integrations/{vendor}/inbound/former`: the webhook secret before the last one proves
/// nothing any more, as the current one is then both.
pub async fn drop_former(call: &Call<'_>) -> Answered {
    let vendor = known(&call.path[0])?;
    let groups = groups(call.clinic(), vendor);
    let group = groups.iter().find(|group| group.name == "inbound");
    let missing = || Problem::missing("webhook secret");
    let secret = &group.ok_or_else(missing)?.secret;
    let current = call.app.secrets.latest(secret).await?;
    let current = current.ok_or_else(missing)?;
    let note = call.noted(None, &format!("former_secret_dropped {}", vendor.id));
    call.app.store.transact(&[note]).await?;
    call.app.secrets.put(secret, &current).await?;
    Ok(reply(200, &view(call, vendor).await?))
}

/// The values as they are kept: what is pasted brings blanks and a line end along.
fn checked(vendor: &Vendor, group: &Group, mut fields: Fields) -> Result<Fields, Problem> {
    let at = |field: &str| format!("{}.{field}", group.name);
    for value in fields.values_mut() {
        *value = value.trim().to_owned();
    }
    for field in &group.needed {
        if fields.get(*field).is_none_or(String::is_empty) {
            return Err(Problem::invalid(&at(field), "it is needed"));
        }
    }
    for (field, value) in &fields {
        let mut declared = group.needed.iter().chain(&group.optional);
        if !group.others && !declared.any(|name| name == field) {
            return Err(Problem::invalid(&at(field), "an unknown field"));
        }
        if value.len() > 4096 || value.chars().any(char::is_control) {
            return Err(Problem::invalid(
                &at(field),
                "at most 4096 printable characters on one line",
            ));
        }
        if let Err(why) = address(vendor, field, value) {
            return Err(Problem::invalid(&at(field), why));
        }
    }
    Ok(fields)
}

/// What goes to an address is told to whoever is there: it is the vendor's own, or at least one of
/// the public internet.
fn address(vendor: &Vendor, field: &str, value: &str) -> Result<(), String> {
    let own = vendor.addresses.iter().any(|(name, _)| *name == field);
    match vendor.misplaced(field, value) {
        Some(begins) => Err(format!("it must begin with {}", begins.join(" or "))),
        None if !own && field.ends_with("url") && !value.is_empty() && !is_public(value) => Err(
            "an https address of the public internet, without user, port, query or fragment".into(),
        ),
        None => Ok(()),
    }
}

fn is_public(address: &str) -> bool {
    let Ok(url) = url::Url::parse(address) else {
        return false;
    };
    let named = match url.host() {
        Some(url::Host::Domain(name)) => {
            let local = ["local", "localhost", "internal", "home.arpa"];
            let below = |end: &&str| name == *end || name.ends_with(&format!(".{end}"));
            name.contains('.') && !local.iter().any(below)
        }
        Some(url::Host::Ipv4(_) | url::Host::Ipv6(_)) | None => false,
    };
    let plain = url.port().is_none() && url.username().is_empty() && url.password().is_none();
    let bare = url.query().is_none() && url.fragment().is_none();
    named && plain && bare && url.scheme() == "https"
}

/// Every vendor that an adapter of Meridian speaks to or hears from.
fn vendors() -> Vec<&'static Vendor> {
    let gateways = vendors::GATEWAYS.iter().map(|gateway| gateway.vendor);
    let systems = vendors::SYSTEMS.iter().map(|system| system.vendor);
    let sources = vendors::SOURCES.iter().map(|source| source.vendor);
    let mut all: Vec<&'static Vendor> = vec![];
    for vendor in gateways.chain(systems).chain(sources) {
        // One vendor may have several adapters.
        if !all.iter().any(|known| known.id == vendor.id) {
            all.push(vendor);
        }
    }
    all
}

fn known(id: &str) -> Result<&'static Vendor, Problem> {
    let found = vendors().into_iter().find(|vendor| vendor.id == id);
    found.ok_or_else(|| Problem::missing("vendor"))
}

fn groups(clinic: &str, vendor: &Vendor) -> Vec<Group> {
    let mut groups = vec![];
    if !vendor.secrets.is_empty() {
        groups.push(Group {
            name: "fields",
            secret: secrets::configured(clinic, vendor.id),
            needed: vendor.secrets.to_vec(),
            optional: vendors::system(vendor.id).map_or(vec![], |system| system.optional.to_vec()),
            others: true,
        });
    }
    let heard = heard(vendor);
    if !heard.is_empty() {
        // What another of its adapters reads is needed only by who uses that adapter, and what a second
        // proof reads only by who set that up.
        let of_adapters = heard
            .iter()
            .flat_map(|adapter| adapter.vendor.inbound_secrets);
        let of_proofs = heard.iter().flat_map(|adapter| adapter.proofs);
        let of_proofs = of_proofs.filter_map(|proof| match proof {
            Proof::Hmac { secret, .. } => Some(secret),
            Proof::Certificate { .. } | Proof::Postback { .. } | Proof::FetchBack => None,
        });
        let own = vendor.inbound_secrets;
        let further: BTreeSet<_> = of_adapters.chain(of_proofs).copied().collect();
        let further = further.into_iter().filter(|name| !own.contains(name));
        groups.push(Group {
            name: "inbound",
            secret: secrets::inbound(clinic, vendor.id),
            needed: own.to_vec(),
            optional: further.chain(["public_url"]).collect(),
            others: true,
        });
    }
    if let Auth::OAuth(oauth) = &vendor.auth
        && oauth.grant == Grant::RotatingRefresh
    {
        groups.push(Group {
            name: "oauth",
            secret: secrets::oauth(clinic, vendor.id),
            needed: vec!["refresh_token"],
            optional: vec![],
            others: false,
        });
    }
    groups
}

/// The adapters in which a vendor is heard.
fn heard(vendor: &Vendor) -> Vec<&'static Inbound> {
    let gateways = vendors::GATEWAYS
        .iter()
        .filter_map(|gateway| gateway.webhook.yes());
    let all = gateways.chain(vendors::SOURCES.iter().copied());
    all.filter(|adapter| adapter.vendor.id == vendor.id)
        .collect()
}

fn roles(vendor: &Vendor) -> Vec<&'static str> {
    let mut roles = vec![];
    if vendors::gateway(vendor.id).is_some() {
        roles.push("gateway");
    }
    if vendors::system(vendor.id).is_some() {
        roles.push("system");
    }
    if !heard(vendor).is_empty() {
        roles.push("source");
    }
    roles
}

async fn view(call: &Call<'_>, vendor: &'static Vendor) -> Result<Value, Problem> {
    let mut shown = json!({
        "vendor": vendor.id,
        "name": vendor.name,
        "docs": vendor.docs,
        "roles": roles(vendor),
        "webhook_urls": heard(vendor)
            .iter()
            .map(|adapter| format!("{}/webhooks/{}/{}", call.app.public_url, call.clinic(), adapter.source))
            .collect::<Vec<_>>(),
        "fields": {},
        "inbound": {},
        "oauth": {},
    });
    let mut connected = true;
    for group in groups(call.clinic(), vendor) {
        let held = call.app.secrets.latest(&group.secret).await?;
        connected &= held.is_some();
        let held = held.unwrap_or_default();
        let has = |field: &str| held.get(field).is_some_and(|value| !value.is_empty());
        connected &= group.needed.iter().all(|field| has(field));
        let declared = group.needed.iter().chain(&group.optional);
        let mut fields: Map<String, Value> = declared
            .map(|field| ((*field).into(), has(field).into()))
            .collect();
        // Names that are set beside the declared ones are told as well.
        fields.extend(held.keys().map(|field| (field.clone(), has(field).into())));
        shown[group.name] = fields.into();
    }
    shown["connected"] = connected.into();
    Ok(shown)
}
