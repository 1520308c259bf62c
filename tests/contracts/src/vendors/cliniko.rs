//! Cliniko: its operations stand in `contract.yaml`, its shapes in the schema that it names. What a
//! list may be asked for is taken from both and from the facts; a patient's shape stands nowhere.

use std::path::Path;

use serde_json::{Value, json};

use super::{Entry, Hook, Vendor};
use crate::decode::Names;
use crate::document::{Auth, Document, read};

/// One story alone connects it, and says what it must see.
pub static ENTRIES: &[Entry] = &[Entry::of("cliniko", open)];

fn open(folder: &Path) -> Result<Vendor, String> {
    let path = folder.join("contract.yaml");
    let text = std::fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
    let contract: Value =
        serde_saphyr::from_str(&text).map_err(|e| format!("{}: {e}", path.display()))?;
    let named = contract["schema"].as_str();
    let schema = read(folder, named.ok_or("contract.yaml names no schema")?)?;
    let mut paths = json!({});
    let operations = contract["operations"].as_array();
    for operation in operations.ok_or("contract.yaml has no operations")? {
        let path = operation["path"]
            .as_str()
            .ok_or("an operation without a path")?;
        let method = operation["method"]
            .as_str()
            .unwrap_or_default()
            .to_lowercase();
        paths[path][&method] = described(path, &method);
    }
    let spec = json!({"$defs": schema["$defs"], "paths": paths});
    let mut main = Document::new("cliniko", "/v1", Auth::Basic, spec);
    // "APP_NAME (contact@email)": who writes no address may be blocked
    main.headers = vec![
        json!({"in": "header", "name": "User-Agent", "required": true,
        "schema": {"type": "string", "pattern": r"^.+ \(\S+@\S+\)$"}}),
    ];
    Ok(Vendor {
        documents: vec![main],
        names: Names::Flat,
        error: Some(json!({"type": "object"})),
        webhook,
    })
}

/// An operation of this path as OpenAPI would have it.
fn described(path: &str, method: &str) -> Value {
    let shape = |name: &str| json!({"$ref": format!("#/$defs/{name}")});
    let answer =
        |schema: Value| json!({"200": {"content": {"application/json": {"schema": schema}}}});
    let page = |list: &str, name: &str| {
        let own = json!({"type": "object", "required": [list],
            "properties": {list: {"type": "array", "items": shape(name)}}});
        answer(json!({"allOf": [shape("Page"), own]}))
    };
    let list =
        |list: &str, name: &str| json!({"parameters": asked(), "responses": page(list, name)});
    match path {
        _ if method == "patch" => json!({
            "requestBody": {"required": true, "content": {"application/json":
                {"schema": shape("CancelIndividualAppointmentRequest")}}},
            "responses": {"204": {}},
        }),
        "/individual_appointments" | "/individual_appointments/cancelled" => {
            list("individual_appointments", "IndividualAppointment")
        }
        "/individual_appointments/{id}" => {
            json!({"responses": answer(shape("IndividualAppointment"))})
        }
        "/appointments/{id}/invoices" => list("invoices", "Invoice"),
        "/invoices/{id}" => json!({"responses": answer(shape("Invoice"))}),
        "/appointment_types/{id}" => json!({"responses": answer(shape("AppointmentType"))}),
        _ => json!({"responses": answer(json!({"type": "object", "required": ["id"]}))}),
    }
}

/// What a list takes. `:asc` stands in no stored page, which show `field:desc` alone.
fn asked() -> Value {
    let of = |name: &str, schema: Value| json!({"in": "query", "name": name, "schema": schema});
    let time = r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z";
    let filter =
        json!({"type": "string", "pattern": format!("^(updated_at|cancelled_at):>{time}$")});
    json!([
        of(
            "q[]",
            json!({"anyOf": [filter, {"type": "array", "items": filter}]})
        ),
        of(
            "sort",
            json!({"type": "string", "pattern": "^[a-z_]+:(asc|desc)$"})
        ),
        of("page", json!({"type": "integer", "minimum": 1})),
        of(
            "per_page",
            json!({"type": "integer", "minimum": 1, "maximum": 100})
        ),
    ])
}

/// None exist.
fn webhook(hook: &mut Hook) {
    hook.expect(false, || "this vendor sends no webhooks".into());
}
