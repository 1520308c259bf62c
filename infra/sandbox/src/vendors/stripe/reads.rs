//! Lists, searches and `expand` at Stripe.

use super::replies::{Done, invalid};
use crate::world::World;
use serde_json::{Value, json};

/// `metadata['order']:'7' AND status:'succeeded'`, the part of the search language that finds
/// an intent by our own reference.
pub fn search(world: &World, account: &str, ask: &Value) -> Done {
    let query = ask["query"].as_str().unwrap_or("");
    let mut clauses = Vec::new();
    for clause in query.split(" AND ") {
        let parsed = clause.trim().split_once(':').map(|(field, value)| {
            let quotes = |c: char| c == '"' || c == '\'';
            let name = field
                .trim()
                .strip_prefix("metadata[")
                .map(|rest| rest.trim_end_matches(']').trim_matches(quotes).to_string());
            (
                field.trim().to_string(),
                name,
                value.trim().trim_matches(quotes).to_string(),
            )
        });
        match parsed {
            Some(clause) if !clause.2.is_empty() => clauses.push(clause),
            _ => {
                return Err(invalid(
                    400,
                    "",
                    "query",
                    "The search query could not be parsed.",
                ));
            }
        }
    }
    let holds = |intent: &Value| {
        clauses.iter().all(|(field, name, value)| match name {
            Some(name) => intent["metadata"][name] == *value,
            None => match &intent[field] {
                Value::String(text) => text == value,
                Value::Number(number) => number.as_i64() == value.parse().ok(),
                _ => false,
            },
        })
    };
    let all = world.list("stripe", "stripe.intent", account);
    let data: Vec<_> = all
        .into_iter()
        .filter(|intent| holds(intent))
        .take(100)
        .collect();
    Ok(
        json!({"object": "search_result", "data": data, "has_more": false, "next_page": null,
        "url": "/v1/payment_intents/search"}),
    )
}

pub fn list(world: &World, account: &str, kind: &'static str, path: &str, ask: &Value) -> Value {
    let fits = |body: &&Value| {
        ["payment_intent", "charge", "customer", "email", "type"]
            .iter()
            .all(|name| ask[*name].is_null() || body[*name] == ask[*name])
    };
    let all: Vec<_> = world
        .list("stripe", kind, account)
        .into_iter()
        .filter(fits)
        .collect();
    let limit = ask["limit"].as_u64().unwrap_or(10).clamp(1, 100) as usize;
    let start = match ask["starting_after"].as_str() {
        Some(id) => all
            .iter()
            .position(|body| body["id"] == id)
            .map_or(all.len(), |at| at + 1),
        None => 0,
    };
    let data: Vec<_> = all[start..].iter().take(limit).collect();
    json!({"object": "list", "data": data, "has_more": all.len() > start + limit, "url": path})
}

/// Puts whole objects in the place of the ids that `expand` names.
pub fn expanded(world: &World, mut body: Value, expand: &Value) -> Value {
    for path in expand
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
    {
        expand_one(world, &mut body, &path.split('.').collect::<Vec<_>>());
    }
    body
}

pub fn expand_one(world: &World, at: &mut Value, path: &[&str]) {
    let Some((name, rest)) = path.split_first() else {
        return;
    };
    if let Value::Array(items) = at {
        return items
            .iter_mut()
            .for_each(|item| expand_one(world, item, path));
    }
    // Two lists that are shown only where they are asked for.
    match (*name, at["object"].as_str()) {
        ("line_items", Some("checkout.session")) => at["line_items"] = line_items(world, at),
        ("refunds", Some("charge")) => at["refunds"] = refunds(world, at),
        _ => {}
    }
    let Some(inner) = at.get_mut(*name) else {
        return;
    };
    if let Some(id) = inner.as_str() {
        let kinds = [
            "stripe.intent",
            "stripe.customer",
            "stripe.charge",
            "stripe.method",
            "stripe.setup",
            "stripe.refund",
        ];
        let found = kinds.into_iter().find_map(|kind| world.item(kind, id));
        if let Some(item) = found {
            *inner = item.body.clone();
        }
    }
    expand_one(world, inner, rest);
}

pub fn refunds(world: &World, charge: &Value) -> Value {
    let all = world
        .all("stripe.refund")
        .into_iter()
        .map(|item| &item.body);
    let data: Vec<_> = all
        .filter(|refund| refund["charge"] == charge["id"])
        .collect();
    let url = format!(
        "/v1/charges/{}/refunds",
        charge["id"].as_str().unwrap_or("")
    );
    json!({"object": "list", "data": data, "has_more": false, "url": url})
}

pub fn line_items(world: &World, session: &Value) -> Value {
    let id = session["id"].as_str().unwrap_or("");
    let lines = world
        .item("stripe.session", id)
        .map(|item| &item.notes["ask"]["line_items"]);
    let lines = lines
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .enumerate();
    let data: Vec<_> = lines
        .map(|(index, line)| {
            let price = &line["price_data"];
            let each = price["unit_amount"].as_i64().unwrap_or(0);
            let sum = each * line["quantity"].as_i64().unwrap_or(0);
            json!({"id": format!("li_{index}"), "object": "item", "amount_discount": 0,
                "amount_subtotal": sum, "amount_tax": 0, "amount_total": sum,
                "currency": price["currency"], "description": price["product_data"]["name"],
                "quantity": line["quantity"]})
        })
        .collect();
    json!({"object": "list", "data": data, "has_more": false,
        "url": format!("/v1/checkout/sessions/{id}/line_items")})
}
