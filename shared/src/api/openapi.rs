//! `/v1/openapi.json`: drawn from the table of routes, and from the types that they take and give.

use super::frame::call::{LONGEST_ID, Route, Serves};
use super::frame::problem;
use super::routes;
use super::views::event::EventState;
use super::views::record::example;
use crate::contract::record::{Record, RecordType};
use crate::contract::standard_webhook;
use crate::domain::invoice::Status;
use crate::domain::visit::State;
use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// The OpenAPI 3.1 document.
pub fn document() -> Value {
    let mut shapes = Shapes::new();
    let mut paths = json!({});
    for route in routes::all() {
        paths[route.path][route.method.to_ascii_lowercase()] = operation(route, &mut shapes);
    }
    let mut webhooks = Map::new();
    for kind in RecordType::ALL {
        webhooks.insert(kind.name().into(), webhook(kind, &mut shapes));
    }
    let schemas = shapes.together(&mut paths);
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
        "webhooks": webhooks,
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

/// The schemas of what is taken and of what is given: a field that may be left out of the one is
/// always in the other.
struct Shapes {
    taken: SchemaGenerator,
    given: SchemaGenerator,
}

const SCHEMAS: &str = "#/components/schemas/";
/// Where what is taken refers to, until both are put together.
const TAKEN: &str = "#/components/taken/";

impl Shapes {
    fn new() -> Self {
        let at = |path: &str| {
            SchemaSettings::draft2020_12().with(|settings| {
                settings.definitions_path = path
                    .trim_start_matches('#')
                    .trim_end_matches('/')
                    .to_owned()
                    .into();
                settings.meta_schema = None;
            })
        };
        Self {
            taken: at(TAKEN).for_deserialize().into_generator(),
            given: at(SCHEMAS).for_serialize().into_generator(),
        }
    }

    /// All schemas by their names. A type that is described otherwise where it is taken bears
    /// another name there; `paths` refer to that.
    fn together(mut self, paths: &mut Value) -> Map<String, Value> {
        let mut given = self.given.take_definitions(true);
        given.values_mut().for_each(close);
        let mut taken = self.taken.take_definitions(true);
        let all = given.values_mut().chain(taken.values_mut());
        all.for_each(unwrap_lines);
        let mut apart = BTreeSet::new();
        let differs = |name: &String, schema: &Value, apart: &BTreeSet<String>| {
            let schema = referring(schema.clone(), apart);
            given.get(name).is_some_and(|given| *given != schema)
        };
        // What refers to a type that is told apart differs itself.
        loop {
            let more = taken
                .iter()
                .filter(|(name, schema)| differs(name, schema, &apart));
            let more: BTreeSet<_> = more.map(|(name, _)| name.clone()).collect();
            if more == apart {
                break;
            }
            apart = more;
        }
        for (name, schema) in taken {
            given.insert(named(&name, &apart), referring(schema, &apart));
        }
        *paths = referring(paths.take(), &apart);
        given
    }
}

fn named(name: &str, apart: &BTreeSet<String>) -> String {
    match apart.contains(name) {
        true => format!("{name}Request"),
        false => name.into(),
    }
}

/// A document whose references to what is taken lead to where that stands.
fn referring(value: Value, apart: &BTreeSet<String>) -> Value {
    match value {
        Value::Object(map) => map
            .into_iter()
            .map(|(key, value)| match value.as_str() {
                Some(to) if key == "$ref" => {
                    let taken = to.strip_prefix(TAKEN);
                    let to = taken.map(|name| format!("{SCHEMAS}{}", named(name, apart)));
                    (key, to.map_or(value, Value::from))
                }
                _ => (key, referring(value, apart)),
            })
            .collect(),
        Value::Array(all) => all
            .into_iter()
            .map(|value| referring(value, apart))
            .collect(),
        plain => plain,
    }
}

/// Descriptions are sentences, wherever their lines end in the source.
fn unwrap_lines(schema: &mut Value) {
    match schema {
        Value::Object(map) => {
            for (name, value) in map {
                match value {
                    Value::String(text) if name == "description" => *text = text.replace('\n', " "),
                    other => unwrap_lines(other),
                }
            }
        }
        Value::Array(all) => all.iter_mut().for_each(unwrap_lines),
        _ => {}
    }
}

/// An object that is given has the fields of its type and no others.
fn close(schema: &mut Value) {
    match schema {
        Value::Object(map) => {
            map.iter_mut()
                .filter(|(name, _)| *name != "examples")
                .for_each(|(_, value)| close(value));
            if map.get("type") == Some(&json!("object")) && map.contains_key("properties") {
                map.entry("additionalProperties").or_insert(false.into());
            }
        }
        Value::Array(all) => all.iter_mut().for_each(close),
        _ => {}
    }
}

fn operation(route: &Route, shapes: &mut Shapes) -> Value {
    let mut operation = json!({
        "operationId": operation_id(route),
        "summary": route.about,
        "responses": responses(route, shapes),
    });
    match route.serves {
        Serves::Document => operation["security"] = json!([]),
        Serves::Root(_) => operation["security"] = json!([{ "root": [] }]),
        Serves::Clinic(permission, _) => {
            operation["security"] = json!([{ "key": [] }]);
            operation["x-permission"] = json!(permission);
            if route.shows_person {
                operation["x-shows-person"] = json!(true);
            }
        }
    }
    let parameters = parameters(route, shapes);
    if !parameters.is_empty() {
        operation["parameters"] = parameters.into();
    }
    if let Some(takes) = &route.takes {
        operation["requestBody"] = json!({
            "required": (takes.reads)(b"").is_err(),
            "content": { "application/json": { "schema": (takes.shape)(&mut shapes.taken) } },
        });
    }
    operation
}

/// What a system of the clinic's own is told of one kind of thing.
fn webhook(kind: RecordType, shapes: &mut Shapes) -> Value {
    let header = |name: &str, about: &str| {
        json!({
            "name": name, "in": "header", "required": true, "description": about,
            "schema": { "type": "string" },
        })
    };
    json!({ "post": {
        "operationId": format!("webhook_{}", kind.name().replace('.', "_")),
        "summary": "Sent to the addresses that the clinic connects as `own` or `own@…`, as a \
            Standard Webhook (standardwebhooks.com). Records of one invoice come in their order. \
            Any answer of 200 to 299 takes it; 410 ends what is sent there until the address is \
            configured anew, `Retry-After` of a 429 or 503 is kept to, and whatever else is \
            answered is tried again for up to 90 days.",
        "security": [],
        "parameters": [
            header(standard_webhook::ID, "The same each time that this record is sent: who has \
                taken it once ignores it."),
            header(standard_webhook::TIMESTAMP, "When it was sent, in seconds of the epoch: refuse \
                what is older than five minutes."),
            header(standard_webhook::SIGNATURE, "`v1,` and the base64 of the HMAC-SHA256 of id, \
                timestamp and body, a full stop between two, by the bytes that the signing secret \
                spells. For 48 hours after the secret was changed there are two, a blank between \
                them."),
        ],
        "requestBody": {
            "required": true,
            "content": { "application/json": {
                "schema": shapes.given.subschema_for::<Record>(),
                "example": example(kind),
            } },
        },
        "responses": { "2XX": { "description": "It is taken." } },
    } })
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

fn parameters(route: &Route, shapes: &mut Shapes) -> Vec<Value> {
    let of_path = route.path.split('/').filter_map(|segment| {
        let name = segment.strip_prefix('{')?.strip_suffix('}')?;
        let schema = json!({ "type": "string", "maxLength": LONGEST_ID });
        Some(json!({ "name": name, "in": "path", "required": true, "schema": schema }))
    });
    let of_query = route.query.iter().map(|name| {
        let schema = of_name(route.path, name, shapes);
        json!({ "name": name, "in": "query", "required": false, "schema": schema })
    });
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
            "schema": { "type": "string", "pattern": "^[ -~]{1,100}$" },
        })
    });
    of_path.chain(of_query).chain(key).collect()
}

