//! Stripe: customers, Checkout Sessions, payment and setup intents, saved cards, refunds and
//! disputes at API version 2023-08-16; form-encoded requests, events signed `Stripe-Signature`.
//!
//! A session has no payment intent until somebody pays on its page, as at Stripe. Test methods
//! (`pm_card_visa`, `pm_card_chargeDeclined`, …) decide how their charges end; `money` moves it.

mod money;
mod shapes;

use super::Vendor;
use crate::fields::{self, Fault};
use crate::pages;
use crate::webhooks::{News, Webhook};
use crate::wire::{Call, Reply, exponent, hmac_sha256, major, nest};
use crate::world::{Repeat, World};
use serde_json::{Value, json};

pub static VENDOR: Vendor = Vendor {
    id: "stripe",
    seed: |world| world.demo_endpoint("stripe", "sk_test_demo", "whsec_demo"),
    handle,
    step: money::step,
    control: money::control,
    key_header: Some("Idempotency-Key"),
    harmless: |call| call.path.starts_with("/c/"),
};

const VERSION: &str = "2023-08-16";
const KEY_LIFETIME: i64 = 24 * 3_600_000;

const CUSTOMER: &str = "name text email text phone text description text metadata map \
    address any shipping any preferred_locales [text] expand [text]";
const SESSION: &str = "success_url! text mode! payment|setup| cancel_url text customer text \
    customer_email text customer_creation always|if_required client_reference_id text \
    currency text expires_at int metadata map locale text \
    submit_type auto|book|donate|pay payment_method_types [text] payment_method_options any \
    allow_promotion_codes bool billing_address_collection auto|required \
    customer_update { address auto|never name auto|never shipping auto|never } \
    payment_intent_data { description text metadata map receipt_email text \
        setup_future_usage off_session|on_session statement_descriptor text \
        statement_descriptor_suffix text capture_method automatic| transfer_group text } \
    setup_intent_data { description text metadata map } \
    line_items [ { quantity! int price_data! { currency! text unit_amount! int \
        tax_behavior exclusive|inclusive|unspecified \
        product_data! { name! text description text metadata map tax_code text \
            images [text] } } } ] \
    expand [text]";
const INTENT: &str = "amount! int currency! text customer text description text confirm bool \
    off_session bool payment_method text payment_method_types [text] payment_method_options any \
    automatic_payment_methods { enabled! bool allow_redirects always|never } metadata map \
    receipt_email text return_url text setup_future_usage off_session|on_session shipping any \
    statement_descriptor text statement_descriptor_suffix text capture_method automatic| \
    confirmation_method automatic|manual error_on_requires_action bool transfer_group text \
    use_stripe_sdk bool expand [text]";
const CONFIRM: &str = "payment_method text off_session bool return_url text receipt_email text \
    setup_future_usage off_session|on_session error_on_requires_action bool expand [text]";
const CANCEL: &str =
    "cancellation_reason abandoned|duplicate|fraudulent|requested_by_customer expand [text]";
const UPDATE: &str = "amount int currency text customer text description text metadata map \
    payment_method text receipt_email text expand [text]";
const SETUP: &str = "customer text description text confirm bool metadata map \
    payment_method text payment_method_types [text] usage off_session|on_session return_url text \
    automatic_payment_methods { enabled! bool allow_redirects always|never } expand [text]";
const REFUND: &str = "payment_intent text charge text amount int metadata map \
    reason duplicate|fraudulent|requested_by_customer refund_application_fee bool \
    reverse_transfer bool expand [text]";
const ATTACH: &str = "customer! text expand [text]";
const ONLY_EXPAND: &str = "expand [text]";
const METHOD: &str = "type! card| card! { token! text } metadata map expand [text]";
const LIST: &str = "payment_intent text charge text customer text email text type text \
    limit int starting_after text ending_before text created any expand [text]";
const SEARCH: &str = "query! text limit int page text expand [text]";

type Done = Result<Value, Box<Reply>>;

fn handle(world: &mut World, call: &Call) -> Reply {
    let segments = call.segments();
    let parts: Vec<&str> = segments.iter().map(String::as_str).collect();
    if let ["c", "pay", id] = parts[..] {
        return page(world, call, id);
    }
    let request = world.id("req_", 14);
    let reply = api(world, call, &parts).with("request-id", &request);
    reply.with("stripe-version", VERSION)
}

