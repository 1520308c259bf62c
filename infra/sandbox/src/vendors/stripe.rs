//! Stripe: customers, Checkout Sessions, payment and setup intents, saved cards, refunds and
//! disputes at API version 2023-08-16; form-encoded requests, events signed `Stripe-Signature`.
//!
//! A session has no payment intent until somebody pays on its page, as at Stripe. Test methods
//! (`pm_card_visa`, `pm_card_chargeDeclined`, …) decide how their charges end. Beside what every
//! vendor is made to do: `dispute/{payment}` with `{inquiry: true}` takes no money and ends `closed`
//! or `escalated`; `fail/{payment}` of a paid one is a debit that comes back, as a dispute lost from
//! the start; `payout` `{amount, currency, failed}` tells of one to the clinic's bank.

mod checkout;
mod control;
mod disputes;
mod events;
mod intents;
mod reads;
mod refunds;
mod replies;
mod shapes;

use crate::fields;
use crate::vendor::Vendor;
use crate::wire::{Call, Reply, decode_pairs, nest};
use crate::world::{Repeat, World};
use replies::{Done, Refused, VERSION, failure, invalid, missing, own, problem, unrecognised};
use serde_json::{Value, json};

pub static VENDOR: Vendor = Vendor {
    id: "stripe",
    seed: |world| world.demo_endpoint("stripe", "sk_test_demo", "whsec_demo"),
    demo_secrets: || {
        vec![
            ("gateway/stripe", json!({"secret_key": "sk_test_demo"})),
            ("inbound/stripe", json!({"webhook_secret": "whsec_demo"})),
        ]
    },
    handle,
    step: control::step,
    help: "",
    control: control::control,
    key_header: Some("Idempotency-Key"),
    roots: None,
    harmless: |call| call.path.starts_with("/c/"),
};

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

fn handle(world: &mut World, call: &Call) -> Reply {
    let segments = call.segments();
    let parts: Vec<&str> = segments.iter().map(String::as_str).collect();
    if let ["c", "pay", id] = parts[..] {
        return checkout::page(world, call, id);
    }
    let request = world.id("req_", 14);
    let reply = api(world, call, &parts).with("request-id", &request);
    reply.with("stripe-version", VERSION)
}

