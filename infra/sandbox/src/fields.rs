//! Strict reading of request fields: unknown, missing and mistyped ones are found and named.
//!
//! A vendor's operation is written as text: `amount! int  links! { mandate! text }  tags [text]`,
//! where `!` means required. Types: `text int number bool map any url`, `text:255` (at most so many
//! letters), `int:1..500` and `int:1..` (from, up to), `map:3,50,500` (at most so many entries,
//! letters of a name, letters of a text), `one|two` (a choice), `[T]` (a list) and `{ … }` (an object).
//! `…` as a field allows further ones. A text that begins with `ordered` wants members in its order.

use serde_json::{Map, Number, Value};
use std::fmt::Write;

#[derive(Debug, Clone, PartialEq)]
pub enum Fault {
    Missing,
    Unknown,
    /// What was expected, in words.
    Wrong(String),
    /// A text of more letters than these.
    Long(usize),
}

#[derive(Debug, Clone)]
pub struct Problem {
    pub path: Vec<String>,
    pub fault: Fault,
    /// The offending value, as text.
    pub given: String,
}

impl Problem {
    /// `line_items[0][quantity]`
    pub fn bracketed(&self) -> String {
        // The whole has no name.
        let (first, rest) = self.path.split_first().unzip();
        let rest = rest.into_iter().flatten();
        rest.fold(first.cloned().unwrap_or_default(), |mut name, part| {
            let _ = write!(name, "[{part}]");
            name
        })
    }
    /// `/line_items/0/quantity`
    pub fn pointer(&self) -> String {
        self.path.iter().map(|part| format!("/{part}")).collect()
    }
    /// `line_items.0.quantity`
    pub fn dotted(&self) -> String {
        self.path.join(".")
    }
    pub fn words(&self) -> String {
        match &self.fault {
            Fault::Missing => "is required".into(),
            Fault::Unknown => "is not known".into(),
            Fault::Wrong(expected) => format!("must be {expected}"),
            Fault::Long(longest) => format!("must be at most {longest} letters"),
        }
    }
}

enum Kind {
    /// At most so many letters.
    Text(usize),
    Url,
    Int(i64, i64),
    Number,
    Bool,
    /// At most so many entries, letters of a name, and letters of a text.
    Map([usize; 3]),
    Any,
    Choice(Vec<&'static str>),
    List(Box<Kind>),
    Object(Shape),
}

struct Shape {
    fields: Vec<(&'static str, bool, Kind)>,
    open: bool,
}

/// Reads `given` by `spec`. In a form every leaf is text and is turned into what the field is.
pub fn read(given: &Value, spec: &'static str, form: bool) -> Result<Value, Vec<Problem>> {
    let mut words = spec.split_whitespace().peekable();
    let ordered = words.next_if(|word| *word == "ordered").is_some();
    let shape = shape(&mut words);
    let mut reader = Reader {
        form,
        ordered,
        problems: Vec::new(),
        path: Vec::new(),
    };
    let value = reader.object(given, &shape);
    if reader.problems.is_empty() {
        Ok(value)
    } else {
        Err(reader.problems)
    }
}

type Words = std::iter::Peekable<std::str::SplitWhitespace<'static>>;

fn shape(words: &mut Words) -> Shape {
    let mut shape = Shape {
        fields: Vec::new(),
        open: false,
    };
    while let Some(word) = words.next_if(|word| *word != "}") {
        match word {
            "…" => shape.open = true,
            _ => {
                let name = word.trim_end_matches('!');
                shape.fields.push((name, name != word, kind(words)));
            }
        }
    }
    words.next();
    shape
}

fn kind(words: &mut Words) -> Kind {
    let word = words.next().unwrap_or("any");
    match word {
        "{" => Kind::Object(shape(words)),
        "[" => {
            let item = kind(words);
            words.next();
            Kind::List(Box::new(item))
        }
        _ => match word
            .strip_prefix('[')
            .and_then(|inner| inner.strip_suffix(']'))
        {
            Some(inner) => Kind::List(Box::new(plain(inner))),
            None => plain(word),
        },
    }
}

fn plain(word: &'static str) -> Kind {
    match word {
        "text" => Kind::Text(usize::MAX),
        "url" => Kind::Url,
        "int" => Kind::Int(i64::MIN, i64::MAX),
        "number" => Kind::Number,
        "bool" => Kind::Bool,
        "map" => Kind::Map([usize::MAX; 3]),
        "any" => Kind::Any,
        choice if choice.contains('|') => {
            Kind::Choice(choice.split('|').filter(|one| !one.is_empty()).collect())
        }
        limited if limited.starts_with("text:") => {
            Kind::Text(limited[5..].parse().expect("a number of letters"))
        }
        bounded if bounded.starts_with("int:") => {
            let (least, most) = bounded[4..].split_once("..").expect("from..to");
            let most = most.parse().unwrap_or(i64::MAX);
            Kind::Int(least.parse().expect("a number"), most)
        }
        limited if limited.starts_with("map:") => {
            let mut numbers = limited[4..].split(',').flat_map(str::parse);
            Kind::Map([(); 3].map(|()| numbers.next().expect("three numbers")))
        }
        other => panic!("field type {other} is not known"),
    }
}

struct Reader {
    form: bool,
    /// Members stand in the order of their shape.
    ordered: bool,
    problems: Vec<Problem>,
    path: Vec<String>,
}

impl Reader {
    fn problem(&mut self, fault: Fault, given: &Value) -> Value {
        let given = given
            .as_str()
            .map_or_else(|| given.to_string(), str::to_string);
        self.problems.push(Problem {
            path: self.path.clone(),
            fault,
            given,
        });
        Value::Null
    }

