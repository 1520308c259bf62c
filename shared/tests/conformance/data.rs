//! What is known of a vendor, as data: its objects as its contract shows them, and what each call,
//! answer and webhook comes to. Kept in `data/<vendor>.json`; each file names its sources.
//!
//! `{"$": "payment", "status": "paid", "/details/card": null}` is the object of that name with these
//! fields in place of its own; a name that begins with `/` is a pointer. `@p1@` and `@r1@` stand for
//! our references of the first payment and refund, `@key@` for the key of a delivery. `{"official": "stripe/charge.json", "at": "/data"}`
//! is what stands there in a file of the contracts; a case with one is held only where they are.
//! `{"fixture": "google-sheets/key.pem"}` is a text beside the tests, `{"times": 50, "of": "x"}` the
//! same text or `[item]` so often.

use crate::wire;
use meridian::contract::{Account, Gateway, Reply};
use meridian::vendors;
use meridian::words::ids;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::ops::Deref;
use std::path::PathBuf;

/// By which a case is known that needs a file of the contracts.
const OFFICIAL: &str = "\"official\":";

/// What is known of a vendor.
pub struct Data {
    id: &'static str,
    data: Value,
}

/// The same of a gateway.
pub struct Known {
    pub gateway: &'static Gateway,
    data: Data,
}

impl Deref for Known {
    type Target = Data;

    fn deref(&self) -> &Data {
        &self.data
    }
}

/// Of every gateway of the registry that has data, in its order.
pub fn all() -> Vec<Known> {
    let known = |gateway: &'static Gateway| {
        let data = Data::of(gateway.vendor.id)?;
        Some(Known { gateway, data })
    };
    vendors::gateways().filter_map(known).collect()
}

/// Where a vendor's data stands.
pub fn file(vendor: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/conformance/data");
    folder.join(format!("{vendor}.json"))
}

pub fn case_id() -> String {
    ids::derived(&["a case"])
}

pub fn payment() -> String {
    ids::payment_reference(&case_id(), 1)
}

pub fn refund() -> String {
    ids::refund_reference(&case_id(), 1)
}

impl Data {
    /// Of a vendor that has data.
    pub fn of(id: &'static str) -> Option<Self> {
        let file = file(id);
        let text = std::fs::read_to_string(&file).ok()?;
        let text = text.replace("@p1@", &payment()).replace("@r1@", &refund());
        let text = text.replace("@key@", crate::notices::KEY);
        let data = serde_json::from_str(&text);
        let data = data.unwrap_or_else(|why| panic!("{}: {why}", file.display()));
        Some(Self { id, data })
    }

    pub fn id(&self) -> &'static str {
        self.id
    }

    /// The cases of this kind, with the words by which each is told apart.
    pub fn cases(&self, kind: &str) -> Vec<(String, Value)> {
        let held =
            |case: &&Value| wire::contracts().is_some() || !case.to_string().contains(OFFICIAL);
        let all = self.data[kind].as_array().into_iter().flatten();
        let all = all.filter(held);
        let named = |case: &Value| {
            let words = case["test"].as_str().unwrap_or("a case without a name");
            (format!("{}: {words}", self.id()), self.whole(case))
        };
        all.map(named).collect()
    }

    /// What stands under a name, its objects put in.
    pub fn get(&self, name: &str) -> Value {
        self.whole(&self.data[name])
    }

    /// With every object that is named in it.
    pub fn whole(&self, value: &Value) -> Value {
        match value {
            Value::Array(items) => items.iter().map(|item| self.whole(item)).collect(),
            Value::Object(fields) if fields.contains_key("official") => official(value),
            Value::Object(fields) if fields.contains_key("fixture") => fixture(value),
            Value::Object(fields) if fields.contains_key("times") => repeated(value),
            Value::Object(fields) => match fields.get("$").and_then(Value::as_str) {
                Some(name) => self.object(name, fields),
                None => {
                    let whole =
                        |(name, value): (&String, &Value)| (name.clone(), self.whole(value));
                    fields.iter().map(whole).collect::<Map<_, _>>().into()
                }
            },
            other => other.clone(),
        }
    }

    fn object(&self, name: &str, over: &Map<String, Value>) -> Value {
        let known = &self.data["objects"][name];
        assert!(!known.is_null(), "{}: no object {name}", self.id());
        let mut whole = self.whole(known);
        for (field, value) in over.iter().filter(|(field, _)| *field != "$") {
            put(&mut whole, field, self.whole(value));
        }
        whole
    }

    /// The clinic's account: its fields, and those that prove webhooks.
    pub fn account(&self) -> Account {
        account(&self.get("account"))
    }

    pub fn hooks(&self) -> Account {
        account(&self.data["inbound"])
    }

    /// A reply of this vendor: a whole one (`status`, `headers`, `body`), or the body of a good one.
    pub fn reply(&self, value: &Value) -> Reply {
        let whole = value.get("status").is_some_and(Value::is_u64) && value.get("body").is_some();
        let body = if whole { &value["body"] } else { value };
        let status = value["status"].as_u64().filter(|_| whole).unwrap_or(200);
        let kind = self.data["content_type"].as_str();
        let mut headers = vec![(
            "content-type".to_owned(),
            kind.unwrap_or("application/json").to_owned(),
        )];
        for (name, value) in value["headers"]
            .as_object()
            .filter(|_| whole)
            .into_iter()
            .flatten()
        {
            headers.insert(0, (name.clone(), value.as_str().unwrap_or("").into()));
        }
        let bytes = match body {
            Value::String(text) if whole => text.clone(),
            Value::Null => String::new(),
            body => format!("{}{body}", self.data["begins"].as_str().unwrap_or("")),
        };
        Reply {
            status: u16::try_from(status).expect("a status"),
            headers,
            body: bytes.into(),
        }
    }
}

