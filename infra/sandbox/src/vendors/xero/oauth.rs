//! Xero's tokens: short access, rotating refresh.

use super::replies::MINUTE;
use crate::wire::{Call, Reply, decode_pairs};
use crate::world::World;
use serde_json::{Value, json};

pub const ACCESS_LIFETIME: i64 = 30 * MINUTE;

pub const REFRESH_GRACE: i64 = 30 * MINUTE;

pub const REFRESH_LIFETIME: i64 = 60 * 24 * 60 * MINUTE;

pub fn token(world: &mut World, call: &Call) -> Reply {
    let refused = |status, error: &str| Reply::json(status, &json!({"error": error}));
    let form = decode_pairs(&call.body);
    let field = |name: &str| form.iter().find(|(n, _)| n == name).map(|(_, v)| v.clone());
    let given = call
        .basic()
        .or(field("client_id").zip(field("client_secret")));
    let known = given.filter(|(id, secret)| {
        if world.item("xero.client", id).is_none() && !id.is_empty() && !secret.is_empty() {
            world.put("xero.client", id, id, json!({"secret": secret}));
        }
        world.body("xero.client", id)["secret"] == *secret
    });
    let Some((client, _)) = known else {
        return refused(401, "invalid_client");
    };
    if call.content_type() != "application/x-www-form-urlencoded" {
        return refused(400, "invalid_request");
    }
    match field("grant_type").as_deref() {
        Some("refresh_token") => {}
        Some("client_credentials") => return Reply::json(200, &grant(world, &client, None)),
        _ => return refused(400, "unsupported_grant_type"),
    }
    let Some(refresh) = field("refresh_token") else {
        return refused(400, "invalid_request");
    };
    // What a person was given at the connection: the first of its chain.
    if refresh.ends_with("-refresh-0") && world.item("xero.refresh", &refresh).is_none() {
        world.put("xero.refresh", &client, &refresh, json!({}));
    }
    let now = world.now;
    let found = world
        .item("xero.refresh", &refresh)
        .filter(|item| item.account == client);
    let Some(item) = found else {
        return refused(400, "invalid_grant");
    };
    match item.body["used"].as_i64() {
        Some(used) if now <= used + REFRESH_GRACE => Reply::json(200, &item.body["answer"]),
        Some(_) => refused(400, "invalid_grant"),
        None if now > item.at + REFRESH_LIFETIME => refused(400, "invalid_grant"),
        None => {
            let next = world.id("demo-refresh-", 40);
            world.put("xero.refresh", &client, &next, json!({}));
            let answer = grant(world, &client, Some(&next));
            world.set(
                "xero.refresh",
                &refresh,
                json!({"used": now, "answer": answer}),
            );
            Reply::json(200, &answer)
        }
    }
}

pub fn grant(world: &mut World, client: &str, refresh: Option<&str>) -> Value {
    let access = world.id("at-", 40);
    world.put("xero.access", client, &access, json!({}));
    let mut answer = json!({"access_token": access, "expires_in": ACCESS_LIFETIME / 1000,
        "token_type": "Bearer",
        "scope": "offline_access accounting.contacts accounting.transactions"});
    if let Some(refresh) = refresh {
        answer["refresh_token"] = json!(refresh);
    }
    answer
}
