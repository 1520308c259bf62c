//! Payments at Mollie: opened on a hosted page or by a mandate, and how they end.

use super::replies::{API, Done, Refused, WHEN, docs, link, money, page_link, refused};
use super::webhooks::tell;
use crate::pages;
use crate::wire::{Call, Reply, decode_pairs, exponent, minor, stamp};
use crate::world::World;
use serde_json::{Value, json};

const OPEN_FOR: i64 = 15 * 60_000;
const DEBIT_TAKES: i64 = 3 * 24 * 3_600_000;

const CURRENCIES: &str = "AED AUD BGN BRL CAD CHF CZK DKK EUR GBP HKD HUF ILS ISK JPY MXN MYR NOK \
    NZD PHP PLN RON RUB SEK SGD THB TWD USD ZAR";

pub fn payable(amount: &Value) -> Result<i64, Refused> {
    let currency = amount["currency"].as_str().unwrap_or("");
    if !CURRENCIES.split(' ').any(|known| known == currency) {
        return Err(refused("amount.currency", "The currency is not supported"));
    }
    match minor(amount["value"].as_str().unwrap_or(""), exponent(currency)) {
        Some(cents) if cents > 0 => Ok(cents),
        Some(_) => Err(refused("amount", "The amount is lower than the minimum")),
        None => Err(refused("amount", "The amount contains an invalid value")),
    }
}

/// Refuses what cannot be a payment; answers the mandate of a recurring one.
fn check(world: &World, account: &str, ask: &Value) -> Result<Option<String>, Refused> {
    payable(&ask["amount"])?;
    if ask["description"]
        .as_str()
        .is_some_and(|text| text.chars().count() > 255)
    {
        return Err(refused(
            "description",
            "The description is longer than 255 characters",
        ));
    }
    for name in ["redirectUrl", "webhookUrl", "cancelUrl"] {
        if ask[name]
            .as_str()
            .is_some_and(|url| !url.starts_with("http"))
        {
            return Err(refused(name, "The URL is invalid"));
        }
    }
    let sequence = sequence(ask);
    if let Some(customer) = ask["customerId"].as_str() {
        let found = world.get("mollie.customer", account, customer);
        found.ok_or_else(|| refused("customerId", "The customer does not exist"))?;
    } else if sequence != "oneoff" {
        return Err(refused(
            "customerId",
            "The customer ID is required for this sequence type",
        ));
    }
    let recurring = sequence == "recurring";
    if !recurring && ask["redirectUrl"].is_null() {
        return Err(refused("redirectUrl", "The redirect URL is required"));
    }
    if recurring {
        valid_mandate(world, account, ask).map(Some)
    } else {
        Ok(None)
    }
}

fn sequence(ask: &Value) -> &str {
    ask["sequenceType"].as_str().unwrap_or("oneoff")
}

pub fn create(world: &mut World, account: &str, ask: Value) -> Done {
    let mandate = check(world, account, &ask)?;
    let id = world.id("tr_", 10);
    let now = world.now;
    let self_link = format!("{API}/payments/{id}");
    let mut body = json!({"resource": "payment", "id": id, "mode": "test",
        "createdAt": stamp(now, WHEN), "amount": ask["amount"], "description": ask["description"],
        "method": ask["method"].as_str(), "metadata": ask["metadata"], "status": "open",
        "isCancelable": mandate.is_none(), "profileId": "pfl_demo", "sequenceType": sequence(&ask),
        "amountRefunded": money(0, currency(&ask)), "amountRemaining": ask["amount"],
        "_links": {"self": link(&self_link),
            "dashboard": page_link(&format!("https://my.mollie.com/payments/{id}")),
            "documentation": docs()}});
    for name in [
        "redirectUrl",
        "cancelUrl",
        "webhookUrl",
        "customerId",
        "locale",
    ] {
        if !ask[name].is_null() {
            body[name] = ask[name].clone();
        }
    }
    match &mandate {
        Some(mandate) => {
            let method = world.body("mollie.mandate", mandate)["method"].clone();
            let takes = if method == "directdebit" {
                DEBIT_TAKES
            } else {
                0
            };
            body["method"] = method;
            body["mandateId"] = json!(mandate);
            body["status"] = json!("pending");
            world.step_at(now + takes, "mollie", json!({"settle": id}));
        }
        None => {
            body["expiresAt"] = json!(stamp(now + OPEN_FOR, WHEN));
            let page = format!("{}/mollie/checkout/{id}", world.own);
            body["_links"]["checkout"] = page_link(&page);
            world.step_at(now + OPEN_FOR, "mollie", json!({"expire": id}));
        }
    }
    world.put("mollie.payment", account, &id, body.clone());
    Ok((201, body))
}

pub fn currency(ask: &Value) -> &str {
    ask["amount"]["currency"].as_str().unwrap_or("")
}

pub fn valid_mandate(world: &World, account: &str, ask: &Value) -> Result<String, Refused> {
    let named = ask["mandateId"].as_str();
    let fits = |body: &&Value| {
        body["customerId"] == ask["customerId"]
            && body["status"] == "valid"
            && named.is_none_or(|named| body["id"] == named)
    };
    let found = world
        .all("mollie.mandate")
        .into_iter()
        .filter(|item| item.account == account);
    let found = found
        .map(|item| &item.body)
        .find(fits)
        .and_then(|body| body["id"].as_str());
    found
        .map(str::to_string)
        .ok_or_else(|| refused("mandateId", "No suitable mandates found for customer"))
}

