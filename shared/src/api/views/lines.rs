//! The lines of an invoice as they are shown.

use crate::domain::invoice::Line;
use serde_json::{Value, json};

/// What an answer that was kept without words says, with those of the request: they are sealed, and
/// no row of a request holds them.
pub fn described(mut answer: Value, descriptions: &[String]) -> Value {
    let lines = answer["lines"].as_array_mut();
    for (line, text) in lines.into_iter().flatten().zip(descriptions) {
        line["description"] = json!(text);
    }
    answer
}

/// Lines as they are shown; `null` where a description is not at hand.
pub fn view(lines: &[Line], descriptions: &[String]) -> Value {
    let line = |(n, line): (usize, &Line)| {
        let sums = line.gross_and_tax().ok();
        json!({
            "description": descriptions.get(n),
            "quantity": line.quantity,
            "unit": line.unit,
            "tax_rate": line.tax_rate,
            "tax_included": line.tax_included,
            "gross": sums.map(|(gross, _)| gross),
            "tax": sums.map(|(_, tax)| tax),
        })
    };
    lines.iter().enumerate().map(line).collect()
}
