//! Turns the schemas of an OpenAPI 3.0, OpenAPI 3.1 or plain JSON Schema file into JSON Schema
//! 2020-12, once for what we send and once for what the vendor answers.
//!
//! A schema that *is* a value (a field, an item, a body) is closed on the request's side: a field
//! that none of its parts names is unknown. A schema that only describes a part of a value (a
//! branch of `allOf`, a shared component) stays open, or the parts would forbid each other's
//! fields. `unevaluatedProperties` would do the same, but calls every field unknown once one of
//! them is wrong.

use serde_json::{Map, Value, json};

/// Who wrote the value that a schema is to hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Request,
    Reply,
}

/// Depth at which a chain of references is taken for a circle.
const DEEP: usize = 16;

pub struct Translator<'a> {
    /// The file as the vendor published it: references are looked up here.
    pub spec: &'a Value,
    /// Address under which the translated components are registered.
    pub address: &'a str,
    pub side: Side,
}

impl Translator<'_> {
    /// All shared schemas of the file, at the places where its references point.
    pub fn components(&self) -> Value {
        let mut out = json!({});
        for place in ["/components/schemas", "/definitions", "/$defs"] {
            let Some(Value::Object(named)) = self.spec.pointer(place) else {
                continue;
            };
            let mut inner: Value = named
                .iter()
                .map(|(name, schema)| (name.clone(), self.part(schema, schema)))
                .collect();
            for step in place[1..].rsplit('/') {
                inner = json!({ step: inner });
            }
            let (Value::Object(out), Value::Object(inner)) = (&mut out, inner) else {
                continue;
            };
            out.extend(inner);
        }
        out
    }

    /// A schema that is a value of its own.
    pub fn value(&self, schema: &Value) -> Value {
        let out = self.part(schema, schema);
        let mut known = Known::default();
        if self.side == Side::Request {
            self.gather(schema, false, 0, &mut known);
        }
        if known.open || known.fields.is_empty() {
            return out;
        }
        json!({ "allOf": [out, {
            "properties": known.fields,
            "patternProperties": known.patterns,
            "additionalProperties": false,
        }] })
    }

    /// A schema that describes the value `whole`, perhaps together with others.
    fn part(&self, schema: &Value, whole: &Value) -> Value {
        let Value::Object(schema) = schema else {
            return schema.clone();
        };
        let mut out = Map::new();
        for (keyword, value) in schema {
            let value = match keyword.as_str() {
                "$ref" => self.absolute(value),
                "properties" => self.fields(value),
                "patternProperties" => self.each(value, |schema| self.value(schema)),
                "items" | "additionalProperties" => self.value(value),
                "allOf" => list(value, |part| self.part(part, whole)),
                "anyOf" | "oneOf" => list(value, |branch| self.part(branch, branch)),
                "not" => self.part(value, value),
                "required" => self.required(value, whole),
                // OpenAPI 3.0 has flags where JSON Schema has limits
                "exclusiveMinimum" | "exclusiveMaximum" if value.is_boolean() => continue,
                "minimum" | "maximum" => {
                    let exclusive = if keyword == "minimum" {
                        "exclusiveMinimum"
                    } else {
                        "exclusiveMaximum"
                    };
                    if schema.get(exclusive) == Some(&Value::Bool(true)) {
                        out.insert(exclusive.into(), value.clone());
                        continue;
                    }
                    value.clone()
                }
                "format" => {
                    if let Some(pattern) = value.as_str().and_then(pattern_of) {
                        out.entry("allOf")
                            .or_insert_with(|| json!([]))
                            .as_array_mut()
                            .expect("a list")
                            .push(json!({ "pattern": pattern }));
                    }
                    continue;
                }
                "type" | "enum" | "const" | "pattern" | "multipleOf" | "minLength"
                | "maxLength" | "minItems" | "maxItems" | "uniqueItems" | "minProperties"
                | "maxProperties" => value.clone(),
                // the rest describes and does not constrain
                _ => continue,
            };
            match (keyword.as_str(), out.get_mut("allOf")) {
                // the format's pattern may have come first
                ("allOf", Some(Value::Array(present))) => {
                    if let Value::Array(more) = value {
                        present.extend(more);
                    }
                }
                _ => {
                    out.insert(keyword.clone(), value);
                }
            }
        }
        if self.side == Side::Reply
            && let Some(Value::Array(more)) = schema.get("x-required-in-response")
        {
            let required = out.entry("required").or_insert_with(|| json!([]));
            required
                .as_array_mut()
                .expect("a list")
                .extend(more.iter().cloned());
        }
        nullable(schema, out)
    }

    fn fields(&self, properties: &Value) -> Value {
        self.each(properties, |schema| match self.side {
            // what the vendor sets is not ours to send
            Side::Request if self.has_flag(schema, "readOnly", 0) => Value::Bool(false),
            _ => self.value(schema),
        })
    }

    fn each(&self, map: &Value, translate: impl Fn(&Value) -> Value) -> Value {
        map.as_object()
            .into_iter()
            .flatten()
            .map(|(name, schema)| (name.clone(), translate(schema)))
            .collect()
    }

    /// Required fields without those that this side never sends.
    fn required(&self, names: &Value, whole: &Value) -> Value {
        let absent = match self.side {
            Side::Request => "readOnly",
            Side::Reply => "writeOnly",
        };
        let kept = names.as_array().into_iter().flatten().filter(|name| {
            let field = name.as_str().and_then(|name| self.field(whole, name, 0));
            !field.is_some_and(|field| self.has_flag(field, absent, 0))
        });
        kept.cloned().collect()
    }

    fn absolute(&self, reference: &Value) -> Value {
        match reference.as_str() {
            Some(local) if local.starts_with('#') => json!(format!("{}{local}", self.address)),
            _ => reference.clone(),
        }
    }

    fn target(&self, schema: &Value) -> Option<&Value> {
        self.spec
            .pointer(schema.get("$ref")?.as_str()?.strip_prefix('#')?)
    }

    /// The schemas that describe the same value as this one does.
    fn beside<'s>(&'s self, schema: &'s Value, lists: &[&str]) -> Vec<&'s Value> {
        let listed = lists
            .iter()
            .filter_map(|list| schema.get(list)?.as_array())
            .flatten();
        self.target(schema).into_iter().chain(listed).collect()
    }

    /// The fields that any part of a value names.
    fn gather(&self, schema: &Value, alternative: bool, depth: usize, known: &mut Known) {
        let named = |keyword: &str| schema.get(keyword).and_then(Value::as_object);
        for (keyword, into) in [
            ("properties", &mut known.fields),
            ("patternProperties", &mut known.patterns),
        ] {
            let names = named(keyword).into_iter().flatten();
            into.extend(names.map(|(name, _)| (name.clone(), Value::Bool(true))));
        }

        let silent = !["properties", "required", "allOf", "anyOf", "oneOf"]
            .iter()
            .any(|keyword| schema.get(*keyword).is_some());
        let takes_more = schema
            .get("additionalProperties")
            .is_some_and(|more| *more != false);
        // an object without a field list, where another would do too, takes any field
        known.open |= takes_more || alternative && silent && schema["type"] == "object";
        if depth == DEEP {
            known.open = true;
            return;
        }
        for part in self.beside(schema, &["allOf"]) {
            self.gather(part, alternative, depth + 1, known);
        }
        for list in ["anyOf", "oneOf"] {
            for branch in schema
                .get(list)
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
            {
                self.gather(branch, true, depth + 1, known);
            }
        }
    }

    fn has_flag(&self, schema: &Value, flag: &str, depth: usize) -> bool {
        schema.get(flag) == Some(&Value::Bool(true))
            || depth < DEEP
                && self
                    .beside(schema, &["allOf"])
                    .iter()
                    .any(|part| self.has_flag(part, flag, depth + 1))
    }

    fn field<'s>(&'s self, schema: &'s Value, name: &str, depth: usize) -> Option<&'s Value> {
        let own = schema.get("properties").and_then(|fields| fields.get(name));
        if own.is_some() || depth == DEEP {
            return own;
        }
        let parts = self.beside(schema, &["allOf", "anyOf", "oneOf"]);
        parts
            .into_iter()
            .find_map(|part| self.field(part, name, depth + 1))
    }
}

