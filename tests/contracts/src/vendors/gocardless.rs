//! GoCardless: its file has no replies and speaks of numbers; both are completed from the facts
//! beside it.

use std::path::Path;

use serde_json::{Map, Value, json};

use super::{Entry, Hook, Vendor, is_hex};
use crate::decode::Names;
use crate::document::{Auth, Document, read};

/// What a resource always has, where its schema names it.
const ALWAYS: [&str; 8] = [
    "id",
    "created_at",
    "status",
    "links",
    "amount",
    "currency",
    "resource_type",
    "action",
];

/// What the vendor answers with; the file's other schemas are parts of these or requests.
const RESOURCES: [&str; 12] = [
    "BillingRequest",
    "BillingRequestFlow",
    "Creditor",
    "Customer",
    "CustomerBankAccount",
    "Event",
    "InstalmentSchedule",
    "Mandate",
    "Payment",
    "Payout",
    "Refund",
    "Subscription",
];

/// Actions for the kinds that money depends on. Beside those of the facts stand a few that change
/// nothing here (created, submitted, granted, resubmitted, settled refunds, rates of a payout);
/// these are unverified.
const ACTIONS: [(&str, &[&str]); 4] = [
    (
        "payments",
        &[
            "created",
            "submitted",
            "confirmed",
            "failed",
            "cancelled",
            "customer_approval_granted",
            "customer_approval_denied",
            "late_failure_settled",
            "charged_back",
            "chargeback_cancelled",
            "chargeback_settled",
            "paid_out",
            "resubmission_requested",
        ],
    ),
    (
        "refunds",
        &[
            "created",
            "paid",
            "failed",
            "bounced",
            "funds_returned",
            "refund_settled",
        ],
    ),
    (
        "payouts",
        &["paid", "fx_rate_confirmed", "tax_exchange_rates_confirmed"],
    ),
    (
        "mandates",
        &[
            "created",
            "submitted",
            "active",
            "cancelled",
            "failed",
            "expired",
            "reinstated",
            "replaced",
            "transferred",
            "customer_approval_granted",
            "customer_approval_skipped",
            "resubmission_requested",
        ],
    ),
];

pub static ENTRIES: &[Entry] = &[Entry::of("gocardless", open).seen(8, 8)];

fn open(folder: &Path) -> Result<Vendor, String> {
    let mut spec = read(folder, "gocardless.derived.openapi.json")?;
    whole_numbers(&mut spec["components"]);
    let names: Map<String, Value> = spec["components"]["schemas"]
        .as_object()
        .ok_or("the file has no schemas")?
        .clone();
    for (path, item) in spec["paths"].as_object_mut().into_iter().flatten() {
        for (_, operation) in item.as_object_mut().into_iter().flatten() {
            complete(path, operation, &names);
        }
    }
    for name in names
        .keys()
        .filter(|name| RESOURCES.contains(&name.as_str()))
    {
        let schema = &mut spec["components"]["schemas"][name];
        let always: Vec<_> = ALWAYS
            .iter()
            .filter(|field| !schema["properties"][**field].is_null())
            .collect();
        schema["required"] = json!(always);
    }
    let main = Document::new("gocardless", "", Auth::Bearer, spec);
    let error = json!({
        "type": "object",
        "properties": {"error": {
            "type": "object",
            "properties": {
                "message": {"type": "string"},
                "documentation_url": {"type": "string"},
                "type": {"enum": ["gocardless", "invalid_api_usage", "invalid_state", "validation_failed"]},
                "request_id": {"type": "string"},
                "code": {"type": "integer"},
                "errors": {"type": "array", "items": {
                    "type": "object",
                    "properties": {
                        "message": {"type": "string"},
                        "reason": {"type": "string"},
                        "field": {"type": "string"},
                        "links": {"type": "object"},
                    },
                    "required": ["message"],
                }},
            },
            "required": ["message", "type", "code", "request_id"],
        }},
        "required": ["error"],
    });
    Ok(Vendor {
        documents: vec![main],
        names: Names::Brackets,
        error: Some(error),
        webhook,
    })
}

