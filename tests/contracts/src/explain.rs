//! Says in a line each what is wrong with a value: the JSON pointer first, then the reason.

use jsonschema::error::ValidationErrorKind as Kind;
use jsonschema::{ValidationError, Validator};
use serde_json::Value;

/// Longest value that is quoted in a problem.
const QUOTED: usize = 60;

pub fn problems(validator: &Validator, value: &Value) -> Vec<String> {
    let mut lines = Vec::new();
    validator
        .iter_errors(value)
        .for_each(|error| explain(&error, &mut lines));
    let mut once: Vec<String> = Vec::new();
    for line in lines {
        if !once.contains(&line) {
            once.push(line);
        }
    }
    once
}

fn explain(error: &ValidationError, lines: &mut Vec<String>) {
    let at = error.instance_path().to_string();
    match error.kind() {
        Kind::AdditionalProperties { unexpected } => {
            let unknown = unexpected
                .iter()
                .map(|name| format!("{at}/{name}: unknown field"));
            lines.extend(unknown);
        }
        Kind::FalseSchema => lines.push(format!("{at}: only the vendor may set this field")),
        Kind::Required { property } => lines.push(format!("{at}: {property} is required")),
        Kind::AnyOf { context } | Kind::OneOfNotValid { context } => {
            match context.iter().min_by_key(|branch| distance(branch, &at)) {
                Some(nearest) => nearest.iter().for_each(|inner| explain(inner, lines)),
                None => lines.push(format!("{at}: fits none of the alternatives")),
            }
        }
        _ => lines.push(format!(
            "{at}: {}{}",
            error.masked(),
            quote(error.instance())
        )),
    }
}

/// How far a value is from an alternative: one of another type is farther than any that fails
/// inside.
fn distance(branch: &[ValidationError], at: &str) -> usize {
    let other = branch.iter().any(|error| {
        error.instance_path().as_str() == at
            && matches!(
                error.kind(),
                Kind::Type { .. } | Kind::Enum { .. } | Kind::Constant { .. } | Kind::Not { .. }
            )
    });
    branch.len() + if other { 1000 } else { 0 }
}

fn quote(value: &Value) -> String {
    match value {
        Value::Object(_) | Value::Array(_) => String::new(),
        scalar => {
            let text: String = scalar.to_string().chars().take(QUOTED).collect();
            format!(" (it is {text})")
        }
    }
}
