//! `/v1/openapi.json`: drawn from the table of routes; the shapes are written beside it, in
//! `schemas.json`, and tests hold them to the code.

use super::frame::call::{LONGEST_ID, Route, Serves};
use super::frame::problem::Kind;
use super::routes;
use serde_json::{Map, Value, json};

const SCHEMAS: &str = include_str!("schemas.json");

/// The OpenAPI 3.1 document.
pub fn document() -> Value {
    let mut paths = Map::new();
    for route in routes::all() {
        let at = paths.entry(route.path).or_insert_with(|| json!({}));
        at[route.method.to_ascii_lowercase()] = operation(route);
    }
    let mut schemas: Value = serde_json::from_str(SCHEMAS).unwrap_or_default();
    let types = Kind::ALL.map(|kind| format!("/problems/{}", kind.name()));
    schemas["Problem"]["properties"]["type"]["enum"] = json!(types);
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Meridian",
            "version": env!("CARGO_PKG_VERSION"),
            "summary": "What a clinic's systems call.",
            "description": "Amounts are decimal strings with a currency. Requests that move money \
                need an `Idempotency-Key`: the same key and body get the same answer, another body \
                is refused with 422. What was refused left nothing behind, so the key may be used \
                again. Lists are newest first and go on at `before` with the `next` of the page; a page \
                may hold fewer than `limit`, so go on while there is a `next`. \
                Errors are `application/problem+json` with a stable `type`.",
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "servers": [{ "url": "/" }],
        "security": [{ "key": [] }],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "key": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "A clinic's key, `mk_…`, with permissions: view, charge, \
                        refund, approve, configure.",
                },
                "root": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "The deployment's root key: it only makes clinics.",
                },
            },
        },
    })
}

fn operation(route: &Route) -> Value {
    let mut operation = json!({
        "operationId": operation_id(route),
        "summary": route.about,
        "responses": responses(route),
    });
    match route.serves {
        Serves::Document => operation["security"] = json!([]),
        Serves::Root(_) => operation["security"] = json!([{ "root": [] }]),
        Serves::Clinic(permission, _) => {
            operation["security"] = json!([{ "key": [] }]);
            operation["x-permission"] = json!(permission);
        }
    }
    let parameters = parameters(route);
    if !parameters.is_empty() {
        operation["parameters"] = parameters.into();
    }
    if let Some(takes) = &route.takes {
        operation["requestBody"] = json!({
            "required": takes.schema != "Nothing",
            "content": { "application/json": { "schema": reference(takes.schema) } },
        });
    }
    operation
}

/// `post_invoices_id_charges`
fn operation_id(route: &Route) -> String {
    let path = route
        .path
        .trim_start_matches("/v1/")
        .replace(['{', '}'], "");
    let words = path.replace(['/', '-', '.'], "_");
    format!("{}_{words}", route.method.to_ascii_lowercase())
}

fn parameters(route: &Route) -> Vec<Value> {
    let of_path = route.path.split('/').filter_map(|segment| {
        let name = segment.strip_prefix('{')?.strip_suffix('}')?;
        let schema = json!({ "type": "string", "maxLength": LONGEST_ID });
        Some(json!({ "name": name, "in": "path", "required": true, "schema": schema }))
    });
    let of_query = route.query.iter().map(
        |name| json!({ "name": name, "in": "query", "required": false, "schema": of_name(name) }),
    );
    // A preview writes nothing, so it needs none.
    let needed = !route.query.contains(&"preview");
    let about = match needed {
        true => "Of your own making: repeats under it happen once.",
        false => "Of your own making: repeats under it happen once. Needed but for a preview.",
    };
    let key = route.once.then(|| {
        json!({
            "name": "Idempotency-Key",
            "in": "header",
            "required": needed,
            "description": about,
            "schema": { "type": "string", "minLength": 1, "maxLength": 100 },
        })
    });
    of_path.chain(of_query).chain(key).collect()
}

fn of_name(name: &str) -> Value {
    match name {
        "limit" => json!({ "type": "integer", "minimum": 1, "maximum": 200, "default": 50 }),
        "preview" => json!({ "type": "boolean", "default": false }),
        "since" => json!({ "type": "string", "format": "date-time" }),
        "day" => json!({ "type": "string", "format": "date" }),
        _ => json!({ "type": "string", "maxLength": LONGEST_ID }),
    }
}

fn responses(route: &Route) -> Value {
    let mut responses = Map::new();
    for (status, schema) in std::iter::once(route.gives).chain(route.also) {
        let content = json!({ "application/json": { "schema": reference(schema) } });
        let answer = json!({ "description": "As asked.", "content": content });
        responses.insert(status.to_string(), answer);
    }
    let content = json!({ "application/problem+json": { "schema": reference("Problem") } });
    responses.insert(
        "default".into(),
        json!({ "description": "What was wrong and what to do.", "content": content }),
    );
    responses.into()
}

fn reference(schema: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{schema}") })
}
