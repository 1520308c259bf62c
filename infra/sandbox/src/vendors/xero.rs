//! Xero: OAuth with rotating refresh tokens, and the books of one organisation per tenant.
//! JSON only where it is asked for; errors name each element that failed validation.
//!
//! A refresh token works once; used again within half an hour it gives the same answer, later
//! `invalid_grant`. Idempotency keys are forgotten after six minutes.

mod allocations;
mod bank;
mod books;
mod chart;
mod contacts;
mod control;
mod documents;
mod events;
mod ledger;
mod lines;
mod payments;
mod query;
mod replies;
mod resource;
mod specs;

use crate::fields;
use crate::kit::{Refreshing, know_client};
use crate::vendor::Vendor;
use crate::wire::{Call, Reply};
use crate::world::{Repeat, World};
use replies::{Checked, MINUTE, invalid, missing, reply, unauthorised};
use resource::Resource;
use serde_json::{Value, json};

/// The demo clinic's organisation.
const TENANT: &str = "00000000-0000-4000-8000-000000000000";

pub static VENDOR: Vendor = Vendor {
    id: "xero",
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
    handle,
    step: |_, _| {},
    help: HELP,
    control: control::control,
    key_header: Some("Idempotency-Key"),
    roots: None,
    harmless: |call| call.path == "/connect/token",
};

const HELP: &str = r#"pay/{invoice}         {"amount"}: the clinic enters a payment there itself
unpay/{payment}       and deletes it
invoice/{number}, credit_note/{number}, bank_transactions/{reference}, accounts/{currency}
                      how it stands in the books; accounts with their balances, debits positive
"#;

const TOKENS: Refreshing = Refreshing {
    vendor: "xero",
    scope: "offline_access accounting.contacts accounting.transactions",
    access: 30 * MINUTE,
    grace: 30 * MINUTE,
    refresh: 60 * 24 * 60 * MINUTE,
};

const KEY_LIFETIME: i64 = 6 * MINUTE;

fn handle(world: &mut World, call: &Call) -> Reply {
    if call.path == "/connect/token" && call.method == "POST" {
        return TOKENS.token(world, call);
    }
    match TOKENS.holds(world, call) {
        Some(true) => {}
        Some(false) => return unauthorised("TokenExpired: token expired"),
        None => return unauthorised("AuthenticationUnsuccessful"),
    }
    let tenant = call
        .header("xero-tenant-id")
        .filter(|id| is_uuid(id))
        .map(str::to_lowercase);
    let Some(tenant) = tenant else {
        return Reply::json(
            403,
            &json!({"Type": null, "Title": "Forbidden", "Status": 403,
            "Detail": "AuthenticationUnsuccessful", "Instance": "", "Extensions": {}}),
        );
    };
    // Without it Xero answers in XML, which nobody here could read.
    if !call
        .header("accept")
        .is_some_and(|kinds| kinds.contains("application/json"))
    {
        let words = "The sandbox speaks JSON only: send Accept: application/json.";
        return Reply::of(406, "text/plain", words);
    }
    let Some(key) = call
        .header("idempotency-key")
        .filter(|_| call.method != "GET")
    else {
        return route(world, call, &tenant);
    };
    if key.is_empty() || key.len() > 128 {
        return invalid("Idempotency-Key must have between 1 and 128 characters");
    }
    let fingerprint = format!("{} {} {}", call.method, call.path, call.text());
    match world.repeat("xero", &tenant, key, &fingerprint, KEY_LIFETIME) {
        Repeat::Same(reply) => *reply,
        Repeat::OtherParameters => invalid("The Idempotency-Key was used for another request"),
        Repeat::InFlight => invalid("A request with this Idempotency-Key is being processed"),
        Repeat::First => {
            let reply = route(world, call, &tenant);
            if reply.status < 300 {
                world.keep("xero", &tenant, key, &fingerprint, &reply);
            }
            reply
        }
    }
}

fn is_uuid(text: &str) -> bool {
    let parts: Vec<_> = text.split('-').map(str::len).collect();
    parts == [8, 4, 4, 4, 12] && text.bytes().all(|b| b == b'-' || b.is_ascii_hexdigit())
}

static RESOURCES: [Resource; 5] = [
    Resource {
        name: "Contacts",
        kind: "xero.contact",
        id: "ContactID",
        number: "ContactNumber",
        spec: specs::CONTACT,
        save: contacts::contact,
    },
    Resource {
        name: "Invoices",
        kind: "xero.invoice",
        id: "InvoiceID",
        number: "InvoiceNumber",
        spec: specs::INVOICE,
        save: documents::invoice,
    },
    Resource {
        name: "CreditNotes",
        kind: "xero.credit_note",
        id: "CreditNoteID",
        number: "CreditNoteNumber",
        spec: specs::CREDIT_NOTE,
        save: documents::credit_note,
    },
    Resource {
        name: "Payments",
        kind: "xero.payment",
        id: "PaymentID",
        number: "PaymentID",
        spec: specs::PAYMENT,
        save: payments::payment,
    },
    Resource {
        name: "BankTransactions",
        kind: bank::KIND,
        id: "BankTransactionID",
        number: "BankTransactionID",
        spec: specs::BANK_TRANSACTION,
        save: bank::transaction,
    },
];