/// Every number of this vendor is whole: amounts are minor units, the rest are counts.
fn whole_numbers(value: &mut Value) {
    match value {
        Value::Object(map) => {
            match map.get_mut("type") {
                Some(Value::String(only)) if only == "number" => *only = "integer".into(),
                Some(Value::Array(several)) => {
                    let numbers = several.iter_mut().filter(|each| **each == "number");
                    numbers.for_each(|each| *each = json!("integer"));
                }
                _ => {}
            }
            map.values_mut().for_each(whole_numbers);
        }
        Value::Array(items) => items.iter_mut().for_each(whole_numbers),
        _ => {}
    }
}

/// Gives an operation its query, its replies, and an action its envelope.
fn complete(path: &str, operation: &mut Value, schemas: &Map<String, Value>) {
    let id = operation["operationId"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    let (resource, verb) = id.split_once('.').unwrap_or((&id, ""));
    let (first, rest) = resource.split_at(1);
    let resource = format!("{}{rest}", first.to_uppercase());
    let envelope = path.split('/').nth(1).unwrap_or_default();

    let query = operation["x-query-schema"]["$ref"]
        .as_str()
        .and_then(|target| target.rsplit('/').next());
    let fields = query.and_then(|name| schemas[name]["properties"].as_object());
    let parameters = operation["parameters"].as_array_mut();
    if let (Some(fields), Some(parameters)) = (fields, parameters) {
        let query = |(name, schema)| json!({"in": "query", "name": name, "schema": schema});
        parameters.extend(fields.iter().map(query));
    }

    if path.contains("/actions/") {
        let schema = &mut operation["requestBody"]["content"]["application/json"]["schema"];
        // the file shows an action's body bare or not at all; the vendor's libraries wrap it
        let bare = match schema.take() {
            Value::Null => json!({"type": "object"}),
            shown => shown,
        };
        let wrapped = json!({"type": "object", "properties": {"data": bare}, "required": ["data"]});
        let bare = json!({"allOf": [bare], "not": {"required": ["data"]}});
        *schema = json!({"anyOf": [bare, wrapped]});
    }

    let item = match schemas.contains_key(&resource) {
        true => json!({"$ref": format!("#/components/schemas/{resource}")}),
        false => json!({"type": "object"}),
    };
    let (value, required) = match verb {
        "list" => (
            json!({"type": "array", "items": item}),
            json!([envelope, "meta"]),
        ),
        _ => (item, json!([envelope])),
    };
    let mut properties = json!({envelope: value});
    if verb == "list" {
        properties["meta"] = json!({
            "type": "object",
            "properties": {
                "limit": {"type": "integer"},
                "cursors": {
                    "type": "object",
                    "properties": {
                        "before": {"type": ["string", "null"]},
                        "after": {"type": ["string", "null"]},
                    },
                    "required": ["before", "after"],
                },
            },
            "required": ["cursors"],
        });
    }
    let schema = json!({"type": "object", "properties": properties, "required": required});
    let status = if verb.starts_with("create") {
        "201"
    } else {
        "200"
    };
    operation["responses"] = json!({status: {"content": {"application/json": {"schema": schema}}}});
}

fn webhook(hook: &mut Hook) {
    hook.need(
        "webhook-signature",
        |value| is_hex(value, 64),
        "64 hex digits",
    );
    let Some(batch) = hook.json() else { return };
    let envelope = json!({
        "type": "object",
        "properties": {
            "events": {
                "type": "array",
                "maxItems": 250,
                "items": {"$ref": "#/components/schemas/Event"},
            },
            "meta": {
                "type": "object",
                "properties": {"webhook_id": {"type": "string"}},
                "required": ["webhook_id"],
            },
        },
        "required": ["events"],
    });
    hook.hold(0, &envelope, &batch, "");
    for (place, event) in batch["events"].as_array().into_iter().flatten().enumerate() {
        let (kind, action) = (&event["resource_type"], &event["action"]);
        let Some((_, known)) = ACTIONS.iter().find(|(name, _)| *name == kind) else {
            continue;
        };
        hook.expect(known.iter().any(|name| *name == action), || {
            format!("/events/{place}/action: {action} is not an action of {kind}")
        });
    }
}
