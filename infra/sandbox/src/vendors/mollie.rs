//! Mollie: hosted and recurring payments, mandates, refunds and chargebacks in HAL+JSON.
//! Classic webhooks carry nothing but an id and go to the payment's own `webhookUrl`; endpoints
//! registered through the control also get signed next-generation events.
//!
//! A refunded or charged-back payment still reads `paid`. Keys are forgotten after an hour.

use super::Vendor;
use crate::control::amount;
use crate::fields::{self, Fault};
use crate::pages;
use crate::webhooks::{News, Webhook};
use crate::wire::{Call, Reply, decode_pairs, exponent, hmac_sha256, major, minor, stamp};
use crate::world::{Repeat, World};
use serde_json::{Value, json};

pub static VENDOR: Vendor = Vendor {
    id: "mollie",
    seed: |_| {},
    handle,
    step,
    control,
    key_header: Some("Idempotency-Key"),
    harmless: |call| call.path.starts_with("/checkout/"),
};

const HOUR: i64 = 3_600_000;
const OPEN_FOR: i64 = 15 * 60_000;
const REFUND_TAKES: i64 = 2 * HOUR;
const DEBIT_TAKES: i64 = 3 * 24 * HOUR;
const API: &str = "https://api.mollie.com/v2";
const WHEN: &str = "%FT%T+00:00";
const CURRENCIES: &str = "AED AUD BGN BRL CAD CHF CZK DKK EUR GBP HKD HUF ILS ISK JPY MXN MYR NOK \
    NZD PHP PLN RON RUB SEK SGD THB TWD USD ZAR";

const PAYMENT: &str = "description! text amount! { currency! text value! text } redirectUrl text \
    cancelUrl text webhookUrl text method any locale text metadata any \
    sequenceType oneoff|first|recurring customerId text mandateId text captureMode automatic| \
    restrictPaymentMethodsToCountry text billingAddress any shippingAddress any lines [any] \
    testmode bool storeCredentials bool";
const REFUND: &str = "amount! { currency! text value! text } description text metadata any \
    externalReference any testmode bool";
const CUSTOMER: &str = "name text email text locale text metadata any testmode bool";

type Done = Result<(u16, Value), Box<Reply>>;

fn handle(world: &mut World, call: &Call) -> Reply {
    let segments = call.segments();
    let parts: Vec<&str> = segments.iter().map(String::as_str).collect();
    if let ["checkout", id] = parts[..] {
        return page(world, call, id);
    }
    let Some(account) = call
        .bearer()
        .filter(|key| key.len() > 5 && key.starts_with("test_"))
    else {
        return *problem(
            401,
            "Unauthorized Request",
            "",
            "Missing authentication, or failed to \
            authenticate",
        );
    };
    let Some(key) = call
        .header("idempotency-key")
        .filter(|_| call.method != "GET")
    else {
        return answered(route(world, call, account, &parts));
    };
    let fingerprint = format!("{} {} {}", call.method, call.path, call.text());
    match world.repeat("mollie", account, key, &fingerprint, HOUR) {
        Repeat::Same(reply) => *reply,
        Repeat::OtherParameters => *problem(
            422,
            "Unprocessable Entity",
            "",
            "The idempotency key \
            was used for another request",
        ),
        // Only refunds have a documented conflict.
        Repeat::InFlight if call.path.ends_with("/refunds") => *problem(
            409,
            "Conflict",
            "",
            "A \
            request with this idempotency key is being processed",
        ),
        Repeat::InFlight => *problem(
            503,
            "Service Unavailable",
            "",
            "A request with this \
            idempotency key is being processed",
        ),
        Repeat::First => {
            let reply = answered(route(world, call, account, &parts));
            if reply.status < 300 {
                world.keep("mollie", account, key, &fingerprint, &reply);
            }
            reply
        }
    }
}

fn answered(done: Done) -> Reply {
    let hal = |status, body: Value| Reply::of(status, "application/hal+json", body.to_string());
    match done {
        Ok((204, _)) => Reply::of(204, "application/hal+json", ""),
        Ok((status, body)) => hal(status, body),
        Err(failed) => *failed,
    }
}

