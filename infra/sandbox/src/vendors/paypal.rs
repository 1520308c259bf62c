//! PayPal: OAuth token, Orders v2 with vaulting, captures, refunds, disputes; webhooks proven by
//! a certificate chain, and the older IPN with its postback.
//!
//! An approved order is not paid: somebody must capture it. A repeated `PayPal-Request-Id`
//! answers with the latest state of what it made, for six hours (orders) or 45 days (refunds).
//! The key and certificates beside this file were made for tests and sign nothing else.
//!
//! Beside what every vendor is made to do: `fail/{payment}` `{amount}` reverses a part;
//! `dispute/{payment}/lost` `{amount}` costs less than was disputed; `methods/{id}` takes an issue
//! (`PAYEE_ACCOUNT_RESTRICTED`) as well as a reason; `ipn` takes `{parent, status}`
//! (`Canceled_Reversal`), and `ipn/{id}` of a reversal says `Reversed`; `payout` `{amount, currency}`.

mod captures;
mod control;
mod ipn;
mod orders;
mod proofs;
mod replies;

use crate::fields::{self, Fault};
use crate::vendor::Vendor;
use crate::wire::{Call, Reply, decode_pairs, stamp};
use crate::world::{Repeat, World};
use replies::{Done, HOUR, Refused, WHEN, failure, malformed, not_found};
use serde_json::{Value, json};

pub use proofs::ROOT_PEM;

pub static VENDOR: Vendor = Vendor {
    id: "paypal",
    seed: |world| {
        world.demo_endpoint("paypal", "demo-client", "WH-DEMO");
        world.demo_endpoint("paypal-ipn", "demo-client", "");
        let secret = json!({"secret": "demo-secret"});
        world.put("paypal.client", "demo-client", "demo-client", secret);
    },
    demo_secrets: || {
        vec![
            (
                "gateway/paypal",
                json!({"client_id": "demo-client", "client_secret": "demo-secret", "environment": "sandbox"}),
            ),
            (
                "inbound/paypal",
                json!({"webhook_id": "WH-DEMO", "receiver_email": "clinic@example.test", "environment": "sandbox"}),
            ),
        ]
    },
    handle,
    step: orders::step,
    help: HELP,
    control: control::control,
    key_header: Some("PayPal-Request-Id"),
    roots: Some(ROOT_PEM),
    harmless: |call| {
        call.path.starts_with("/v1/") || call.path == "/checkoutnow" || call.path.contains("webscr")
    },
};

const HELP: &str = r#"ipn/{id}              the older notification of a capture or refund
ipn                   {"invoice", "amount", "currency", "status"}: of an invoice paid by an old button
"#;

const TOKEN_LIFETIME: i64 = 9 * HOUR;
const ORDER_KEYS: i64 = 6 * HOUR;
const REFUND_KEYS: i64 = 45 * 24 * HOUR;

const ORDER: &str = "intent! CAPTURE| payer any processing_instruction text \
    application_context { brand_name text locale text landing_page text \
        shipping_preference GET_FROM_FILE|NO_SHIPPING|SET_PROVIDED_ADDRESS \
        user_action CONTINUE|PAY_NOW payment_method any return_url text cancel_url text \
        stored_payment_source any } \
    purchase_units! [ { reference_id text amount! { currency_code! text value! text breakdown any } \
        description text custom_id text invoice_id text soft_descriptor text payee any \
        payment_instruction any items [any] shipping any supplementary_data any } ] \
    payment_source { \
        paypal { vault_id text email_address text name any phone any birth_date text \
            tax_info any address any billing_agreement_id text \
            attributes { customer { id text email_address text phone any } \
                vault { store_in_vault! ON_SUCCESS| description text usage_pattern text \
                    usage_type! MERCHANT|PLATFORM customer_type CONSUMER|BUSINESS \
                    permit_multiple_payment_tokens bool shipping any owner_id any } } \
            experience_context { brand_name text locale text \
                shipping_preference GET_FROM_FILE|NO_SHIPPING|SET_PROVIDED_ADDRESS \
                return_url text cancel_url text landing_page LOGIN|GUEST_CHECKOUT|NO_PREFERENCE \
                user_action CONTINUE|PAY_NOW \
                payment_method_preference UNRESTRICTED|IMMEDIATE_PAYMENT_REQUIRED } } }";
