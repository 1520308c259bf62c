//! QuickBooks: the books of one company per realm, with OAuth whose refresh token changes. What is
//! wrong is a `Fault` with its code; what a request holds beyond the schemas is refused.
//!
//! A `requestid` answers its first reply again, whatever the repeat says. For how long is unknown:
//! here a day.

mod books;
mod query;
mod specs;

use crate::fields;
use crate::kit::{Refreshing, know_client};
use crate::vendor::Vendor;
use crate::webhook::{News, Webhook};
use crate::wire::{Call, Reply, hmac_sha256, stamp};
use crate::world::{Repeat, World};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use books::{ENTITIES, Entity};
use serde_json::{Value, json};

/// The demo clinic's company.
const REALM: &str = "4620816365000000000";

pub static VENDOR: Vendor = Vendor {
    id: "quickbooks",
    seed: |world| {
        know_client(world, "quickbooks", "demo", "demo");
        world.demo_endpoint("quickbooks", REALM, "quickbooks-demo-token");
    },
    demo_secrets: || {
        let secret = json!({"client_id": "demo", "client_secret": "demo",
            "realm_id": REALM, "income_item": "1", "deposit_account": "35",
            "tax_code": "2", "tax_code_0": "3", "cash_account": "36", "terminal_account": "37",
            "fund_account": "38", "credit_account": "40", "credit_item": "4"});
        vec![
            ("system/quickbooks", secret),
            (
                "oauth/quickbooks",
                json!({"refresh_token": "demo-refresh-0"}),
            ),
            (
                "inbound/quickbooks",
                json!({"verifier_token": "quickbooks-demo-token"}),
            ),
        ]
    },
    handle,
    step: |_, _| {},
    help: HELP,
    control,
    key_header: None,
    roots: None,
    harmless: |call| call.path == TOKEN,
};

const HELP: &str = r#"pay/{invoice}         {"amount"}: the clinic enters a payment there itself
unpay/{payment}       and deletes one
put_away/{customer}   it is made inactive
close                 {"until"}: the books are closed until that day
knobs                 {"tax": "0.01"}: it makes so much more tax of what it is told; {"old": true}: its
                      webhooks are of the former shape
all/{entity}          all documents of a kind, deleted ones too; accounts/{currency} with what stands on
                      them, debits positive
"#;

const TOKEN: &str = "/oauth2/v1/tokens/bearer";
const HOUR: i64 = 3_600_000;
const TOKENS: Refreshing = Refreshing {
    vendor: "quickbooks",
    scope: "com.intuit.quickbooks.accounting",
    access: HOUR,
    grace: 24 * HOUR,
    refresh: 100 * 24 * HOUR,
};

fn handle(world: &mut World, call: &Call) -> Reply {
    if call.path == TOKEN && call.method == "POST" {
        return TOKENS.token(world, call);
    }
    if TOKENS.holds(world, call) != Some(true) {
        let error = json!({"message": "message=AuthenticationFailed; errorCode=003200; statusCode=401",
            "detail": "Token expired or revoked", "code": "3200"});
        let body = json!({"fault": {"error": [error], "type": "AUTHENTICATION"}});
        return Reply::json(401, &body);
    }
    let segments = call.segments();
    let parts: Vec<&str> = segments.iter().map(String::as_str).collect();
    let ["v3", "company", realm, rest @ ..] = &parts[..] else {
        return Reply::of(404, "text/html", "<p>404</p>");
    };
    let known = [
        "minorversion",
        "requestid",
        "operation",
        "query",
        "entities",
        "changedSince",
    ];
    let odd = call
        .pairs()
        .into_iter()
        .find(|(name, _)| !known.contains(&&**name));
    let json = call
        .header("accept")
        .is_some_and(|kinds| kinds.contains("application/json"));
    if odd.is_some() || !json || call.query("minorversion").as_deref() != Some("75") {
        return refused(&wrong(
            "2010",
            "Unsupported request",
            "its query or what it accepts",
        ));
    }
    let Some(key) = call.query("requestid").filter(|_| call.method == "POST") else {
        return route(world, call, realm, rest);
    };
    if key.is_empty() || key.chars().count() > 50 {
        return refused(&wrong("2050", "Invalid string length", "requestid"));
    }
    // Whatever is sent under it.
    match world.repeat("quickbooks", realm, &key, "", 24 * HOUR) {
        Repeat::Same(reply) => *reply,
        Repeat::InFlight => Reply::of(503, "text/html", "<h1>503 Service Unavailable</h1>"),
        Repeat::First | Repeat::OtherParameters => {
            let reply = route(world, call, realm, rest);
            if reply.status < 300 {
                world.keep("quickbooks", realm, &key, "", &reply);
            }
            reply
        }
    }
}

