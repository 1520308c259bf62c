//! XML schemas as the JSON Schemas of the same objects: an element is a field of its name, one that
//! may come often a list; an attribute is a field beside, and a plain value with attributes an object
//! with `value`.

use std::path::Path;

use serde_json::{Map, Value, json};

use crate::xml::{self, Node};

/// The types of all files with this ending in a folder, by name.
pub fn types(folder: &Path) -> Result<Map<String, Value>, String> {
    let files = std::fs::read_dir(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let mut types = Map::new();
    for file in files.flatten().map(|file| file.path()) {
        if file.extension().is_none_or(|end| end != "xsd") {
            continue;
        }
        let schema = xml::read(&file)?;
        for tag in &schema.children {
            if let Some(name) = tag.get("name").filter(|_| tag.tag.ends_with("Type")) {
                types.insert(name.to_owned(), schema_of(tag));
            }
        }
    }
    Ok(types)
}

/// All tags in it of these names, however deep.
fn all<'a>(of: &'a Node, names: &[&str], found: &mut Vec<&'a Node>) {
    for tag in &of.children {
        match names.contains(&tag.tag.as_str()) {
            true => found.push(tag),
            false => all(tag, names, found),
        }
    }
}

fn schema_of(of: &Node) -> Value {
    let (mut fields, mut values, mut bases) = (vec![], vec![], vec![]);
    all(of, &["element", "attribute"], &mut fields);
    all(of, &["enumeration"], &mut values);
    bases_of(of, &mut bases);
    let plain = of.tag == "simpleType" || holds(of, "simpleContent");
    let base = bases.first().map(|base| of_type(base));
    let properties: Map<_, _> = fields.into_iter().filter_map(field).collect();
    match (plain, base) {
        (true, _) if !values.is_empty() => {
            let values: Vec<_> = values.iter().filter_map(|one| one.get("value")).collect();
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

fn holds(of: &Node, name: &str) -> bool {
    of.children.iter().any(|tag| tag.tag == name)
}

fn bases_of<'a>(of: &'a Node, found: &mut Vec<&'a str>) {
    for tag in &of.children {
        if matches!(tag.tag.as_str(), "extension" | "restriction") {
            found.extend(tag.get("base"));
        }
        bases_of(tag, found);
    }
}

fn field(of: &Node) -> Option<(String, Value)> {
    let name = of.get("name")?;
    let typed = of.get("type").map_or(json!({}), of_type);
    let many = of.get("maxOccurs").is_some_and(|most| most != "1");
    let schema = match many {
        true => json!({"type": "array", "items": typed}),
        false => typed,
    };
    Some((name.to_owned(), schema))
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
