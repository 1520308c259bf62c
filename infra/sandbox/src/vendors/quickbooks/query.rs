//! Its query language, as far as one condition goes: `SELECT * FROM Invoice WHERE DocNumber = '1'`.

use super::entity::{ENTITIES, text};
use crate::kit::{Books, Refusal};
use serde_json::{Value, json};

const ODD: Refusal = Refusal::Because("query");

/// What may stand in a condition, by the schemas and, of `PaymentRefNum` and `DisplayName`, by how
/// others ask.
fn filters(entity: &str) -> &'static [&'static str] {
    match entity {
        "Customer" => &["DisplayName"],
        "Payment" => &["PaymentRefNum", "TxnDate"],
        _ => &["DocNumber", "TxnDate"],
    }
}

pub fn answer(books: &Books, asked: &str) -> Result<Value, Refusal> {
    let rest = asked.strip_prefix("SELECT * FROM ").ok_or(ODD)?;
    let (name, rest) = rest.split_once(" WHERE ").ok_or(ODD)?;
    let (field, rest) = rest.split_once(' ').ok_or(ODD)?;
    let (operator, quoted) = rest.split_once(' ').ok_or(ODD)?;
    let inner = quoted
        .strip_prefix('\'')
        .and_then(|text| text.strip_suffix('\''));
    let wanted = unquoted(inner.ok_or(ODD)?).ok_or(ODD)?.to_lowercase();
    let of = ENTITIES.iter().find(|of| of.name() == name).ok_or(ODD)?;
    if !filters(name).contains(&field) {
        return Err(Refusal::With("property", json!({"field": field})));
    }
    if !matches!(operator, "=" | "LIKE") {
        return Err(ODD);
    }
    let fits = |body: &&Value| {
        let given = text(&body[field]).to_lowercase();
        match operator {
            "=" => given == wanted,
            _ => wanted
                .strip_prefix('%')
                .is_some_and(|end| given.ends_with(end)),
        }
    };
    let all = books
        .world
        .list(books.vendor, of.kind, books.account)
        .into_iter();
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
