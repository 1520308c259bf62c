//! The clinic's own system: addresses that take Standard Webhooks as the specification's receivers do.
//! A signature or a time that does not hold is refused, and what came before is known by its id.

use crate::fields;
use crate::vendor::Vendor;
use crate::wire::{Call, Reply, hmac_sha256, stamp};
use crate::world::World;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};

pub static VENDOR: Vendor = Vendor {
    id: "own",
    seed: |world| {
        let known = json!({"secret": SECRET, "answers": []});
        world.put(ADDRESS, "", "/meridian", known);
    },
    demo_secrets: || {
        let url = "https://hooks.example.org/meridian";
        vec![("system/own", json!({"url": url, "secret": SECRET}))]
    },
    handle,
    step: |_, _| {},
    help: HELP,
    control,
    key_header: Some("webhook-id"),
    roots: None,
    harmless: |_| false,
};

const HELP: &str = r#"address               {"path", "secret"}: an address with its signing secret, made or changed
answer                {"path", "statuses", "retry_after"}: the next calls are answered so and not taken
heard                 {"path"}: all that was taken there, each with how often it came
"#;

const SECRET: &str = "whsec_ZGVtby1kZW1vLWRlbW8tZGVtby1kZW1v";
const ADDRESS: &str = "own-address";
const RECORD: &str = "own-record";
/// A signed time may be off by so many seconds.
const TOLERANCE: i64 = 300;

/// What a record has, and each part of it that is not null.
const FIELDS: &str = "type! text timestamp! text data! { clinic! text \
    amount! { amount! text currency! text } \
    invoice { id! text number text deposit! bool asked! { amount! text currency! text } \
        due! { amount! text currency! text } } \
    credit_note text \
    payment { id! text gateway text gateway_ref text by! text \
        amount { amount! text currency! text } state text decline text } \
    refund { id! text request text gateway_ref text by! text state text } \
    dispute { id! text gateway_ref text state text due_by text } \
    task { id! text alert text } \
    patient { id! text reference! text name text } \
    appointment text }";

fn handle(world: &mut World, call: &Call) -> Reply {
    let Some(address) = world.item(ADDRESS, &call.path) else {
        return plain(404, "nothing is here");
    };
    let address = address.body.clone();
    if call.method != "POST" {
        return plain(405, "POST only");
    }
    if let Err(why) = proven(&address, call, world.now / 1000) {
        return plain(401, why);
    }
    if call.content_type() != "application/json" {
        return plain(415, "JSON only");
    }
    let record = serde_json::from_slice::<Value>(&call.body).unwrap_or_default();
    if let Err(problems) = fields::read(&record, FIELDS, false) {
        let words = problems
            .iter()
            .map(|p| format!("{} {}", p.dotted(), p.words()));
        return plain(422, &words.collect::<Vec<_>>().join(", "));
    }
    if let Some(reply) = answer_once(world, call, &address) {
        return reply;
    }
    let id = call.header("webhook-id").unwrap_or_default();
    let place = format!("{} {id}", call.path);
    let times = world.body(RECORD, &place)["times"].as_i64().unwrap_or(0) + 1;
    match times {
        1 => {
            let at = stamp(world.now, "%FT%T%.3fZ");
            let kept = json!({"id": id, "at": at, "times": 1, "record": record});
            world.put(RECORD, &call.path, &place, kept);
        }
        _ => world.set(RECORD, &place, json!({"times": times})),
    }
    Reply::of(204, "text/plain", "")
}

/// The next answer that was asked for by [`control`], if any.
fn answer_once(world: &mut World, call: &Call, address: &Value) -> Option<Reply> {
    let mut answers = address["answers"].as_array().cloned().unwrap_or_default();
    if answers.is_empty() {
        return None;
    }
    let next = answers.remove(0);
    world.set(ADDRESS, &call.path, json!({"answers": answers}));
    let status = next["status"]
        .as_u64()
        .and_then(|s| u16::try_from(s).ok())?;
    let reply = plain(status, "not now");
    Some(match next["retry_after"].as_i64() {
        Some(seconds) => reply.with("retry-after", &seconds.to_string()),
        None => reply,
    })
}

/// Whether one of the signatures is that of this address over id, time and body.
fn proven(address: &Value, call: &Call, now: i64) -> Result<(), &'static str> {
    let header = |name| call.header(name).filter(|value| !value.is_empty());
    let (id, at) = (header("webhook-id"), header("webhook-timestamp"));
    let (Some(id), Some(at), Some(signed)) = (id, at, header("webhook-signature")) else {
        return Err("a header is missing");
    };
    if id.contains('.') {
        return Err("an id has no full stop");
    }
    let near = |at: i64| (now - at).abs() <= TOLERANCE;
    if !at.parse().is_ok_and(near) {
        return Err("its time is too far from ours");
    }
    let secret = address["secret"].as_str().unwrap_or_default();
    let key = secret
        .strip_prefix("whsec_")
        .and_then(|text| BASE64.decode(text).ok());
    let key = key.ok_or("the address has no secret")?;
    let message = [id.as_bytes(), b".", at.as_bytes(), b".", &call.body].concat();
    let wanted = format!("v1,{}", BASE64.encode(hmac_sha256(&key, &message)));
    match signed.split(' ').any(|one| one == wanted) {
        true => Ok(()),
        false => Err("no signature is ours"),
    }
}

fn control(world: &mut World, verb: &[&str], ask: &Value) -> Result<Value, String> {
    let path = ask["path"].as_str().unwrap_or("/meridian").to_string();
    match verb {
        ["address"] => {
            let secret = ask["secret"].as_str().ok_or("secret is required")?;
            world.put(ADDRESS, "", &path, json!({"secret": secret, "answers": []}));
            Ok(json!({"path": path}))
        }
        ["answer"] => {
            let statuses = ask["statuses"].as_array().ok_or("statuses is required")?;
            let after = &ask["retry_after"];
            let answers = statuses
                .iter()
                .map(|status| json!({"status": status, "retry_after": after}));
            world.item(ADDRESS, &path).ok_or("no such address")?;
            world.set(
                ADDRESS,
                &path,
                json!({"answers": answers.collect::<Vec<_>>()}),
            );
            Ok(json!({"path": path}))
        }
        ["heard"] => {
            let of_path = world.all(RECORD).into_iter().rev();
            let of_path = of_path.filter(|item| item.account == path);
            Ok(of_path.map(|item| item.body.clone()).collect())
        }
        _ => Err("own has address, answer and heard".into()),
    }
}

fn plain(status: u16, words: &str) -> Reply {
    Reply::of(status, "text/plain; charset=utf-8", words)
}
