//! Who calls: the clinic and the permissions behind an API key, or the deployment's root key.

use super::problem::{Kind, Problem};
use crate::flows::App;
use crate::io::lambda::HttpRequest;
use crate::io::store::{Row, Write};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Permission {
    View,
    Charge,
    Refund,
    Approve,
    Configure,
}

impl Permission {
    pub const ALL: [Self; 5] = [
        Self::View,
        Self::Charge,
        Self::Refund,
        Self::Approve,
        Self::Configure,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::View => "view",
            Self::Charge => "charge",
            Self::Refund => "refund",
            Self::Approve => "approve",
            Self::Configure => "configure",
        }
    }
}

#[derive(Debug)]
pub struct Caller {
    pub clinic: String,
    pub permissions: Vec<Permission>,
    /// The key's hash: tells keys apart and opens nothing.
    pub key: String,
}

impl Caller {
    pub async fn of(app: &App, request: &HttpRequest) -> Result<Self, Problem> {
        let key = bearer(request)
            .filter(|key| key.starts_with("mk_"))
            .ok_or_else(unknown)?;
        let hash = hash(key);
        // Found by the hash of all of it: how long the search takes tells nothing of the key.
        let row = app
            .store
            .get(&pk(&hash), "key")
            .await?
            .ok_or_else(unknown)?;
        let permissions = row.read("permissions")?;
        Ok(Self {
            clinic: row.get("clinic").into(),
            permissions,
            key: hash,
        })
    }

    pub fn has(&self, permission: Permission) -> bool {
        self.permissions.contains(&permission)
    }

    pub fn need(&self, permission: Permission) -> Result<(), Problem> {
        if self.has(permission) {
            return Ok(());
        }
        let name = permission.name();
        let why = format!("this needs the permission {name}: use a key that has it");
        Err(Problem::new(Kind::Forbidden, why).with("permission", name.into()))
    }

    /// How the journal names the key.
    pub fn short(&self) -> &str {
        &self.key[..8]
    }
}

/// Whether the request carries the deployment's root key.
pub async fn root(app: &App, request: &HttpRequest) -> Result<(), Problem> {
    let secret = app.secrets.current("meridian/_/root").await?;
    let root = secret.as_ref().and_then(|fields| fields.get("root_key"));
    let given = bearer(request).map(hash).unwrap_or_default();
    match root.filter(|root| !root.is_empty()) {
        Some(root) if hash(root).as_bytes().ct_eq(given.as_bytes()).into() => Ok(()),
        _ => Err(Problem::new(
            Kind::Unauthorized,
            "clinics are made with the root key, from the secret meridian/_/root",
        )),
    }
}

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

/// A fresh key: shown once, kept only as a hash.
pub fn new_key(clinic: &str) -> String {
    let letters = format!(
        "{}{}",
        crate::words::ids::random(),
        crate::words::ids::random()
    );
    format!("mk_{clinic}_{}", &letters[..32])
}

pub fn hash(key: &str) -> String {
    hex::encode(Sha256::digest(key))
}

pub fn pk(hash: &str) -> String {
    format!("key#{hash}")
}

/// The row that makes a key valid.
pub fn key_row(clinic: &str, key: &str, label: &str, permissions: &[Permission]) -> Write {
    let (hash, now) = (
        hash(key),
        crate::words::time::millis(crate::io::clock::now()),
    );
    let row = Row::new(pk(&hash), "key")
        .text("clinic", clinic)
        .text("label", label)
        .json("permissions", &permissions)
        .number("made_at", now)
        .listed(format!("{clinic}#keys"), format!("{now:015}#{hash}"));
    Write::New(row)
}