/// Brings an open or pending payment to its end and tells of it.
pub fn end(world: &mut World, id: &str, status: &str, reason: Option<&str>) {
    let now = stamp(world.now, WHEN);
    let mut changes = json!({"status": status, "isCancelable": false});
    match status {
        "paid" => {
            changes["paidAt"] = json!(now);
            changes["details"] = details(world, id);
        }
        "failed" => changes["failedAt"] = json!(now),
        "expired" => changes["expiredAt"] = json!(now),
        "canceled" => changes["canceledAt"] = json!(now),
        _ => {}
    }
    if let Some(reason) = reason {
        changes["statusReason"] = json!({"code": reason, "message": "The payment was refused"});
    }
    world.set("mollie.payment", id, changes);
    if let Some(item) = world.item_mut("mollie.payment", id) {
        item.body["_links"]
            .as_object_mut()
            .map(|links| links.remove("checkout"));
    }
    let payment = world.body("mollie.payment", id);
    if status == "paid" && payment["sequenceType"] == "first" {
        keep_method(world, id, &payment);
    }
    tell(
        world,
        id,
        &format!("payment.{status}"),
        id,
        &world.body("mollie.payment", id),
    );
}

/// What a method tells of itself once it paid.
fn details(world: &World, id: &str) -> Value {
    let method = world.body("mollie.payment", id)["method"].clone();
    match method.as_str() {
        Some("creditcard") => json!({"cardHolder": "Sandbox Payer", "cardNumber": "4242",
            "cardLabel": "Visa", "cardExpiryDate": "2034-12-31"}),
        Some("directdebit" | "ideal" | "banktransfer") => json!({"consumerName": "Sandbox Payer",
            "consumerAccount": "NL55INGB0000000000", "consumerBic": "INGBNL2A"}),
        _ => Value::Null,
    }
}

/// A first payment leaves a mandate: for the card itself, or a debit for bank methods.
pub fn keep_method(world: &mut World, id: &str, payment: &Value) {
    let Some(account) = world.account_of("mollie.payment", id) else {
        return;
    };
    let method = if payment["method"] == "creditcard" {
        "creditcard"
    } else {
        "directdebit"
    };
    let details = match method {
        "creditcard" => json!({"cardHolder": "Sandbox Payer", "cardNumber": "4242",
            "cardLabel": "Visa", "cardExpiryDate": "2034-12-31"}),
        _ => json!({"consumerName": "Sandbox Payer", "consumerAccount": "NL55INGB0000000000",
            "consumerBic": "INGBNL2A"}),
    };
    let mandate = world.id("mdt_", 10);
    let customer = &payment["customerId"];
    let base = format!("{API}/customers/{}", customer.as_str().unwrap_or(""));
    let body = json!({"resource": "mandate", "id": mandate, "mode": "test", "method": method,
        "status": "valid", "details": details, "customerId": customer,
        "mandateReference": null, "signatureDate": stamp(world.now, "%F"),
        "createdAt": stamp(world.now, WHEN),
        "_links": {"self": link(&format!("{base}/mandates/{mandate}")), "customer": link(&base),
            "documentation": docs()}});
    world.put("mollie.mandate", &account, &mandate, body);
    world.set("mollie.payment", id, json!({"mandateId": mandate}));
}

pub fn page(world: &mut World, call: &Call, id: &str) -> Reply {
    let payment = world.body("mollie.payment", id);
    if payment.is_null() {
        return pages::notice(
            404,
            "Mollie",
            "Page not found",
            "This payment does not exist.",
        );
    }
    if call.method == "POST" {
        let form = decode_pairs(&call.body);
        let outcome = form
            .iter()
            .find(|(name, _)| name == "outcome")
            .map_or("", |(_, v)| v);
        return match end_checkout(world, id, outcome) {
            Ok(url) => Reply::see_other(&url),
            Err(reason) => pages::notice(422, "Mollie", "That does not work", &reason),
        };
    }
    if payment["status"] != "open" {
        return pages::notice(
            410,
            "Mollie",
            "This payment has ended",
            "Nothing is left to do.",
        );
    }
    let (value, currency) = (&payment["amount"]["value"], &payment["amount"]["currency"]);
    pages::checkout(&pages::Checkout {
        vendor: "Mollie",
        payee: "Wattle Street Clinic",
        title: payment["description"].as_str().unwrap_or(""),
        sum: &format!(
            "{} {}",
            value.as_str().unwrap_or(""),
            currency.as_str().unwrap_or("")
        ),
        notes: Vec::new(),
        buttons: &[
            ("paid", "Pay with a good card"),
            ("declined", "Pay with a card that is declined"),
            ("pending", "Pay by bank transfer, which takes days"),
            ("expired", "Let this payment expire"),
            ("cancelled", "Cancel"),
        ],
        alert: None,
    })
}

pub fn end_checkout(world: &mut World, id: &str, outcome: &str) -> Result<String, String> {
    let payment = world.body("mollie.payment", id);
    if payment["status"] != "open" {
        return Err(format!("the payment is {}", payment["status"]));
    }
    let method = match (payment["method"].as_str(), outcome) {
        (Some(method), _) => method,
        (None, "pending") => "banktransfer",
        (None, _) => "creditcard",
    };
    world.set("mollie.payment", id, json!({"method": method}));
    let back = payment["redirectUrl"].as_str().unwrap_or("/").to_string();
    match outcome {
        "paid" => end(world, id, "paid", None),
        "pending" => end(world, id, "pending", None),
        "declined" => end(world, id, "failed", Some("insufficient_funds")),
        "expired" => end(world, id, "expired", None),
        "cancelled" => {
            end(world, id, "canceled", None);
            return Ok(payment["cancelUrl"].as_str().unwrap_or(&back).to_string());
        }
        other => {
            return Err(format!(
                "{other} is no outcome: paid, pending, declined, expired, cancelled"
            ));
        }
    }
    Ok(back)
}
