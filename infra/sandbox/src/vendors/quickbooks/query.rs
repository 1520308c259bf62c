//! Its query language, as far as one condition goes: `SELECT * FROM Invoice WHERE DocNumber = '1'`.

use super::books::ENTITIES;
use super::{Wrong, wrong};
use crate::world::World;
use serde_json::{Value, json};

/// What may stand in a condition, by the schemas and, of `PaymentRefNum` and `DisplayName`, by how
/// others ask.
const FILTERS: [(&str, &[&str]); 6] = [
    ("Customer", &["DisplayName"]),
    ("Invoice", &["DocNumber", "TxnDate"]),
    ("Payment", &["PaymentRefNum", "TxnDate"]),
    ("CreditMemo", &["DocNumber", "TxnDate"]),
    ("RefundReceipt", &["DocNumber", "TxnDate"]),
    ("SalesReceipt", &["DocNumber", "TxnDate"]),
];

pub fn answer(world: &World, realm: &str, asked: &str) -> Result<Value, Wrong> {
    let odd = || wrong("4000", "Error parsing query", "QueryParserError");
    let rest = asked.strip_prefix("SELECT * FROM ").ok_or_else(odd)?;
    let (name, rest) = rest.split_once(" WHERE ").ok_or_else(odd)?;
    let (field, rest) = rest.split_once(' ').ok_or_else(odd)?;
    let (operator, quoted) = rest.split_once(' ').ok_or_else(odd)?;
    let inner = quoted
        .strip_prefix('\'')
        .and_then(|text| text.strip_suffix('\''));
    let wanted = unquoted(inner.ok_or_else(odd)?).ok_or_else(odd)?;
    let filters = FILTERS
        .iter()
        .find(|(of, _)| *of == name)
        .ok_or_else(odd)?
        .1;
    if !filters.contains(&field) {
        return Err(wrong("4001", "Invalid query", &format!("property {field}")));
    }
    let fits = |body: &&Value| {
        let given = body[field].as_str().unwrap_or_default();
        let (given, wanted) = (given.to_lowercase(), wanted.to_lowercase());
        match operator {
            "=" => given == wanted,
            _ => wanted
                .strip_prefix('%')
                .is_some_and(|end| given.ends_with(end)),
        }
    };
    if !matches!(operator, "=" | "LIKE") {
        return Err(odd());
    }
    let entity = ENTITIES.iter().find(|of| of.name == name).ok_or_else(odd)?;
    let all = world.list("quickbooks", entity.kind, realm).into_iter();
    let listed = all.filter(|body| body["status"] != "Deleted" && body["Active"] != false);
    let found: Vec<_> = listed.filter(fits).cloned().collect();
    Ok(match found.len() {
        0 => json!({}),
        count => json!({name: found, "startPosition": 1, "maxResults": count}),
    })
}

/// A text without its backslashes; none where a quote stands bare.
fn unquoted(text: &str) -> Option<String> {
    let (mut plain, mut letters) = (String::new(), text.chars());
    while let Some(letter) = letters.next() {
        match letter {
            '\'' => return None,
            '\\' => plain.push(letters.next()?),
            other => plain.push(other),
        }
    }
    Some(plain)
}
