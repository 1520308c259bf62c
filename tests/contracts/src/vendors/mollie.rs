//! Mollie: JSON in, HAL out; classic webhooks that carry only an id, and signed ones.

use std::path::Path;

use serde_json::{Value, json};

use super::{Entry, Hook, Vendor, is_hex};
use crate::decode::Names;
use crate::document::{Auth, Document, narrow, read};

pub static ENTRIES: &[Entry] = &[Entry::of("mollie", open).seen(5, 3)];

fn open(folder: &Path) -> Result<Vendor, String> {
    let mut spec = read(folder, "mollie_v2.facts.openapi.json")?;
    // amounts are texts with the currency's own decimals, never numbers or grouped digits
    let amount = json!({"properties": {
        "currency": {"pattern": "^[A-Z]{3}$"},
        "value": {"pattern": r"^-?\d+(\.\d{2,3})?$"},
    }});
    narrow(&mut spec, "/components/schemas/amount", amount)?;
    for (_, item) in spec["paths"].as_object_mut().into_iter().flatten() {
        for (_, operation) in item.as_object_mut().into_iter().flatten() {
            let parameters = operation
                .get_mut("parameters")
                .and_then(Value::as_array_mut);
            parameters.into_iter().flatten().for_each(comma_list);
        }
    }
    let main = Document::new("mollie", "", Auth::Bearer, spec);
    let error = json!({"$ref": "#/components/schemas/error-response"});
    Ok(Vendor {
        documents: vec![main],
        names: Names::Brackets,
        error: Some(error),
        webhook,
    })
}

/// `embed` and `include` take several of the listed names, with commas between.
fn comma_list(parameter: &mut Value) {
    let name = parameter["$ref"]
        .as_str()
        .and_then(|target| target.rsplit('/').next());
    if matches!(name, Some("embed" | "include")) && parameter["schema"]["enum"].is_array() {
        let names = parameter["schema"]["enum"].take();
        parameter["schema"] = json!({"type": "array", "items": {"type": "string", "enum": names}});
        parameter["explode"] = json!(false);
    }
}

fn webhook(hook: &mut Hook) {
    if hook.header("x-mollie-signature").is_none() {
        let Some(form) = hook.form() else { return };
        let id = form["id"].as_str().unwrap_or_default();
        let alone = form.as_object().is_some_and(|fields| fields.len() == 1);
        let known = ["tr_", "re_", "pl_", "stl_", "sub_", "ord_"]
            .iter()
            .any(|p| id.starts_with(p));
        hook.expect(alone && known, || {
            "the body is expected to be an id alone".into()
        });
        return;
    }
    let digest = |value: &str| is_hex(value.strip_prefix("sha256=").unwrap_or(value), 64);
    hook.need("x-mollie-signature", digest, "64 hex digits");
    let Some(event) = hook.json() else { return };
    hook.hold(
        0,
        &json!({"$ref": "#/components/schemas/entity-webhook-event"}),
        &event,
        "",
    );
    hook.expect(event["type"] != "*", || {
        "/type: \"*\" is not an event".into()
    });
}
