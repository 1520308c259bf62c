//! Xero: OAuth with rotating refresh tokens, and the books of one organisation per tenant.
//! JSON only where it is asked for; errors name each element that failed validation.
//!
//! A refresh token works once; used again within half an hour it gives the same answer, later
//! `invalid_grant`. Idempotency keys are forgotten after six minutes.

mod accounts;
mod contacts;
mod control;
mod documents;
mod lists;
mod resource;
mod settling;

use crate::kit::*;
use crate::vendor::Vendor;
use crate::wire::{Call, Reply};
use crate::world::World;
use resource::{LOOKS, REQUESTS, RESOURCES, Resource, reply};
use serde_json::{Value, json};

/// The demo clinic's organisation.
const TENANT: &str = "00000000-0000-4000-8000-000000000000";

pub static VENDOR: Vendor = Vendor {
    seed: |world| {
        know_client(world, "xero", "demo", "demo");
        world.demo_endpoint("xero", TENANT, "xero-demo-key");
    },
    demo_secrets: || {
        let secret = json!({"client_id": "demo", "client_secret": "demo",
            "tenant_id": TENANT, "sales_account": "200",
            "cash_account": "091", "terminal_account": "092", "fund_account": "093",
            "credit_account": "820",
            "bank_account": "090", "tax_type": "NONE"});
        vec![
            ("system/xero", secret),
            ("oauth/xero", json!({"refresh_token": "demo-refresh-0"})),
            ("inbound/xero", json!({"webhook_key": "xero-demo-key"})),
        ]
    },
    handle: |world, call| {
        let done = TOKENS.guard(world, call, answer);
        done.unwrap_or_else(|why| LOOKS.refused(&why))
    },
    help: control::HELP,
    control: control::control,
    key_header: Some("Idempotency-Key"),
    harmless: |call| call.path == TOKENS.path,
    ..Vendor::named("xero")
};

const MINUTE: i64 = 60_000;
const TOKENS: Refreshing = Refreshing {
    vendor: "xero",
    path: "/connect/token",
    scope: "offline_access accounting.contacts accounting.transactions",
    access: 30 * MINUTE,
    grace: 30 * MINUTE,
    refresh: 60 * 24 * 60 * MINUTE,
};

const KEY_LIFETIME: i64 = 6 * MINUTE;
const NOWHERE: Refusal = Refusal::Because("nowhere");

fn answer(world: &mut World, call: &Call) -> Result<Reply, Refusal> {
    let tenant = call.header("xero-tenant-id").filter(|id| is_uuid(id));
    let tenant = tenant.ok_or("tenant")?.to_lowercase();
    // Without it Xero answers in XML, which nobody here could read.
    refuse(!call.wants_json(), "accept")?;
    let mut books = Books::of(world, "xero", &tenant);
    match call.header("idempotency-key") {
        Some(key) if call.method != "GET" => {
            refuse(key.is_empty() || key.len() > 128, "key_odd")?;
            let same = format!("{} {} {}", call.method, call.path, call.text());
            books.once(key, &same, KEY_LIFETIME, |books| route(books, call))
        }
        _ => route(&mut books, call),
    }
}

fn is_uuid(text: &str) -> bool {
    let parts: Vec<_> = text.split('-').map(str::len).collect();
    parts == [8, 4, 4, 4, 12] && text.bytes().all(|b| b == b'-' || b.is_ascii_hexdigit())
}

fn route(books: &mut Books, call: &Call) -> Result<Reply, Refusal> {
    let segments = call.segments();
    let parts: Vec<&str> = segments.iter().map(String::as_str).collect();
    let ["api.xro", "2.0", name, rest @ ..] = &parts[..] else {
        return Err(NOWHERE);
    };
    match (&*call.method, *name, rest) {
        ("GET", "Organisation", []) => {
            let one = LOOKS.shape("organisation", &json!({"tenant": books.account}));
            return Ok(reply(books, "Organisations", json!([one])));
        }
        ("GET", "Accounts", []) => return Ok(reply(books, name, LOOKS.of("accounts").clone())),
        _ => {}
    }
    let of = RESOURCES.iter().find(|of| of.name() == *name);
    let of = of.ok_or(NOWHERE)?;
    let Some((id, rest)) = rest.split_first() else {
        return match &*call.method {
            "GET" => lists::list(books, call, of),
            "PUT" | "POST" => write(books, call, of, None),
            _ => Err(NOWHERE),
        };
    };
    let body = books.named(of.kind, &[of.id, of.number], &json!(id));
    let body = body.ok_or(NOWHERE)?;
    let id = body[of.id].as_str().unwrap_or_default();
    match (&*call.method, *name, rest) {
        ("GET", _, []) => Ok(reply(books, name, json!([body]))),
        ("POST", _, []) => write(books, call, of, Some(id)),
        ("PUT", "CreditNotes", ["Allocations"]) => {
            each(books, call, "Allocations", |books, ask| {
                settling::allocate(books, id, ask)
            })
        }
        _ => Err(NOWHERE),
    }
}

/// How an element of this kind is filed or changed.
fn save(of: &Resource) -> fn(&mut Books, &Resource, &Value, create: bool) -> Checked {
    match of.name() {
        "Contacts" => contacts::save,
        "Payments" => settling::payment,
        "BankTransactions" => documents::bank_transaction,
        _ => documents::save,
    }
}

fn write(
    books: &mut Books,
    call: &Call,
    of: &Resource,
    id: Option<&str>,
) -> Result<Reply, Refusal> {
    let mut call = call.clone();
    let one: Value = serde_json::from_slice(&call.body).unwrap_or_default();
    // A payment is deleted by a body of its own, and created by POST without a list.
    let single = of.name() == "Payments" && call.method == "POST" && one.is_object();
    if single && one["Payments"].is_null() {
        call.body = json!({"Payments": [one]}).to_string().into_bytes();
    }
    each(books, &call, of.name(), |books, ask| {
        let mut ask = ask.clone();
        if let Some(id) = id {
            ask[of.id] = json!(id);
        }
        save(of)(books, of, &ask, call.method == "PUT")
    })
}

/// Applies a body's elements: all or none, unless `summarizeErrors=false` asks for each by itself.
fn each(
    books: &mut Books,
    call: &Call,
    name: &str,
    mut save: impl FnMut(&mut Books, &Value) -> Checked,
) -> Result<Reply, Refusal> {
    refuse(call.content_type() != "application/json", "media")?;
    let ask = asked(call, request(REQUESTS, name))?;
    let elements = ask[name].as_array().filter(|all| !all.is_empty());
    let apart = call.query("summarizeErrors").as_deref() == Some("false");
    let before = books.world.items.clone();
    let (mut shown, mut failed) = (Vec::new(), Vec::new());
    for element in elements.ok_or("empty")? {
        let done = save(books, element);
        let status = if done.is_ok() { "OK" } else { "ERROR" };
        let mut body = done.unwrap_or_else(|Wrong(why)| {
            let messages: Value = why.iter().map(|why| LOOKS.refusal(name, why).1).collect();
            let mut body = element.clone();
            body["ValidationErrors"] = messages;
            failed.push(body.clone());
            body
        });
        if apart {
            body["StatusAttributeString"] = json!(status);
        }
        shown.push(body);
    }
    if apart || failed.is_empty() {
        return Ok(reply(books, name, shown.into()));
    }
    books.world.items = before;
    let body = json!({"ErrorNumber": 10, "Type": "ValidationException",
        "Message": "A validation exception occurred", "Elements": failed});
    Ok(Reply::json(400, &body))
}