    fn wrong(&mut self, expected: &str, given: &Value) -> Value {
        self.problem(Fault::Wrong(expected.into()), given)
    }

    fn object(&mut self, given: &Value, shape: &Shape) -> Value {
        let Some(map) = given.as_object() else {
            return self.wrong("an object", given);
        };
        let (mut read, mut last) = (Map::new(), 0);
        for (name, value) in map {
            self.path.push(name.clone());
            match shape.fields.iter().position(|(known, _, _)| known == name) {
                Some(at) if self.ordered && at < last => {
                    drop(self.wrong("before what follows it", value));
                }
                Some(at) => {
                    last = at;
                    read.insert(name.clone(), self.value(value, &shape.fields[at].2));
                }
                None if shape.open => drop(read.insert(name.clone(), value.clone())),
                None => drop(self.problem(Fault::Unknown, value)),
            }
            self.path.pop();
        }
        for (name, required, _) in &shape.fields {
            if *required && map.get(*name).is_none_or(Value::is_null) {
                self.path.push((*name).into());
                self.problem(Fault::Missing, &Value::Null);
                self.path.pop();
            }
        }
        Value::Object(read)
    }

    fn value(&mut self, given: &Value, kind: &Kind) -> Value {
        // Absent and null are the same to the vendors that take JSON; a missing required one is
        // found by `object`.
        if given.is_null() {
            return Value::Null;
        }
        match kind {
            Kind::Any => given.clone(),
            Kind::Text(longest) => match given.as_str() {
                Some(text) if text.chars().count() <= *longest => given.clone(),
                Some(_) => self.problem(Fault::Long(*longest), given),
                None => self.wrong("a string", given),
            },
            Kind::Url if given.as_str().is_some_and(|text| text.starts_with("http")) => {
                given.clone()
            }
            Kind::Url => self.wrong("a URL", given),
            Kind::Int(least, most) => self.int(given, *least, *most),
            Kind::Number if given.is_number() => given.clone(),
            Kind::Number => self.wrong("a number", given),
            Kind::Bool => match (given, given.as_str()) {
                (Value::Bool(_), _) if !self.form => given.clone(),
                (_, Some("true")) if self.form => Value::Bool(true),
                (_, Some("false")) if self.form => Value::Bool(false),
                _ => self.wrong("a boolean", given),
            },
            Kind::Map(most) => self.map(given, *most),
            Kind::Choice(known) => match given.as_str() {
                Some(text) if known.contains(&text) => given.clone(),
                _ => self.wrong(&format!("one of {}", known.join(", ")), given),
            },
            Kind::List(item) => {
                let Some(items) = given.as_array() else {
                    return self.wrong("an array", given);
                };
                let mut read = Vec::new();
                for (index, value) in items.iter().enumerate() {
                    self.path.push(index.to_string());
                    read.push(self.value(value, item));
                    self.path.pop();
                }
                Value::Array(read)
            }
            Kind::Object(shape) => self.object(given, shape),
        }
    }

    fn map(&mut self, given: &Value, [entries, name, text]: [usize; 3]) -> Value {
        let letters = |text: &str| text.chars().count();
        let short = |value: &Value| value.as_str().is_some_and(|value| letters(value) <= text);
        let Some(map) = given
            .as_object()
            .filter(|map| map.values().all(Value::is_string))
        else {
            return self.wrong("an object of strings", given);
        };
        let mut each = map.iter();
        if map.len() <= entries && each.all(|(key, value)| letters(key) <= name && short(value)) {
            return given.clone();
        }
        let most = format!("at most {entries} texts of {text} letters, under names of {name}");
        self.wrong(&most, given)
    }

    fn int(&mut self, given: &Value, least: i64, most: i64) -> Value {
        let number = match given {
            Value::String(text) if self.form => text.parse::<i64>().ok(),
            Value::Number(number) if !self.form => number.as_i64(),
            _ => None,
        };
        match number {
            Some(number) if (least..=most).contains(&number) => Value::Number(Number::from(number)),
            Some(_) if most == i64::MAX => self.wrong(&format!("at least {least}"), given),
            Some(_) => self.wrong(&format!("between {least} and {most}"), given),
            None => self.wrong("an integer", given),
        }
    }
}

/// The amount of an ask in minor units; all that is left when it names none.
pub fn amount(ask: &Value, left: i64) -> Result<i64, String> {
    match &ask["amount"] {
        Value::Null => Ok(left),
        given => given
            .as_i64()
            .filter(|amount| *amount > 0 && *amount <= left)
            .ok_or(format!("amount must be an integer between 1 and {left}")),
    }
}