fn api(world: &mut World, call: &Call, parts: &[&str]) -> Reply {
    let given = call
        .bearer()
        .map(str::to_string)
        .or(call.basic().map(|(user, _)| user));
    let Some(account) = given else {
        return *failure(
            401,
            json!({"message": "You did not provide an API key.",
            "type": "invalid_request_error"}),
        );
    };
    let secret = account
        .strip_prefix("sk_test_")
        .or(account.strip_prefix("rk_test_"));
    if !secret.is_some_and(|rest| !rest.is_empty() && !rest.starts_with("revoked")) {
        let shown: String = account.chars().take(8).collect();
        return *failure(
            401,
            json!({"message": format!("Invalid API Key provided: {shown}****"),
            "type": "invalid_request_error"}),
        );
    }
    match call.header("stripe-version") {
        Some(VERSION) => {}
        Some(other) => {
            let words = format!("Invalid Stripe API version: {other}");
            return *invalid(400, "api_version_invalid", "", &words);
        }
        // Whose default version an account has is nothing a caller may assume.
        None => {
            return *invalid(
                400,
                "api_version_missing",
                "",
                "Send a Stripe-Version header.",
            );
        }
    }
    let pairs = match call.method.as_str() {
        "GET" => call.pairs(),
        "POST" if call.body.is_empty() => Vec::new(),
        "POST" => match call.content_type().as_str() {
            "application/x-www-form-urlencoded" => crate::wire::decode_pairs(&call.body),
            other => {
                let words = format!("Invalid request (content type {other}, must be a form).");
                return *failure(
                    400,
                    json!({"message": words, "type": "invalid_request_error"}),
                );
            }
        },
        _ => return *unrecognised(call),
    };
    let Some(params) = nest(&pairs) else {
        return *invalid(
            400,
            "parameter_invalid",
            "",
            "The parameters contradict each other.",
        );
    };
    let key = call
        .header("idempotency-key")
        .filter(|_| call.method == "POST");
    let Some(key) = key else {
        return answered(route(world, &account, call, parts, &params));
    };
    if key.is_empty() || key.len() > 255 {
        let words = "Idempotency keys have between 1 and 255 characters.";
        return *failure(
            400,
            json!({"message": words, "type": "invalid_request_error"}),
        );
    }
    let fingerprint = format!("{} {}", call.path, params);
    match world.repeat("stripe", &account, key, &fingerprint, KEY_LIFETIME) {
        Repeat::Same(reply) => reply.with("idempotent-replayed", "true"),
        Repeat::OtherParameters => *failure(
            400,
            json!({"message":
            format!("Keys for idempotent requests can only be used with the same parameters they \
                were first used with. Try using a key other than '{key}'."),
            "type": "idempotency_error"}),
        ),
        Repeat::InFlight => *failure(
            409,
            json!({"code": "idempotency_key_in_use", "message":
            "There is currently another in-progress request using this idempotency key.",
            "type": "invalid_request_error"}),
        ),
        Repeat::First => {
            let reply = answered(route(world, &account, call, parts, &params));
            // A request that failed validation never began, so nothing is kept for its key.
            if matches!(reply.status, 200 | 402) {
                world.keep("stripe", &account, key, &fingerprint, &reply);
            }
            reply
        }
    }
}

fn answered(done: Done) -> Reply {
    done.map_or_else(|failed| *failed, |body| Reply::json(200, &body))
}

