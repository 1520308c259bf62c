//! GoCardless: billing requests with their authorisation page, mandates, payments by bank debit
//! and refunds. Money takes days of stack time and may come back; events travel in signed
//! batches. A repeated key is a conflict that names what the first call made.
//!
//! Beside what every vendor's control has: `retry/{payment}` (staff collect a failed one again),
//! `cancel/{billing request}`, `mandates/{id}/expire` and `/reinstate`, and `knobs`
//! `{resource_metadata: false}`: events that carry ids alone, as older endpoints get them.

mod acts;
mod events;
mod flow;
mod payments;
mod refunds;
mod replies;
mod schemes;
mod setup;

use crate::fields::{self, Fault};
use crate::vendor::Vendor;
use crate::wire::{Call, Reply};
use crate::world::World;
use replies::{DAY, Made, Refused, error, invalid, kind, own, usage};
use serde_json::{Value, json};

pub static VENDOR: Vendor = Vendor {
    id: "gocardless",
    seed: |world| world.demo_endpoint("gocardless", "sandbox_demo", "gc-demo-secret"),
    demo_secrets: || {
        vec![
            (
                "gateway/gocardless",
                json!({"access_token": "sandbox_demo"}),
            ),
            (
                "inbound/gocardless",
                json!({"webhook_secret": "gc-demo-secret"}),
            ),
        ]
    },
    handle,
    step: acts::step,
    help: HELP,
    control: acts::control,
    key_header: Some("Idempotency-Key"),
    roots: None,
    harmless: |call| call.path.starts_with("/flow/"),
};

const HELP: &str = r#"pay/{id}              pending authorises the mandate
mandates/{id}/cancel  the payer cancels at the bank
"#;

const VERSION: &str = "2015-07-06";
const KEY_LIFETIME: i64 = 30 * DAY;

const BILLING_REQUEST: &str = "billing_requests! { fallback_enabled bool \
    links { creditor text customer text customer_bank_account text } metadata map \
    purpose_code text payment_context_code text payment_purpose_code text \
    mandate_request { currency text scheme text description text metadata map \
        verify minimum|recommended|when_available|always consent_type text constraints any \
        authorisation_source web|telephone|paper funds_settlement managed|direct sweeping bool \
        payer_requested_dual_signature bool links any } \
    payment_request { amount int currency text description text metadata map reference text \
        scheme text app_fee int funds_settlement managed|direct links any } }";
const FLOW: &str = "billing_request_flows! { redirect_uri text exit_uri text language text \
    auto_fulfil bool customer_details_captured bool lock_bank_account bool lock_currency bool \
    lock_customer_details bool show_redirect_buttons bool show_success_redirect_button bool \
    skip_success_screen bool prefilled_bank_account { account_type savings|checking } \
    prefilled_customer { given_name text family_name text email text company_name text \
        address_line1 text address_line2 text address_line3 text city text region text \
        postal_code text country_code text danish_identity_number text \
        swedish_identity_number text } \
    links! { billing_request! text } }";
const PAYMENT: &str = "payments! { amount! int currency! AUD|CAD|DKK|EUR|GBP|NZD|SEK|USD \
    app_fee int charge_date text description text faster_ach bool metadata map reference text \
    retry_if_possible bool psu_interaction_type in_session|off_session \
    links! { mandate! text } }";
const REFUND: &str = "refunds! { amount! int total_amount_confirmation int reference text \
    metadata map links! { payment text mandate text } }";
const ACTION: &str = "data { metadata map } payments { metadata map } mandates { metadata map } \
    billing_requests { metadata map }";
const FILTERS: [&str; 23] = [
    "after",
    "before",
    "limit",
    "created_at[gt]",
    "created_at[gte]",
    "created_at[lt]",
    "created_at[lte]",
    "charge_date[gt]",
    "charge_date[gte]",
    "charge_date[lt]",
    "charge_date[lte]",
    "creditor",
    "currency",
    "customer",
    "customer_bank_account",
    "mandate",
    "payment",
    "refund",
    "status",
    "subscription",
    "reference",
    "resource_type",
    "action",
];

