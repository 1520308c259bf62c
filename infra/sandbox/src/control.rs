//! What a person or a test makes happen at a vendor, under `/_sandbox/{vendor}/…`; [`help`] lists
//! it.

use crate::vendors;
use crate::webhook::Endpoint;
use crate::wire::{Call, Reply};
use crate::world::World;
use serde_json::{Value, json};

/// What there is, for people: what many vendors have, then what each has beside.
pub fn help() -> String {
    let beside = vendors::all().filter(|vendor| !vendor.help.is_empty());
    let beside = beside.map(|vendor| format!("\nat {}\n{}", vendor.id, vendor.help));
    [include_str!("control.txt").to_owned()]
        .into_iter()
        .chain(beside)
        .collect()
}

pub fn answer(world: &mut World, call: &Call) -> Reply {
    let segments = call.segments();
    let parts: Vec<&str> = segments.iter().map(String::as_str).collect();
    let ask: Value = match call.body.as_slice() {
        [] => json!({}),
        body => match serde_json::from_slice(body) {
            Ok(ask) => ask,
            Err(error) => return Reply::json(400, &json!({"error": error.to_string()})),
        },
    };
    let Some((vendor, verb)) = parts
        .split_first()
        .and_then(|(id, verb)| Some((vendors::by_id(id)?, verb)))
    else {
        return Reply::json(
            404,
            &json!({"error": "the path names no vendor of the sandbox"}),
        );
    };
    let done = match (call.method.as_str(), verb) {
        ("GET", ["events"]) => {
            let of_vendor = world
                .webhooks
                .iter()
                .filter(|webhook| webhook.vendor == vendor.id);
            Ok(of_vendor.map(|webhook| webhook.shown(world.now)).collect())
        }
        ("POST", ["events", id, "resend"]) => resend(world, vendor.id, id),
        ("POST", ["endpoints"]) => endpoint(world, vendor.id, &ask),
        ("POST", verb) => (vendor.control)(world, verb, &ask),
        _ => Err("use POST".to_string()),
    };
    match done {
        Ok(done) => Reply::json(200, &done),
        Err(reason) => Reply::json(422, &json!({"error": reason})),
    }
}

fn resend(world: &mut World, vendor: &str, id: &str) -> Result<Value, String> {
    let now = world.now;
    let found = world
        .webhooks
        .iter()
        .find(|w| w.vendor == vendor && w.id.to_string() == id);
    let mut again = found.ok_or("no such webhook")?.clone();
    again.id = world.order();
    again.due = Some(now);
    again.sending = false;
    again.attempts.clear();
    let shown = again.shown(now);
    world.webhooks.push(again);
    Ok(shown)
}

fn endpoint(world: &mut World, vendor: &str, ask: &Value) -> Result<Value, String> {
    let text = |name: &str| ask[name].as_str().map(str::to_string);
    let endpoint = Endpoint {
        source: text("source").unwrap_or_else(|| vendor.to_string()),
        account: text("account").ok_or("account is required")?,
        url: text("url").ok_or("url is required")?,
        secret: text("secret").unwrap_or_default(),
    };
    world
        .endpoints
        .retain(|e| (&e.source, &e.account) != (&endpoint.source, &endpoint.account));
    world.endpoints.push(endpoint);
    Ok(ask.clone())
}