fn api(world: &mut World, call: &Call, parts: &[&str]) -> Reply {
    let read = account(call).and_then(|account| Ok((account, params(call)?)));
    let (account, params) = match read {
        Ok(read) => read,
        Err(refused) => return *refused,
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

/// The secret key that proves the caller, at the one version that is known here.
fn account(call: &Call) -> Result<String, Refused> {
    let given = call
        .bearer()
        .map(str::to_string)
        .or(call.basic().map(|(user, _)| user));
    let Some(account) = given else {
        return Err(failure(
            401,
            json!({"message": "You did not provide an API key.",
            "type": "invalid_request_error"}),
        ));
    };
    let secret = account
        .strip_prefix("sk_test_")
        .or(account.strip_prefix("rk_test_"));
    if !secret.is_some_and(|rest| !rest.is_empty() && !rest.starts_with("revoked")) {
        let shown: String = account.chars().take(8).collect();
        return Err(failure(
            401,
            json!({"message": format!("Invalid API Key provided: {shown}****"),
            "type": "invalid_request_error"}),
        ));
    }
    match call.header("stripe-version") {
        Some(VERSION) => {}
        Some(other) => {
            let words = format!("Invalid Stripe API version: {other}");
            return Err(invalid(400, "api_version_invalid", "", &words));
        }
        // Whose default version an account has is nothing a caller may assume.
        None => {
            return Err(invalid(
                400,
                "api_version_missing",
                "",
                "Send a Stripe-Version header.",
            ));
        }
    }
    Ok(account)
}

/// Query or form as nested parameters.
fn params(call: &Call) -> Result<Value, Refused> {
    let pairs = match call.method.as_str() {
        "GET" => call.pairs(),
        "POST" if call.body.is_empty() => Vec::new(),
        "POST" => match call.content_type().as_str() {
            "application/x-www-form-urlencoded" => decode_pairs(&call.body),
            other => {
                let words = format!("Invalid request (content type {other}, must be a form).");
                return Err(failure(
                    400,
                    json!({"message": words, "type": "invalid_request_error"}),
                ));
            }
        },
        _ => return Err(unrecognised(call)),
    };
    let Some(params) = nest(&pairs) else {
        return Err(invalid(
            400,
            "parameter_invalid",
            "",
            "The parameters contradict each other.",
        ));
    };
    Ok(params)
}

fn answered(done: Done) -> Reply {
    done.map_or_else(|failed| *failed, |body| Reply::json(200, &body))
}

/// Reads the parameters by one operation's specification.
fn read(given: &Value, spec: &'static str) -> Done {
    fields::read(given, spec, true).map_err(problem)
}

fn route(world: &mut World, account: &str, call: &Call, parts: &[&str], given: &Value) -> Done {
    let found = match (call.method.as_str(), parts) {
        ("POST", ["v1", "payment_methods", rest @ ..]) => {
            change_method(world, account, call, rest, given)
        }
        ("POST", ["v1", rest @ ..]) => change(world, account, call, rest, given),
        ("GET", ["v1", rest @ ..]) => look_up(world, account, call, rest, given),
        _ => Err(unrecognised(call)),
    }?;
    Ok(reads::expanded(world, found, &given["expand"]))
}

fn change(world: &mut World, account: &str, call: &Call, parts: &[&str], given: &Value) -> Done {
    let read = |spec| read(given, spec);
    match parts {
        ["customers"] => intents::customer(world, account, &read(CUSTOMER)?),
        ["customers", id] => {
            own(world, account, "stripe.customer", id, "customer")?;
            let mut changes = read(CUSTOMER)?;
            changes.as_object_mut().map(|map| map.remove("expand"));
            world.set("stripe.customer", id, changes);
            Ok(world.body("stripe.customer", id))
        }
        ["checkout", "sessions"] => checkout::session(world, account, &read(SESSION)?),
        ["checkout", "sessions", id, "expire"] => {
            read(ONLY_EXPAND)?;
            let session = own(world, account, "stripe.session", id, "checkout.session")?;
            if session["status"] != "open" {
                return Err(invalid(
                    400,
                    "",
                    "",
                    "Only Checkout Sessions with a status in [\"open\"] can be expired.",
                ));
            }
            checkout::expire(world, id);
            Ok(world.body("stripe.session", id))
        }
        ["payment_intents"] => intents::intent(world, account, &read(INTENT)?),
        ["payment_intents", id] => {
            own(world, account, "stripe.intent", id, "payment_intent")?;
            intents::update(world, account, id, &read(UPDATE)?)
        }
        ["payment_intents", id, "confirm"] => {
            own(world, account, "stripe.intent", id, "payment_intent")?;
            intents::confirm(world, account, id, &read(CONFIRM)?)
        }
        ["payment_intents", id, "cancel"] => {
            own(world, account, "stripe.intent", id, "payment_intent")?;
            intents::cancel(world, account, id, &read(CANCEL)?)
        }
        ["setup_intents"] => intents::setup(world, account, &read(SETUP)?),
        ["refunds"] => refunds::refund(world, account, &read(REFUND)?),
        _ => Err(unrecognised(call)),
    }
}

fn change_method(
    world: &mut World,
    account: &str,
    call: &Call,
    parts: &[&str],
    given: &Value,
) -> Done {
    match parts {
        [] => {
            let ask = read(given, METHOD)?;
            let card = match ask["card"]["token"].as_str() {
                Some("tok_visa") => "pm_card_visa",
                Some("tok_chargeDeclined") => "pm_card_chargeDeclined",
                _ => return Err(missing("token", &ask["card"]["token"])),
            };
            let id = intents::test_method(world, account, card, &ask)?;
            Ok(world.body("stripe.method", &id))
        }
        [id, "attach"] => intents::attach(world, account, id, &read(given, ATTACH)?),
        [id, "detach"] => {
            read(given, ONLY_EXPAND)?;
            let method = own(world, account, "stripe.method", id, "PaymentMethod")?;
            if method["customer"].is_null() {
                let words = "The payment method you provided is not attached to a customer.";
                return Err(invalid(400, "", "", words));
            }
            intents::detach(world, account, id);
            Ok(world.body("stripe.method", id))
        }
        _ => Err(unrecognised(call)),
    }
}

fn look_up(world: &World, account: &str, call: &Call, parts: &[&str], given: &Value) -> Done {
    match parts {
        ["account"] => Ok(json!({"id": "acct_demo", "object": "account"})),
        ["payment_intents", "search"] => reads::search(world, account, &read(given, SEARCH)?),
        ["customers", customer, "payment_methods"] => {
            own(world, account, "stripe.customer", customer, "customer")?;
            let mut ask = read(given, LIST)?;
            ask["customer"] = json!(customer);
            Ok(reads::list(
                world,
                account,
                "stripe.method",
                &call.path,
                &ask,
            ))
        }
        _ => list_or_one(world, account, call, parts, given),
    }
}

fn list_or_one(world: &World, account: &str, call: &Call, parts: &[&str], given: &Value) -> Done {
    let (name, id) = match parts {
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
        [] => Ok(reads::list(
            world,
            account,
            kind,
            &call.path,
            &read(given, LIST)?,
        )),
        [id] => {
            read(given, ONLY_EXPAND)?;
            own(world, account, kind, id, noun)
        }
        _ => Err(unrecognised(call)),
    }
}