fn of_name(path: &str, name: &str, shapes: &mut Shapes) -> Value {
    match name {
        "status" => shapes.taken.subschema_for::<Status>().into(),
        "state" if path == "/v1/appointments" => shapes.taken.subschema_for::<State>().into(),
        "state" => shapes.taken.subschema_for::<EventState>().into(),
        "limit" => json!({ "type": "integer", "minimum": 1, "maximum": 200, "default": 50 }),
        "preview" => json!({ "type": "boolean", "default": false }),
        "since" => json!({ "type": "string", "format": "date-time" }),
        "day" => json!({ "type": "string", "format": "date" }),
        _ => json!({ "type": "string", "maxLength": LONGEST_ID }),
    }
}

fn responses(route: &Route, shapes: &mut Shapes) -> Value {
    let mut responses = Map::new();
    for (status, shape) in std::iter::once(route.gives).chain(route.also) {
        let content = json!({ "application/json": { "schema": shape(&mut shapes.given) } });
        let answer = json!({ "description": "As asked.", "content": content });
        responses.insert(status.to_string(), answer);
    }
    let problem = shapes.given.subschema_for::<problem::Body>();
    let content = json!({ "application/problem+json": { "schema": problem } });
    responses.insert(
        "default".into(),
        json!({ "description": "What was wrong and what to do.", "content": content }),
    );
    responses.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_closed_with_all_in_it_and_an_example_stays_as_it_is() {
        let example = json!({ "type": "object", "properties": {} });
        let mut schema = json!({
            "type": "object",
            "properties": {
                "inside": { "type": "object", "properties": {} },
                "either": { "oneOf": [{ "type": "object", "properties": {} }] },
                "open": { "type": "object", "properties": {}, "additionalProperties": true },
                "any": { "type": "object" },
            },
            "examples": [example],
        });
        close(&mut schema);
        assert_eq!(schema["additionalProperties"], false);
        let of = |name: &str| &schema["properties"][name];
        assert_eq!(of("inside")["additionalProperties"], false);
        assert_eq!(of("either")["oneOf"][0]["additionalProperties"], false);
        assert_eq!(of("open")["additionalProperties"], true);
        assert_eq!(*of("any"), json!({ "type": "object" }));
        assert_eq!(schema["examples"], json!([example]));
    }
}