fn problem(status: u16, title: &str, field: &str, detail: &str) -> Box<Reply> {
    let mut body = json!({"status": status, "title": title, "detail": detail,
        "_links": {"documentation": {"href": "https://docs.mollie.com/reference/handling-errors",
            "type": "text/html"}}});
    if !field.is_empty() {
        body["field"] = json!(field);
    }
    Box::new(Reply::of(status, "application/hal+json", body.to_string()))
}

fn refused(field: &str, detail: &str) -> Box<Reply> {
    problem(422, "Unprocessable Entity", field, detail)
}

fn missing(noun: &str, id: &str) -> Box<Reply> {
    problem(
        404,
        "Not Found",
        "",
        &format!("No {noun} exists with token {id}."),
    )
}

fn read(call: &Call, spec: &'static str) -> Result<Value, Box<Reply>> {
    if call.content_type() != "application/json" {
        return Err(problem(
            400,
            "Bad Request",
            "",
            "The content type must be application/json",
        ));
    }
    let Ok(given) = serde_json::from_slice::<Value>(&call.body) else {
        return Err(problem(
            400,
            "Bad Request",
            "",
            "The request body is no JSON",
        ));
    };
    fields::read(&given, spec, false).map_err(|problems| {
        let first = &problems[0];
        let detail = match first.fault {
            Fault::Missing => format!("The {} is missing", first.dotted()),
            _ => format!("The {} {}", first.dotted(), first.words()),
        };
        refused(&first.dotted(), &detail)
    })
}

fn route(world: &mut World, call: &Call, account: &str, parts: &[&str]) -> Done {
    let own = |world: &World, kind, noun: &str, id: &str| {
        world
            .get(kind, account, id)
            .cloned()
            .ok_or_else(|| missing(noun, id))
    };
    match (call.method.as_str(), parts) {
        ("POST", ["v2", "customers"]) => {
            let ask = read(call, CUSTOMER)?;
            let id = world.id("cst_", 10);
            let body = json!({"resource": "customer", "id": id, "mode": "test",
                "name": ask["name"], "email": ask["email"], "locale": ask["locale"],
                "metadata": ask["metadata"], "createdAt": stamp(world.now, WHEN),
                "_links": {"self": link(&format!("{API}/customers/{id}")),
                    "dashboard": page_link(&format!("https://my.mollie.com/customers/{id}")),
                    "documentation": docs()}});
            world.put("mollie.customer", account, &id, body.clone());
            Ok((201, body))
        }
        ("POST", ["v2", "payments"]) => create(world, account, read(call, PAYMENT)?),
        ("POST", ["v2", "customers", customer, "payments"]) => {
            let mut ask = read(call, PAYMENT)?;
            ask["customerId"] = json!(customer);
            create(world, account, ask)
        }
        ("POST", ["v2", "payments", id, "refunds"]) => {
            own(world, "mollie.payment", "payment", id)?;
            refund(world, account, id, &read(call, REFUND)?)
        }
        ("DELETE", ["v2", "payments", id]) => {
            let payment = own(world, "mollie.payment", "payment", id)?;
            if payment["status"] != "open" {
                return Err(refused("", "The payment cannot be canceled"));
            }
            end(world, id, "canceled", None);
            Ok((200, own(world, "mollie.payment", "payment", id)?))
        }
        ("DELETE", ["v2", "customers", _, "mandates", id]) => {
            own(world, "mollie.mandate", "mandate", id)?;
            world.set("mollie.mandate", id, json!({"status": "invalid"}));
            Ok((204, Value::Null))
        }
        ("GET", ["v2", "payments"]) => {
            let all = world.list("mollie", "mollie.payment", account);
            Ok((200, listed("payments", "/payments", all, call)))
        }
        ("GET", ["v2", "customers", id, list @ ("payments" | "mandates")]) => {
            own(world, "mollie.customer", "customer", id)?;
            let kind = if *list == "payments" {
                "mollie.payment"
            } else {
                "mollie.mandate"
            };
            let mine = |body: &&Value| match *list {
                "payments" => body["customerId"] == **id,
                _ => customer_of(body) == *id,
            };
            let all = world
                .list("mollie", kind, account)
                .into_iter()
                .filter(mine)
                .collect();
            Ok((
                200,
                listed(list, &format!("/customers/{id}/{list}"), all, call),
            ))
        }
        ("GET", ["v2", "customers", id]) => {
            Ok((200, own(world, "mollie.customer", "customer", id)?))
        }
        ("GET", ["v2", "customers", _, "mandates", id]) => {
            Ok((200, own(world, "mollie.mandate", "mandate", id)?))
        }
        ("GET", ["v2", "payments", id]) => {
            let mut payment = own(world, "mollie.payment", "payment", id)?;
            for name in call.query("embed").unwrap_or_default().split(',') {
                let kind = match name {
                    "refunds" => "mollie.refund",
                    "chargebacks" => "mollie.chargeback",
                    "" | "captures" => continue,
                    _ => return Err(problem(400, "Bad Request", "embed", "Unknown embed")),
                };
                payment["_embedded"][name] = of_payment(world, kind, account, id).into();
            }
            Ok((200, payment))
        }
        ("GET", ["v2", "payments", id, list @ ("refunds" | "chargebacks")]) => {
            own(world, "mollie.payment", "payment", id)?;
            let kind = if *list == "refunds" {
                "mollie.refund"
            } else {
                "mollie.chargeback"
            };
            let all = of_payment(world, kind, account, id);
            Ok((
                200,
                listed(
                    list,
                    &format!("/payments/{id}/{list}"),
                    all.iter().collect(),
                    call,
                ),
            ))
        }
        ("GET", ["v2", "payments", payment, "refunds", id]) => {
            let found = own(world, "mollie.refund", "refund", id)?;
            let fits = found["paymentId"] == **payment;
            if fits {
                Ok((200, found))
            } else {
                Err(missing("refund", id))
            }
        }
        _ => Err(problem(404, "Not Found", "", "The resource does not exist")),
    }
}

