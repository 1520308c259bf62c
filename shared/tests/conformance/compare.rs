//! Whether something is as a case says: what the case names is there, what it calls `null` is not,
//! and of the rest nothing is said. Lists are compared whole.

use serde_json::Value;

/// The places where it is otherwise.
pub fn differs(expected: &Value, found: &Value) -> Vec<String> {
    let mut all = vec![];
    at("", expected, found, &mut all);
    all
}

fn at(here: &str, expected: &Value, found: &Value, all: &mut Vec<String>) {
    match (expected, found) {
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
