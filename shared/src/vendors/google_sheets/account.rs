//! The clinic's account at Google: a service account that signs for itself, and the spreadsheet that
//! is shared with it.

use crate::contract::{Account, Assertion, Trouble, jws};
use crate::words::json;
use serde::Deserialize;
use serde_json::json;

const TOKEN: &str = "https://oauth2.googleapis.com/token";
const SCOPE: &str = "https://www.googleapis.com/auth/spreadsheets";
const BROWSED: &str = "https://docs.google.com/spreadsheets/";

/// A key file of Google's; what else stands in it is not asked for.
#[derive(Deserialize)]
pub struct Key {
    #[serde(rename = "type")]
    kind: String,
    pub client_email: String,
    private_key: String,
    #[serde(default)]
    private_key_id: String,
    token_uri: String,
}

pub fn key(account: &Account) -> Result<Key, Trouble> {
    read(account.secret("service_account")).map_err(Trouble::Credentials)
}

fn read(text: &str) -> Result<Key, String> {
    let key: Key = json::read(text.as_bytes())
        .map_err(|why| format!("the JSON key of a service account is needed, whole: {why}"))?;
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"@.-_:".contains(&b);
    if key.kind != "service_account" || key.token_uri != TOKEN {
        return Err(format!(
            "its type must be service_account and its token_uri {TOKEN}"
        ));
    }
    if !key.client_email.contains('@') || !key.client_email.bytes().all(plain) {
        return Err("its client_email must be an address".into());
    }
    match jws::private_key(&key.private_key) {
        Ok(_) => Ok(key),
        Err(why) => Err(format!("its private_key: {why}")),
    }
}

pub fn key_misfit(text: &str) -> Option<String> {
    read(text).err()
}

/// Of an hour, the longest that Google grants.
pub fn states(account: &Account, now: i64) -> Result<Assertion, Trouble> {
    let key = key(account)?;
    let of = (&key.client_email, now + 3600);
    Ok(Assertion {
        claims: json!({"iss": of.0, "scope": SCOPE, "aud": TOKEN, "iat": now, "exp": of.1}),
        key_id: key.private_key_id,
        key: key.private_key,
    })
}

/// The id, which the address in the browser holds too.
pub fn spreadsheet(text: &str) -> Option<&str> {
    let id = match text.strip_prefix(BROWSED) {
        Some(rest) => rest.split_once("d/")?.1.split(['/', '?', '#']).next()?,
        None => text,
    };
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    (id.len() >= 20 && id.bytes().all(plain)).then_some(id)
}

pub fn spreadsheet_misfit(text: &str) -> Option<String> {
    let why = || format!("{BROWSED}d/… as the browser shows it, or the id alone");
    spreadsheet(text).is_none().then(why)
}