type Done = Result<(u16, Value), Refused>;

fn handle(world: &mut World, call: &Call) -> Reply {
    let segments = call.segments();
    let parts: Vec<&str> = segments.iter().map(String::as_str).collect();
    if let ["flow", id] = parts[..] {
        return flow::page(world, call, id);
    }
    let Some(account) = call
        .bearer()
        .filter(|t| t.len() > 8 && t.starts_with("sandbox_"))
    else {
        return *usage(
            401,
            "access_token_not_found",
            "The access token you've used is not valid",
        );
    };
    match call.header("gocardless-version") {
        Some(VERSION) => {}
        Some(_) => return *usage(400, "version_not_found", "Version not found"),
        None => {
            return *usage(
                400,
                "missing_version_header",
                "No version header was supplied",
            );
        }
    }
    match route(world, call, account, &parts) {
        Ok((status, body)) => Reply::json(status, &body),
        Err(failed) => *failed,
    }
}

fn route(world: &mut World, call: &Call, account: &str, parts: &[&str]) -> Done {
    match (call.method.as_str(), parts) {
        ("POST", ["billing_requests"]) => {
            let ask = read(call, BILLING_REQUEST)?["billing_requests"].clone();
            once(world, call, account, "billing_requests", |world| {
                setup::billing_request(world, account, &ask)
            })
        }
        ("POST", ["billing_request_flows"]) => {
            let ask = read(call, FLOW)?["billing_request_flows"].clone();
            once(world, call, account, "billing_request_flows", |world| {
                flow::flow(world, account, &ask)
            })
        }
        ("POST", ["payments"]) => {
            let ask = read(call, PAYMENT)?["payments"].clone();
            once(world, call, account, "payments", |world| {
                payments::payment(world, account, &ask)
            })
        }
        ("POST", ["refunds"]) => {
            let ask = read(call, REFUND)?["refunds"].clone();
            once(world, call, account, "refunds", |world| {
                refunds::refund(world, account, &ask)
            })
        }
        ("POST", ["billing_request_flows", id, "actions", "initialise"]) => {
            own(world, account, kind("billing_request_flows"), id)?;
            let session = json!({"session_token": world.id("sesh_", 24)});
            world.set(kind("billing_request_flows"), id, session);
            let flow = world.body(kind("billing_request_flows"), id);
            Ok((200, json!({"billing_request_flows": flow})))
        }
        (
            "POST",
            [
                name @ ("payments" | "mandates" | "billing_requests"),
                id,
                "actions",
                verb,
            ],
        ) => {
            if !call.body.is_empty() {
                read(call, ACTION)?;
            }
            let body = own(world, account, kind(name), id)?;
            acts::act(world, name, id, verb, &body)?;
            Ok((200, json!({*name: world.body(kind(name), id)})))
        }
        ("GET", ["billing_request_flows", ..]) => Err(usage(404, "not_found", "Not found")),
        ("GET", [name]) if !kind(name).is_empty() => Ok((200, list(world, call, account, name)?)),
        ("GET", [name, id]) if !kind(name).is_empty() => {
            Ok((200, json!({*name: own(world, account, kind(name), id)?})))
        }
        _ => Err(usage(404, "not_found", "Not found")),
    }
}

/// Creates under the call's key, or names what that key made before.
fn once(
    world: &mut World,
    call: &Call,
    account: &str,
    name: &str,
    create: impl FnOnce(&mut World) -> Made,
) -> Done {
    let key = call
        .header("idempotency-key")
        .map(|key| format!("{account} {name} {key}"));
    if key
        .as_ref()
        .is_some_and(|key| key.len() - account.len() - name.len() - 2 > 128)
    {
        return Err(usage(
            400,
            "idempotency_key_too_long",
            "Idempotency key is too long",
        ));
    }
    if let Some(kept) = key
        .as_ref()
        .and_then(|key| world.item("gocardless.key", key))
        && world.now < kept.at + KEY_LIFETIME
    {
        let words = "A resource has already been created with this idempotency key";
        let mut reply = error(409, "invalid_state", "idempotent_creation_conflict", words);
        reply["error"]["errors"][0]["links"] = json!({"conflicting_resource_id": kept.body["id"]});
        return Err(Box::new(Reply::json(409, &reply)));
    }
    let body = create(world)?;
    if let Some(key) = key {
        world.put("gocardless.key", account, &key, json!({"id": body["id"]}));
    }
    Ok((201, json!({name: body})))
}

