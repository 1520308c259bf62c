//! Xero: the accounting file leaves everything optional and its dates untyped; the token's address
//! stands in no file.

use std::path::Path;

use serde_json::{Value, json};

use super::{Entry, Hook, Vendor, is_base64};
use crate::decode::Names;
use crate::document::{Auth, Document, narrow, read};
use crate::oauth::token;

/// What a new object needs, by the facts.
const NEW: [(&str, &str, &[&str]); 4] = [
    ("Invoices", "Invoices", &["Type", "Contact", "LineItems"]),
    ("CreditNotes", "CreditNotes", &["Type", "Contact"]),
    ("Payments", "Payments", &["Amount", "Account"]),
    ("BankTransactions", "BankTransactions", &["Contact"]),
];

pub static ENTRIES: &[Entry] = &[Entry::of("xero", open).seen(5, 0)];

fn open(folder: &Path) -> Result<Vendor, String> {
    let mut accounting = read(folder, "xero_accounting.json")?;
    dates(&mut accounting["components"]["schemas"]);
    for (path, list, required) in NEW {
        let mut item = json!({"required": required});
        if path == "Payments" {
            let for_what = ["Invoice", "CreditNote", "Overpayment", "Prepayment"];
            item["anyOf"] = json!(for_what.map(|name| json!({"required": [name]})));
        }
        let more =
            json!({"properties": {list: {"minItems": 1, "items": item}}, "required": [list]});
        let body = "put/requestBody/content/application~1json/schema";
        narrow(&mut accounting, &format!("/paths/~1{path}/{body}"), more)?;
    }
    let key = json!({"in": "header", "name": "Idempotency-Key",
        "schema": {"type": "string", "minLength": 1, "maxLength": 128}});
    let mut accounting = Document::new("xero-accounting", "/api.xro/2.0", Auth::Bearer, accounting);
    accounting.headers = vec![key];
    let feeds = read(folder, "xero_bankfeeds.json")?;
    let mut identity = read(folder, "xero-identity.json")?;
    // the vendor does not mind case here, and its own pages write it small
    if let Some(paths) = identity["paths"].as_object_mut() {
        let small: Vec<_> = paths
            .iter()
            .map(|(path, item)| (path.to_lowercase(), item.clone()))
            .collect();
        paths.extend(small);
    }
    let hooks = read(folder, "xero-webhooks.json")?;
    let documents = vec![
        accounting,
        Document::new("xero-bankfeeds", "/bankfeeds.xro/1.0", Auth::Bearer, feeds),
        Document::new("xero-identity", "", Auth::Bearer, identity),
        Document::new("xero-webhooks", "", Auth::Open, hooks),
        Document::new("xero-token", "", Auth::Basic, token("/connect/token")),
    ];
    Ok(Vendor {
        documents,
        names: Names::Flat,
        error: None,
        webhook,
    })
}

/// Dates go out as days and may come back in the form that old .NET services write.
fn dates(value: &mut Value) {
    match value {
        Value::Object(map) => {
            let dated = ["x-is-msdate", "x-is-msdate-time"];
            if dated
                .iter()
                .any(|mark| map.get(*mark) == Some(&Value::Bool(true)))
            {
                let day = r"\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}:\d{2}(\.\d+)?Z?)?";
                let ticks = r"/Date\(-?\d+([+-]\d{4})?\)/";
                map.insert("pattern".into(), json!(format!("^({day}|{ticks})$")));
            }
            map.values_mut().for_each(dates);
        }
        Value::Array(items) => items.iter_mut().for_each(dates),
        _ => {}
    }
}

fn webhook(hook: &mut Hook) {
    hook.need(
        "x-xero-signature",
        |value| is_base64(value, 32),
        "Base64 of an HMAC-SHA256",
    );
    let Some(batch) = hook.json() else { return };
    if batch["events"].as_array().is_some_and(Vec::is_empty) {
        // the vendor's trial of an address: nothing happened, so there is nothing to count
        return hook.expect(batch["entropy"].is_string(), || {
            "/entropy: is required".into()
        });
    }
    hook.hold(
        3,
        &json!({"$ref": "#/components/schemas/WebhookEvent"}),
        &batch,
        "",
    );
}