fn route(world: &mut World, account: &str, call: &Call, parts: &[&str], given: &Value) -> Done {
    let read = |spec: &'static str| fields::read(given, spec, true).map_err(problem);
    let found = match (call.method.as_str(), parts) {
        ("POST", ["v1", "customers"]) => money::customer(world, account, &read(CUSTOMER)?),
        ("POST", ["v1", "customers", id]) => {
            own(world, account, "stripe.customer", id, "customer")?;
            let mut changes = read(CUSTOMER)?;
            changes.as_object_mut().map(|map| map.remove("expand"));
            world.set("stripe.customer", id, changes);
            Ok(world.body("stripe.customer", id))
        }
        ("POST", ["v1", "checkout", "sessions"]) => session(world, account, &read(SESSION)?),
        ("POST", ["v1", "checkout", "sessions", id, "expire"]) => {
            read(ONLY_EXPAND)?;
            let session = own(world, account, "stripe.session", id, "checkout.session")?;
            if session["status"] != "open" {
                return Err(invalid(
                    400,
                    "",
                    "",
                    "Only Checkout Sessions with a status in \
                    [\"open\"] can be expired.",
                ));
            }
            money::expire(world, id);
            Ok(world.body("stripe.session", id))
        }
        ("POST", ["v1", "payment_intents"]) => money::intent(world, account, &read(INTENT)?),
        ("POST", ["v1", "payment_intents", id]) => {
            own(world, account, "stripe.intent", id, "payment_intent")?;
            money::update(world, account, id, &read(UPDATE)?)
        }
        ("POST", ["v1", "payment_intents", id, "confirm"]) => {
            own(world, account, "stripe.intent", id, "payment_intent")?;
            money::confirm(world, account, id, &read(CONFIRM)?)
        }
        ("POST", ["v1", "payment_intents", id, "cancel"]) => {
            own(world, account, "stripe.intent", id, "payment_intent")?;
            money::cancel(world, account, id, &read(CANCEL)?)
        }
        ("POST", ["v1", "setup_intents"]) => money::setup(world, account, &read(SETUP)?),
        ("POST", ["v1", "refunds"]) => money::refund(world, account, &read(REFUND)?),
        ("POST", ["v1", "payment_methods"]) => {
            let ask = read(METHOD)?;
            let card = match ask["card"]["token"].as_str() {
                Some("tok_visa") => "pm_card_visa",
                Some("tok_chargeDeclined") => "pm_card_chargeDeclined",
                _ => return Err(missing("token", &ask["card"]["token"])),
            };
            let id = money::test_method(world, account, card, &ask)?;
            Ok(world.body("stripe.method", &id))
        }
        ("POST", ["v1", "payment_methods", id, "attach"]) => {
            money::attach(world, account, id, &read(ATTACH)?)
        }
        ("POST", ["v1", "payment_methods", id, "detach"]) => {
            read(ONLY_EXPAND)?;
            let method = own(world, account, "stripe.method", id, "PaymentMethod")?;
            if method["customer"].is_null() {
                let words = "The payment method you provided is not attached to a customer.";
                return Err(invalid(400, "", "", words));
            }
            money::detach(world, account, id);
            Ok(world.body("stripe.method", id))
        }
        ("GET", ["v1", "account"]) => Ok(json!({"id": "acct_demo", "object": "account"})),
        ("GET", ["v1", "payment_intents", "search"]) => search(world, account, &read(SEARCH)?),
        ("GET", ["v1", "customers", customer, "payment_methods"]) => {
            own(world, account, "stripe.customer", customer, "customer")?;
            let mut ask = read(LIST)?;
            ask["customer"] = json!(customer);
            Ok(list(world, account, "stripe.method", &call.path, &ask))
        }
        ("GET", ["v1", rest @ ..]) => {
            let (name, id) = match rest {
                ["checkout", "sessions", id @ ..] => ("checkout.session", id),
                [name, id @ ..] => (*name, id),
                [] => return Err(unrecognised(call)),
            };
            let (kind, noun) = match name {
                "customers" => ("stripe.customer", "customer"),
                "checkout.session" => ("stripe.session", "checkout.session"),
                "payment_intents" => ("stripe.intent", "payment_intent"),
                "setup_intents" => ("stripe.setup", "setupintent"),
                "payment_methods" => ("stripe.method", "PaymentMethod"),
                "charges" => ("stripe.charge", "charge"),
                "refunds" => ("stripe.refund", "refund"),
                "disputes" => ("stripe.dispute", "dispute"),
                "events" => ("stripe.event", "event"),
                _ => return Err(unrecognised(call)),
            };
            match id {
                [] => Ok(list(world, account, kind, &call.path, &read(LIST)?)),
                [id] => {
                    read(ONLY_EXPAND)?;
                    own(world, account, kind, id, noun)
                }
                _ => return Err(unrecognised(call)),
            }
        }
        _ => return Err(unrecognised(call)),
    }?;
    Ok(expanded(world, found, &given["expand"]))
}

