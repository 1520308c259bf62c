//! Whether something is as a case says: what the case names is there, what it calls `null` is not,
//! and of the rest nothing is said. Lists are compared whole. `{"only": …}` is this and no more, and
//! of a text `{"has": […], "lacks": […]}` says which words stand in it.

use serde_json::Value;

/// The places where it is otherwise.
pub fn differs(expected: &Value, found: &Value) -> Vec<String> {
    let mut all = vec![];
    at("", expected, found, &mut all);
    all
}

fn at(here: &str, expected: &Value, found: &Value, all: &mut Vec<String>) {
    match (expected, found) {
        (Value::Object(words), _) if words.contains_key("only") => {
            if words["only"] != *found {
                all.push(format!("{here}: {found}, not only {}", words["only"]));
            }
        }
        (Value::Object(words), Value::String(text)) if says(words, text) => {}
        (Value::Object(expected), Value::Object(found)) => {
            for (name, value) in expected {
                let there = found.get(name).unwrap_or(&Value::Null);
                at(&format!("{here}/{name}"), value, there, all);
            }
        }
        (Value::Array(expected), Value::Array(found)) => {
            if expected.len() != found.len() {
                all.push(format!(
                    "{here}: {} items, not {}: {found:?}",
                    found.len(),
                    expected.len()
                ));
                return;
            }
            for (n, (value, there)) in expected.iter().zip(found).enumerate() {
                at(&format!("{here}/{n}"), value, there, all);
            }
        }
        (expected, found) if expected == found => {}
        (expected, found) => all.push(format!("{here}: {found}, not {expected}")),
    }
}

/// Whether all that it must have stands in a text, and nothing that it must lack.
fn says(words: &serde_json::Map<String, Value>, text: &str) -> bool {
    let listed = |name: &str| {
        words
            .get(name)
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
    };
    let known = |name: &String| name == "has" || name == "lacks";
    let stands = |word: &Value| word.as_str().is_some_and(|word| text.contains(word));
    !words.is_empty()
        && words.keys().all(known)
        && listed("has").all(stands)
        && !listed("lacks").any(stands)
}
