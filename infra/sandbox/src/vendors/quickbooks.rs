//! QuickBooks: the books of one company per realm, with OAuth whose refresh token changes. What is
//! wrong is a `Fault` with its code; what a request holds beyond the schemas is refused.
//!
//! A `requestid` answers its first reply again, whatever the repeat says. For how long is unknown:
//! here a day.

mod accounts;
mod documents;
mod entity;
mod query;

use crate::fields;
use crate::kit::*;
use crate::vendor::Vendor;
use crate::wire::{Call, Reply, stamp};
use crate::world::World;
use entity::*;
use serde_json::{Value, json};

/// The demo clinic's company.
const REALM: &str = "4620816365000000000";

pub static VENDOR: Vendor = Vendor {
    seed: |world| {
        know_client(world, "quickbooks", "demo", "demo");
        world.demo_endpoint("quickbooks", REALM, "quickbooks-demo-token");
    },
    demo_secrets: || {
        let secret = json!({"client_id": "demo", "client_secret": "demo",
            "realm_id": REALM, "income_item": "1", "deposit_account": "35",
            "tax_code": "2", "tax_code_0": "3", "cash_account": "36", "terminal_account": "37",
            "fund_account": "38", "credit_account": "40", "credit_item": "4"});
        let refresh = json!({"refresh_token": "demo-refresh-0"});
        let inbound = json!({"verifier_token": "quickbooks-demo-token"});
        vec![
            ("system/quickbooks", secret),
            ("oauth/quickbooks", refresh),
            ("inbound/quickbooks", inbound),
        ]
    },
    handle: |world, call| {
        let done = TOKENS.guard(world, call, answer);
        done.unwrap_or_else(|why| LOOKS.refused(&why))
    },
    help: HELP,
    control,
    harmless: |call| call.path == TOKENS.path,
    ..Vendor::named("quickbooks")
};

const HELP: &str = r#"pay/{invoice}         {"amount"}: the clinic enters a payment there itself
unpay/{payment}       and deletes one
put_away/{customer}   it is made inactive
close                 {"until"}: the books are closed until that day
knobs                 {"tax": "0.01"}: it makes so much more tax of what it is told; {"old": true}: its
                      webhooks are of the former shape
all/{entity}          all documents of a kind, deleted ones too; accounts/{currency} with what stands on
                      them, debits positive, and accounts/{currency}/{customer} of one customer
"#;

const REQUESTS: &str = include_str!("quickbooks/requests.txt");

const HOUR: i64 = 3_600_000;
const TOKENS: Refreshing = Refreshing {
    vendor: "quickbooks",
    path: "/oauth2/v1/tokens/bearer",
    scope: "com.intuit.quickbooks.accounting",
    access: HOUR,
    grace: 24 * HOUR,
    refresh: 100 * 24 * HOUR,
};

fn answer(world: &mut World, call: &Call) -> Result<Reply, Refusal> {
    let segments = call.segments();
    let parts: Vec<&str> = segments.iter().map(String::as_str).collect();
    let ["v3", "company", realm, rest @ ..] = &parts[..] else {
        return Err("nowhere".into());
    };
    let given = call.pairs().into_iter().collect();
    let query = fields::read(&given, request(REQUESTS, "call"), true);
    let query = query.map_err(|_| "unsupported")?;
    refuse(!call.wants_json(), "unsupported")?;
    let mut books = Books::of(world, "quickbooks", realm);
    match query["requestid"].as_str() {
        Some(key) if call.method == "POST" => {
            refuse(key.is_empty() || key.chars().count() > 50, "key_odd")?;
            // Whatever is sent under it.
            let act = |books: &mut Books| route(books, call, &query, rest);
            books.once(key, "", 24 * HOUR, act)
        }
        _ => route(&mut books, call, &query, rest),
    }
}

