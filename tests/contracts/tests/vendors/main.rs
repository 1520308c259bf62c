//! Each vendor's contract tells what fits it from what does not: calls with their answers, and
//! webhooks, as data (`data/<vendor>.json`).
//!
//! A case is a `call` (`PUT /Payments`) with its `headers`, what is sent (`json`, a `form`, or a `text`
//! of a `type`) and what is answered (`status`, `reply`, behind a `mark` of its encoding); or a `hook`, `of` a source. Of the vendor's
//! usual headers those of the case are another, and `null` none; `bare` is without them. `fails` is
//! what is wrong: one thing of these words, or each of a list; `{"each": …}` stands in whatever is
//! wrong, `{"any": …}` in something. What has none fits. `rows` are the same case with other values at
//! these places (`-` takes one away), each with what is wrong then.
//!
//! `{"$": "payment", "/Amount": 1}` is the object of that name with this in place of its own, of a text
//! with one word for another (`swap`) and more behind it (`and`); `official` is a file of the contracts
//! or what stands `at` a place of it, `without` these members, or as a `form`; `{"times": 50, "of": "x"}`
//! the same text or item so often.

use std::path::{Path, PathBuf};

use meridian_contracts::{Contracts, Exchange};
use serde_json::{Map, Value};

/// The contracts, or a note that nothing was checked.
fn contracts() -> Option<Contracts> {
    let found = Contracts::from_env();
    if found.is_none() {
        println!("contracts not checked: MERIDIAN_CONTRACTS is not set");
    }
    found
}

/// What is known of a vendor's contract.
struct Data {
    vendor: String,
    all: Value,
}

fn all() -> Vec<Data> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vendors/data");
    let files = std::fs::read_dir(folder).expect("a folder");
    let mut files: Vec<_> = files.map(|file| file.expect("a file").path()).collect();
    files.sort();
    let read = |file: &PathBuf| {
        let text = std::fs::read_to_string(file).expect("a file");
        let all = serde_json::from_str(&text);
        let vendor = file.file_stem().expect("a name").to_string_lossy().into();
        Data {
            vendor,
            all: all.unwrap_or_else(|why| panic!("{}: {why}", file.display())),
        }
    };
    files.iter().map(read).collect()
}

impl Data {
    /// With every object that is named in it.
    fn whole(&self, value: &Value) -> Value {
        match value {
            Value::Array(items) => items.iter().map(|item| self.whole(item)).collect(),
            Value::Object(fields) => {
                let whole = |(name, value): (&String, &Value)| (name.clone(), self.whole(value));
                let fields: Map<_, _> = fields.iter().map(whole).collect();
                self.made(fields)
            }
            other => other.clone(),
        }
    }

    fn made(&self, fields: Map<String, Value>) -> Value {
        if let Some(name) = fields.get("$").and_then(Value::as_str) {
            let known = &self.all["objects"][name];
            assert!(!known.is_null(), "{}: no object {name}", self.vendor);
            return changed(self.whole(known), &fields);
        }
        if let Some(file) = fields.get("official").and_then(Value::as_str) {
            return changed(official(file, &fields), &fields);
        }
        match (
            fields.get("times").and_then(Value::as_u64),
            &fields.get("of"),
        ) {
            (Some(times), Some(Value::String(text))) => text.repeat(times as usize).into(),
            (Some(times), Some(items)) => vec![items[0].clone(); times as usize].into(),
            _ => fields.into(),
        }
    }
}

/// What stands in a file beside the contracts.
fn official(file: &str, of: &Map<String, Value>) -> Value {
    let folder = PathBuf::from(std::env::var_os("MERIDIAN_CONTRACTS").expect("a folder"));
    let text = std::fs::read_to_string(folder.join(file)).expect(file);
    let whole: Value = serde_json::from_str(&text).expect(file);
    let place = of.get("at").and_then(Value::as_str).unwrap_or("");
    let mut found = whole.pointer(place).cloned();
    let found = found
        .as_mut()
        .unwrap_or_else(|| panic!("{file}: nothing at {place}"));
    let without = of.get("without").and_then(Value::as_array);
    without
        .into_iter()
        .flatten()
        .for_each(|name| forget(found, name.as_str().expect("a name")));
    match of.get("form") {
        None => found.clone(),
        Some(_) => {
            let pairs = found.as_object().expect("fields").iter();
            let pairs = pairs.map(|(name, value)| (name, value.as_str().expect("a text")));
            let mut form = form_urlencoded::Serializer::new(String::new());
            form.extend_pairs(pairs).finish().into()
        }
    }
}

