//! Reads template.yaml as JSON, for the tests that hold it to the rules of Meridian.
//!
//! A CloudFormation function keeps its name: `!Ref Table` reads as `{"!Ref": "Table"}`. Text stays
//! text, also where it is a number or a boolean.

mod deployed;
mod rights;

pub use deployed::deployed;
pub use rights::rights;

use saphyr_parser::{Event, Parser, Tag};
use serde_json::{Map, Value, json};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// A resource's logical name and its body.
pub type Resources = BTreeMap<String, Value>;

pub struct Template {
    pub text: String,
    pub resources: Resources,
    /// What every function has where it does not say otherwise.
    pub globals: Value,
    pub parameters: Value,
    /// What stands beside these: the transform, outputs.
    pub beside: Value,
}

impl Template {
    /// The template of this workspace.
    pub fn read() -> Template {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../template.yaml");
        Self::of(std::fs::read_to_string(path).expect("template.yaml is readable"))
    }

    /// The template that this text is.
    pub fn of(text: String) -> Template {
        let mut document = parse(&text);
        document.sort_all_objects();
        let resources = document["Resources"]
            .as_object()
            .expect("the template has Resources");
        Template {
            resources: resources
                .iter()
                .map(|(k, v)| (k.clone(), v.clone()))
                .collect(),
            globals: document["Globals"]["Function"].clone(),
            parameters: document["Parameters"].clone(),
            beside: {
                let all = document.as_object_mut().expect("a map");
                all.retain(|name, _| !matches!(name.as_str(), "Resources" | "Parameters"));
                let globals = all.remove("Globals").unwrap_or_default();
                let mut globals = globals.as_object().cloned().unwrap_or_default();
                globals.remove("Function");
                all.extend(globals);
                document.sort_all_objects();
                document
            },
            text,
        }
    }

    /// The properties of every resource of a type, by logical name.
    pub fn of_type(&self, kind: &str) -> BTreeMap<&str, &Value> {
        let of_type = self.resources.iter().filter(|(_, r)| r["Type"] == kind);
        of_type
            .map(|(name, r)| (name.as_str(), &r["Properties"]))
            .collect()
    }

    pub fn properties(&self, name: &str) -> &Value {
        let resource = self.resources.get(name);
        &resource.unwrap_or_else(|| panic!("the template has no resource {name}"))["Properties"]
    }

    /// Functions with what the globals give them, by the name of their folder.
    pub fn functions(&self) -> BTreeMap<String, Value> {
        let functions = self.of_type("AWS::Serverless::Function");
        let functions = functions.into_iter().map(|(logical, own)| {
            let mut function = self.globals.clone();
            merge(&mut function, own);
            function["LogicalName"] = logical.into();
            let code = own["CodeUri"]
                .as_str()
                .unwrap_or_default()
                .trim_end_matches('/');
            (
                code.rsplit('/').next().unwrap_or_default().to_owned(),
                function,
            )
        });
        functions.collect()
    }
}

/// SAM merges maps and lets a function's own scalars and lists win.
fn merge(into: &mut Value, own: &Value) {
    match (into, own) {
        (Value::Object(into), Value::Object(own)) => {
            for (key, value) in own {
                merge(into.entry(key.clone()).or_insert(Value::Null), value);
            }
        }
        (into, own) => *into = own.clone(),
    }
}

/// The number that a scalar of the template says.
pub fn number(value: &Value) -> u64 {
    let text = value
        .as_str()
        .unwrap_or_else(|| panic!("a number is expected: {value}"));
    text.parse()
        .unwrap_or_else(|_| panic!("a number is expected: {value}"))
}

pub fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn parse(text: &str) -> Value {
    let mut events =
        Parser::new_from_str(text).map(|event| event.expect("template.yaml is YAML").0);
    node(&mut events).expect("template.yaml is not empty")
}

/// The next node; `None` where a list or a map ends.
fn node<'t>(events: &mut impl Iterator<Item = Event<'t>>) -> Option<Value> {
    loop {
        match events.next()? {
            Event::Scalar(text, _, _, tag) => return Some(tagged(tag, Value::from(text))),
            Event::SequenceStart(_, tag) => {
                let items = std::iter::from_fn(|| node(events)).collect();
                return Some(tagged(tag, Value::Array(items)));
            }
            Event::MappingStart(_, tag) => {
                let mut map = Map::new();
                while let Some(key) = node(events) {
                    let key = key.as_str().expect("a key is text").to_owned();
                    let value = node(events).expect("a key has a value");
                    assert!(
                        map.insert(key.clone(), value).is_none(),
                        "{key} stands twice"
                    );
                }
                return Some(tagged(tag, Value::Object(map)));
            }
            Event::SequenceEnd | Event::MappingEnd => return None,
            Event::Alias(_) => panic!("CloudFormation has no aliases"),
            _ => {}
        }
    }
}

fn tagged(tag: Option<Cow<'_, Tag>>, value: Value) -> Value {
    match tag {
        Some(tag) => json!({ format!("!{}", tag.suffix): value }),
        None => value,
    }
}