const CAPTURE: &str = "payment_source any";
const REFUND: &str = "amount { currency_code! text value! text } custom_id text invoice_id text \
    note_to_payer text payment_instruction any";

fn handle(world: &mut World, call: &Call) -> Reply {
    let segments = call.segments();
    let parts: Vec<&str> = segments.iter().map(String::as_str).collect();
    let (method, body) = (call.method.as_str(), &call.body);
    match (method, &parts[..]) {
        (_, ["checkoutnow"]) => return orders::page(world, call),
        ("POST", ["v1", "oauth2", "token"]) => return token(world, call),
        ("GET", ["v1", "notifications", "certs", id]) => return proofs::certificate(id),
        ("POST", ["cgi-bin", "webscr"]) => return ipn::postback(world, body),
        _ => {}
    }
    let token = call
        .bearer()
        .and_then(|token| world.item("paypal.token", token));
    let Some(client) = token
        .filter(|item| world.now < item.at + TOKEN_LIFETIME)
        .map(|item| item.account.clone())
    else {
        return *failure(
            401,
            "AUTHENTICATION_FAILURE",
            "Authentication failed due to missing \
            authorization header, or invalid authentication credentials.",
            None,
        );
    };
    let key = call
        .header("paypal-request-id")
        .filter(|_| method == "POST");
    let Some(key) = key else {
        return answered(route(world, call, &client, &parts), call);
    };
    let refund = call.path.ends_with("/refund");
    let longest = if refund { 10_000 } else { 108 };
    if key.is_empty() || key.len() > longest {
        return *syntax("PayPal-Request-Id", key);
    }
    let (scope, lifetime) = (
        call.path.clone(),
        if refund { REFUND_KEYS } else { ORDER_KEYS },
    );
    match world.repeat("paypal", &client, key, &scope, lifetime) {
        Repeat::InFlight => *failure(
            409,
            "RESOURCE_CONFLICT",
            "The server has detected a conflict while processing this request.",
            Some((
                "PREVIOUS_REQUEST_IN_PROGRESS",
                "A previous \
            request on this resource is currently in progress. Please wait for sometime and try \
            again. It is best to space out the initial and the subsequent request(s) to avoid \
            receiving this error.",
                "",
            )),
        ),
        Repeat::Same(made) => {
            let made: Value = serde_json::from_slice(&made.body).unwrap_or_default();
            latest(world, call, made["id"].as_str().unwrap_or(""), refund)
        }
        // Ids are unique per kind of request: another path is another request.
        Repeat::OtherParameters | Repeat::First => {
            let reply = answered(route(world, call, &client, &parts), call);
            if reply.status < 300 {
                world.keep("paypal", &client, key, &scope, &reply);
            }
            reply
        }
    }
}

/// The latest state of what a key made before.
fn latest(world: &World, call: &Call, id: &str, refund: bool) -> Reply {
    let (kind, status) = if refund {
        ("paypal.refund", 201)
    } else {
        ("paypal.order", 200)
    };
    answered(Ok((status, world.body(kind, id))), call)
}

fn answered(done: Done, call: &Call) -> Reply {
    // Only orders and payments know a minimal answer.
    let whole = call.method == "GET"
        || call.path.starts_with("/v1/")
        || call.header("prefer") == Some("return=representation");
    match done {
        Ok((status, body)) if whole => Reply::json(status, &body),
        Ok((status, body)) => {
            let mut least = json!({});
            for name in ["id", "status", "links"] {
                least[name] = body[name].clone();
            }
            if call.path.ends_with("/capture") {
                let units = body["purchase_units"].as_array().into_iter().flatten();
                let unit = |u: &Value| {
                    json!({"reference_id": u["reference_id"],
                    "payments": u["payments"]})
                };
                least["purchase_units"] = units.map(unit).collect();
                least["payment_source"] = body["payment_source"].clone();
            }
            Reply::json(status, &least)
        }
        Err(failed) => *failed,
    }
}