/// A code, and what it says.
pub type Wrong = (&'static str, String);

pub fn wrong(code: &'static str, message: &str, detail: &str) -> Wrong {
    (code, format!("{message}\n{message} : {detail}"))
}

fn refused((code, said): &Wrong) -> Reply {
    let (message, detail) = said.split_once('\n').unwrap_or((said, said));
    let error = json!({"Message": message, "Detail": detail, "code": code, "element": ""});
    let body = json!({"Fault": {"Error": [error], "type": "ValidationFault"},
        "time": "2026-11-21T09:00:00.000-08:00"});
    Reply::json(400, &body)
}

fn route(world: &mut World, call: &Call, realm: &str, rest: &[&str]) -> Reply {
    let entity = |path: &str| ENTITIES.iter().find(|of| of.name.to_lowercase() == path);
    let time = stamp(world.now, "%FT%T%.3fZ");
    let done = match (call.method.as_str(), rest) {
        ("GET", ["query"]) => query::answer(world, realm, &call.query("query").unwrap_or_default())
            .map(|list| json!({"QueryResponse": list, "time": time})),
        ("GET", ["cdc"]) => Ok(
            json!({"CDCResponse": [{"QueryResponse": changes(world, call, realm)}],
            "time": time}),
        ),
        ("GET", [path, id]) => match entity(path) {
            Some(of) => books::standing(world, realm, of, id)
                .map(|body| json!({of.name: body, "time": time})),
            None => return Reply::of(404, "text/html", "<p>404</p>"),
        },
        ("POST", [path]) => match entity(path) {
            Some(of) => {
                write(world, call, realm, of).map(|body| json!({of.name: body, "time": time}))
            }
            None => return Reply::of(404, "text/html", "<p>404</p>"),
        },
        _ => return Reply::of(404, "text/html", "<p>404</p>"),
    };
    done.map_or_else(|wrong| refused(&wrong), |body| Reply::json(200, &body))
}

/// What changed of each entity that is named, deleted documents by little more than their ids.
fn changes(world: &World, call: &Call, realm: &str) -> Value {
    let since = call.query("changedSince").unwrap_or_default();
    let since: Option<jiff::Timestamp> = since.parse().ok();
    let named = call.query("entities").unwrap_or_default();
    let of_one = |of: &&Entity| named.split(',').any(|name| name == of.name);
    let list = |of: &Entity| {
        let all = world
            .all(of.kind)
            .into_iter()
            .filter(|item| item.account == realm);
        let changed = all.map(|item| &item.body).filter(|body| {
            let at = body["MetaData"]["LastUpdatedTime"]
                .as_str()
                .unwrap_or_default();
            at.parse().ok() >= since
        });
        let shown = changed.map(|body| match body["status"] == "Deleted" {
            true => json!({"Id": body["Id"], "status": "Deleted", "MetaData": body["MetaData"]}),
            false => body.clone(),
        });
        json!({of.name: shown.collect::<Vec<_>>(), "startPosition": 1, "maxResults": 1000})
    };
    ENTITIES.iter().filter(of_one).map(list).collect()
}

fn write(world: &mut World, call: &Call, realm: &str, of: &'static Entity) -> Result<Value, Wrong> {
    let invalid = |detail: &str| {
        wrong(
            "2010",
            "Request has invalid or unsupported property",
            detail,
        )
    };
    if call.content_type() != "application/json" {
        return Err(invalid("content type"));
    }
    let given: Value =
        serde_json::from_slice(&call.body).map_err(|why| invalid(&why.to_string()))?;
    let operation = call.query("operation");
    let spec = if operation.is_some() {
        specs::UNDO
    } else {
        of.spec
    };
    let ask = fields::read(&given, spec, false)
        .map_err(|all| invalid(&format!("{} {}", all[0].dotted(), all[0].words())))?;
    let before = world.items.clone();
    let done = match operation.as_deref() {
        None => books::create(world, realm, of, &ask),
        Some("delete") if of.name != "Customer" => books::undo(world, realm, of, &ask, "Delete"),
        Some("void") if of.name == "Invoice" => books::undo(world, realm, of, &ask, "Void"),
        Some(other) => Err(wrong("500", "Unsupported Operation", other)),
    };
    if done.is_err() {
        world.items = before;
    }
    done
}

/// Tells whoever listens that an entity changed: `Create`, `Update`, `Delete` or `Void`.
pub fn tell(world: &mut World, realm: &str, name: &str, id: &str, operation: &str) {
    let at = stamp(world.now, "%FT%TZ");
    let body = match world.body("knobs", "quickbooks")["old"] == true {
        true => {
            let entity = json!({"name": name, "id": id, "operation": operation, "lastUpdated": at});
            let of = json!({"realmId": realm, "dataChangeEvent": {"entities": [entity]}});
            json!({"eventNotifications": [of]})
        }
        false => {
            let past = match operation {
                "Void" => "voided".into(),
                other => other.to_lowercase() + "d",
            };
            let kind = format!("qbo.{}.{past}.v1", name.to_lowercase());
            let event = format!("{}-{name}-{id}", world.uuid());
            json!([{"specversion": "1.0", "id": event, "source": "intuit.sandbox", "type": kind,
                "time": at, "intuitentityid": id, "intuitaccountid": realm}])
        }
    };
    world.notify(&News {
        body: body.to_string().into_bytes(),
        sign,
        ..News::of("quickbooks", realm, &format!("{name} {operation}"))
    });
}

fn sign(webhook: &Webhook, _: i64) -> Vec<(String, String)> {
    let proof = hmac_sha256(webhook.secret.as_bytes(), &webhook.body);
    vec![("intuit-signature".into(), BASE64.encode(proof))]
}

fn control(world: &mut World, verb: &[&str], ask: &Value) -> Result<Value, String> {
    let entity = |name: &str| {
        let found = ENTITIES.iter().find(|of| of.name == name);
        found.ok_or_else(|| format!("there is no entity {name}"))
    };
    match verb {
        ["pay", id] => books::pay(world, id, ask).map_err(|(_, why)| why),
        ["unpay", id] => books::unpay(world, id).map_err(|(_, why)| why),
        ["put_away", id] => {
            let kind = entity("Customer")?.kind;
            // Its name is free again: from memory, unverified.
            let name = world.body(kind, id)["DisplayName"]
                .as_str()
                .unwrap_or("")
                .to_string();
            let away = json!({"Active": false, "DisplayName": name + " (deleted)"});
            world.set(kind, id, away);
            Ok(world.body(kind, id))
        }
        ["close"] => {
            world.put("quickbooks.closed", "", "closed", ask.clone());
            Ok(ask.clone())
        }
        ["knobs"] => {
            world.put("knobs", "", "quickbooks", ask.clone());
            Ok(ask.clone())
        }
        ["all", name] => {
            let all = world.all(entity(name)?.kind).into_iter();
            Ok(all.map(|item| item.body.clone()).collect())
        }
        ["accounts", currency] => Ok(books::accounts(world, currency)),
        _ => Err(HELP.into()),
    }
}
