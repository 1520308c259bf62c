//! One contract file: which operations it has, and what each asks for and answers.

use std::path::Path;
use std::sync::OnceLock;

use serde_json::{Map, Value, json};

use crate::schemas::Schemas;
use crate::translate::Side;

/// Methods that a path item may hold.
const METHODS: [&str; 6] = ["get", "put", "post", "delete", "patch", "head"];

/// How a caller shows who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Auth {
    Bearer,
    Basic,
    BearerOrBasic,
    /// The contract names none, or the address is the secret.
    Open,
}

impl Auth {
    pub fn scheme(self) -> &'static str {
        match self {
            Auth::Bearer => "Bearer",
            Auth::Basic => "Basic",
            Auth::BearerOrBasic => "Bearer or Basic",
            Auth::Open => "nothing",
        }
    }
}

pub struct Document {
    name: String,
    base: String,
    pub auth: Auth,
    /// Header parameters that the vendor wants on every operation and the file does not list.
    pub headers: Vec<Value>,
    pub spec: Value,
    templates: Vec<(String, Vec<Segment>)>,
    request: OnceLock<Result<Schemas, String>>,
    reply: OnceLock<Result<Schemas, String>>,
}

/// A path's segment: a literal, or text around a parameter.
#[derive(Debug)]
enum Segment {
    Literal(String),
    Parameter {
        before: String,
        name: String,
        after: String,
    },
}

pub struct Operation<'a> {
    pub document: &'a Document,
    /// Method and template, and the vendor's name for it.
    pub title: String,
    pub path_values: Vec<(String, String)>,
    /// Parameters of the path item and the operation, references followed.
    pub parameters: Vec<Value>,
    pub body: Option<&'a Value>,
    pub replies: Option<&'a Map<String, Value>>,
    literals: usize,
}

impl Document {
    /// A document of operations below `base`, a path such as `/api.xro/2.0` or nothing.
    pub fn new(name: &str, base: &str, auth: Auth, spec: Value) -> Document {
        let paths = spec["paths"].as_object().into_iter().flatten();
        let templates = paths
            .map(|(template, _)| (template.clone(), segments(base, template)))
            .collect();
        Document {
            name: name.to_owned(),
            base: base.to_owned(),
            auth,
            headers: Vec::new(),
            spec,
            templates,
            request: OnceLock::new(),
            reply: OnceLock::new(),
        }
    }

    pub fn schemas(&self, side: Side) -> Result<&Schemas, String> {
        let cell = match side {
            Side::Request => &self.request,
            Side::Reply => &self.reply,
        };
        let built = cell.get_or_init(|| Schemas::new(&self.name, &self.spec, side));
        built.as_ref().map_err(String::clone)
    }

    /// What is wrong with a value by a schema of this file.
    pub fn problems(&self, side: Side, schema: &Value, value: &Value) -> Vec<String> {
        match self.schemas(side) {
            Ok(schemas) => {
                let mut found = schemas.problems(&schemas.translate(&self.spec, schema), value);
                self.misplaced(schema, value, "", &mut found);
                found
            }
            Err(problem) => vec![problem],
        }
    }

    /// Members that stand behind what must follow them, where a schema wants an order (`x-ordered`).
    fn misplaced(&self, schema: &Value, value: &Value, place: &str, found: &mut Vec<String>) {
        let schema = self.follow(schema);
        for (n, item) in value.as_array().into_iter().flatten().enumerate() {
            self.misplaced(&schema["items"], item, &format!("{place}/{n}"), found);
        }
        let Some(known) = schema["properties"].as_object() else {
            return;
        };
        let mut last = 0;
        for (name, member) in value.as_object().into_iter().flatten() {
            let here = format!("{place}/{name}");
            let at = known.keys().position(|one| one == name).unwrap_or(last);
            if schema["x-ordered"] == true && at < last {
                found.push(format!("{here}: it stands behind what must follow it"));
            }
            last = last.max(at);
            self.misplaced(&schema["properties"][name.as_str()], member, &here, found);
        }
    }

    /// The place that a reference inside this file points to, or the value itself.
    pub fn follow<'a>(&'a self, value: &'a Value) -> &'a Value {
        let target = value.get("$ref").and_then(Value::as_str);
        target
            .and_then(|target| self.spec.pointer(target.strip_prefix('#')?))
            .unwrap_or(value)
    }

    /// Every schema that an operation may ask for, so that all can be tried.
    #[cfg(test)]
    pub fn used(&self) -> Vec<(Side, String, Value)> {
        let mut used = Vec::new();
        for (template, _) in &self.templates {
            for method in METHODS {
                let Some(found) = self.operation(template, method, Vec::new(), 0) else {
                    continue;
                };
                for parameter in &found.parameters {
                    used.push((
                        Side::Request,
                        found.title.clone(),
                        parameter["schema"].clone(),
                    ));
                }
                let body = found.body.into_iter().map(|body| (Side::Request, body));
                let replies = found.replies.into_iter().flatten();
                let replies = replies.map(|(_, reply)| (Side::Reply, self.follow(reply)));
                for (side, holder) in body.chain(replies) {
                    for (_, media) in holder["content"].as_object().into_iter().flatten() {
                        let schema = media.get("schema").cloned().unwrap_or(Value::Bool(true));
                        used.push((side, found.title.clone(), schema));
                    }
                }
            }
        }
        used
    }

