//! Slack: an incoming webhook. Its address is its only secret; errors are plain text.

use crate::fields;
use crate::vendor::Vendor;
use crate::wire::{Call, Reply, stamp};
use crate::world::World;
use serde_json::{Value, json};

pub static VENDOR: Vendor = Vendor {
    id: "slack",
    seed: |_| {},
    demo_secrets: || {
        let url = "https://hooks.slack.com/services/T0/B0/DEMO";
        vec![("system/slack", json!({"webhook_url": url}))]
    },
    handle,
    step: |_, _| {},
    help: "",
    control: |_, _, _| Err("Slack has nothing to control".into()),
    key_header: None,
    roots: None,
    harmless: |_| false,
};

const MESSAGE: &str = "text text blocks [ { type! text … } ] attachments [any] thread_ts text \
    mrkdwn bool response_type text unfurl_links bool unfurl_media bool metadata any";

fn handle(world: &mut World, call: &Call) -> Reply {
    let segments = call.segments();
    let parts: Vec<&str> = segments.iter().map(String::as_str).collect();
    let [_, team, hook, secret] = parts[..] else {
        return plain(404, "no_service");
    };
    if parts[0] != "services" || !team.starts_with('T') || !hook.starts_with('B') {
        return plain(404, "no_team");
    }
    // A channel's fate is told by the secret's words, for there is no other place to set it.
    match secret {
        "ARCHIVED" => return plain(410, "channel_is_archived"),
        "REVOKED" => return plain(404, "no_service"),
        "PROHIBITED" => return plain(403, "action_prohibited"),
        _ => {}
    }
    if call.method != "POST" || call.content_type() != "application/json" {
        return plain(400, "invalid_payload");
    }
    let Ok(message) = serde_json::from_slice::<Value>(&call.body) else {
        return plain(400, "invalid_payload");
    };
    let Ok(message) = fields::read(&message, MESSAGE, false) else {
        return plain(400, "invalid_payload");
    };
    let has = |name: &str| {
        message[name]
            .as_array()
            .is_some_and(|items| !items.is_empty())
    };
    if message["blocks"]
        .as_array()
        .is_some_and(|blocks| blocks.len() > 50)
    {
        return plain(400, "invalid_blocks");
    }
    let text = message["text"].as_str().unwrap_or("");
    if text.is_empty() && !has("blocks") && !has("attachments") {
        return plain(400, "no_text");
    }
    let (to, at) = (call.path.clone(), stamp(world.now, "%FT%T%.3fZ"));
    world.outbox.push(
        json!({"system": "slack", "to": to, "subject": null, "text": text,
        "html": null, "blocks": message["blocks"], "at": at}),
    );
    plain(200, "ok")
}

fn plain(status: u16, words: &str) -> Reply {
    Reply::of(status, "text/plain; charset=utf-8", words)
}
