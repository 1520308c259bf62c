//! Turns a discovery document, as Google describes its APIs, into an OpenAPI document: resources with
//! methods become paths, references become those of components.

use serde_json::{Map, Value, json};

/// The document with every method's path, fields, body and reply.
pub fn openapi(discovery: &Value) -> Value {
    let mut paths = Map::new();
    resource(discovery, discovery, &mut paths);
    json!({"paths": paths, "components": {"schemas": each(&discovery["schemas"], schema)}})
}

fn resource(discovery: &Value, at: &Value, paths: &mut Map<String, Value>) {
    for (_, method) in entries(&at["methods"]) {
        let path = method["path"].as_str().unwrap_or_default();
        let verb = method["httpMethod"].as_str().unwrap_or_default();
        let item = paths.entry(format!("/{path}")).or_insert_with(|| json!({}));
        item[verb.to_ascii_lowercase()] = operation(discovery, method);
    }
    for (_, below) in entries(&at["resources"]) {
        resource(discovery, below, paths);
    }
}

fn operation(discovery: &Value, method: &Value) -> Value {
    let common = entries(&discovery["parameters"]);
    let parameters = common.chain(entries(&method["parameters"])).map(parameter);
    let mut operation = json!({
        "operationId": method["id"],
        "parameters": parameters.collect::<Vec<_>>(),
        "responses": {"200": content(&method["response"])},
    });
    if !method["request"].is_null() {
        operation["requestBody"] = content(&method["request"]);
    }
    operation
}

fn content(of: &Value) -> Value {
    json!({"required": true, "content": {"application/json": {"schema": schema(of)}}})
}

fn parameter((name, about): (&String, &Value)) -> Value {
    let one = schema(about);
    let repeated = json!({"type": "array", "items": one});
    let required = about["required"] == true;
    let schema = if about["repeated"] == true {
        repeated
    } else {
        one
    };
    json!({"name": name, "in": about["location"], "required": required, "schema": schema})
}

/// Of a schema what constrains a value. `any` is no type, and what is required is said by no field.
fn schema(of: &Value) -> Value {
    let mut out = Map::new();
    for (keyword, value) in entries(of) {
        let value = match (keyword.as_str(), value.as_str()) {
            ("$ref", Some(name)) => json!(format!("#/components/schemas/{name}")),
            ("type", Some("any")) => continue,
            ("type", Some(_)) | ("enum" | "pattern", _) => value.clone(),
            ("properties", _) => each(value, schema),
            ("items" | "additionalProperties", _) => schema(value),
            _ => continue,
        };
        out.insert(keyword.clone(), value);
    }
    Value::Object(out)
}

fn each(map: &Value, change: impl Fn(&Value) -> Value) -> Value {
    entries(map)
        .map(|(name, value)| (name.clone(), change(value)))
        .collect()
}

fn entries(map: &Value) -> impl Iterator<Item = (&String, &Value)> {
    map.as_object().into_iter().flatten()
}