    fn operation<'a>(
        &'a self,
        template: &str,
        method: &str,
        path_values: Vec<(String, String)>,
        literals: usize,
    ) -> Option<Operation<'a>> {
        let item = &self.spec["paths"][template];
        let operation = item.get(method)?;
        let mut parameters: Vec<Value> = Vec::new();
        let listed = [item, operation].map(|holder| holder["parameters"].as_array());
        for parameter in listed.into_iter().flatten().flatten().chain(&self.headers) {
            let mut merged = self.follow(parameter).clone();
            if let (Some(merged), Some(own)) = (merged.as_object_mut(), parameter.as_object()) {
                // beside a reference, what is said here goes before what is said there
                let own = own.iter().filter(|(key, _)| *key != "$ref");
                merged.extend(own.map(|(key, value)| (key.clone(), value.clone())));
            }
            let same = |other: &Value| {
                let name = |value: &Value| value["name"].as_str().map(str::to_ascii_lowercase);
                other["in"] == merged["in"] && name(other) == name(&merged)
            };
            parameters.retain(|other| !same(other));
            parameters.push(merged);
        }
        let id = operation["operationId"].as_str();
        let title = format!("{} {}{template}", method.to_ascii_uppercase(), self.base);
        Some(Operation {
            document: self,
            title: id.map(|id| format!("{title} ({id})")).unwrap_or(title),
            path_values,
            parameters,
            body: operation.get("requestBody").map(|body| self.follow(body)),
            replies: operation["responses"].as_object(),
            literals,
        })
    }
}

/// What a method and a path mean to a vendor.
pub enum Found<'a> {
    Operation(Box<Operation<'a>>),
    OtherMethods(Vec<String>),
    Nothing,
}

pub fn find<'a>(documents: &'a [Document], method: &str, path: &str) -> Found<'a> {
    let method = method.to_ascii_lowercase();
    let parts: Vec<&str> = path.split('/').collect();
    let mut best: Option<Operation> = None;
    let mut others = Vec::new();
    for document in documents {
        for (template, segments) in &document.templates {
            let Some((values, literals)) = matches(segments, &parts) else {
                continue;
            };
            match document.operation(template, &method, values, literals) {
                // /v2/balances/primary goes before /v2/balances/{balanceId}
                Some(found) if best.as_ref().is_none_or(|best| best.literals < literals) => {
                    best = Some(found);
                }
                Some(_) => {}
                None => {
                    let item = document.spec["paths"][template]
                        .as_object()
                        .into_iter()
                        .flatten();
                    let known = item
                        .map(|(key, _)| key)
                        .filter(|key| METHODS.contains(&key.as_str()));
                    others.extend(known.map(|key| key.to_ascii_uppercase()));
                }
            }
        }
    }
    match best {
        Some(found) => Found::Operation(Box::new(found)),
        None if others.is_empty() => Found::Nothing,
        None => Found::OtherMethods(others),
    }
}

fn segments(base: &str, template: &str) -> Vec<Segment> {
    format!("{base}{template}")
        .split('/')
        .map(|part| {
            let parameter = part.split_once('{').and_then(|(before, rest)| {
                let (name, after) = rest.split_once('}')?;
                let [before, name, after] = [before, name, after].map(str::to_owned);
                Some(Segment::Parameter {
                    before,
                    name,
                    after,
                })
            });
            parameter.unwrap_or_else(|| Segment::Literal(part.to_owned()))
        })
        .collect()
}

fn matches(segments: &[Segment], parts: &[&str]) -> Option<(Vec<(String, String)>, usize)> {
    if segments.len() != parts.len() {
        return None;
    }
    let mut values = Vec::new();
    let mut literals = 0;
    for (segment, part) in segments.iter().zip(parts) {
        match segment {
            Segment::Literal(text) if text == part => literals += 2,
            Segment::Literal(_) => return None,
            Segment::Parameter {
                before,
                name,
                after,
            } => {
                let value = part
                    .strip_prefix(before.as_str())?
                    .strip_suffix(after.as_str())?;
                if value.is_empty() {
                    return None;
                }
                literals += usize::from(!before.is_empty() || !after.is_empty());
                let value = percent_encoding::percent_decode_str(value)
                    .decode_utf8()
                    .ok()?;
                values.push((name.clone(), value.into_owned()));
            }
        }
    }
    Some((values, literals))
}

/// Reads a file of the contracts.
pub fn read(folder: &Path, file: &str) -> Result<Value, String> {
    let path = folder.join(file);
    let text = std::fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
    serde_json::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))
}

/// Narrows the schema at `pointer` by one more, from what the vendor's facts say beside the file.
pub fn narrow(spec: &mut Value, pointer: &str, more: Value) -> Result<(), String> {
    let place = spec
        .pointer_mut(pointer)
        .ok_or_else(|| format!("{pointer} is not in the contract"))?;
    let present = place.take();
    *place = json!({ "allOf": [present, more] });
    Ok(())
}