fn list(world: &World, call: &Call, account: &str, name: &str) -> Made {
    let asked = call.pairs();
    if let Some((filter, _)) = asked.iter().find(|(f, _)| !FILTERS.contains(&f.as_str())) {
        return Err(usage(
            400,
            "invalid_filters",
            &format!("{filter} is not a valid filter"),
        ));
    }
    let payment_customer = |body: &Value| {
        let mandate = body["links"]["mandate"].as_str().unwrap_or("");
        world.body(kind("mandates"), mandate)["links"]["customer"].clone()
    };
    let fits = |body: &&Value| {
        asked
            .iter()
            .all(|(filter, value)| match filter.split_once('[') {
                Some((field, comparison)) => {
                    let given = body[field].as_str().unwrap_or("");
                    match comparison {
                        "gt]" => given > value.as_str(),
                        "gte]" => given >= value.as_str(),
                        "lt]" => given < value.as_str(),
                        _ => given <= value.as_str(),
                    }
                }
                None => match filter.as_str() {
                    "after" | "before" | "limit" => true,
                    "customer" if name == "payments" => payment_customer(body) == *value,
                    "status" | "currency" | "reference" | "resource_type" | "action" => {
                        value.split(',').any(|one| body[filter] == one)
                    }
                    _ => body["links"][filter] == *value,
                },
            })
    };
    let all: Vec<_> = world
        .list("gocardless", kind(name), account)
        .into_iter()
        .filter(fits)
        .collect();
    let limit = call
        .query("limit")
        .and_then(|text| text.parse().ok())
        .unwrap_or(50usize);
    if !(1..=500).contains(&limit) {
        return Err(usage(
            400,
            "invalid_filters",
            "limit must be between 1 and 500",
        ));
    }
    let after = call.query("after");
    let start = after.map_or(0, |id| {
        all.iter()
            .position(|body| body["id"] == id)
            .map_or(all.len(), |at| at + 1)
    });
    let shown: Vec<_> = all[start..].iter().take(limit).collect();
    let more = all.len() > start + shown.len();
    let last = shown
        .last()
        .filter(|_| more)
        .map_or(Value::Null, |body| body["id"].clone());
    Ok(json!({name: shown, "meta": {"cursors": {"after": last, "before": null}, "limit": limit}}))
}

fn read(call: &Call, spec: &'static str) -> Made {
    if call.content_type() != "application/json" {
        return Err(usage(
            415,
            "invalid_content_type",
            "Content-Type must be application/json",
        ));
    }
    let Ok(given) = serde_json::from_slice::<Value>(&call.body) else {
        return Err(usage(
            400,
            "invalid_document_structure",
            "Invalid document structure",
        ));
    };
    let ask = fields::read(&given, spec, false).map_err(|problems| {
        let first = &problems[0];
        let message = match first.fault {
            Fault::Missing => "is required".to_string(),
            Fault::Unknown => "is not a permitted parameter".to_string(),
            Fault::Wrong(_) | Fault::Long(_) => first.words(),
        };
        invalid(&first.pointer(), &message)
    })?;
    for (name, resource) in ask.as_object().into_iter().flatten() {
        let metadata = resource["metadata"].as_object();
        let bad = metadata.is_some_and(|map| {
            map.len() > 3
                || map
                    .iter()
                    .any(|(k, v)| k.len() > 50 || v.as_str().map_or(0, str::len) > 500)
        });
        if bad {
            let pointer = format!("/{name}/metadata");
            return Err(invalid(&pointer, "has more than 3 keys, or too long ones"));
        }
    }
    Ok(ask)
}
