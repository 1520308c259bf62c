//! How elements are listed at Xero: by `where`, by ids and numbers, by what changed.

use super::resource::{REQUESTS, Resource, reply};
use crate::kit::{Books, Refusal, asked, request, same};
use crate::wire::{Call, Reply};
use serde_json::{Value, json};

pub fn list(books: &mut Books, call: &Call, of: &Resource) -> Result<Reply, Refusal> {
    let ask = asked(call, request(REQUESTS, "list"))?;
    let clauses = clauses(ask["where"].as_str())
        .map_err(|words| Refusal::With("query", json!({"words": words})))?;
    let among = |name: &str, field: &Value| {
        let list = ask[name].as_str();
        list.is_none_or(|list| list.split(',').any(|one| field == one))
    };
    let since = call.header("if-modified-since").map(|text| {
        let at: Result<jiff::Timestamp, _> = text.parse();
        at.map_or(i64::MAX, |at| at.as_millisecond())
    });
    let term = ask["searchTerm"].as_str().unwrap_or_default();
    let fits = |body: &&Value| {
        since.is_none_or(|since| changed(body) >= since)
            && (ask["includeArchived"] == true || body["ContactStatus"] != "ARCHIVED")
            && clauses.iter().all(|clause| holds(clause, body))
            && among("IDs", &body[of.id])
            && among("InvoiceNumbers", &body["InvoiceNumber"])
            && among("ContactIDs", &body["Contact"]["ContactID"])
            && among("Statuses", &body["Status"])
            && body
                .to_string()
                .to_lowercase()
                .contains(&term.to_lowercase())
    };
    let mut all: Vec<_> = books.world.list(books.vendor, of.kind, books.account);
    all.retain(fits);
    if ask["order"] == "UpdatedDateUTC ASC" {
        all.sort_by_key(|body| changed(body));
    }
    let number = |name: &str, usual| ask[name].as_u64().unwrap_or(usual) as usize;
    let (page, size) = (number("page", 1), number("pageSize", 100));
    let shown = all.into_iter().skip((page - 1) * size).take(size);
    let shown = shown.cloned().collect();
    Ok(reply(books, of.name(), shown))
}

/// Of `/Date(1773446400000+0000)/` the milliseconds.
fn changed(body: &Value) -> i64 {
    let at = body["UpdatedDateUTC"].as_str().unwrap_or_default();
    let digits: String = at.chars().filter(char::is_ascii_digit).collect();
    digits.get(..13).and_then(|ms| ms.parse().ok()).unwrap_or(0)
}

/// One comparison of `where`: field, whether equal, value.
type Clause = (String, bool, Value);

/// `Reference=="R-1" AND Invoice.InvoiceID==Guid("…")`: equality is what finds a document.
fn clauses(text: Option<&str>) -> Result<Vec<Clause>, String> {
    let joined = text.unwrap_or_default().replace("&&", " AND ");
    let clause = |clause: &str| {
        let equal = clause.split_once("==").map(|parts| (parts, true));
        let parts = equal.or(clause.split_once("!=").map(|parts| (parts, false)));
        let ((field, value), equal) = parts.ok_or(format!("{clause} is no comparison"))?;
        let value = value.trim();
        let guid = value.strip_prefix("Guid(").or(value.strip_prefix("guid("));
        let inner = guid
            .and_then(|rest| rest.strip_suffix(')'))
            .unwrap_or(value);
        let value = serde_json::from_str(inner).map_err(|_| format!("{inner} is no value"))?;
        Ok((field.trim().to_string(), equal, value))
    };
    let all = joined.split(" AND ").filter(|_| text.is_some());
    all.map(clause).collect()
}

fn holds((field, equal, value): &Clause, body: &Value) -> bool {
    let found = field.split('.').fold(body, |at, name| &at[name]);
    same(found, value) == *equal
}
