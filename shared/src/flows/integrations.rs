//! A clinic's connections to vendors: which secrets each needs, what is configured, and their
//! writing. What is configured is told, never its value.

use super::denied::Denied;
use super::{App, accounts, connections, polls, settings};
use crate::contract::{Auth, Field, FieldKind, Inbound, Vendor};
use crate::domain::actor::Actor;
use crate::domain::settings::Settings;
use crate::flows::audit::noted;
use crate::io::secrets::{self, Fields};
use crate::vendors;
use crate::words::{address, connected};
use futures::future::try_join_all;
use jiff::Timestamp;

/// What is written of a vendor's secrets; a group that is left out stays as it is.
pub struct Connection {
    pub fields: Option<Fields>,
    /// What webhooks are proven with.
    pub inbound: Option<Fields>,
    pub oauth: Option<Fields>,
}

/// How a clinic's connection to a vendor stands. Of each group: its fields, and whether they are
/// configured.
pub struct Integration {
    /// Of the connection: `stripe`, or `stripe@north` where the clinic has several accounts there.
    pub name: String,
    pub vendor: &'static Vendor,
    pub roles: Vec<Role>,
    /// Where the vendor's webhooks go.
    pub webhook_urls: Vec<String>,
    pub fields: Vec<Shown>,
    pub inbound: Vec<Shown>,
    pub oauth: Vec<Shown>,
    /// The lists that are asked, and until when each was read.
    pub polls: Vec<(&'static str, Option<Timestamp>)>,
    /// Whether all that is needed is there.
    pub connected: bool,
}

/// A field, and whether it is configured.
pub struct Shown {
    pub name: String,
    pub label: String,
    pub kind: FieldKind,
    pub needed: bool,
    pub configured: bool,
}

/// What a vendor is to a clinic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Money moves through it.
    Gateway,
    /// It hears of the clinic's money, or of its visits.
    System,
    /// It reports what happened.
    Source,
}

/// One secret of a vendor: its name, what it must and may hold.
struct Secret {
    group: Group,
    name: String,
    declared: Vec<Field>,
    /// Names that are made of what a clinic has, such as its tax rates, are let through.
    others: bool,
}

impl Secret {
    fn needs_nothing(&self) -> bool {
        !self.declared.iter().any(|field| field.needed)
    }

