//! A clinic's settings: what they must be, and their change.

use super::audit::noted;
use super::commit::{TRIES, pause};
use super::denied::Denied;
use super::intake::is_name;
use super::{App, accounts};
use crate::contract::{Gateway, Offer};
use crate::domain::actor::Actor;
use crate::domain::policy::Policy;
use crate::domain::settings::Settings;
use crate::io::store::{StoreError, Write, Written};
use crate::records::settings::{self, SK, pk, row, unchanged_since};
use crate::vendors;
use crate::words::text::{no_card_number, plain, printable};

/// Writes all settings of a clinic. It keeps its id.
pub async fn change(
    app: &App,
    clinic: &Settings,
    actor: &Actor,
    new: &Settings,
) -> Result<(), Denied> {
    if new.id != clinic.id {
        return Err(Denied::invalid("id", "a clinic keeps its id"));
    }
    check(new)?;
    let note = noted(clinic, None, "settings_changed", actor.cause());
    put(app, new, note).await?;
    Ok(())
}

async fn put(app: &App, new: &Settings, note: Write) -> Result<(), StoreError> {
    let writes = [Write::Put(row(new)), note];
    let written = app.store.transact(&writes).await?;
    app.forget_settings(&new.id);
    match written {
        Written::Done => accounts::keep_all_renewed(app, new).await,
        _ => Err(StoreError::Unavailable(
            "the settings are being written by others".into(),
        )),
    }
}

/// Takes a system off the clinic's list, where it stands there.
pub async fn give_up(app: &App, clinic: &str, actor: &Actor, name: &str) -> Result<(), Denied> {
    for attempt in 0..TRIES {
        let read = app.store.get(&pk(clinic), SK).await?;
        let read = read.ok_or(Denied::NotFound("clinic"))?;
        let mut new = settings::read(&read)?;
        new.systems.retain(|system| system != name);
        let note = noted(
            &new,
            None,
            &format!("integration_removed {name}"),
            actor.cause(),
        );
        let written = app
            .store
            .transact(&[unchanged_since(&read, &new), note])
            .await?;
        app.forget_settings(clinic);
        if written == Written::Done {
            return Ok(());
        }
        pause(attempt).await;
    }
    Err(Denied::Again("the settings are being written by others"))
}

/// What the shape alone does not hold.
pub fn check(settings: &Settings) -> Result<(), Denied> {
    if !is_name(&settings.id) {
        let why = "1 to 40 lower-case letters, digits and dashes, not beginning with a dash";
        return Err(Denied::invalid("id", why));
    }
    let text =
        |field: &str, read: Result<(), String>| read.map_err(|why| Denied::invalid(field, why));
    text("id", no_card_number(&settings.id))?;
    text("name", plain(&settings.name, 100))?;
    for (field, given) in [("address", &settings.address), ("phone", &settings.phone)] {
        if !given.is_empty() {
            text(field, plain(given, 200))?;
        }
    }
    if !settings.tax_number.is_empty() {
        text("tax_number", printable(&settings.tax_number, 200))?;
    }
    if jiff::tz::TimeZone::get(&settings.time_zone).is_err() {
        let why = "an IANA name such as Australia/Melbourne";
        return Err(Denied::invalid("time_zone", why));
    }
    check_policy(&settings.policy)?;
    check_systems(&settings.systems)
}

/// So many connections to one system a clinic may have: each is told of everything.
const SEVERAL: usize = 10;

fn check_systems(names: &[String]) -> Result<(), Denied> {
    for (n, name) in names.iter().enumerate() {
        let refused = |why: String| Denied::invalid(&format!("systems[{n}]"), why);
        let this = vendors::system(name).filter(|_| !names[..n].contains(name));
        let Some(this) = this else {
            let known = vendors::systems().map(|system| system.vendor.id);
            let why = format!("each once, of {}", known.collect::<Vec<_>>().join(", "));
            return Err(refused(why));
        };
        let of_this = |name: &&String| vendors::of(name).is_some_and(|of| of.id == this.vendor.id);
        if names[..n].iter().filter(of_this).count() == SEVERAL {
            return Err(refused(format!("at most {SEVERAL} of {}", this.vendor.id)));
        }
    }
    Ok(())
}

/// So many sites may have a gateway of their own: each is a connection to be shown and kept.
const SITES: usize = 50;

fn check_policy(policy: &Policy) -> Result<(), Denied> {
    page(policy, "policy.gateway", &policy.gateway)?;
    if policy.gateways.len() > SITES {
        let why = format!("at most {SITES} sites with a gateway of their own");
        return Err(Denied::invalid("policy.gateways", why));
    }
    for (site, gateway) in &policy.gateways {
        let field = format!("policy.gateways.{site}");
        plain(site, 64).map_err(|why| Denied::invalid(&field, why))?;
        page(policy, &field, gateway)?;
    }
    let days = &policy.retry_after_days;
    if days.len() > 10 || days.iter().any(|days| *days > 365) {
        let why = "at most 10, each 0 to 365 days";
        return Err(Denied::invalid("policy.retry_after_days", why));
    }
    let above = policy.approval_above;
    match above.is_some_and(|above| above.is_sign_negative()) {
        true => Err(Denied::invalid("policy.approval_above", "0 or more")),
        false => Ok(()),
    }
}

/// A gateway that has a page where patients pay.
pub fn page(policy: &Policy, field: &str, id: &str) -> Result<(), Denied> {
    offers(policy, field, id, |gateway| lacks(&gateway.checkout))
}

/// A gateway that charges saved methods.
pub fn charges(policy: &Policy, field: &str, id: &str) -> Result<(), Denied> {
    offers(policy, field, id, |gateway| lacks(&gateway.charge))
}

/// A gateway by its id, or a further account there that the clinic's policy names.
fn offers(
    policy: &Policy,
    field: &str,
    id: &str,
    lacks: fn(&Gateway) -> Option<&'static str>,
) -> Result<(), Denied> {
    let named =
        |gateway: &&Gateway| gateway.vendor.id == id || policy.connections().any(|name| name == id);
    let Some(gateway) = vendors::gateway(id).filter(named) else {
        let further = policy.connections().filter(|name| name.contains('@'));
        let known = vendors::gateways().map(|gateway| gateway.vendor.id);
        let known: Vec<_> = known.chain(further).collect();
        let why = format!("one of {}", known.join(", "));
        return Err(Denied::invalid(field, why));
    };
    match lacks(gateway) {
        None => Ok(()),
        Some(why) => {
            let why = format!("{id} does not offer this: {why}");
            Err(Denied::invalid(field, why))
        }
    }
}

fn lacks<T>(offer: &Offer<T>) -> Option<&'static str> {
    match offer {
        Offer::Yes(_) => None,
        Offer::No(why) => Some(why),
    }
}
