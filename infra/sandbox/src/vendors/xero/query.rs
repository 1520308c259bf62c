//! How documents are found at Xero: by id, by number, by `where`.

use super::books;
use super::replies::{invalid, reply};
use super::resource::Resource;
use crate::wire::{Call, Reply};
use crate::world::World;
use serde_json::{Value, json};

pub fn find(world: &World, tenant: &str, of: &Resource, id: &str) -> Option<Value> {
    let all = world
        .all(of.kind)
        .into_iter()
        .filter(|item| item.account == tenant);
    let by = |name: &str, body: &Value| {
        body[name]
            .as_str()
            .is_some_and(|text| text.eq_ignore_ascii_case(id))
    };
    all.map(|item| &item.body)
        .find(|body| by(of.id, body) || by(of.number, body))
        .cloned()
}

pub fn list(world: &mut World, call: &Call, tenant: &str, of: &Resource) -> Reply {
    let known = [
        "where",
        "order",
        "IDs",
        "InvoiceNumbers",
        "ContactIDs",
        "Statuses",
        "page",
        "pageSize",
        "includeArchived",
        "summaryOnly",
        "searchTerm",
        "createdByMyApp",
        "unitdp",
    ];
    let asked = call.pairs();
    if let Some((name, _)) = asked
        .iter()
        .find(|(name, _)| !known.contains(&name.as_str()))
    {
        return invalid(&format!("{name} is no parameter"));
    }
    let clauses = match call.query("where").map(|text| clauses(&text)).transpose() {
        Ok(clauses) => clauses.unwrap_or_default(),
        Err(reason) => {
            let body = json!({"ErrorNumber": 16, "Type": "QueryParseException", "Message": reason});
            return Reply::json(400, &body);
        }
    };
    let among = |name: &str, field: &Value| {
        call.query(name)
            .is_none_or(|list| list.split(',').any(|one| *field == one))
    };
    let archived = call
        .query("includeArchived")
        .is_some_and(|all| all == "true");
    let since = call.header("if-modified-since").map(|text| {
        let at: Result<jiff::Timestamp, _> = text.parse();
        at.map_or(i64::MAX, |at| at.as_millisecond())
    });
    let changed = |body: &Value| {
        let at = body["UpdatedDateUTC"].as_str().unwrap_or_default();
        let digits: String = at.chars().filter(char::is_ascii_digit).collect();
        // `/Date(1773446400000+0000)/`
        digits.get(..13).and_then(|ms| ms.parse().ok()).unwrap_or(0)
    };
    let fits = |body: &&Value| {
        since.is_none_or(|since| changed(body) >= since)
            && (archived || body["ContactStatus"] != "ARCHIVED")
            && clauses.iter().all(|clause| holds(clause, body))
            && among("IDs", &body[of.id])
            && among("InvoiceNumbers", &body["InvoiceNumber"])
            && among("ContactIDs", &body["Contact"]["ContactID"])
            && among("Statuses", &body["Status"])
            && call.query("searchTerm").is_none_or(|term| {
                body.to_string()
                    .to_lowercase()
                    .contains(&term.to_lowercase())
            })
    };
    let mut all: Vec<_> = world.list("xero", of.kind, tenant);
    all.retain(|body| fits(body));
    if call.query("order").as_deref() == Some("UpdatedDateUTC ASC") {
        all.sort_by_key(|body| changed(body));
    }
    let size = call
        .query("pageSize")
        .and_then(|text| text.parse().ok())
        .unwrap_or(100usize);
    let page = call
        .query("page")
        .and_then(|text| text.parse::<usize>().ok())
        .unwrap_or(1);
    let shown: Vec<Value> = all
        .into_iter()
        .skip(page.saturating_sub(1) * size)
        .take(size)
        .cloned()
        .collect();
    reply(world, of.name, shown.into())
}

/// One comparison of `where`: field, whether equal, value.
pub type Clause = (String, bool, Value);

/// `Reference=="R-1" AND Invoice.InvoiceID==Guid("…")`: equality is what finds a document.
pub fn clauses(text: &str) -> Result<Vec<Clause>, String> {
    let joined = text.replace("&&", " AND ");
    let mut found = Vec::new();
    for clause in joined.split(" AND ") {
        let equal = clause.split_once("==").map(|parts| (parts, true));
        let parts = equal.or(clause.split_once("!=").map(|parts| (parts, false)));
        let ((field, value), equal) = parts.ok_or(format!("{clause} is no comparison"))?;
        let value = value.trim();
        let inner = value
            .strip_prefix("Guid(")
            .or(value.strip_prefix("guid("))
            .and_then(|rest| rest.strip_suffix(')'))
            .unwrap_or(value);
        let value = serde_json::from_str(inner).map_err(|_| format!("{inner} is no value"))?;
        found.push((field.trim().to_string(), equal, value));
    }
    Ok(found)
}

pub fn holds((field, equal, value): &Clause, body: &Value) -> bool {
    let found = field.split('.').fold(body, |at, name| &at[name]);
    let same = match (found.as_str(), value.as_str()) {
        (Some(found), Some(value)) => found.eq_ignore_ascii_case(value),
        _ => found == value || books::same_number(found, value),
    };
    same == *equal
}