    fn field(&self, name: &str) -> Option<&Field> {
        self.declared.iter().find(|field| field.name == name)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Group {
    Fields,
    Inbound,
    OAuth,
}

impl Group {
    fn name(self) -> &'static str {
        match self {
            Self::Fields => "fields",
            Self::Inbound => "inbound",
            Self::OAuth => "oauth",
        }
    }
}

/// Every vendor that can be connected, and each further account that the clinic's policy or its list
/// of systems names, and what is configured.
pub async fn all(app: &App, settings: &Settings) -> Result<Vec<Integration>, Denied> {
    let systems = settings.systems.iter().map(String::as_str);
    let named = settings.policy.connections().chain(systems);
    let further = named.filter_map(|name| known(name).ok());
    let further = further.filter(|of| of.name != of.vendor.id);
    let only = vendors::all().map(|vendor| Connected {
        vendor,
        name: vendor.id.into(),
    });
    let all: Vec<_> = only.chain(further).collect();
    try_join_all(all.iter().map(|of| shown(app, &settings.id, of))).await
}

/// One connection: what it needs, and what is configured.
pub async fn one(app: &App, clinic: &str, name: &str) -> Result<Integration, Denied> {
    shown(app, clinic, &known(name)?).await
}

/// Writes a vendor's secrets, each group as a whole. They may take five minutes to be used
/// everywhere.
pub async fn connect(
    app: &App,
    settings: &Settings,
    actor: &Actor,
    name: &str,
    new: Connection,
) -> Result<Integration, Denied> {
    let of = known(name)?;
    let vendor = of.vendor;
    let secrets = secrets_of(&settings.id, &of);
    let mut writes = vec![];
    for (group, fields) in [
        (Group::Fields, new.fields),
        (Group::Inbound, new.inbound),
        (Group::OAuth, new.oauth),
    ] {
        let Some(fields) = fields else { continue };
        let secret = secrets.iter().find(|secret| secret.group == group);
        let secret = secret.ok_or_else(|| {
            let why = format!("{} has nothing to configure here", vendor.name);
            Denied::invalid(group.name(), why)
        })?;
        writes.push((&secret.name, checked(secret, fields)?));
    }
    // A sender whose proof needs no secret is heard once its vendor is connected: intake takes a
    // source without this secret for one that nobody uses.
    if let Some(inbound) = secrets.iter().find(|secret| secret.group == Group::Inbound)
        && inbound.needs_nothing()
        && !writes.iter().any(|(name, _)| **name == inbound.name)
        && app.secrets.latest(&inbound.name).await?.is_none()
    {
        writes.push((&inbound.name, Fields::new()));
    }
    for (name, fields) in &writes {
        write(app, settings, actor, &of.name, name, fields).await?;
    }
    if !writes.is_empty() {
        connections::look_now(app, &settings.id, &of.name).await?;
    }
    let mut shown = shown(app, &settings.id, &of).await?;
    if !writes.is_empty() && shown.connected {
        accounts::keep_renewed(app, &settings.id, (vendor, &of.name), true).await?;
        polls::begin(app, &settings.id, &of.name).await?;
        shown.polls = polls::read_until(app, &settings.id, &of.name).await?;
    }
    Ok(shown)
}

async fn write(
    app: &App,
    settings: &Settings,
    actor: &Actor,
    connection: &str,
    name: &str,
    fields: &Fields,
) -> Result<(), Denied> {
    // Written anew, it would take the place of the former one, which may still sign webhooks.
    if app.secrets.latest(name).await?.as_deref() == Some(fields) {
        return Ok(());
    }
    // Noted first: a secret that changed without a trace is worse than a trace of a try.
    let what = format!("integration_changed {connection}");
    let note = noted(settings, None, &what, actor.cause());
    app.store.transact(&[note]).await?;
    app.secrets.put(name, fields).await?;
    tracing::info!(event = "configured", secret = name, key = actor.short());
    Ok(())
}

/// The webhook secret before the last one proves nothing any more, as the current one is then both.
pub async fn drop_former(
    app: &App,
    settings: &Settings,
    actor: &Actor,
    connection: &str,
) -> Result<Integration, Denied> {
    let of = known(connection)?;
    let secrets = secrets_of(&settings.id, &of);
    let inbound = secrets.iter().find(|secret| secret.group == Group::Inbound);
    let missing = || Denied::NotFound("webhook secret");
    let name = &inbound.ok_or_else(missing)?.name;
    let current = app.secrets.latest(name).await?.ok_or_else(missing)?;
    let what = format!("former_secret_dropped {connection}");
    let note = noted(settings, None, &what, actor.cause());
    app.store.transact(&[note]).await?;
    app.secrets.put(name, &current).await?;
    shown(app, &settings.id, &of).await
}

/// Gives up a connection of a system of which there may be several: it is told nothing more, its
/// secrets are emptied, and what was still to be told ends without a task. Functions may remember
/// both for five minutes.
pub async fn disconnect(
    app: &App,
    settings: &Settings,
    actor: &Actor,
    name: &str,
) -> Result<Integration, Denied> {
    let of = known(name)?;
    if vendors::system(name).is_none_or(|system| !system.several) {
        let why = "only one of several systems is given up: take another off the settings' systems";
        return Err(Denied::conflict(why));
    }
    settings::give_up(app, &settings.id, actor, name).await?;
    for secret in secrets_of(&settings.id, &of) {
        if app
            .secrets
            .latest(&secret.name)
            .await?
            .is_some_and(|held| !held.is_empty())
        {
            app.secrets.put(&secret.name, &Fields::new()).await?;
        }
    }
    connections::answers(app, &settings.id, name).await?;
    shown(app, &settings.id, &of).await
}

async fn shown(app: &App, clinic: &str, of: &Connected) -> Result<Integration, Denied> {
    let vendor = of.vendor;
    let url = |inbound: &&Inbound| {
        let source = connected::beside(inbound.door.source, &of.name);
        format!("{}/webhooks/{clinic}/{source}", app.config.public_url)
    };
    let mut shown = Integration {
        name: of.name.clone(),
        vendor,
        roles: roles(vendor),
        webhook_urls: heard(vendor).iter().map(url).collect(),
        fields: vec![],
        inbound: vec![],
        oauth: vec![],
        polls: polls::read_until(app, clinic, &of.name).await?,
        connected: true,
    };
    for secret in secrets_of(clinic, of) {
        let held = app.secrets.latest(&secret.name).await?;
        shown.connected &= held.is_some();
        let held = held.unwrap_or_default();
        let has = |field: &str| held.get(field).is_some_and(|value| !value.is_empty());
        let needed = |field: &Field| !field.needed || has(field.name);
        shown.connected &= secret.declared.iter().all(needed);
        let declared = secret.declared.iter().map(|field| Shown {
            name: field.name.into(),
            label: field.label.into(),
            kind: field.kind,
            needed: field.needed,
            configured: has(field.name),
        });
        // Names that are set beside the declared ones are told as well.
        let beside = held.keys().filter(|name| secret.field(name).is_none());
        let beside = beside.map(|name| Shown {
            name: name.clone(),
            label: name.clone(),
            kind: FieldKind::Text,
            needed: false,
            configured: has(name),
        });
        let fields = declared.chain(beside).collect();
        match secret.group {
            Group::Fields => shown.fields = fields,
            Group::Inbound => shown.inbound = fields,
            Group::OAuth => shown.oauth = fields,
        }
    }
    Ok(shown)
}

/// The values as they are kept: what is pasted brings blanks and a line end along.
fn checked(secret: &Secret, mut fields: Fields) -> Result<Fields, Denied> {
    let at = |field: &str| format!("{}.{field}", secret.group.name());
    for value in fields.values_mut() {
        *value = value.trim().to_owned();
    }
    for field in secret.declared.iter().filter(|field| field.needed) {
        if fields.get(field.name).is_none_or(String::is_empty) {
            return Err(Denied::invalid(&at(field.name), "it is needed"));
        }
    }
    for (field, value) in &fields {
        let declared = secret.field(field);
        if !secret.others && declared.is_none() {
            return Err(Denied::invalid(&at(field), "an unknown field"));
        }
        if let Some(why) = unwritable(declared, value) {
            return Err(Denied::invalid(&at(field), why));
        }
        if let Some(why) = misfit(declared, field, value) {
            return Err(Denied::invalid(&at(field), why));
        }
    }
    Ok(fields)
}

/// Why a text is none that is pasted into its field, by its length and its signs.
fn unwritable(declared: Option<&Field>, value: &str) -> Option<&'static str> {
    let whole = declared.is_some_and(|field| matches!(field.kind, FieldKind::Document(_)));
    let line_ends: &[char] = if whole { &['\n', '\r', '\t'] } else { &[] };
    let odd = |sign: char| sign.is_control() && !line_ends.contains(&sign);
    let longest = if whole { 16 * 1024 } else { 4096 };
    (value.len() > longest || value.chars().any(odd)).then_some(match whole {
        true => "at most 16384 characters, with line ends and without other control characters",
        false => "at most 4096 printable characters on one line",
    })
}

