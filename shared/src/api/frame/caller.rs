//! Who calls: the person or system behind an API key of a clinic, or the holder of the deployment's
//! root key.

use super::problem::{Kind, Problem};
use crate::domain::actor::{Actor, Permission, Who};
use crate::flows::{App, keys};
use crate::io::lambda::HttpRequest;
use subtle::ConstantTimeEq;

/// The clinic whose key a request carries, and who that key stands for. `path` is the route's.
pub async fn of(app: &App, request: &HttpRequest, path: &str) -> Result<(String, Actor), Problem> {
    let key = bearer(request).filter(|key| key.starts_with("mk_"));
    let kept = keys::find(app, key.ok_or_else(unknown)?).await?;
    let kept = kept.ok_or_else(unknown)?;
    let who = Who::Key {
        hash: kept.hash,
        label: kept.label,
        permissions: kept.permissions,
    };
    let via = format!("api {path}");
    Ok((kept.clinic, Actor { who, via }))
}

/// Refuses who may not.
pub fn need(actor: &Actor, permission: Permission) -> Result<(), Problem> {
    if actor.may(permission) {
        return Ok(());
    }
    let name = permission.name();
    let why = format!("this needs the permission {name}: use a key that has it");
    Err(Problem::new(Kind::Forbidden, why).lacking(permission))
}

/// Whether the request carries the deployment's root key.
pub async fn root(app: &App, request: &HttpRequest) -> Result<Actor, Problem> {
    let secret = app.secrets.current("meridian/_/root").await?;
    let root = secret.as_ref().and_then(|fields| fields.get("root_key"));
    let given = bearer(request).map(keys::hash).unwrap_or_default();
    match root.filter(|root| !root.is_empty()) {
        Some(root) if keys::hash(root).as_bytes().ct_eq(given.as_bytes()).into() => Ok(Actor {
            who: Who::Root,
            via: "api".into(),
        }),
        _ => Err(Problem::new(
            Kind::Unauthorized,
            "clinics are made with the root key, from the secret meridian/_/root",
        )),
    }
}

/// What is told who has no key of a clinic.
pub fn unknown() -> Problem {
    Problem::new(
        Kind::Unauthorized,
        "send `Authorization: Bearer mk_…` with a key of the clinic",
    )
}

fn bearer(request: &HttpRequest) -> Option<&str> {
    let (scheme, key) = request.header("authorization")?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(key.trim())
}
