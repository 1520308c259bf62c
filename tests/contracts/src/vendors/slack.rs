//! Slack's incoming webhook, as `contract.yaml` and the schema that it names describe it.

use std::path::Path;

use serde_json::{Map, Value, json};

use super::{Entry, Hook, Vendor, is_hex};
use crate::decode::Names;
use crate::document::{Auth, Document, read};

pub static ENTRIES: &[Entry] = &[Entry::of("slack", open).seen(1, 0)];

fn open(folder: &Path) -> Result<Vendor, String> {
    let path = folder.join("contract.yaml");
    let text = std::fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
    let contract: Value =
        serde_saphyr::from_str(&text).map_err(|e| format!("{}: {e}", path.display()))?;
    let schema = read(
        folder,
        contract["schema"]
            .as_str()
            .ok_or("contract.yaml names no schema")?,
    )?;
    let operation = contract["operations"]
        .as_array()
        .and_then(|all| {
            all.iter()
                .find(|operation| operation["id"] == "incomingWebhook")
        })
        .ok_or("contract.yaml has no incomingWebhook")?;

    let media = operation["headers"]["Content-Type"]
        .as_str()
        .ok_or("it has no Content-Type")?;
    let request = json!({"$ref": "#/$defs/IncomingWebhookRequest"});
    let mut replies = Map::new();
    replies.insert("200".into(), text_reply(json!({"const": "ok"})));
    for (status, words) in operation["errors"].as_object().into_iter().flatten() {
        // the vendor answers in words; a status without a list is told by a header
        let schema = match words.as_array() {
            Some(words) => json!({"enum": words}),
            None => json!({"type": "string"}),
        };
        replies.insert(status.clone(), text_reply(schema));
    }
    let address = operation["url"].as_str().ok_or("it has no url")?;
    let spec = json!({
        "$defs": schema["$defs"],
        "paths": {template(address)?: {"post": {
            "operationId": "incomingWebhook",
            "requestBody": {"required": true, "content": {media: {"schema": request}}},
            "responses": replies,
        }}},
    });
    let main = Document::new("slack", "", Auth::Open, spec);
    let events = read(folder, "slack_common_event_wrapper_schema.min.json")?;
    let events = json!({"$defs": {"Event": events}});
    let events = Document::new("slack-events", "", Auth::Open, events);
    Ok(Vendor {
        documents: vec![main, events],
        names: Names::Flat,
        error: None,
        webhook,
    })
}

fn text_reply(schema: Value) -> Value {
    json!({"content": {"text/plain": {"schema": schema}}})
}

/// `https://hooks.slack.com/services/T.../B.../...` as a path template.
fn template(address: &str) -> Result<String, String> {
    let address = address.split_whitespace().next().unwrap_or_default();
    let path = address
        .strip_prefix("https://")
        .and_then(|rest| rest.split_once('/'));
    let (_, path) = path.ok_or_else(|| format!("{address} is not an https address"))?;
    let part = |(place, text): (usize, &str)| text.replace("...", &format!("{{part{place}}}"));
    Ok(path
        .split('/')
        .enumerate()
        .map(part)
        .fold(String::new(), |path, next| path + "/" + &next))
}

fn webhook(hook: &mut Hook) {
    let signed = |value: &str| value.strip_prefix("v0=").is_some_and(|hex| is_hex(hex, 64));
    hook.need("x-slack-signature", signed, "v0=<64 hex digits>");
    let seconds = |value: &str| value.parse::<u64>().is_ok();
    hook.need("x-slack-request-timestamp", seconds, "seconds of the epoch");
    if hook.is_form() {
        // buttons and slash commands
        let Some(form) = hook.form() else { return };
        let known = form["payload"].is_string() || form["command"].is_string();
        return hook.expect(known, || "the form has neither payload nor command".into());
    }
    let Some(event) = hook.json() else { return };
    if event["type"] == "url_verification" {
        return hook.expect(event["challenge"].is_string(), || {
            "/challenge: is required".into()
        });
    }
    hook.hold(1, &json!({"$ref": "#/$defs/Event"}), &event, "");
}
