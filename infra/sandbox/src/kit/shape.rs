//! Shapes: a vendor's objects as JSON with places to fill, kept as data.
//!
//! `"$name"` stands for a value, `"$ask.description"` for a part of one, `"a/${id}"` for text in a
//! text. `"$ask.language|en"` is `en`, and `"$ask.fast|false"` is `false`, where there is none; behind the
//! stroke may stand a place again. `"#links"` stands for the shape of that name, and `"#links.${status}"` for one of several. A
//! field whose value ends in `?` is left out where there is none. `"..."` as a field's name lays the
//! fields of its value over the others.

use serde_json::{Map, Value};

/// A shape with all its places filled; `None` where the whole is to be left out. Those that it
/// names are among `shapes`.
pub fn fill(shapes: &Value, shape: &Value, with: &Value) -> Option<Value> {
    Some(match shape {
        Value::String(text) => return filled(shapes, text, with),
        Value::Array(items) => items
            .iter()
            .filter_map(|item| fill(shapes, item, with))
            .collect(),
        Value::Object(fields) => {
            let filled = |(name, field): (&String, _)| {
                let value = fill(shapes, field, with)?;
                (name != "...").then(|| (name.clone(), value))
            };
            let mut made: Map<_, _> = fields.iter().filter_map(filled).collect();
            let over = fields.get("...").and_then(|over| fill(shapes, over, with));
            if let Some(Value::Object(over)) = over {
                made.extend(over);
            }
            made.into()
        }
        other => other.clone(),
    })
}

fn filled(shapes: &Value, text: &str, with: &Value) -> Option<Value> {
    if let Some(name) = text.strip_prefix('#') {
        let name = interpolated(name, with);
        let shape = &shapes[name.trim_end_matches('?')];
        assert!(
            name.ends_with('?') || !shape.is_null(),
            "there is no shape {name}"
        );
        return fill(shapes, shape, with).filter(|value| !value.is_null());
    }
    let Some(place) = text.strip_prefix('$').filter(|rest| !rest.starts_with('{')) else {
        return Some(Value::String(interpolated(text, with)));
    };
    if let Some((place, otherwise)) = place.split_once('|') {
        let found = Some(at(place, with)).filter(|value| !value.is_null());
        return found.or_else(|| match otherwise.starts_with(['$', '#']) {
            true => filled(shapes, otherwise, with),
            false => serde_json::from_str(otherwise)
                .ok()
                .or(Some(otherwise.into())),
        });
    }
    match place.strip_suffix('?') {
        Some(place) => Some(at(place, with)).filter(|value| !value.is_null()),
        None => Some(at(place, with)),
    }
}

fn interpolated(text: &str, with: &Value) -> String {
    let mut made = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let (place, behind) = after.split_once('}').expect("a place ends with }");
        made += before;
        match at(place, with) {
            Value::String(value) => made += &value,
            Value::Null => {}
            other => made += &other.to_string(),
        }
        rest = behind;
    }
    made + rest
}

fn at(place: &str, with: &Value) -> Value {
    let mut found = with;
    for part in place.split('.') {
        found = match part.parse::<usize>() {
            Ok(index) => &found[index],
            Err(_) => &found[part],
        };
    }
    found.clone()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn places_are_filled_and_what_is_not_there_is_left_out_where_that_is_said() {
        let with =
            json!({"id": "p1", "n": 7, "ask": {"words": "w", "many": [1, 2]}, "own": {"x": 1}});
        let shape = json!({"id": "$id", "link": "a/${id}/${n}", "n": "$n", "none": "$nothing",
            "gone": "$nothing?", "words": "$ask.words?", "second": "$ask.many.1", "...": "$own",
            "list": ["$id", "$nothing?"], "plain": true});
        let made = json!({"id": "p1", "link": "a/p1/7", "n": 7, "none": null, "words": "w",
            "second": 2, "x": 1, "list": ["p1"], "plain": true});
        assert_eq!(fill(&Value::Null, &shape, &with), Some(made));
    }

    #[test]
    fn something_else_may_stand_where_there_is_nothing() {
        let with = json!({"fast": true, "language": null, "day": "2026-11-21"});
        let shape = json!({"fast": "$fast|false", "slow": "$slow|false", "language": "$language|en",
            "on": "$ask.day|$day", "metadata": "$ask.metadata|{}"});
        let made = json!({"fast": true, "slow": false, "language": "en", "on": "2026-11-21",
            "metadata": {}});
        assert_eq!(fill(&Value::Null, &shape, &with), Some(made));
    }

    #[test]
    fn a_shape_stands_for_another_which_may_go_by_a_value() {
        let shapes = json!({"self": {"href": "a/${id}"}, "links.open": ["#self"]});
        let shape = json!({"links": "#links.${state}?", "href": null, "...": "#self"});
        let open = json!({"id": "p1", "state": "open"});
        let made = json!({"links": [{"href": "a/p1"}], "href": "a/p1"});
        assert_eq!(fill(&shapes, &shape, &open), Some(made));
        let done = json!({"id": "p1", "state": "done"});
        assert_eq!(fill(&shapes, &shape, &done), Some(json!({"href": "a/p1"})));
    }
}
