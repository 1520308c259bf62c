//! Google Sheets: its discovery document; the token call stands in no file.

use std::path::Path;

use serde_json::{Value, json};

use super::{Entry, Vendor};
use crate::decode::Names;
use crate::discovery::openapi;
use crate::document::{Auth, Document, read};

pub static ENTRIES: &[Entry] = &[Entry::of("google-sheets", open).seen(3, 0)];

/// What no value may be left to: the document has them optional, and the vendor does not.
const NEEDED: &str = "valueInputOption";

fn open(folder: &Path) -> Result<Vendor, String> {
    let discovery = read(folder, "sheets.v4.discovery.min.json")?;
    let mut sheets = openapi(&discovery);
    let operations = sheets["paths"].as_object_mut().into_iter().flatten();
    let operations = operations.flat_map(|(_, item)| item.as_object_mut().into_iter().flatten());
    let parameters = operations.filter_map(|(_, one)| one["parameters"].as_array_mut());
    for parameter in parameters.flatten().filter(|one| one["name"] == NEEDED) {
        parameter["required"] = json!(true);
    }
    Ok(Vendor {
        documents: vec![
            Document::new("google-sheets", "", Auth::Bearer, sheets),
            Document::new("google-token", "", Auth::Open, token()),
        ],
        names: Names::Flat,
        error: Some(error()),
        webhook: |hook| hook.expect(false, || "Google Sheets sends none".into()),
    })
}

/// `{"error": {"code", "message", "status", "details"}}`, by the facts.
fn error() -> Value {
    let error = json!({"type": "object", "required": ["code", "message", "status"], "properties": {
        "code": {"type": "integer"}, "message": {"type": "string"},
        "status": {"type": "string", "pattern": "^[A-Z_]+$"}, "details": {"type": "array"},
    }});
    json!({"type": "object", "properties": {"error": error}, "required": ["error"]})
}

/// RFC 7523, 2.1, and RFC 6749, 5.
fn token() -> Value {
    let grant = "urn:ietf:params:oauth:grant-type:jwt-bearer";
    let part = "[A-Za-z0-9_-]+";
    let form = json!({"type": "object", "required": ["grant_type", "assertion"], "properties": {
        "grant_type": {"const": grant},
        "assertion": {"type": "string", "pattern": format!(r"^{part}\.{part}\.{part}$")},
    }});
    let granted = json!({
        "type": "object", "required": ["access_token", "token_type", "expires_in"],
        "properties": {"access_token": {"type": "string", "minLength": 1},
            "token_type": {"const": "Bearer"}, "expires_in": {"type": "integer"},
            "scope": {"type": "string"}},
    });
    let refused = json!({"type": "object", "required": ["error"], "properties": {
        "error": {"type": "string"}, "error_description": {"type": "string"},
    }});
    let reply = |schema: Value| json!({"content": {"application/json": {"schema": schema}}});
    let body = json!({"application/x-www-form-urlencoded": {"schema": form}});
    json!({"paths": {"/token": {"post": {
        "operationId": "token",
        "requestBody": {"required": true, "content": body},
        "responses": {"200": reply(granted), "default": reply(refused)},
    }}}})
}
