//! Gives the texts of a form or query the types that the schema allows them.

use serde_json::{Map, Number, Value, json};

use crate::decode::Raw;
use crate::schemas::Schemas;

/// Depth at which a chain of references is taken for a circle.
const DEEP: usize = 16;

/// The value that the vendor would read. A text that fits no allowed type stays a text, so that
/// the validation names it.
pub fn typed(raw: &Raw, schema: &Value, schemas: &Schemas) -> Value {
    let mut leaves = Vec::new();
    gather(schema, schemas, 0, &mut leaves);
    match raw {
        Raw::Text(text) => scalar(text, &leaves)
            .or_else(|| only_item(raw, &leaves, schemas))
            .unwrap_or_else(|| Value::String(text.clone())),
        Raw::List(items) => {
            let schema = items_of(&leaves).unwrap_or(&Value::Null);
            items
                .iter()
                .map(|item| typed(item, schema, schemas))
                .collect()
        }
        Raw::Fields(fields) => {
            if let Some(items) = items_of(&leaves)
                && let Some(ordered) = ordered(fields)
            {
                return ordered
                    .into_iter()
                    .map(|item| typed(item, items, schemas))
                    .collect();
            }
            let typed_field = |(name, raw): &(String, Raw)| {
                (name.clone(), typed(raw, &field_of(name, &leaves), schemas))
            };
            Value::Object(fields.iter().map(typed_field).collect::<Map<_, _>>())
        }
    }
}

/// Every schema that describes the value, references and alternatives followed.
fn gather<'s>(schema: &'s Value, schemas: &'s Schemas, depth: usize, leaves: &mut Vec<&'s Value>) {
    if depth == DEEP || !schema.is_object() {
        return;
    }
    leaves.push(schema);
    if let Some(reference) = schema.get("$ref").and_then(Value::as_str)
        && let Some(target) = schemas.resolve(reference)
    {
        gather(target, schemas, depth + 1, leaves);
    }
    for list in ["allOf", "anyOf", "oneOf"] {
        for part in schema
            .get(list)
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
        {
            gather(part, schemas, depth + 1, leaves);
        }
    }
}

fn allows(leaves: &[&Value], name: &str) -> bool {
    leaves.iter().any(|leaf| match &leaf["type"] {
        Value::String(only) => only == name,
        Value::Array(several) => several.iter().any(|each| each == name),
        _ => false,
    })
}

fn scalar(text: &str, leaves: &[&Value]) -> Option<Value> {
    let named = |leaf: &&Value| {
        leaf["const"] == *text
            || leaf["enum"]
                .as_array()
                .is_some_and(|options| options.contains(&json!(text)))
    };
    if leaves.iter().any(named) {
        return Some(json!(text));
    }
    if allows(leaves, "integer") || allows(leaves, "number") {
        let number: Option<Number> = text.parse().ok();
        let integer = text
            .parse::<i64>()
            .is_ok_and(|value| value.to_string() == text);
        if integer || allows(leaves, "number") && number.is_some() {
            return number.map(Value::Number);
        }
    }
    if allows(leaves, "boolean")
        && let Ok(value) = text.parse::<bool>()
    {
        return Some(Value::Bool(value));
    }
    allows(leaves, "string").then(|| json!(text))
}

/// A name that occurs once where a list is expected is a list of one.
fn only_item(raw: &Raw, leaves: &[&Value], schemas: &Schemas) -> Option<Value> {
    items_of(leaves).map(|items| json!([typed(raw, items, schemas)]))
}

fn items_of<'s>(leaves: &[&'s Value]) -> Option<&'s Value> {
    allows(leaves, "array").then(|| leaves.iter().find_map(|leaf| leaf.get("items")))?
}

/// The items of `a[0]=..&a[1]=..` or `a[]=..`, if all of the names are of one such kind.
fn ordered(fields: &[(String, Raw)]) -> Option<Vec<&Raw>> {
    if fields.iter().all(|(name, _)| name.is_empty()) {
        return Some(fields.iter().map(|(_, raw)| raw).collect());
    }
    let mut numbered = Vec::new();
    for (name, raw) in fields {
        numbered.push((name.parse::<usize>().ok()?, raw));
    }
    numbered.sort_by_key(|(index, _)| *index);
    let whole = numbered
        .iter()
        .enumerate()
        .all(|(position, (index, _))| position == *index);
    whole.then(|| numbered.into_iter().map(|(_, raw)| raw).collect())
}

fn field_of(name: &str, leaves: &[&Value]) -> Value {
    let declared: Vec<&Value> = leaves
        .iter()
        .filter_map(|leaf| leaf.get("properties")?.get(name))
        .collect();
    match declared.as_slice() {
        [] => {
            let other = leaves
                .iter()
                .find_map(|leaf| leaf.get("additionalProperties"));
            other.cloned().unwrap_or(Value::Null)
        }
        [only] => (*only).clone(),
        several => json!({ "anyOf": several }),
    }
}