fn forget(value: &mut Value, name: &str) {
    match value {
        Value::Object(fields) => {
            fields.remove(name);
            fields.values_mut().for_each(|inner| forget(inner, name));
        }
        Value::Array(items) => items.iter_mut().for_each(|inner| forget(inner, name)),
        _ => {}
    }
}

/// With what is said to be otherwise.
fn changed(mut value: Value, over: &Map<String, Value>) -> Value {
    if let Value::String(text) = &value {
        let of = |name: &str, n: usize| over.get(name).and_then(|pair| pair[n].as_str());
        let text = match (of("swap", 0), of("swap", 1)) {
            (Some(one), Some(other)) => {
                assert!(text.contains(one), "{one} is not in {text}");
                text.replace(one, other)
            }
            _ => text.clone(),
        };
        let more = over.get("and").and_then(Value::as_str).unwrap_or("");
        return (text + more).into();
    }
    let own = ["$", "official", "at", "without", "form", "-"];
    for (place, new) in over.iter().filter(|(name, _)| !own.contains(&&***name)) {
        put(&mut value, place, new.clone());
    }
    if let Some(place) = over.get("-").and_then(Value::as_str) {
        let (parent, name) = place.rsplit_once('/').expect("a pointer");
        let parent = value.pointer_mut(parent).and_then(Value::as_object_mut);
        let gone = parent.and_then(|parent| parent.remove(name));
        assert!(gone.is_some(), "nothing to take away at {place}");
    }
    value
}

/// Puts a value at a field or a pointer; what leads there is made.
fn put(whole: &mut Value, at: &str, value: Value) {
    let path = at.strip_prefix('/').unwrap_or(at);
    let mut here = whole;
    for part in path.split('/') {
        here = match part.parse::<usize>() {
            Ok(index) if here.is_array() => &mut here[index],
            _ => &mut here[part],
        };
    }
    *here = value;
}

/// What is wrong with a case.
fn problems(contracts: &Contracts, data: &Data, case: &Value) -> Vec<String> {
    let usual = match case.get("hook") {
        Some(_) => "hook headers",
        None => "headers",
    };
    let mut headers = match case["bare"] == true {
        true => Map::new(),
        false => data
            .whole(&data.all[usual])
            .as_object()
            .cloned()
            .unwrap_or_default(),
    };
    headers.extend(case["headers"].as_object().cloned().unwrap_or_default());
    let headers = headers.into_iter();
    let headers = headers.filter_map(|(name, value)| Some((name, value.as_str()?.to_owned())));
    let headers: Vec<_> = headers.collect();
    match case.get("hook") {
        Some(hook) => {
            let source = case["of"].as_str().unwrap_or(&data.vendor);
            contracts.check_webhook(source, &headers, content(hook, false).as_bytes())
        }
        None => contracts.check(&exchange(data, case, headers)),
    }
}

fn exchange(data: &Data, case: &Value, mut headers: Vec<(String, String)>) -> Exchange {
    let call = case["call"].as_str().expect("a call");
    let (method, path) = call.split_once(' ').expect("a method and a path");
    let sent = [
        (&case["json"], "application/json"),
        (&case["form"], "application/x-www-form-urlencoded"),
        (&case["text"], case["type"].as_str().unwrap_or("text/plain")),
    ];
    let mut body = String::new();
    for (value, kind) in sent.into_iter().filter(|(value, _)| !value.is_null()) {
        headers.push(("Content-Type".into(), kind.into()));
        body = content(value, false);
    }
    let mut exchange = Exchange {
        vendor: data.vendor.clone(),
        method: method.into(),
        path: path.into(),
        request_headers: headers,
        request_body: body.into_bytes(),
        ..Exchange::default()
    };
    if let Some(status) = case["status"].as_u64() {
        let quoted = case["quoted"] == true;
        let kind = match case["reply"].is_string() && !quoted {
            true => "text/plain",
            false => "application/json; charset=utf-8",
        };
        exchange.status = u16::try_from(status).expect("a status");
        exchange.response_headers = vec![("content-type".into(), kind.into())];
        let mark = if case["mark"] == true { "\u{feff}" } else { "" };
        exchange.response_body = format!("{mark}{}", content(&case["reply"], quoted)).into_bytes();
    }
    exchange
}