/// What a closed value may hold.
#[derive(Default)]
struct Known {
    fields: Map<String, Value>,
    patterns: Map<String, Value>,
    open: bool,
}

fn list(value: &Value, translate: impl Fn(&Value) -> Value) -> Value {
    value
        .as_array()
        .into_iter()
        .flatten()
        .map(translate)
        .collect()
}

/// Lets null pass where the file says so: by OpenAPI 3.0's `nullable`, or by a type list beside a
/// reference or an enumeration that alone would forbid what the list allows.
fn nullable(schema: &Map<String, Value>, mut out: Map<String, Value>) -> Value {
    let null = Value::from("null");
    let listed = out
        .get("type")
        .and_then(Value::as_array)
        .is_some_and(|types| types.contains(&null));
    let composed = ["$ref", "allOf", "anyOf", "oneOf"]
        .iter()
        .any(|key| out.contains_key(*key));
    let flagged = schema.get("nullable") == Some(&Value::Bool(true));
    if !(flagged || listed && (composed || out.contains_key("enum"))) {
        return Value::Object(out);
    }
    if composed {
        return json!({ "anyOf": [{ "type": "null" }, Value::Object(out)] });
    }
    if let Some(Value::String(only)) = out.get("type") {
        let both = json!([only, "null"]);
        out.insert("type".into(), both);
    }
    if let Some(Value::Array(options)) = out.get_mut("enum") {
        options.push(Value::Null);
    }
    Value::Object(out)
}

/// The formats that vendors keep to. Times often come without a zone, and filters take a day
/// where a time is declared.
fn pattern_of(format: &str) -> Option<&'static str> {
    match format {
        "uuid" => Some("^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$"),
        "date" => Some(r"^\d{4}-\d{2}-\d{2}$"),
        "date-time" => {
            Some(r"^\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:?\d{2})?)?$")
        }
        "date-time-rfc-2822" => {
            Some(r"^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} [+-]\d{4}$")
        }
        _ => None,
    }
}
