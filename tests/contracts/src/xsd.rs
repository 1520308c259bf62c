//! XML schemas as the JSON Schemas of the same objects: an element is a field of its name, one that
//! may come often a list; an attribute is a field beside, and a plain value with attributes an object
//! with `value`.

use std::path::Path;

use serde_json::{Map, Value, json};
use xmlparser::{ElementEnd, Token, Tokenizer};

/// A tag with its attributes and what is in it.
#[derive(Default)]
struct Tag {
    name: String,
    attributes: Map<String, Value>,
    inner: Vec<Tag>,
}

/// The types of all files with this ending in a folder, by name.
pub fn types(folder: &Path) -> Result<Map<String, Value>, String> {
    let files = std::fs::read_dir(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let mut types = Map::new();
    for file in files.flatten().map(|file| file.path()) {
        if file.extension().is_none_or(|end| end != "xsd") {
            continue;
        }
        let wrong = |why: String| format!("{}: {why}", file.display());
        let text = std::fs::read_to_string(&file).map_err(|e| wrong(e.to_string()))?;
        let root = read(text.trim_start_matches('\u{feff}')).map_err(wrong)?;
        let schema = root.inner.into_iter().find(|tag| tag.name == "schema");
        for tag in schema.into_iter().flat_map(|schema| schema.inner) {
            if let Some(name) = tag.text("name").filter(|_| tag.name.ends_with("Type")) {
                types.insert(name.to_owned(), tag.schema());
            }
        }
    }
    Ok(types)
}

fn read(text: &str) -> Result<Tag, String> {
    let mut open = vec![Tag::default()];
    for token in Tokenizer::from(text) {
        match token.map_err(|e| e.to_string())? {
            Token::ElementStart { local, .. } => open.push(Tag {
                name: local.to_string(),
                ..Tag::default()
            }),
            Token::Attribute { local, value, .. } => {
                let of = open.last_mut().ok_or("an attribute of nothing")?;
                of.attributes
                    .insert(local.to_string(), json!(value.as_str()));
            }
            Token::ElementEnd { end, .. } if !matches!(end, ElementEnd::Open) => {
                let done = open.pop().ok_or("an end of nothing")?;
                open.last_mut().ok_or("two roots")?.inner.push(done);
            }
            _ => {}
        }
    }
    open.pop().ok_or_else(|| "it is empty".into())
}

impl Tag {
    fn text(&self, name: &str) -> Option<&str> {
        self.attributes.get(name)?.as_str()
    }

    /// All tags in it of these names, however deep.
    fn all<'a>(&'a self, names: &[&str], found: &mut Vec<&'a Tag>) {
        for tag in &self.inner {
            match names.contains(&tag.name.as_str()) {
                true => found.push(tag),
                false => tag.all(names, found),
            }
        }
    }

    fn schema(&self) -> Value {
        let (mut fields, mut values, mut bases) = (vec![], vec![], vec![]);
        self.all(&["element", "attribute"], &mut fields);
        self.all(&["enumeration"], &mut values);
        self.bases(&mut bases);
        let plain = self.name == "simpleType" || self.holds("simpleContent");
        let base = bases.first().map(|base| of_type(base));
        let properties: Map<_, _> = fields.into_iter().filter_map(Tag::field).collect();
        match (plain, base) {
            (true, _) if !values.is_empty() => {
                let values: Vec<_> = values.iter().filter_map(|one| one.text("value")).collect();
                json!({"type": "string", "enum": values})
            }
            (true, base) if properties.is_empty() => base.unwrap_or(json!({"type": "string"})),
            (true, base) => {
                let mut all = properties;
                all.insert("value".into(), base.unwrap_or(json!({"type": "string"})));
                json!({"type": "object", "properties": all, "required": ["value"]})
            }
            (false, Some(base)) => {
                json!({"allOf": [base, {"type": "object", "properties": properties}]})
            }
            (false, None) => json!({"type": "object", "properties": properties}),
        }
    }

    fn holds(&self, name: &str) -> bool {
        self.inner.iter().any(|tag| tag.name == name)
    }

    fn bases<'a>(&'a self, found: &mut Vec<&'a str>) {
        for tag in &self.inner {
            if matches!(tag.name.as_str(), "extension" | "restriction") {
                found.extend(tag.text("base"));
            }
            tag.bases(found);
        }
    }

    fn field(&self) -> Option<(String, Value)> {
        let name = self.text("name")?;
        let of = self.text("type").map_or(json!({}), of_type);
        let many = self.text("maxOccurs").is_some_and(|most| most != "1");
        let schema = match many {
            true => json!({"type": "array", "items": of}),
            false => of,
        };
        Some((name.to_owned(), schema))
    }
}

fn of_type(name: &str) -> Value {
    match name.split_once(':') {
        Some((_, "decimal")) => json!({"type": "number"}),
        Some((_, "boolean")) => json!({"type": "boolean"}),
        Some((_, "int" | "long")) => json!({"type": "integer"}),
        Some((_, "positiveInteger")) => json!({"type": "integer", "minimum": 1}),
        Some((_, "date")) => json!({"type": "string", "format": "date"}),
        Some((_, "dateTime")) => json!({"type": "string", "format": "date-time"}),
        Some(_) => json!({"type": "string"}),
        None => json!({"$ref": format!("#/$defs/{name}")}),
    }
}