fn official(named: &Value) -> Value {
    let file = named["official"].as_str().expect("a file");
    let place = named["at"].as_str().unwrap_or("");
    let whole = wire::official(file).unwrap_or_default();
    let found = whole.pointer(place).cloned();
    found.unwrap_or_else(|| panic!("{file}: nothing at {place}"))
}

/// With one text in place of another where it says so (`swap`).
fn fixture(named: &Value) -> Value {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let file = folder.join(named["fixture"].as_str().expect("a file"));
    let text = std::fs::read_to_string(&file).expect("a fixture");
    match (named["swap"][0].as_str(), named["swap"][1].as_str()) {
        (Some(one), Some(other)) => text.replace(one, other).into(),
        _ => text.into(),
    }
}

fn repeated(named: &Value) -> Value {
    let times = named["times"]
        .as_u64()
        .and_then(|n| usize::try_from(n).ok());
    let times = times.expect("how often");
    match &named["of"] {
        Value::String(text) => text.repeat(times).into(),
        items => vec![items[0].clone(); times].into(),
    }
}

/// The words of a contract: a `list` of them, or in a `file` the list or the names of the members at
/// a `place`, or of every field of this name (`every`) what may stand in it.
pub fn words(case: &Value) -> Vec<String> {
    let Some(file) = case["file"].as_str() else {
        return texts(&case["list"]);
    };
    let Some(whole) = wire::official(file) else {
        return vec![];
    };
    let mut found = vec![];
    match (case["place"].as_str(), case["every"].as_str()) {
        (Some(place), _) => found.extend(whole.pointer(place).map(texts).into_iter().flatten()),
        (None, Some(field)) => every(&whole, field, &mut found),
        (None, None) => {}
    }
    assert!(!found.is_empty(), "{file}: no words of {case}");
    found
}

fn texts(words: &Value) -> Vec<String> {
    let member = |name: &String| name.trim_start_matches('/').to_owned();
    let text = |word: &Value| word.as_str().map(String::from);
    match words {
        Value::Array(words) => words.iter().filter_map(text).collect(),
        Value::Object(members) => members.keys().map(member).collect(),
        _ => vec![],
    }
}

fn every(whole: &Value, field: &str, found: &mut Vec<String>) {
    match whole {
        Value::Array(items) => items.iter().for_each(|item| every(item, field, found)),
        Value::Object(fields) => {
            found.extend(texts(&whole[field]["enum"]));
            fields.values().for_each(|item| every(item, field, found));
        }
        _ => {}
    }
    found.sort();
    found.dedup();
}

/// Puts a value at a field or a pointer; what leads there is made.
pub fn put(whole: &mut Value, at: &str, value: Value) {
    let mut here = whole;
    let path: Vec<&str> = match at.strip_prefix('/') {
        Some(path) => path.split('/').collect(),
        None => vec![at],
    };
    for part in &path {
        here = match part.parse::<usize>() {
            Ok(index) if here.is_array() => &mut here[index],
            _ => &mut here[*part],
        };
    }
    *here = value;
}

pub fn account(fields: &Value) -> Account {
    Account::load(&[], fields_of(fields)).expect("every field is fit")
}

/// The fields of an account; a document in one is its text.
pub fn fields_of(fields: &Value) -> BTreeMap<String, String> {
    let text = |value: &Value| match value {
        Value::Object(_) => value.to_string(),
        value => value.as_str().unwrap_or("").to_owned(),
    };
    let fields = fields.as_object().into_iter().flatten();
    fields
        .map(|(name, value)| (name.clone(), text(value)))
        .collect()
}

/// One object with another's fields in it, at every depth; whatever is no object takes the place.
pub fn merge(into: &mut Value, over: &Value) {
    match (into, over) {
        (Value::Object(into), Value::Object(over)) => {
            for (name, value) in over {
                merge(into.entry(name.clone()).or_insert(Value::Null), value);
            }
        }
        (into, over) => *into = over.clone(),
    }
}
