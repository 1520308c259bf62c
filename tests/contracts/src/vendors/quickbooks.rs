//! QuickBooks: Intuit's v3 schemas have the names, types and words of the books' objects and leave
//! everything optional; calls, webhooks and errors stand in the facts.

use std::path::Path;

use serde_json::{Value, json};

use super::{Entry, Hook, Vendor, is_base64};
use crate::decode::Names;
use crate::document::{Auth, Document};
use crate::oauth::token;
use crate::xsd;

/// What a new one cannot do without; of a line, and of the link of a payment's line.
const NEW: [(&str, &[&str]); 6] = [
    ("Customer", &["DisplayName"]),
    ("Invoice", &["CustomerRef", "Line"]),
    ("Payment", &["CustomerRef", "TotalAmt"]),
    ("CreditMemo", &["CustomerRef", "Line"]),
    (
        "RefundReceipt",
        &["CustomerRef", "Line", "DepositToAccountRef"],
    ),
    ("SalesReceipt", &["CustomerRef", "Line"]),
];

pub static ENTRIES: &[Entry] = &[Entry::of("quickbooks", open).seen(6, 1)];

fn open(folder: &Path) -> Result<Vendor, String> {
    let books = json!({"$defs": xsd::types(folder)?, "paths": paths()});
    Ok(Vendor {
        documents: vec![
            Document::new("quickbooks", "/v3/company/{realm}", Auth::Bearer, books),
            Document::new(
                "quickbooks-token",
                "",
                Auth::Basic,
                token("/oauth2/v1/tokens/bearer"),
            ),
        ],
        names: Names::Flat,
        error: Some(error()),
        webhook,
    })
}

fn paths() -> Value {
    let mut paths = json!({});
    let mut lists = json!({});
    for (name, needed) in NEW {
        let of = json!({"$ref": format!("#/$defs/{name}")});
        let one = answer(
            json!({"type": "object", "properties": {name: of, "time": {"type": "string"}},
            "required": [name]}),
        );
        let line = json!({"required": match name {
            "Payment" => ["Amount", "LinkedTxn"],
            _ => ["Amount", "DetailType"],
        }});
        let new =
            json!({"required": needed, "properties": {"Line": {"minItems": 1, "items": line}}});
        let changed = json!({"required": ["Id", "SyncToken"]});
        let body = json!({"allOf": [of, {"anyOf": [changed, new]}]});
        let path = format!("/{}", name.to_lowercase());
        paths[&path] = json!({"post": {
            "parameters": parameters(&["minorversion", "requestid", "operation"]),
            "requestBody": {"required": true, "content": {"application/json": {"schema": body}}},
            "responses": one,
        }});
        paths[format!("{path}/{{id}}")] =
            json!({"get": {"parameters": parameters(&["minorversion"]), "responses": one}});
        lists[name] = json!({"type": "array", "items": of});
    }
    for count in ["startPosition", "maxResults", "totalCount"] {
        lists[count] = json!({"type": "integer"});
    }
    let list = json!({"type": "object", "properties": lists});
    let found = answer(
        json!({"type": "object", "properties": {"QueryResponse": list},
        "required": ["QueryResponse"]}),
    );
    let changed = json!({"type": "array", "items": {"type": "object", "required": ["QueryResponse"],
        "properties": {"QueryResponse": {"type": "array", "items": list}}}});
    paths["/cdc"] = json!({"get": {
        "parameters": parameters(&["minorversion", "entities", "changedSince"]),
        "responses": answer(json!({"type": "object", "properties": {"CDCResponse": changed},
            "required": ["CDCResponse"]}))}});
    paths["/query"] = json!({"get": {"parameters": parameters(&["minorversion", "query"]),
        "responses": found}});
    paths
}

/// Only versions from 75 on are answered, and a request's id is of at most 50 letters.
fn parameters(names: &[&str]) -> Value {
    let one = |name: &&str| {
        let schema = match *name {
            "minorversion" => json!({"type": "integer", "minimum": 75}),
            "requestid" => json!({"type": "string", "minLength": 1, "maxLength": 50}),
            "operation" => json!({"enum": ["delete", "void"]}),
            "entities" => json!({"type": "string", "pattern": "^[A-Za-z,]+$"}),
            "changedSince" => json!({"type": "string", "format": "date-time"}),
            _ => json!({"type": "string", "pattern": "^SELECT .+ FROM [A-Za-z]+"}),
        };
        let required = !matches!(*name, "requestid" | "operation");
        json!({"in": "query", "name": name, "required": required, "schema": schema})
    };
    names.iter().map(one).collect()
}

fn answer(schema: Value) -> Value {
    json!({"200": {"content": {"application/json": {"schema": schema}}}})
}

/// As the facts have it; what stands before the books writes the same small.
fn error() -> Value {
    let fault = |list: &str, fields: [&str; 3]| {
        let texts = fields.map(|name| (name, json!({"type": "string"})));
        let texts: Value = texts
            .into_iter()
            .map(|(name, of)| (name.to_owned(), of))
            .collect();
        let one = json!({"type": "object", "properties": texts, "required": fields});
        json!({"type": "object", "required": [list, "type"],
            "properties": {list: {"type": "array", "minItems": 1, "items": one}}})
    };
    json!({"anyOf": [
        {"required": ["Fault"],
            "properties": {"Fault": fault("Error", ["Message", "Detail", "code"])}},
        {"required": ["fault"],
            "properties": {"fault": fault("error", ["message", "detail", "code"])}},
    ]})
}

/// Of the former shape, or CloudEvents.
fn webhook(hook: &mut Hook) {
    hook.need(
        "intuit-signature",
        |value| is_base64(value, 32),
        "Base64 of an HMAC-SHA256",
    );
    let Some(body) = hook.json() else { return };
    let texts = |of: &Value, names: &[&str]| names.iter().all(|name| of[*name].is_string());
    let sound = match &body {
        Value::Array(events) => events.iter().all(|event| {
            let named = ["specversion", "id", "source", "type", "time"];
            let of = ["intuitentityid", "intuitaccountid"];
            texts(event, &named) && texts(event, &of)
        }),
        _ => {
            let all = body["eventNotifications"].as_array();
            all.is_some_and(|all| {
                all.iter().all(|one| {
                    let entities = one["dataChangeEvent"]["entities"].as_array();
                    let named = ["name", "id", "operation", "lastUpdated"];
                    texts(one, &["realmId"])
                        && entities.is_some_and(|all| all.iter().all(|of| texts(of, &named)))
                })
            })
        }
    };
    hook.expect(sound, || "it is neither of both shapes".into());
}