fn session(world: &mut World, account: &str, ask: &Value) -> Done {
    let paying = ask["mode"] == "payment";
    let created = world.now / 1000;
    if let Some(at) = ask["expires_at"].as_i64()
        && !(created + 1800..=created + 86_400).contains(&at)
    {
        let words = "The `expires_at` timestamp must be 30 minutes to 24 hours from creation.";
        return Err(invalid(400, "", "expires_at", words));
    }
    if let Some(id) = ask["customer"].as_str() {
        own(world, account, "stripe.customer", id, "customer")?;
        if !ask["customer_email"].is_null() {
            let words = "You may only specify one of these parameters: customer, customer_email.";
            return Err(invalid(400, "", "customer_email", words));
        }
    }
    let mut total = None;
    if paying {
        let lines = ask["line_items"]
            .as_array()
            .filter(|lines| !lines.is_empty());
        let Some(lines) = lines else {
            return Err(required("line_items"));
        };
        let currency = lines[0]["price_data"]["currency"].as_str().unwrap_or("");
        let mut sum = 0i64;
        for line in lines {
            let price = &line["price_data"];
            if price["currency"] != currency {
                let words = "All prices must have the same currency.";
                return Err(invalid(400, "", "line_items", words));
            }
            let amount = price["unit_amount"].as_i64().unwrap_or(-1);
            let quantity = line["quantity"].as_i64().unwrap_or(-1);
            match amount
                .checked_mul(quantity)
                .and_then(|line| sum.checked_add(line))
            {
                Some(more) if amount >= 0 && quantity >= 1 => sum = more,
                _ => {
                    return Err(invalid(
                        400,
                        "parameter_invalid_integer",
                        "line_items",
                        "Amounts must be zero or more and quantities at least 1.",
                    ));
                }
            }
        }
        money::payable(sum, currency)?;
        total = Some(sum);
    } else if !ask["line_items"].is_null() || !ask["payment_intent_data"].is_null() {
        let words = "You can not pass `line_items` or `payment_intent_data` in `setup` mode.";
        return Err(invalid(400, "", "line_items", words));
    }
    let id = world.id("cs_test_a1", 32);
    let url = format!("{}/stripe/c/pay/{id}", world.own);
    let body = shapes::session(&id, created, &url, ask, total);
    let expires = body["expires_at"].as_i64().unwrap_or(0) * 1000;
    world.put_noted(
        "stripe.session",
        account,
        &id,
        body.clone(),
        json!({"ask": ask}),
    );
    world.step_at(expires, "stripe", json!({"expire": id}));
    Ok(body)
}

