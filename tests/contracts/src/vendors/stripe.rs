//! Stripe: form bodies with brackets, one pinned version of the interface.

use std::path::Path;

use serde_json::json;

use super::{Entry, Hook, Vendor, is_hex};
use crate::decode::Names;
use crate::document::{Auth, Document, read};

const VERSION: &str = "2023-08-16";

pub static ENTRIES: &[Entry] = &[Entry::of("stripe", open).seen(4, 8)];

fn open(folder: &Path) -> Result<Vendor, String> {
    let spec = read(folder, "spec3.2023-08-16.json")?;
    let mut main = Document::new("stripe", "", Auth::BearerOrBasic, spec);
    main.headers = vec![
        json!({"in": "header", "name": "Stripe-Version", "required": true, "schema": {"const": VERSION}}),
        json!({"in": "header", "name": "Idempotency-Key",
            "schema": {"type": "string", "minLength": 1, "maxLength": 255}}),
    ];
    // names of events are not bound to a version: the newer file knows some more
    let newer = read(folder, "request-params.2026-10-28.endive.schema.json")?;
    let newer = Document::new(
        "stripe-2026",
        "",
        Auth::Open,
        json!({ "$defs": newer["$defs"] }),
    );
    Ok(Vendor {
        documents: vec![main, newer],
        names: Names::Brackets,
        error: None,
        webhook,
    })
}

fn webhook(hook: &mut Hook) {
    hook.need(
        "stripe-signature",
        is_signature,
        "t=<seconds>,v1=<64 hex digits>",
    );
    let Some(event) = hook.json() else { return };
    hook.hold(
        0,
        &json!({"$ref": "#/components/schemas/event"}),
        &event,
        "",
    );
    let endpoints = "/paths/~1v1~1webhook_endpoints/post/requestBody/content\
        /application~1x-www-form-urlencoded/schema/properties/enabled_events/items/enum";
    let kind = &event["type"];
    let known = [
        hook.vendor.documents[0].spec.pointer(endpoints),
        hook.vendor.documents[1]
            .spec
            .pointer("/$defs/WebhookEndpointCreateParams.EnabledEvent/enum"),
    ];
    let known = known
        .into_iter()
        .flatten()
        .filter_map(|names| names.as_array())
        .flatten();
    let known = known.filter(|name| **name != "*").any(|name| name == kind);
    hook.expect(known, || {
        format!("/type: {kind} is not an event of the contract")
    });
    let version = &event["api_version"];
    hook.expect(*version == VERSION, || {
        format!("/api_version: {version} is not the pinned one")
    });
    let object = &event["data"]["object"];
    let name = object["object"].as_str().unwrap_or_default();
    let schema = format!("/components/schemas/{name}");
    let declared = hook.vendor.documents[0].spec.pointer(&schema).is_some();
    hook.expect(declared, || {
        format!("/data/object/object: {name:?} is not a kind of the contract")
    });
    if declared {
        hook.hold(
            0,
            &json!({"$ref": format!("#{schema}")}),
            object,
            "/data/object",
        );
    }
}

fn is_signature(value: &str) -> bool {
    let parts: Vec<_> = value
        .split(',')
        .filter_map(|part| part.split_once('='))
        .collect();
    let time = parts
        .iter()
        .any(|(key, value)| *key == "t" && value.parse::<u64>().is_ok());
    time && parts
        .iter()
        .any(|(key, value)| *key == "v1" && is_hex(value, 64))
}