fn of_payment(world: &World, kind: &'static str, account: &str, id: &str) -> Vec<Value> {
    let all = world.list("mollie", kind, account).into_iter();
    all.filter(|body| body["paymentId"] == id)
        .cloned()
        .collect()
}

fn listed(name: &str, path: &str, all: Vec<&Value>, call: &Call) -> Value {
    let limit = call
        .query("limit")
        .and_then(|text| text.parse().ok())
        .unwrap_or(50usize);
    let from = call.query("from").unwrap_or_default();
    let start = all.iter().position(|body| body["id"] == from).unwrap_or(0);
    let shown: Vec<_> = all[start..].iter().take(limit).collect();
    let next = all
        .get(start + limit)
        .and_then(|body| body["id"].as_str())
        .map_or(Value::Null, |id| {
            link(&format!("{API}{path}?from={id}&limit={limit}"))
        });
    json!({"count": shown.len(), "_embedded": {name: shown},
        "_links": {"self": link(&format!("{API}{path}?limit={limit}")), "previous": null,
            "next": next, "documentation": docs()}})
}

fn link(href: &str) -> Value {
    json!({"href": href, "type": "application/hal+json"})
}
fn page_link(href: &str) -> Value {
    json!({"href": href, "type": "text/html"})
}
fn docs() -> Value {
    page_link("https://docs.mollie.com/reference")
}
fn customer_of(mandate: &Value) -> &str {
    mandate["customerId"].as_str().unwrap_or("")
}
fn money(minor: i64, currency: &str) -> Value {
    json!({"currency": currency, "value": major(minor, exponent(currency))})
}
fn cents(amount: &Value) -> i64 {
    let currency = amount["currency"].as_str().unwrap_or("");
    minor(amount["value"].as_str().unwrap_or(""), exponent(currency)).unwrap_or(0)
}