/// Why a value cannot stand in its field. What goes to an address is told to whoever is there: it is
/// the vendor's own, or at least one of the public internet.
fn misfit(declared: Option<&Field>, name: &str, value: &str) -> Option<String> {
    let own = declared.is_some_and(|field| matches!(field.kind, FieldKind::Address(_)));
    // An optional field that is empty is one that is left out.
    let given = declared.filter(|field| field.needed || !value.is_empty());
    if let Some(why) = given.and_then(|field| field.misfit(value)) {
        return Some(why);
    }
    let lost = !own && name.ends_with("url") && !value.is_empty() && !address::is_public(value);
    lost.then(|| address::PUBLIC.into())
}

/// A vendor, and one of the clinic's accounts there.
struct Connected {
    vendor: &'static Vendor,
    name: String,
}

/// Of a gateway there may be several, and of a system that says so.
fn known(name: &str) -> Result<Connected, Denied> {
    let missing = || Denied::NotFound("vendor");
    let several = || vendors::gateway(name).is_some() || vendors::system(name).is_some();
    let vendor = vendors::of(name).filter(|vendor| vendor.id == name || several());
    Ok(Connected {
        vendor: vendor.ok_or_else(missing)?,
        name: name.into(),
    })
}

fn secrets_of(clinic: &str, of: &Connected) -> Vec<Secret> {
    let (vendor, connection) = (of.vendor, &of.name);
    let mut found = vec![];
    if !vendor.fields.is_empty() {
        found.push(Secret {
            group: Group::Fields,
            name: secrets::configured(clinic, connection),
            declared: vendor.fields.to_vec(),
            others: true,
        });
    }
    let heard = heard(vendor);
    if !heard.is_empty() {
        let mut declared = vendor.inbound.to_vec();
        // What another of its adapters reads is needed only by who uses that adapter.
        for field in heard.iter().flat_map(|adapter| adapter.vendor.inbound) {
            if !declared.iter().any(|known| known.name == field.name) {
                declared.push(field.optional());
            }
        }
        declared.push(PUBLIC_URL);
        found.push(Secret {
            group: Group::Inbound,
            name: secrets::inbound(clinic, connection),
            declared,
            others: true,
        });
    }
    if let Auth::OAuth(oauth) = &vendor.auth
        && oauth.grant.refreshes()
    {
        found.push(Secret {
            group: Group::OAuth,
            name: secrets::oauth(clinic, connection),
            declared: vec![Field::secret("refresh_token", "Refresh token")],
            others: false,
        });
    }
    found
}

/// Where the vendor sends webhooks to, where that is not the usual address.
const PUBLIC_URL: Field = Field::text("public_url", "Base address of webhooks").optional();

/// The adapters in which a vendor is heard.
fn heard(vendor: &Vendor) -> Vec<&'static Inbound> {
    vendors::inbounds()
        .filter(|adapter| adapter.vendor.id == vendor.id)
        .collect()
}

fn roles(vendor: &Vendor) -> Vec<Role> {
    let mut roles = vec![];
    if vendors::gateway(vendor.id).is_some() {
        roles.push(Role::Gateway);
    }
    if vendors::system(vendor.id).is_some() {
        roles.push(Role::System);
    }
    let is_asked = vendors::polls_of(vendor.id).next().is_some();
    if is_asked || !heard(vendor).is_empty() {
        roles.push(Role::Source);
    }
    roles
}
