//! A clinic's own system, as the specification of Standard Webhooks 1.0.0 describes a receiver. There
//! is no file of its own: what is held is the form of a message, at whatever address.

use std::path::Path;

use serde_json::{Value, json};

use super::{Entry, Vendor};
use crate::decode::Names;
use crate::document::{Auth, Document};

pub static ENTRIES: &[Entry] = &[Entry {
    folder: "",
    ..Entry::of("own", open).seen(1, 0)
}];

fn open(_: &Path) -> Result<Vendor, String> {
    let main = Document::new("own", "", Auth::Open, specification());
    Ok(Vendor {
        documents: vec![main],
        names: Names::Flat,
        error: None,
        webhook: |hook| hook.expect(false, || "it sends none".into()),
    })
}

fn specification() -> Value {
    let header = |name: &str, pattern: &str| {
        json!({
            "name": name, "in": "header", "required": true,
            "schema": {"type": "string", "pattern": pattern},
        })
    };
    // A type is a list of names between full stops, and the rest is its own affair.
    let message = json!({
        "type": "object",
        "required": ["type", "timestamp", "data"],
        "properties": {
            "type": {"type": "string", "pattern": "^[a-zA-Z0-9_]+(\\.[a-zA-Z0-9_]+)*$"},
            "timestamp": {"type": "string", "pattern": "^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d(\\.\\d+)?Z$"},
            "data": {"type": "object", "additionalProperties": true},
        },
    });
    json!({
        "paths": {"/{address}": {"post": {
            "operationId": "receive",
            "parameters": [
                header("webhook-id", "^[^.\\s]+$"),
                header("webhook-timestamp", "^[0-9]{10}$"),
                // 32 bytes in base64, one signature or more.
                header("webhook-signature", "^v1,[A-Za-z0-9+/]{43}=( v1,[A-Za-z0-9+/]{43}=)*$"),
            ],
            "requestBody": {
                "required": true, "content": {"application/json": {"schema": message}},
            },
            "responses": {"2XX": {}, "3XX": {}, "4XX": {}},
        }}},
    })
}
