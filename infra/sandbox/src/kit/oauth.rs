//! Tokens of OAuth 2: a client's id and secret get one that lasts for a while (RFC 6749, 4.4).

use super::gateway::{Gateway, Tokens};
use crate::wire::{Call, Reply, decode_pairs};
use crate::world::World;
use serde_json::json;

const CLIENT: &str = "oauth.client";
const TOKEN: &str = "oauth.token";

/// A client and its secret; one that nobody spoke of is known from its first call.
pub fn know_client(world: &mut World, vendor: &str, client: &str, secret: &str) {
    let name = format!("{vendor} {client}");
    world.put(CLIENT, client, &name, json!({"secret": secret}));
}

/// Whether a client's secret is its own.
pub fn is_known(world: &mut World, vendor: &str, (client, secret): &(String, String)) -> bool {
    let name = format!("{vendor} {client}");
    if world.item(CLIENT, &name).is_none() && !client.is_empty() && !secret.is_empty() {
        know_client(world, vendor, client, secret);
    }
    world.body(CLIENT, &name)["secret"] == **secret
}

pub fn secret(world: &World, vendor: &str, client: &str) -> String {
    let known = world.body(CLIENT, &format!("{vendor} {client}"));
    known["secret"].as_str().unwrap_or_default().to_string()
}

/// The client whose token a call carries.
pub fn client(world: &World, vendor: &str, tokens: &Tokens, call: &Call) -> Option<String> {
    let item = world.item(TOKEN, &format!("{vendor} {}", call.bearer()?))?;
    (world.now < item.at + tokens.lifetime).then(|| item.account.clone())
}

/// Answers who asks for a token.
pub fn grant(world: &mut World, gateway: &Gateway, tokens: &Tokens, call: &Call) -> Reply {
    let refused = |status, error: &str, words: &str| {
        Reply::json(status, &json!({"error": error, "error_description": words}))
    };
    let known = call
        .basic()
        .filter(|given| is_known(world, gateway.id, given));
    let Some((client, _)) = known else {
        return refused(401, "invalid_client", "Client Authentication failed");
    };
    let form = decode_pairs(&call.body);
    let grant = form.iter().find(|(name, _)| name == "grant_type");
    let granted = grant.is_some_and(|(_, value)| value == "client_credentials");
    if call.content_type() != "application/x-www-form-urlencoded" || !granted {
        return refused(400, "unsupported_grant_type", "Grant Type is NULL");
    }
    let token = world.id(tokens.begins, 32);
    let name = format!("{} {token}", gateway.id);
    world.put(TOKEN, &client, &name, json!({}));
    let places = json!({"token": token, "seconds": tokens.lifetime / 1000,
        "now": gateway.looks.when(world.now)});
    Reply::json(200, &gateway.looks.shape("token", &places))
}