fn content(value: &Value, quoted: bool) -> String {
    match value {
        Value::String(text) if !quoted => text.clone(),
        value => value.to_string(),
    }
}

/// Whether just this is wrong.
fn is(expected: &Value, problems: &[String]) -> bool {
    let has = |line: &String, words: &Value| line.contains(words.as_str().expect("words"));
    let found = |words: &Value| problems.iter().any(|line| has(line, words));
    match expected {
        Value::Null => problems.is_empty(),
        Value::Array(all) => problems.len() == all.len() && all.iter().all(found),
        Value::Object(one) => match (one.get("each"), one.get("any")) {
            (Some(words), _) => {
                !problems.is_empty() && problems.iter().all(|line| has(line, words))
            }
            (_, Some(words)) => found(words),
            _ => panic!("{expected} says nothing"),
        },
        words => problems.len() == 1 && found(words),
    }
}

#[test]
fn each_contract_tells_what_fits_it_from_what_does_not() {
    let Some(contracts) = contracts() else { return };
    let mut wrong = vec![];
    for data in all() {
        for case in data.all["cases"].as_array().expect("cases") {
            let case = data.whole(case);
            let mut row = |over: &Value, expected: &Value| {
                let one = changed(case.clone(), over.as_object().expect("places"));
                let problems = problems(&contracts, &data, &one);
                if !is(expected, &problems) {
                    let name = format!("{} {} {over}", data.vendor, case["test"]);
                    wrong.push(format!("{name}: expected {expected}, found {problems:#?}"));
                }
            };
            match case["rows"].as_array() {
                None => row(&Value::Object(Map::new()), &case["fails"]),
                Some(rows) => rows.iter().for_each(|pair| row(&pair[0], &pair[1])),
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{} otherwise:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[test]
fn every_vendor_whose_contract_is_read_has_something_that_fits_and_something_that_does_not() {
    let all = all();
    let sources = |data: &Data| {
        let cases = data.all["cases"].as_array().into_iter().flatten();
        let of = cases.filter_map(|case| case["of"].as_str().map(String::from));
        of.chain([data.vendor.clone()]).collect::<Vec<_>>()
    };
    let known: Vec<_> = all.iter().flat_map(sources).collect();
    for (vendor, ..) in Contracts::least() {
        assert!(
            known.iter().any(|known| known == vendor),
            "{vendor} has no data"
        );
    }
    for data in &all {
        let cases = data.all["cases"].as_array().expect("cases");
        let ends = cases.iter().flat_map(|case| match case["rows"].as_array() {
            None => vec![case["fails"].is_null()],
            Some(rows) => rows.iter().map(|pair| pair[1].is_null()).collect(),
        });
        let ends: Vec<bool> = ends.collect();
        assert!(
            ends.contains(&true) && ends.contains(&false),
            "{}",
            data.vendor
        );
    }
}

#[test]
fn an_unknown_vendor_is_a_problem() {
    let Some(contracts) = contracts() else { return };
    let problems = contracts.check(&Exchange {
        vendor: "stripy".into(),
        method: "GET".into(),
        path: "/".into(),
        ..Exchange::default()
    });
    assert!(
        is(&"no contract is known".into(), &problems),
        "{problems:#?}"
    );
}

#[test]
fn a_folder_without_contracts_is_refused() {
    let problem = Contracts::load(&PathBuf::from("src"))
        .err()
        .expect("a problem");
    assert!(problem.contains("is not a folder"), "{problem}");
}

#[test]
fn contracts_are_shared_between_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<Contracts>();
}