fn route(world: &mut World, call: &Call, tenant: &str) -> Reply {
    let segments = call.segments();
    let parts: Vec<&str> = segments.iter().map(String::as_str).collect();
    let ["api.xro", "2.0", name, rest @ ..] = &parts[..] else {
        return missing();
    };
    if call.method == "GET" && rest.is_empty() {
        match *name {
            "Organisation" => {
                let one = json!([{"Name": "Wattle Street Clinic", "OrganisationID": tenant,
                    "BaseCurrency": "EUR", "CountryCode": "AU", "IsDemoCompany": true}]);
                return reply(world, "Organisations", one);
            }
            "Accounts" => {
                let all = chart::ALL.iter().map(chart::Account::shown).collect();
                return reply(world, "Accounts", all);
            }
            _ => {}
        }
    }
    let Some(resource) = RESOURCES.iter().find(|resource| resource.name == *name) else {
        return missing();
    };
    match (call.method.as_str(), rest) {
        ("GET", []) => query::list(world, call, tenant, resource),
        ("GET", [id]) => match query::find(world, tenant, resource, id) {
            Some(body) => reply(world, resource.name, json!([body])),
            None => missing(),
        },
        ("GET", [id, "OnlineInvoice"]) if *name == "Invoices" => {
            let found = query::find(world, tenant, resource, id);
            let Some(body) = found.filter(|body| body["Status"] == "AUTHORISED") else {
                return missing();
            };
            let id = body["InvoiceID"].as_str().unwrap_or("").to_string();
            let url = format!("https://in.xero.com/{id}");
            reply(world, "OnlineInvoices", json!([{"OnlineInvoiceUrl": url}]))
        }
        ("PUT" | "POST", []) => write(world, call, tenant, resource, None),
        ("POST", [id]) => match query::find(world, tenant, resource, id) {
            Some(body) => write(world, call, tenant, resource, Some(&body[resource.id])),
            None => missing(),
        },
        ("PUT", [id, "Allocations"]) if *name == "CreditNotes" => {
            let Some(note) = query::find(world, tenant, resource, id) else {
                return missing();
            };
            let note = note["CreditNoteID"].as_str().unwrap_or("").to_string();
            each(
                world,
                call,
                "Allocations",
                specs::ALLOCATION,
                |world, ask| allocations::allocate(world, tenant, &note, ask),
            )
        }
        _ => missing(),
    }
}

fn write(world: &mut World, call: &Call, tenant: &str, of: &Resource, id: Option<&Value>) -> Reply {
    let create = call.method == "PUT";
    // A payment is deleted by a body of its own, and created by POST without a list.
    let single = of.name == "Payments" && call.method == "POST";
    let mut call = call.clone();
    if single
        && let Ok(one @ Value::Object(_)) = serde_json::from_slice::<Value>(&call.body)
        && one.get("Payments").is_none()
    {
        call.body = json!({"Payments": [one]}).to_string().into_bytes();
    }
    each(world, &call, of.name, of.spec, |world, ask| {
        let mut ask = ask.clone();
        if let Some(id) = id {
            ask[of.id] = id.clone();
        }
        (of.save)(world, tenant, &ask, create)
    })
}

/// Applies a body's elements: all or none, unless `summarizeErrors=false` asks for each by itself.
fn each(
    world: &mut World,
    call: &Call,
    name: &'static str,
    spec: &'static str,
    mut save: impl FnMut(&mut World, &Value) -> Checked,
) -> Reply {
    if call.content_type() != "application/json" {
        return Reply::of(415, "text/plain", "Unsupported Media Type");
    }
    let given = match serde_json::from_slice::<Value>(&call.body) {
        Ok(given) => given,
        Err(error) => return invalid(&error.to_string()),
    };
    let ask = match fields::read(&given, spec, false) {
        Ok(ask) => ask,
        Err(problems) => {
            let first = &problems[0];
            return invalid(&format!("{} {}", first.dotted(), first.words()));
        }
    };
    let elements = ask[name].as_array().cloned().unwrap_or_default();
    if elements.is_empty() {
        return invalid("The body holds no elements");
    }
    let apart = call
        .query("summarizeErrors")
        .is_some_and(|value| value == "false");
    let before = world.items.clone();
    let (mut saved, mut failed) = (Vec::new(), Vec::new());
    for element in &elements {
        match save(world, element) {
            Ok(mut body) => {
                if apart {
                    body["StatusAttributeString"] = json!("OK");
                }
                saved.push(body);
            }
            Err(messages) => {
                let messages: Vec<_> = messages.iter().map(|m| json!({"Message": m})).collect();
                let mut body = element.clone();
                body["ValidationErrors"] = messages.into();
                if apart {
                    body["StatusAttributeString"] = json!("ERROR");
                    saved.push(body.clone());
                }
                failed.push(body);
            }
        }
    }
    if !failed.is_empty() && !apart {
        world.items = before;
        let body = json!({"ErrorNumber": 10, "Type": "ValidationException",
            "Message": "A validation exception occurred", "Elements": failed});
        return Reply::json(400, &body);
    }
    reply(world, name, saved.into())
}