// ---- payments ----

fn payable(amount: &Value) -> Result<i64, Box<Reply>> {
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

fn create(world: &mut World, account: &str, ask: Value) -> Done {
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
    let sequence = ask["sequenceType"].as_str().unwrap_or("oneoff").to_string();
    let customer = ask["customerId"].as_str().map(str::to_string);
    if let Some(customer) = &customer {
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
    let mandate = if recurring {
        Some(valid_mandate(world, account, &ask)?)
    } else {
        None
    };
    let id = world.id("tr_", 10);
    let now = world.now;
    let self_link = format!("{API}/payments/{id}");
    let mut body = json!({"resource": "payment", "id": id, "mode": "test",
        "createdAt": stamp(now, WHEN), "amount": ask["amount"], "description": ask["description"],
        "method": ask["method"].as_str(), "metadata": ask["metadata"], "status": "open",
        "isCancelable": !recurring, "profileId": "pfl_demo", "sequenceType": sequence,
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

fn currency(ask: &Value) -> &str {
    ask["amount"]["currency"].as_str().unwrap_or("")
}

fn valid_mandate(world: &World, account: &str, ask: &Value) -> Result<String, Box<Reply>> {
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
fn end(world: &mut World, id: &str, status: &str, reason: Option<&str>) {
    let now = stamp(world.now, WHEN);
    let mut changes = json!({"status": status, "isCancelable": false});
    match status {
        "paid" => changes["paidAt"] = json!(now),
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

/// A first payment leaves a mandate: for the card itself, or a debit for bank methods.
fn keep_method(world: &mut World, id: &str, payment: &Value) {
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

// ---- refunds and chargebacks ----

fn refund(world: &mut World, account: &str, payment: &str, ask: &Value) -> Done {
    let body = world.body("mollie.payment", payment);
    if body["status"] != "paid" {
        return Err(refused(
            "",
            "The payment is not paid and cannot be refunded",
        ));
    }
    let cents_asked = payable(&ask["amount"])?;
    let currency = currency(&body).to_string();
    if ask["amount"]["currency"] != currency {
        return Err(refused(
            "amount.currency",
            "The currency differs from the payment's",
        ));
    }
    let left = cents(&body["amountRemaining"]);
    if cents_asked > left {
        let left = major(left, exponent(&currency));
        let words = format!("The specified amount cannot be refunded. The maximum is {left}");
        return Err(refused("amount", &words));
    }
    let id = world.id("re_", 10);
    let path = format!("{API}/payments/{payment}");
    let refund = json!({"resource": "refund", "id": id, "mode": "test",
        "description": ask["description"].as_str().or(body["description"].as_str()),
        "amount": ask["amount"], "metadata": ask["metadata"], "paymentId": payment,
        "status": "pending", "createdAt": stamp(world.now, WHEN),
        "_links": {"self": link(&format!("{path}/refunds/{id}")), "payment": link(&path),
            "documentation": docs()}});
    world.put("mollie.refund", account, &id, refund.clone());
    count_refund(world, payment, cents_asked);
    world.step_at(world.now + REFUND_TAKES, "mollie", json!({"settle": id}));
    tell(world, payment, "refund.pending", &id, &refund);
    Ok((201, refund))
}

/// Counts a refund on its payment; a negative amount gives it back.
fn count_refund(world: &mut World, payment: &str, more: i64) {
    let body = world.body("mollie.payment", payment);
    let currency = currency(&body);
    let refunded = cents(&body["amountRefunded"]) + more;
    let left = cents(&body["amountRemaining"]) - more;
    let changes = json!({"amountRefunded": money(refunded, currency),
        "amountRemaining": money(left, currency)});
    world.set("mollie.payment", payment, changes);
}

fn end_refund(world: &mut World, id: &str, status: &str) -> Result<Value, String> {
    let refund = world.body("mollie.refund", id);
    let before = refund["status"].as_str().unwrap_or("").to_string();
    let possible = match status {
        "refunded" => before == "pending",
        _ => before == "pending" || before == "refunded",
    };
    if !possible {
        return Err(format!("the refund is {before}"));
    }
    world.set("mollie.refund", id, json!({"status": status}));
    let payment = refund["paymentId"].as_str().unwrap_or("").to_string();
    if status == "failed" {
        count_refund(world, &payment, -cents(&refund["amount"]));
    }
    let body = world.body("mollie.refund", id);
    tell(world, &payment, &format!("refund.{status}"), id, &body);
    Ok(body)
}

fn charge_back(world: &mut World, id: &str, ask: &Value, reason: &str) -> Result<Value, String> {
    let payment = world.body("mollie.payment", id);
    let account = world
        .account_of("mollie.payment", id)
        .ok_or("no such payment")?;
    if payment["status"] != "paid" {
        return Err(format!("the payment is {}", payment["status"]));
    }
    let cents = amount(ask, cents(&payment["amountRemaining"]))?;
    let currency = currency(&payment).to_string();
    let chargeback = world.id("chb_", 10);
    let path = format!("{API}/payments/{id}");
    let body = json!({"resource": "chargeback", "id": chargeback,
        "amount": money(cents, &currency), "paymentId": id, "createdAt": stamp(world.now, WHEN),
        "reason": {"code": reason, "description": "The payer's bank took the money back"},
        "reversedAt": null,
        "_links": {"self": link(&format!("{path}/chargebacks/{chargeback}")),
            "payment": link(&path), "documentation": docs()}});
    world.put("mollie.chargeback", &account, &chargeback, body.clone());
    let links = json!({"amountChargedBack": money(cents, &currency)});
    world.set("mollie.payment", id, links);
    tell(world, id, "chargeback.received", &chargeback, &body);
    Ok(body)
}

fn reverse_chargeback(world: &mut World, id: &str) -> Result<Value, String> {
    let open = world
        .all("mollie.chargeback")
        .into_iter()
        .find(|item| item.body["paymentId"] == id && item.body["reversedAt"].is_null());
    let open = open
        .and_then(|item| item.body["id"].as_str())
        .ok_or("no open chargeback")?;
    let open = open.to_string();
    world.set(
        "mollie.chargeback",
        &open,
        json!({"reversedAt": stamp(world.now, WHEN)}),
    );
    let currency = world.body("mollie.payment", id)["amount"]["currency"].clone();
    let none = money(0, currency.as_str().unwrap_or(""));
    world.set("mollie.payment", id, json!({"amountChargedBack": none}));
    let body = world.body("mollie.chargeback", &open);
    tell(world, id, "chargeback.reversed", &open, &body);
    Ok(body)
}

// ---- webhooks ----

/// The classic call to the payment's own address, and the signed event to registered ones.
fn tell(world: &mut World, payment: &str, kind: &str, entity: &str, body: &Value) {
    let Some(account) = world.account_of("mollie.payment", payment) else {
        return;
    };
    if let Some(url) = world.body("mollie.payment", payment)["webhookUrl"].as_str() {
        let news = News {
            vendor: "mollie",
            source: "mollie",
            account: &account,
            event: kind,
            content_type: "application/x-www-form-urlencoded",
            body: format!("id={payment}").into_bytes(),
            sign: |_, _| Vec::new(),
        };
        world.queue(&news, url.to_string(), String::new());
    }
    let id = world.id("event_", 16);
    let event = json!({"resource": "event", "id": id, "type": kind, "entityId": entity,
        "createdAt": stamp(world.now, WHEN), "_embedded": {"entity": body},
        "_links": {"self": link(&format!("{API}/events/{id}")), "documentation": docs()}});
    world.notify(&News {
        vendor: "mollie",
        source: "mollie",
        account: &account,
        event: kind,
        content_type: "application/json",
        body: event.to_string().into_bytes(),
        sign,
    });
}

fn sign(webhook: &Webhook, _: i64) -> Vec<(String, String)> {
    let proof = hex::encode(hmac_sha256(webhook.secret.as_bytes(), &webhook.body));
    vec![("x-mollie-signature".into(), format!("sha256={proof}"))]
}

// ---- page, steps, control ----

fn page(world: &mut World, call: &Call, id: &str) -> Reply {
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
            (
                "declined",
                "Pay with a card that is \
            declined",
            ),
            ("pending", "Pay by bank transfer, which takes days"),
            ("expired", "Let this payment expire"),
            ("cancelled", "Cancel"),
        ],
        alert: None,
    })
}

fn end_checkout(world: &mut World, id: &str, outcome: &str) -> Result<String, String> {
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
                "{other} is no outcome: paid, pending, declined, expired, \
            cancelled"
            ));
        }
    }
    Ok(back)
}

/// A pending payment arrives, unless its mandate has turned bad or was withdrawn.
fn settle(world: &mut World, id: &str) -> Result<Value, String> {
    if id.starts_with("re_") {
        return end_refund(world, id, "refunded");
    }
    let payment = world.body("mollie.payment", id);
    if payment["status"] != "pending" {
        return Err(format!("the payment is {}", payment["status"]));
    }
    let mandate = payment["mandateId"]
        .as_str()
        .and_then(|id| world.item("mollie.mandate", id));
    let refused = mandate.and_then(|item| match item.body["status"].as_str() {
        Some("invalid") => Some("invalid_mandate".to_string()),
        _ => item.notes["decline"].as_str().map(str::to_string),
    });
    match refused {
        Some(_) => end(world, id, "failed", Some("insufficient_funds")),
        None => end(world, id, "paid", None),
    }
    Ok(world.body("mollie.payment", id))
}

fn step(world: &mut World, step: &Value) {
    if let Some(id) = step["expire"].as_str()
        && world.body("mollie.payment", id)["status"] == "open"
    {
        end(world, id, "expired", None);
    }
    if let Some(id) = step["settle"].as_str() {
        // A person may have ended it before its time.
        let _ = settle(world, id);
    }
}

fn control(world: &mut World, verb: &[&str], ask: &Value) -> Result<Value, String> {
    match verb {
        ["pay", id] => {
            let url = end_checkout(world, id, ask["outcome"].as_str().unwrap_or("paid"))?;
            Ok(json!({"payment": world.body("mollie.payment", id), "redirect": url}))
        }
        ["settle", id] => settle(world, id),
        ["fail", id] if id.starts_with("re_") => end_refund(world, id, "failed"),
        ["fail", id] => match world.body("mollie.payment", id)["status"].as_str() {
            Some("open" | "pending") => {
                end(world, id, "failed", Some("insufficient_funds"));
                Ok(world.body("mollie.payment", id))
            }
            _ => charge_back(world, id, &json!({}), "AM04"),
        },
        ["refund", id] => {
            let payment = world.body("mollie.payment", id);
            let account = world
                .account_of("mollie.payment", id)
                .ok_or("no such payment")?;
            let cents = amount(ask, cents(&payment["amountRemaining"]))?;
            let ask = json!({"amount": money(cents, currency(&payment))});
            let done = refund(world, &account, id, &ask);
            done.map(|(_, body)| body)
                .map_err(|reply| String::from_utf8_lossy(&reply.body).into_owned())
        }
        ["dispute", id] => charge_back(world, id, ask, "AC06"),
        ["dispute", id, "won"] => reverse_chargeback(world, id),
        // A chargeback that nobody contests is lost already.
        ["dispute", id, "lost"] => Ok(world.body("mollie.payment", id)),
        ["methods", id] => {
            let item = world
                .item_mut("mollie.mandate", id)
                .ok_or("no such mandate")?;
            item.notes["decline"] = ask["decline"].clone();
            Ok(item.body.clone())
        }
        ["mandates", id, "cancel"] => {
            world.set("mollie.mandate", id, json!({"status": "invalid"}));
            Ok(world.body("mollie.mandate", id))
        }
        _ => Err("Mollie does not know this".into()),
    }
}
