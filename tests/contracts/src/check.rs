//! Holds one exchange against the operation that its method and path name.

use serde_json::{Map, Value, json};

use crate::Exchange;
use crate::coerce;
use crate::decode::{self, Names, Raw};
use crate::document::{Auth, Found, Operation, find};
use crate::translate::Side;
use crate::vendors::{Vendor, header};

pub fn exchange(vendor: &Vendor, exchange: &Exchange) -> Vec<String> {
    let (path, query) = exchange
        .path
        .split_once('?')
        .unwrap_or((&exchange.path, ""));
    let operation = match find(&vendor.documents, &exchange.method, path) {
        Found::Operation(operation) => operation,
        Found::OtherMethods(known) => {
            let known = known.join(", ");
            return vec![format!(
                "{} {} {path}: the contract has this path for {known} only",
                exchange.vendor, exchange.method
            )];
        }
        Found::Nothing => {
            return vec![format!(
                "{} {} {path}: the contract has no such operation",
                exchange.vendor, exchange.method
            )];
        }
    };
    let mut check = Check {
        vendor,
        exchange,
        operation: &operation,
        problems: Vec::new(),
    };
    check.authorization();
    check.path();
    check.query(query);
    check.headers();
    check.body();
    if exchange.status != 0 {
        check.reply();
    }
    let title = &operation.title;
    check
        .problems
        .iter()
        .map(|line| format!("{} {title}: {line}", exchange.vendor))
        .collect()
}

struct Check<'a> {
    vendor: &'a Vendor,
    exchange: &'a Exchange,
    operation: &'a Operation<'a>,
    problems: Vec<String>,
}