/// `metadata['order']:'7' AND status:'succeeded'`, the part of the search language that finds
/// an intent by our own reference.
fn search(world: &World, account: &str, ask: &Value) -> Done {
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

fn list(world: &World, account: &str, kind: &'static str, path: &str, ask: &Value) -> Value {
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
fn expanded(world: &World, mut body: Value, expand: &Value) -> Value {
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

fn expand_one(world: &World, at: &mut Value, path: &[&str]) {
    let Some((name, rest)) = path.split_first() else {
        return;
    };
    if let Value::Array(items) = at {
        return items
            .iter_mut()
            .for_each(|item| expand_one(world, item, path));
    }
    if *name == "line_items" {
        at["line_items"] = line_items(world, at);
        return;
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

fn line_items(world: &World, session: &Value) -> Value {
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

// ---- the hosted page ----

fn page(world: &mut World, call: &Call, id: &str) -> Reply {
    let Some(item) = world.item("stripe.session", id) else {
        return pages::notice(
            404,
            "Stripe",
            "Page not found",
            "This checkout does not exist.",
        );
    };
    let session = item.body.clone();
    let done = match session["status"].as_str() {
        Some("complete") => Some(("You're all done here", "This checkout has been completed.")),
        Some("expired") => Some(("This checkout has expired", "Ask the seller for a new one.")),
        _ => None,
    };
    if let Some((title, words)) = done {
        return pages::notice(410, "Stripe", title, words);
    }
    let mut alert = None;
    if call.method == "POST" {
        let form = crate::wire::decode_pairs(&call.body);
        let outcome = form
            .iter()
            .find(|(name, _)| name == "outcome")
            .map_or("", |(_, v)| v);
        match money::end_checkout(world, id, outcome) {
            Ok(Some(url)) => return Reply::see_other(&url),
            Ok(None) => alert = Some("Your card was declined. Try another one."),
            Err(reason) => return pages::notice(422, "Stripe", "That does not work", &reason),
        }
        if world.body("stripe.session", id)["status"] == "expired" {
            return page(
                world,
                &Call {
                    method: "GET".into(),
                    ..call.clone()
                },
                id,
            );
        }
    }
    let currency = session["currency"].as_str().unwrap_or("");
    let sum = session["amount_total"]
        .as_i64()
        .map_or(String::new(), |total| {
            format!(
                "{} {}",
                major(total, exponent(currency)),
                currency.to_uppercase()
            )
        });
    let ask = &item_ask(world, id);
    let title = ask["line_items"][0]["price_data"]["product_data"]["name"].as_str();
    let reference = session["client_reference_id"].as_str();
    let (pay, buttons) = match session["mode"].as_str() {
        Some("setup") => (
            String::new(),
            [
                ("paid", "Save my card"),
                (
                    "declined",
                    "Use a card that \
            is declined",
                ),
                ("expired", "Let this checkout expire"),
                ("cancelled", "Cancel"),
            ],
        ),
        _ => (
            sum,
            [
                ("paid", "Pay with a good card"),
                (
                    "declined",
                    "Pay with a card that is \
            declined",
                ),
                ("expired", "Let this checkout expire"),
                ("cancelled", "Cancel"),
            ],
        ),
    };
    pages::checkout(&pages::Checkout {
        vendor: "Stripe",
        payee: "Wattle Street Clinic",
        title: title.unwrap_or("Save a card"),
        sum: &pay,
        notes: reference
            .map(|text| format!("Reference {text}"))
            .into_iter()
            .collect(),
        buttons: &buttons,
        alert,
    })
}

fn item_ask(world: &World, session: &str) -> Value {
    world
        .item("stripe.session", session)
        .map_or(Value::Null, |item| item.notes["ask"].clone())
}

// ---- events ----

pub(super) fn event(world: &mut World, account: &str, kind: &str, object: &Value) {
    let id = world.id("evt_1", 23);
    let created = world.now / 1000;
    let body = json!({"id": id, "object": "event", "api_version": VERSION, "created": created,
        "data": {"object": object}, "livemode": false, "pending_webhooks": 1,
        "request": {"id": null, "idempotency_key": null}, "type": kind});
    world.put("stripe.event", account, &id, body.clone());
    world.notify(&News {
        vendor: "stripe",
        source: "stripe",
        account,
        event: kind,
        content_type: "application/json; charset=utf-8",
        body: body.to_string().into_bytes(),
        sign,
    });
}

fn sign(webhook: &Webhook, now: i64) -> Vec<(String, String)> {
    let at = now / 1000;
    let signed = [format!("{at}.").as_bytes(), &webhook.body].concat();
    let proof = hex::encode(hmac_sha256(webhook.secret.as_bytes(), &signed));
    vec![("stripe-signature".into(), format!("t={at},v1={proof}"))]
}

// ---- errors ----

fn failure(status: u16, error: Value) -> Box<Reply> {
    Box::new(Reply::json(status, &json!({"error": error})))
}

fn invalid(status: u16, code: &str, param: &str, message: &str) -> Box<Reply> {
    let mut error = json!({"message": message, "type": "invalid_request_error"});
    for (name, text) in [("code", code), ("param", param)] {
        if !text.is_empty() {
            error[name] = json!(text);
        }
    }
    failure(status, error)
}

fn required(param: &str) -> Box<Reply> {
    invalid(
        400,
        "parameter_missing",
        param,
        &format!("Missing required param: {param}."),
    )
}

fn missing(noun: &str, id: &Value) -> Box<Reply> {
    let id = id.as_str().unwrap_or("");
    let words = format!("No such {noun}: '{id}'");
    invalid(400, "resource_missing", noun, &words)
}

fn unrecognised(call: &Call) -> Box<Reply> {
    let words = format!("Unrecognized request URL ({}: {}).", call.method, call.path);
    failure(
        404,
        json!({"message": words, "type": "invalid_request_error"}),
    )
}

fn problem(problems: Vec<fields::Problem>) -> Box<Reply> {
    let first = &problems[0];
    let param = first.bracketed();
    match &first.fault {
        Fault::Missing => required(&param),
        Fault::Unknown => {
            let words = format!("Received unknown parameter: {param}");
            invalid(400, "parameter_unknown", &param, &words)
        }
        Fault::Wrong(expected) if expected == "an integer" => {
            let words = format!("Invalid integer: {}", first.given);
            invalid(400, "parameter_invalid_integer", &param, &words)
        }
        Fault::Wrong(expected) => invalid(
            400,
            "",
            &param,
            &format!("Invalid {param}: must be {expected}"),
        ),
    }
}

/// An object of this account, or Stripe's 404.
fn own(world: &World, account: &str, kind: &'static str, id: &str, noun: &str) -> Done {
    let words = format!("No such {noun}: '{id}'");
    let found = world.get(kind, account, id).cloned();
    found.ok_or_else(|| invalid(404, "resource_missing", "id", &words))
}
