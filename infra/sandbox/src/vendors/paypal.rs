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
mod orders;
mod proofs;

use super::Vendor;
use crate::fields::{self, Fault};
use crate::pages;
use crate::wire::{Call, Reply, decode_pairs, exponent, major, minor, stamp};
use crate::world::{Repeat, World};
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
    handle,
    step: orders::step,
    control: captures::control,
    key_header: Some("PayPal-Request-Id"),
    harmless: |call| {
        call.path.starts_with("/v1/") || call.path == "/checkoutnow" || call.path.contains("webscr")
    },
};

const HOUR: i64 = 3_600_000;
const TOKEN_LIFETIME: i64 = 9 * HOUR;
const ORDER_KEYS: i64 = 6 * HOUR;
const REFUND_KEYS: i64 = 45 * 24 * HOUR;
const WHEN: &str = "%FT%TZ";
const API: &str = "https://api-m.sandbox.paypal.com";
const CURRENCIES: &str = "AUD BRL CAD CHF CZK DKK EUR GBP HKD HUF ILS JPY MXN MYR NOK NZD PHP PLN \
    SEK SGD THB TWD USD";

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

type Refused = Box<Reply>;
type Done = Result<(u16, Value), Refused>;

fn handle(world: &mut World, call: &Call) -> Reply {
    let segments = call.segments();
    let parts: Vec<&str> = segments.iter().map(String::as_str).collect();
    let (method, body) = (call.method.as_str(), &call.body);
    match (method, &parts[..]) {
        (_, ["checkoutnow"]) => return page(world, call),
        ("POST", ["v1", "oauth2", "token"]) => return token(world, call),
        ("GET", ["v1", "notifications", "certs", id]) => return proofs::certificate(id),
        ("POST", ["cgi-bin", "webscr"]) => return proofs::postback(world, body),
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

// ---- money ----

/// PayPal knows no decimals in these, whatever ISO 4217 says.
fn digits(currency: &str) -> u32 {
    if matches!(currency, "HUF" | "TWD") {
        0
    } else {
        exponent(currency)
    }
}

fn money(cents: i64, currency: &str) -> Value {
    json!({"currency_code": currency, "value": major(cents, digits(currency))})
}

fn cents(amount: &Value) -> i64 {
    let currency = amount["currency_code"].as_str().unwrap_or("");
    minor(amount["value"].as_str().unwrap_or(""), digits(currency)).unwrap_or(0)
}

/// An amount of a request: `150`, `150.0` and `150.00` are the same to PayPal.
fn payable(amount: &Value, field: &str) -> Result<(i64, String), Refused> {
    let currency = amount["currency_code"].as_str().unwrap_or("");
    if !CURRENCIES.split(' ').any(|known| known == currency) {
        return Err(malformed(
            "INVALID_PARAMETER_VALUE",
            &format!("{field}/currency_code"),
        ));
    }
    let text = amount["value"].as_str().unwrap_or("");
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let width = digits(currency) as usize;
    if part.len() > width {
        let words = "If the currency supports decimals, only two decimal place precision is \
            supported.";
        return Err(refused(
            "DECIMAL_PRECISION",
            words,
            &format!("{field}/value"),
        ));
    }
    let padded = if width == 0 {
        whole.to_string()
    } else {
        format!("{whole}.{part:0<width$}")
    };
    match minor(&padded, digits(currency)) {
        Some(0) => {
            let words = "Must be greater than zero. If the currency supports decimals, only two \
                decimal place precision is supported.";
            Err(refused(
                "CANNOT_BE_ZERO_OR_NEGATIVE",
                words,
                &format!("{field}/value"),
            ))
        }
        Some(cents) => Ok((cents, currency.to_string())),
        None => Err(malformed(
            "INVALID_PARAMETER_SYNTAX",
            &format!("{field}/value"),
        )),
    }
}

// ---- errors ----

fn failure(status: u16, name: &str, message: &str, issue: Option<(&str, &str, &str)>) -> Refused {
    let mut body = json!({"name": name, "message": message, "debug_id": "90957fca61718",
        "links": [{"href": format!("https://developer.paypal.com/api/rest/reference/{name}"),
            "rel": "information_link"}]});
    if let Some((issue, description, field)) = issue {
        let mut detail = json!({"issue": issue, "description": description});
        if !field.is_empty() {
            detail["field"] = json!(field);
            detail["location"] = json!("body");
        }
        body["details"] = json!([detail]);
    }
    Box::new(Reply::json(status, &body))
}

fn not_found() -> Refused {
    failure(
        404,
        "RESOURCE_NOT_FOUND",
        "The specified resource does not exist.",
        Some((
            "INVALID_RESOURCE_ID",
            "Specified resource ID does not exist. Please check the resource ID and try again.",
            "",
        )),
    )
}

fn malformed(issue: &str, field: &str) -> Refused {
    let description = match issue {
        "MISSING_REQUIRED_PARAMETER" => "A required parameter is missing.",
        "MALFORMED_REQUEST_JSON" => "The request JSON is not well formed.",
        "INVALID_STRING_LENGTH" => "The value of a field is either too short or too long",
        "INVALID_PARAMETER_VALUE" => "A parameter value is not valid.",
        "PAYPAL_REQUEST_ID_REQUIRED" => {
            "A PayPal-Request-Id is required if you are trying to \
            process payment for an Order. Please specify a PayPal-Request-Id or Create the Order \
            without a 'payment_source' specified."
        }
        _ => "The value of a field does not conform to the expected format.",
    };
    let message = "Request is not well-formed, syntactically incorrect, or violates schema.";
    failure(
        400,
        "INVALID_REQUEST",
        message,
        Some((issue, description, field)),
    )
}

fn syntax(field: &str, _: &str) -> Refused {
    malformed("INVALID_PARAMETER_SYNTAX", field)
}

fn refused(issue: &str, description: &str, field: &str) -> Refused {
    let message = "The requested action could not be performed, semantically incorrect, or failed \
        business validation.";
    failure(
        422,
        "UNPROCESSABLE_ENTITY",
        message,
        Some((issue, description, field)),
    )
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

// ---- the page where the payer approves ----

fn page(world: &mut World, call: &Call) -> Reply {
    let id = call.query("token").unwrap_or_default();
    let Some(item) = world.item("paypal.order", &id) else {
        return pages::notice(
            404,
            "PayPal",
            "Page not found",
            "This payment does not exist.",
        );
    };
    let order = item.body.clone();
    if call.method == "POST" {
        let form = decode_pairs(&call.body);
        let outcome = form
            .iter()
            .find(|(name, _)| name == "outcome")
            .map_or("", |(_, v)| v);
        return match orders::end_approval(world, &id, outcome) {
            Ok(Some(url)) => Reply::see_other(&url),
            Ok(None) => pages::notice(410, "PayPal", "This payment has ended", "Start again."),
            Err(reason) => pages::notice(422, "PayPal", "That does not work", &reason),
        };
    }
    if !matches!(
        order["status"].as_str(),
        Some("CREATED" | "PAYER_ACTION_REQUIRED")
    ) {
        return pages::notice(
            410,
            "PayPal",
            "This payment has ended",
            "Nothing is left to do.",
        );
    }
    let unit = &order["purchase_units"][0];
    let (value, currency) = (&unit["amount"]["value"], &unit["amount"]["currency_code"]);
    pages::checkout(&pages::Checkout {
        vendor: "PayPal",
        payee: "Wattle Street Clinic",
        title: unit["description"].as_str().unwrap_or("Your payment"),
        sum: &format!(
            "{} {}",
            value.as_str().unwrap_or(""),
            currency.as_str().unwrap_or("")
        ),
        notes: unit["custom_id"]
            .as_str()
            .map(|id| format!("Reference {id}"))
            .into_iter()
            .collect(),
        buttons: &[
            ("paid", "Approve"),
            ("declined", "Approve with a card that is declined"),
            ("pending", "Approve with an eCheck, which takes days"),
            ("expired", "Let this payment expire"),
            ("cancelled", "Cancel"),
        ],
        alert: None,
    })
}