impl Check<'_> {
    fn add(&mut self, place: &str, lines: Vec<String>) {
        self.problems
            .extend(lines.into_iter().map(|line| format!("{place} {line}")));
    }

    fn authorization(&mut self) {
        let given = header(&self.exchange.request_headers, "authorization");
        let scheme = given
            .and_then(|value| value.split_once(' '))
            .map(|(scheme, _)| scheme);
        let fits = match self.operation.document.auth {
            Auth::Bearer => scheme == Some("Bearer"),
            Auth::Basic => scheme == Some("Basic"),
            Auth::BearerOrBasic => matches!(scheme, Some("Bearer" | "Basic")),
            Auth::Open => true,
        };
        if !fits {
            let expected = self.operation.document.auth.scheme();
            self.problems.push(format!(
                "request header Authorization: {expected} is expected"
            ));
        }
    }

    fn path(&mut self) {
        for (name, text) in &self.operation.path_values {
            let raw = Raw::Text(text.clone());
            let declared = self
                .parameters("path")
                .find(|parameter| parameter["name"] == **name);
            let schema = declared
                .map(|parameter| parameter["schema"].clone())
                .unwrap_or(json!({}));
            let lines = self.typed_problems(&schema, &raw);
            self.add(&format!("path parameter {name}"), lines);
        }
    }

    fn query(&mut self, query: &str) {
        let (mut fields, mut required) = (Map::new(), Vec::new());
        let mut commas = Vec::new();
        for parameter in self.parameters("query") {
            let Some(name) = parameter["name"].as_str() else {
                continue;
            };
            fields.insert(name.to_owned(), parameter["schema"].clone());
            if parameter["required"] == true {
                required.push(name.to_owned());
            }
            if parameter["explode"] == false {
                commas.push(name.to_owned());
            }
        }
        let schema = json!({
            "type": "object",
            "properties": fields,
            "required": required,
            "additionalProperties": false,
        });
        match decode::form(query.as_bytes(), self.vendor.names) {
            Ok(mut raw) => {
                split_at_commas(&mut raw, &commas);
                let lines = self.typed_problems(&schema, &raw);
                self.add("query", lines);
            }
            Err(problem) => self.problems.push(format!("query {problem}")),
        }
    }

    fn headers(&mut self) {
        let mut found = Vec::new();
        for parameter in self.parameters("header") {
            let name = parameter["name"].as_str().unwrap_or_default();
            // OpenAPI leaves these three to other parts of the file
            if ["accept", "content-type", "authorization"].contains(&name.to_lowercase().as_str()) {
                continue;
            }
            let given = header(&self.exchange.request_headers, name);
            let lines = match given {
                Some(text) => {
                    let raw = Raw::Text(text.to_owned());
                    self.typed_problems(&parameter["schema"], &raw)
                }
                None if parameter["required"] == true => vec!["is required".to_owned()],
                None => continue,
            };
            found.push((format!("request header {name}"), lines));
        }
        for (place, lines) in found {
            self.add(&place, lines);
        }
    }

    fn body(&mut self) {
        let body = &self.exchange.request_body;
        let Some(declared) = self.operation.body else {
            if !body.is_empty() {
                self.problems
                    .push("request body: the operation takes none".into());
            }
            return;
        };
        let Some(content) = declared["content"].as_object() else {
            return;
        };
        let given = header(&self.exchange.request_headers, "content-type").unwrap_or_default();
        let media = given
            .split(';')
            .next()
            .unwrap_or_default()
            .trim()
            .to_ascii_lowercase();
        if body.is_empty() && media.is_empty() {
            // no body says what an empty one says: what is required is missing
            if let Some(schema) = content.values().next().map(|media| &media["schema"]) {
                let empty = Raw::Fields(Vec::new());
                let lines = self.typed_problems(schema, &empty);
                self.add("request body", lines);
            }
            return;
        }
        let Some(chosen) = content.get(&media) else {
            let known: Vec<_> = content.keys().map(String::as_str).collect();
            let known = known.join(" or ");
            self.problems.push(format!(
                "request header Content-Type: {known} is expected (it is {given:?})"
            ));
            return;
        };
        let schema = chosen["schema"].clone();
        let lines = match media.as_str() {
            "application/x-www-form-urlencoded" => {
                decode::form(body, self.vendor.names).map(|raw| self.typed_problems(&schema, &raw))
            }
            "multipart/form-data" => {
                decode::multipart(given, body).map(|raw| self.typed_problems(&schema, &raw))
            }
            _ if is_json(&media) => match body.is_empty() {
                true => Ok(self
                    .operation
                    .document
                    .problems(Side::Request, &schema, &json!({}))),
                false => json_of(body).map(|value| {
                    self.operation
                        .document
                        .problems(Side::Request, &schema, &value)
                }),
            },
            _ => Ok(Vec::new()),
        };
        let lines = lines.unwrap_or_else(|problem| vec![problem]);
        self.add("request body", lines);
    }

    fn reply(&mut self) {
        let status = self.exchange.status;
        let failed = status >= 400;
        let class = format!("{}XX", status / 100);
        let replies = self.operation.replies;
        let named = |key: &str| replies.and_then(|replies| replies.get(key));
        let listed = named(&status.to_string())
            .or_else(|| named(&class))
            .or_else(|| named("default").filter(|_| failed));
        if status >= 500 {
            // any hop on the way may have written it
            return;
        }
        let Some(listed) = listed else {
            if failed {
                // files list few errors; every vendor has one shape for them
                if let Some(schema) = self.vendor.error.clone() {
                    self.reply_body(Some(&schema), "application/json");
                }
            } else {
                self.problems.push(format!(
                    "reply status {status}: the operation does not know it"
                ));
            }
            return;
        };
        let listed = self.operation.document.follow(listed).clone();
        let content = listed["content"].as_object();
        let media = content.and_then(|content| {
            content
                .keys()
                .find(|media| is_json(media))
                .or_else(|| content.keys().next())
        });
        match (content, media) {
            (Some(content), Some(media)) => {
                let schema = content[media].get("schema");
                let media = media.clone();
                self.reply_body(schema, &media);
            }
            _ if status == 204 && !self.exchange.response_body.is_empty() => {
                self.problems.push("reply body: 204 has none".into());
            }
            _ => {}
        }
    }

    fn reply_body(&mut self, schema: Option<&Value>, media: &str) {
        let given = header(&self.exchange.response_headers, "content-type").unwrap_or_default();
        let given = given
            .split(';')
            .next()
            .unwrap_or_default()
            .trim()
            .to_ascii_lowercase();
        let body = &self.exchange.response_body;
        let value = if is_json(&given) {
            match json_of(body) {
                Ok(value) => value,
                Err(problem) => return self.problems.push(format!("reply body {problem}")),
            }
        } else {
            Value::String(String::from_utf8_lossy(body).into_owned())
        };
        let place = format!("reply {} body", self.exchange.status);
        if is_json(media) && !is_json(&given) && self.exchange.status < 400 {
            self.problems
                .push(format!("{place}: {media} is expected (it is {given:?})"));
            return;
        }
        if let Some(schema) = schema {
            let lines = self
                .operation
                .document
                .problems(Side::Reply, schema, &value);
            self.add(&place, lines);
        }
    }

    fn parameters(&self, place: &'static str) -> impl Iterator<Item = &Value> {
        self.operation
            .parameters
            .iter()
            .filter(move |parameter| parameter["in"] == place)
    }

    /// What is wrong with a text, or texts, of a request once each has the type it was meant as.
    fn typed_problems(&self, schema: &Value, raw: &Raw) -> Vec<String> {
        let document = self.operation.document;
        let schemas = match document.schemas(Side::Request) {
            Ok(schemas) => schemas,
            Err(problem) => return vec![problem],
        };
        let schema = schemas.translate(&document.spec, schema);
        schemas.problems(&schema, &coerce::typed(raw, &schema, schemas))
    }
}

fn split_at_commas(raw: &mut Raw, names: &[String]) {
    let Raw::Fields(fields) = raw else { return };
    for (_, value) in fields.iter_mut().filter(|(name, _)| names.contains(name)) {
        if let Raw::Text(text) = value {
            *value = Raw::List(text.split(',').map(|item| Raw::Text(item.into())).collect());
        }
    }
}

fn is_json(media: &str) -> bool {
    media == "application/json" || media.ends_with("+json")
}

/// A mark of the encoding before it is no part of it.
fn json_of(body: &[u8]) -> Result<Value, String> {
    let body = body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body);
    serde_json::from_slice(body).map_err(|error| format!("is not JSON: {error}"))
}

/// A form read with the vendor's way of naming, its texts typed by the schema of an object.
pub fn form_of(body: &[u8]) -> Result<Value, String> {
    match decode::form(body, Names::Flat)? {
        Raw::Fields(fields) => fields
            .into_iter()
            .map(|(name, raw)| match raw {
                Raw::Text(text) => Ok((name, Value::String(text))),
                _ => Err(format!("{name} occurs twice")),
            })
            .collect(),
        _ => Err("a form is a list of names".into()),
    }
}