fn route(books: &mut Books, call: &Call, query: &Value, rest: &[&str]) -> Result<Reply, Refusal> {
    let entity = |path: &str| {
        let found = ENTITIES.iter().find(|of| of.name().to_lowercase() == path);
        found.ok_or("nowhere")
    };
    let (name, body) = match (&*call.method, rest) {
        ("GET", ["query"]) => (
            "QueryResponse",
            query::answer(books, text(&query["query"]))?,
        ),
        ("GET", ["cdc"]) => ("CDCResponse", changes(books, query)),
        ("GET", [path, id]) => {
            let of = entity(path)?;
            (of.name(), documents::standing(books, of, id)?)
        }
        ("POST", [path]) => {
            let of = entity(path)?;
            (
                of.name(),
                write(books, call, of, query["operation"].as_str())?,
            )
        }
        _ => return Err("nowhere".into()),
    };
    let time = stamp(books.world.now, "%FT%T%.3fZ");
    Ok(Reply::json(200, &json!({name: body, "time": time})))
}

/// What changed of each entity that is named, deleted documents by little more than their ids.
fn changes(books: &Books, query: &Value) -> Value {
    let since: Option<jiff::Timestamp> = text(&query["changedSince"]).parse().ok();
    let named = text(&query["entities"]).split(',');
    let named = named.filter_map(|name| ENTITIES.iter().find(|of| of.name() == name));
    let list = named.map(|of| {
        let mut all = books.all(of.kind);
        all.retain(|body| text(&body["MetaData"]["LastUpdatedTime"]).parse().ok() >= since);
        let shown = all
            .into_iter()
            .map(|body| match body["status"] == "Deleted" {
                true => LOOKS.shape("deleted", body),
                false => body.clone(),
            });
        json!({of.name(): shown.collect::<Vec<_>>(), "startPosition": 1, "maxResults": 1000})
    });
    json!([{"QueryResponse": list.collect::<Vec<_>>()}])
}

/// Does what a body asks whole, or nothing.
fn write(
    books: &mut Books,
    call: &Call,
    of: &Entity,
    operation: Option<&str>,
) -> Result<Value, Refusal> {
    refuse(call.content_type() != "application/json", "media")?;
    let takes = operation.map_or(of.takes(), |_| "undo");
    let ask = asked(call, request(REQUESTS, takes))?;
    let before = books.world.items.clone();
    let done = match operation {
        None => documents::create(books, of, &ask),
        Some("delete") if of.name() != CUSTOMER.name() => {
            documents::undo(books, of, &ask, "Delete")
        }
        Some("void") if of.name() == "Invoice" => documents::undo(books, of, &ask, "Void"),
        Some(other) => Err(Refusal::With("operation", json!({"operation": other}))),
    };
    if done.is_err() {
        books.world.items = before;
    }
    done
}

fn control(world: &mut World, verb: &[&str], ask: &Value) -> Result<Value, String> {
    let said = |why| LOOKS.refusal("", &why).1["Fault"]["Error"][0]["Detail"].to_string();
    match verb {
        ["pay", id] => documents::pay(world, id, ask).map_err(said),
        ["unpay", id] => documents::unpay(world, id).map_err(said),
        ["put_away", id] => {
            // Its name is free again: from memory, unverified.
            let name = text(&world.body(CUSTOMER.kind, id)["DisplayName"]).to_string();
            let away = json!({"Active": false, "DisplayName": name + " (deleted)"});
            world.set(CUSTOMER.kind, id, away);
            Ok(world.body(CUSTOMER.kind, id))
        }
        ["close"] => {
            world.put(documents::CLOSED, "", "closed", ask.clone());
            Ok(ask.clone())
        }
        ["knobs"] => {
            world.put("knobs", "", "quickbooks", ask.clone());
            Ok(ask.clone())
        }
        ["all", name] => {
            let of = ENTITIES.iter().find(|of| of.name() == *name);
            let of = of.ok_or_else(|| format!("there is no entity {name}"))?;
            let all = world.all(of.kind).into_iter();
            Ok(all.map(|item| item.body.clone()).collect())
        }
        ["accounts", currency] => Ok(accounts::balances(world, currency, None)),
        ["accounts", currency, of] => Ok(accounts::balances(world, currency, Some(of))),
        _ => Err(HELP.into()),
    }
}