fn route(world: &mut World, call: &Call, client: &str, parts: &[&str]) -> Done {
    let own =
        |world: &World, kind, id: &str| world.get(kind, client, id).cloned().ok_or_else(not_found);
    match (call.method.as_str(), parts) {
        ("POST", ["v2", "checkout", "orders"]) => {
            let keyed = call.header("paypal-request-id").is_some();
            orders::create(world, client, &read(call, ORDER)?, keyed)
        }
        ("GET", ["v2", "checkout", "orders", id]) => Ok((200, own(world, "paypal.order", id)?)),
        ("POST", ["v2", "checkout", "orders", id, "capture"]) => {
            own(world, "paypal.order", id)?;
            if !call.body.is_empty() {
                read(call, CAPTURE)?;
            }
            orders::capture(world, client, id)
        }
        ("GET", ["v2", "payments", "captures", id]) => Ok((200, own(world, "paypal.capture", id)?)),
        ("POST", ["v2", "payments", "captures", id, "refund"]) => {
            own(world, "paypal.capture", id)?;
            let ask = if call.body.is_empty() {
                json!({})
            } else {
                read(call, REFUND)?
            };
            captures::refund(world, client, id, &ask)
        }
        ("GET", ["v2", "payments", "refunds", id]) => Ok((200, own(world, "paypal.refund", id)?)),
        ("GET", ["v1", "customer", "disputes", id]) => Ok((200, own(world, "paypal.dispute", id)?)),
        ("POST", ["v1", "notifications", "verify-webhook-signature"]) => {
            proofs::verify(world, call, client)
        }
        _ => Err(not_found()),
    }
}

fn token(world: &mut World, call: &Call) -> Reply {
    let refused = |status, error: &str, words: &str| {
        Reply::json(status, &json!({"error": error, "error_description": words}))
    };
    let known = call.basic().filter(|(id, secret)| {
        if world.item("paypal.client", id).is_none() && !id.is_empty() && !secret.is_empty() {
            world.put("paypal.client", id, id, json!({"secret": secret}));
        }
        world.body("paypal.client", id)["secret"] == *secret
    });
    let Some((client, _)) = known else {
        return refused(401, "invalid_client", "Client Authentication failed");
    };
    let form = decode_pairs(&call.body);
    let grant = form
        .iter()
        .find(|(name, _)| name == "grant_type")
        .map(|(_, value)| value.as_str());
    if call.content_type() != "application/x-www-form-urlencoded"
        || grant != Some("client_credentials")
    {
        return refused(400, "unsupported_grant_type", "Grant Type is NULL");
    }
    let token = world.id("A21AA", 32);
    world.put("paypal.token", &client, &token, json!({}));
    Reply::json(
        200,
        &json!({"scope": "https://uri.paypal.com/services/payments",
        "access_token": token, "token_type": "Bearer", "app_id": "APP-80W284485P519543T",
        "expires_in": TOKEN_LIFETIME / 1000, "nonce": stamp(world.now, WHEN)}),
    )
}

fn syntax(field: &str, _: &str) -> Refused {
    malformed("INVALID_PARAMETER_SYNTAX", field)
}

fn read(call: &Call, spec: &'static str) -> Result<Value, Refused> {
    if call.content_type() != "application/json" {
        return Err(failure(
            415,
            "UNSUPPORTED_MEDIA_TYPE",
            "The server does not support the request payload's media type.",
            None,
        ));
    }
    let Ok(given) = serde_json::from_slice::<Value>(&call.body) else {
        return Err(malformed("MALFORMED_REQUEST_JSON", ""));
    };
    let ask = fields::read(&given, spec, false).map_err(|problems| {
        let first = &problems[0];
        let issue = match first.fault {
            Fault::Missing => "MISSING_REQUIRED_PARAMETER",
            Fault::Unknown => "INVALID_PARAMETER_SYNTAX",
            Fault::Wrong(_) => "INVALID_PARAMETER_VALUE",
            Fault::Long(_) => "INVALID_STRING_LENGTH",
        };
        malformed(issue, &first.pointer())
    })?;
    let units = ask["purchase_units"].as_array().into_iter().flatten();
    for part in units.chain([&ask]) {
        for name in ["reference_id", "custom_id", "invoice_id", "description"] {
            if part[name]
                .as_str()
                .is_some_and(|text| text.chars().count() > 127)
            {
                return Err(malformed("INVALID_STRING_LENGTH", name));
            }
        }
    }
    Ok(ask)
}
