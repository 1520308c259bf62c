//! The demo clinic's service account, and the tokens that it is given for what it signs.

use crate::fields;
use crate::wire::{Call, Reply, decode_pairs};
use crate::world::World;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::signature::{KeyPair, RSA_PKCS1_2048_8192_SHA256, RsaKeyPair, UnparsedPublicKey};
use serde_json::{Value, json};

const EMAIL: &str = "meridian@demo-clinic.iam.gserviceaccount.com";
const ACCESS: &str = "google.access";
/// In seconds.
const LIFETIME: i64 = 3600;
const TOKEN: &str = "https://oauth2.googleapis.com/token";
const SCOPE: &str = "https://www.googleapis.com/auth/spreadsheets";
const GRANT: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
/// Made for the demo, and of no account of Google's.
const KEY: &str = include_str!("demo-key.pem");

/// As Google's console hands it out, over several lines.
pub fn key_file() -> String {
    let file = json!({"type": "service_account", "project_id": "demo-clinic",
        "private_key_id": "demo", "private_key": KEY, "client_email": EMAIL, "token_uri": TOKEN});
    format!("{file:#}")
}

/// Whether the call bears a token that still holds.
pub fn is_known(world: &World, call: &Call) -> bool {
    let item = call.bearer().and_then(|token| world.item(ACCESS, token));
    item.is_some_and(|item| world.now < item.at + LIFETIME * 1000)
}

pub fn token(world: &mut World, call: &Call) -> Reply {
    if let Err(why) = stated(call, world.now / 1000) {
        let error = json!({"error": "invalid_grant", "error_description": why});
        return Reply::json(400, &error);
    }
    let token = world.id("ya29.demo-", 40);
    world.put(ACCESS, EMAIL, &token, json!({}));
    let granted = json!({"access_token": token, "expires_in": LIFETIME, "token_type": "Bearer"});
    Reply::json(200, &granted)
}

/// Whether the account states in the form what it must, and signed it.
fn stated(call: &Call, now: i64) -> Result<(), &'static str> {
    let odd = "Invalid JWT: a form with a JWT that is signed by RS256 is needed.";
    let form: Value = decode_pairs(&call.body).into_iter().collect();
    let assertion = form["assertion"].as_str().ok_or(odd)?;
    if form != json!({"grant_type": GRANT, "assertion": assertion}) {
        return Err("Invalid grant_type.");
    }
    let (message, signature) = assertion.rsplit_once('.').ok_or(odd)?;
    let (head, claims) = message.split_once('.').ok_or(odd)?;
    let decoded = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| odd);
    let read = |part: &str, known| {
        let json = serde_json::from_slice(&decoded(part)?).map_err(|_| odd)?;
        fields::read(&json, known, false).map_err(|_| odd)
    };
    read(head, "alg! RS256| typ! JWT| kid demo|")?;
    let claims = read(claims, "iss! text scope! text aud! text iat! int exp! int")?;
    UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, public_key())
        .verify(message.as_bytes(), &decoded(signature)?)
        .map_err(|_| "Invalid JWT Signature.")?;
    let [iat, exp] = ["iat", "exp"].map(|name| claims[name].as_i64().unwrap_or_default());
    if iat > now + 60 || exp <= now || exp - iat > LIFETIME {
        return Err("Invalid JWT: Token must be a short-lived token (60 minutes).");
    }
    let whole = claims["iss"] == EMAIL && claims["aud"] == TOKEN && claims["scope"] == SCOPE;
    whole.then_some(()).ok_or("Invalid account or audience.")
}

fn public_key() -> Vec<u8> {
    let lines = KEY.lines().filter(|line| !line.starts_with("---"));
    let der = STANDARD.decode(lines.collect::<String>()).expect("base64");
    let key = RsaKeyPair::from_pkcs8(&der).expect("openssl made it");
    key.public_key().as_ref().to_vec()
}
