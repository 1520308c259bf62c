//! How an order is approved, captured, refunded and disputed at PayPal.

use super::proofs::{notify, notify_ipn};
use super::{API, Done, HOUR, WHEN, cents, malformed, money, not_found, payable, refused};
use crate::control::amount;
use crate::wire::stamp;
use crate::world::World;
use serde_json::{Value, json};

const EXPIRES: i64 = 3 * HOUR;

fn big_id(world: &mut World) -> String {
    world.id_over(b"0123456789ABCDEFGHJKLMNPRSTUVWXYZ", 17)
}

fn link(rel: &str, href: String, method: &str) -> Value {
    json!({"href": href, "rel": rel, "method": method})
}

// ---- orders ----

pub fn create(world: &mut World, client: &str, ask: &Value, keyed: bool) -> Done {
    let units = ask["purchase_units"]
        .as_array()
        .filter(|units| units.len() == 1);
    let Some(units) = units else {
        return Err(malformed("INVALID_PARAMETER_VALUE", "/purchase_units"));
    };
    let (cents, currency) = payable(&units[0]["amount"], "/purchase_units/0/amount")?;
    let id = big_id(world);
    let mut unit = units[0].clone();
    unit["reference_id"] = json!(unit["reference_id"].as_str().unwrap_or("default"));
    unit["amount"] = money(cents, &currency);
    unit["payee"] = json!({"email_address": "clinic@example.test", "merchant_id": "C7CYMKZDG8D6E"});
    let wallet = &ask["payment_source"]["paypal"];
    let status = if wallet.is_object() {
        "PAYER_ACTION_REQUIRED"
    } else {
        "CREATED"
    };
    let (self_link, page) = (
        format!("{API}/v2/checkout/orders/{id}"),
        format!("{}/paypal/checkoutnow?token={id}", world.own),
    );
    let rel = if wallet.is_object() {
        "payer-action"
    } else {
        "approve"
    };
    let mut order = json!({"id": id, "intent": "CAPTURE", "status": status,
        "create_time": stamp(world.now, WHEN), "purchase_units": [unit],
        "links": [link("self", self_link.clone(), "GET"), link(rel, page, "GET")]});
    if wallet.is_object() {
        order["payment_source"] = json!({"paypal": {}});
    }
    let notes = json!({"ask": ask});
    let Some(vaulted) = wallet["vault_id"].as_str() else {
        world.put_noted("paypal.order", client, &id, order.clone(), notes);
        world.step_at(world.now + EXPIRES, "paypal", json!({"expire": id}));
        return Ok((201, order));
    };
    // A kept wallet pays without its owner: the order is captured as it is created.
    if !keyed {
        return Err(malformed("PAYPAL_REQUEST_ID_REQUIRED", ""));
    }
    let kept = world
        .item("paypal.vault", vaulted)
        .filter(|item| item.account == client);
    let declined = kept.ok_or_else(not_found)?.notes["decline"].is_string();
    if declined {
        return Err(instrument_declined());
    }
    refuse_duplicate(world, client, &unit["invoice_id"])?;
    order["payment_source"] = json!({"paypal": payer(json!({}))});
    order["links"] = json!([link("self", self_link, "GET")]);
    world.put_noted("paypal.order", client, &id, order, notes);
    take(world, client, &id, false);
    Ok((201, world.body("paypal.order", &id)))
}

fn instrument_declined() -> Box<crate::wire::Reply> {
    refused(
        "INSTRUMENT_DECLINED",
        "The instrument presented  was either declined by the \
        processor or bank, or it can't be used for this payment.",
        "",
    )
}

/// The account blocks a second payment of one invoice, as new accounts do.
fn refuse_duplicate(
    world: &World,
    client: &str,
    invoice: &Value,
) -> Result<(), Box<crate::wire::Reply>> {
    let same = |item: &&crate::world::Item| {
        item.account == client
            && item.body["invoice_id"] == *invoice
            && item.body["status"] != "DECLINED"
    };
    if invoice.is_string() && world.all("paypal.capture").iter().any(same) {
        return Err(refused(
            "DUPLICATE_INVOICE_ID",
            "Duplicate Invoice ID detected. To avoid a \
            potential duplicate transaction your account setting requires that Invoice Id be \
            unique for each transaction.",
            "",
        ));
    }
    Ok(())
}

fn payer(attributes: Value) -> Value {
    let mut wallet = json!({"email_address": "payer@example.test", "account_id": "QYR5Z8XDVJNXQ",
        "account_status": "VERIFIED", "name": {"given_name": "Sandbox", "surname": "Payer"},
        "address": {"country_code": "AU"}});
    if attributes.as_object().is_some_and(|map| !map.is_empty()) {
        wallet["attributes"] = attributes;
    }
    wallet
}

/// Ends the payer's visit; answers where the browser goes, or None where it stays.
pub fn end_approval(world: &mut World, id: &str, outcome: &str) -> Result<Option<String>, String> {
    let item = world.item("paypal.order", id).ok_or("no such order")?;
    let (client, order, notes) = (item.account.clone(), item.body.clone(), item.notes.clone());
    if !matches!(
        order["status"].as_str(),
        Some("CREATED" | "PAYER_ACTION_REQUIRED")
    ) {
        return Err(format!("the order is {}", order["status"]));
    }
    let ask = &notes["ask"];
    let back = |name: &str, more: &str| {
        let wallet = ask["payment_source"]["paypal"]["experience_context"][name].as_str();
        let url = wallet.or(ask["application_context"][name].as_str())?;
        let join = if url.contains('?') { '&' } else { '?' };
        Some(format!("{url}{join}token={id}{more}"))
    };
    match outcome {
        "paid" | "declined" | "pending" => {
            if let Some(item) = world.item_mut("paypal.order", id) {
                item.notes["outcome"] = json!(outcome);
            }
            let capture = link(
                "capture",
                format!("{API}/v2/checkout/orders/{id}/capture"),
                "POST",
            );
            let changes = json!({"status": "APPROVED",
                "payment_source": {"paypal": payer(json!({}))},
                "payer": {"email_address": "payer@example.test", "payer_id": "QYR5Z8XDVJNXQ",
                    "name": {"given_name": "Sandbox", "surname": "Payer"},
                    "address": {"country_code": "AU"}},
                "links": [order["links"][0], capture]});
            world.set("paypal.order", id, changes);
            let body = world.body("paypal.order", id);
            notify(
                world,
                &client,
                "CHECKOUT.ORDER.APPROVED",
                "checkout-order",
                &body,
            );
            Ok(back("return_url", "&PayerID=QYR5Z8XDVJNXQ"))
        }
        "cancelled" => Ok(back("cancel_url", "")),
        "expired" => {
            forget(world, id);
            Ok(None)
        }
        other => Err(format!(
            "{other} is no outcome: paid, pending, declined, expired, cancelled"
        )),
    }
}

/// An order that nobody approved in time is not found any more.
fn forget(world: &mut World, id: &str) {
    world.items.remove(&("paypal.order", id.to_string()));
}

pub fn capture(world: &mut World, client: &str, id: &str) -> Done {
    let item = world.item("paypal.order", id).ok_or_else(not_found)?;
    let (order, outcome) = (item.body.clone(), item.notes["outcome"].clone());
    match order["status"].as_str() {
        Some("APPROVED") => {}
        Some("COMPLETED") => {
            return Err(refused(
                "ORDER_ALREADY_CAPTURED",
                "Order already captured.If \
                'intent=CAPTURE' only one capture per order is allowed.",
                "",
            ));
        }
        _ => {
            return Err(refused(
                "ORDER_NOT_APPROVED",
                "Payer has not yet approved the Order for \
                payment. Please redirect the payer to the 'rel':'approve' url returned as part \
                of the HATEOAS links within the Create Order call or provide a valid \
                `payment_source` in the request.",
                "",
            ));
        }
    }
    if outcome == "declined" {
        // The payer may come back and choose another way to pay.
        let page = format!("{}/paypal/checkoutnow?token={id}", world.own);
        let links = json!([order["links"][0], link("payer-action", page, "GET")]);
        world.set(
            "paypal.order",
            id,
            json!({"status": "PAYER_ACTION_REQUIRED", "links": links}),
        );
        return Err(instrument_declined());
    }
    refuse_duplicate(world, client, &order["purchase_units"][0]["invoice_id"])?;
    take(world, client, id, outcome == "pending");
    Ok((201, world.body("paypal.order", id)))
}

/// The capture itself: money is there, or on its way as an eCheck.
fn take(world: &mut World, client: &str, order_id: &str, pending: bool) {
    let order = world.body("paypal.order", order_id);
    let mut unit = order["purchase_units"][0].clone();
    let id = big_id(world);
    let gross = cents(&unit["amount"]);
    let currency = unit["amount"]["currency_code"]
        .as_str()
        .unwrap_or("")
        .to_string();
    let fee = (gross * 349 / 10_000 + 49).min(gross);
    let now = stamp(world.now, WHEN);
    let (status, details) = if pending {
        ("PENDING", json!({"reason": "ECHECK"}))
    } else {
        ("COMPLETED", Value::Null)
    };
    let mut capture = json!({"id": id, "status": status, "amount": unit["amount"],
        "final_capture": true, "disbursement_mode": "INSTANT",
        "seller_protection": {"status": "ELIGIBLE",
            "dispute_categories": ["ITEM_NOT_RECEIVED", "UNAUTHORIZED_TRANSACTION"]},
        "seller_receivable_breakdown": {"gross_amount": unit["amount"],
            "paypal_fee": money(fee, &currency), "net_amount": money(gross - fee, &currency)},
        "create_time": now, "update_time": now,
        "links": [link("self", format!("{API}/v2/payments/captures/{id}"), "GET"),
            link("refund", format!("{API}/v2/payments/captures/{id}/refund"), "POST"),
            link("up", format!("{API}/v2/checkout/orders/{order_id}"), "GET")]});
    for (name, value) in [
        ("status_details", &details),
        ("invoice_id", &unit["invoice_id"]),
        ("custom_id", &unit["custom_id"]),
    ] {
        if !value.is_null() {
            capture[name] = value.clone();
        }
    }
    let notes = json!({"order": order_id, "refunded": 0});
    world.put_noted("paypal.capture", client, &id, capture.clone(), notes);
    unit["payments"] = json!({"captures": [capture]});
    let wallet = vault(world, client, order_id);
    let links = json!([order["links"][0]]);
    let changes = json!({"status": "COMPLETED", "purchase_units": [unit], "update_time": now,
        "links": links, "payment_source": {"paypal": wallet}});
    world.set("paypal.order", order_id, changes);
    tell_capture(world, client, &id);
    if !pending {
        let body = world.body("paypal.order", order_id);
        notify(
            world,
            client,
            "CHECKOUT.ORDER.COMPLETED",
            "checkout-order",
            &body,
        );
    }
}

/// Keeps the wallet where the order asked for it; answers the order's payment source.
fn vault(world: &mut World, client: &str, order: &str) -> Value {
    let ask = world
        .item("paypal.order", order)
        .map_or(Value::Null, |item| item.notes["ask"].clone());
    let attributes = &ask["payment_source"]["paypal"]["attributes"];
    if attributes["vault"]["store_in_vault"] != "ON_SUCCESS" {
        return payer(json!({}));
    }
    let id = world.id_over(b"0123456789abcdefghijkmnpqrstuvwxyz", 17);
    let customer = match attributes["customer"]["id"].as_str() {
        Some(customer) => customer.to_string(),
        None => world.id_over(b"0123456789ABCDEFGHJKMNPQRSTUVWXYZ", 10),
    };
    let href = format!("{API}/v3/vault/payment-tokens/{id}");
    let links = json!([
        link("self", href.clone(), "GET"),
        link("delete", href, "DELETE")
    ]);
    let token = json!({"id": id, "customer": {"id": customer},
        "payment_source": {"paypal": payer(json!({}))}, "links": links});
    world.put("paypal.vault", client, &id, token.clone());
    notify(
        world,
        client,
        "VAULT.PAYMENT-TOKEN.CREATED",
        "payment_token",
        &token,
    );
    payer(
        json!({"vault": {"id": id, "status": "VAULTED", "customer": {"id": customer},
        "links": links}}),
    )
}

/// Brings the capture's copy inside its order up to date, and tells of its state.
fn tell_capture(world: &mut World, client: &str, id: &str) {
    let body = show_capture(world, id);
    let event = match body["status"].as_str() {
        Some("PENDING") => "PAYMENT.CAPTURE.PENDING",
        Some("DECLINED") => "PAYMENT.CAPTURE.DENIED",
        _ => "PAYMENT.CAPTURE.COMPLETED",
    };
    notify(world, client, event, "capture", &body);
}

fn show_capture(world: &mut World, id: &str) -> Value {
    let body = world.body("paypal.capture", id);
    let order = world
        .item("paypal.capture", id)
        .and_then(|i| i.notes["order"].as_str().map(Into::into));
    let order: String = order.unwrap_or_default();
    if let Some(item) = world.item_mut("paypal.order", &order) {
        item.body["purchase_units"][0]["payments"]["captures"][0] = body.clone();
    }
    body
}

// ---- refunds ----

fn left(world: &World, id: &str) -> i64 {
    let refunded = world
        .item("paypal.capture", id)
        .map_or(0, |i| i.notes["refunded"].as_i64().unwrap_or(0));
    cents(&world.body("paypal.capture", id)["amount"]) - refunded
}

pub fn refund(world: &mut World, client: &str, id: &str, ask: &Value) -> Done {
    let capture = world.body("paypal.capture", id);
    let currency = capture["amount"]["currency_code"]
        .as_str()
        .unwrap_or("")
        .to_string();
    match capture["status"].as_str() {
        Some("REFUNDED") => {
            let words = "The capture has already been fully refunded";
            return Err(refused("CAPTURE_FULLY_REFUNDED", words, ""));
        }
        Some("COMPLETED" | "PARTIALLY_REFUNDED") => {}
        _ => {
            return Err(refused(
                "REFUND_NOT_ALLOWED",
                "Capture cannot be refunded.",
                "",
            ));
        }
    }
    let left = left(world, id);
    let asked = match &ask["amount"] {
        Value::Null => left,
        amount => {
            let (cents, given) = payable(amount, "/amount")?;
            if given != currency {
                let words = "Refund must be in the same currency as the capture";
                return Err(refused(
                    "REFUND_CAPTURE_CURRENCY_MISMATCH",
                    words,
                    "/amount",
                ));
            }
            cents
        }
    };
    if asked > left {
        return Err(refused(
            "REFUND_AMOUNT_EXCEEDED",
            "The refund amount must be less than or \
            equal to the capture amount that has not yet been refunded.",
            "/amount/value",
        ));
    }
    let used = |item: &&crate::world::Item| {
        item.account == client && item.body["invoice_id"] == ask["invoice_id"]
    };
    if ask["invoice_id"].is_string() && world.all("paypal.refund").iter().any(used) {
        let words = "Invoice ID was previously used to refund a capture.";
        return Err(refused("DUPLICATE_INVOICE_ID", words, "/invoice_id"));
    }
    let refund = big_id(world);
    let now = stamp(world.now, WHEN);
    let total = cents(&capture["amount"]) - left + asked;
    let mut body = json!({"id": refund, "status": "COMPLETED", "amount": money(asked, &currency),
        "seller_payable_breakdown": {"gross_amount": money(asked, &currency),
            "paypal_fee": money(0, &currency), "net_amount": money(asked, &currency),
            "total_refunded_amount": money(total, &currency)},
        "create_time": now, "update_time": now,
        "links": [link("self", format!("{API}/v2/payments/refunds/{refund}"), "GET"),
            link("up", format!("{API}/v2/payments/captures/{id}"), "GET")]});
    for name in ["invoice_id", "custom_id", "note_to_payer"] {
        if !ask[name].is_null() {
            body[name] = ask[name].clone();
        }
    }
    let slow = world
        .item("paypal.capture", id)
        .is_some_and(|i| i.notes["slow"] == true);
    if slow {
        body["status"] = json!("PENDING");
        body["status_details"] = json!({"reason": "ECHECK"});
    }
    world.put_noted(
        "paypal.refund",
        client,
        &refund,
        body.clone(),
        json!({"capture": id}),
    );
    count_refund(world, id, asked);
    let event = if slow {
        "PAYMENT.REFUND.PENDING"
    } else {
        "PAYMENT.CAPTURE.REFUNDED"
    };
    notify(world, client, event, "refund", &body);
    Ok((201, body))
}

/// Counts a refund on its capture; a negative amount gives it back.
fn count_refund(world: &mut World, id: &str, more: i64) {
    if let Some(item) = world.item_mut("paypal.capture", id) {
        item.notes["refunded"] = json!(item.notes["refunded"].as_i64().unwrap_or(0) + more);
    }
    let (left, whole) = (
        left(world, id),
        cents(&world.body("paypal.capture", id)["amount"]),
    );
    let status = match left {
        0 => "REFUNDED",
        left if left == whole => "COMPLETED",
        _ => "PARTIALLY_REFUNDED",
    };
    world.set("paypal.capture", id, json!({"status": status}));
    show_capture(world, id);
}

fn end_refund(world: &mut World, id: &str, settled: bool) -> Result<Value, String> {
    let item = world.item("paypal.refund", id).ok_or("no such refund")?;
    let (client, status) = (item.account.clone(), item.body["status"].clone());
    let (capture, amount) = (item.notes["capture"].clone(), cents(&item.body["amount"]));
    let event = if settled && status == "PENDING" {
        world.set("paypal.refund", id, json!({"status": "COMPLETED"}));
        "PAYMENT.CAPTURE.REFUNDED"
    } else if !settled && status != "FAILED" {
        world.set("paypal.refund", id, json!({"status": "FAILED"}));
        count_refund(world, capture.as_str().unwrap_or(""), -amount);
        "PAYMENT.REFUND.FAILED"
    } else {
        return Err(format!("the refund is {status}"));
    };
    let body = world.body("paypal.refund", id);
    notify(world, &client, event, "refund", &body);
    Ok(body)
}

// ---- what else happens to a capture ----

/// PayPal takes the money back: a bank's return, or a lost dispute.
fn reverse(world: &mut World, client: &str, id: &str, cents: i64) -> Value {
    let capture = world.body("paypal.capture", id);
    let currency = capture["amount"]["currency_code"].as_str().unwrap_or("");
    let reversal = big_id(world);
    let now = stamp(world.now, WHEN);
    let mut body = json!({"id": reversal, "status": "COMPLETED", "amount": money(cents, currency),
        "create_time": now, "update_time": now,
        "links": [link("self", format!("{API}/v2/payments/refunds/{reversal}"), "GET"),
            link("up", format!("{API}/v2/payments/captures/{id}"), "GET")]});
    for name in ["invoice_id", "custom_id"] {
        if !capture[name].is_null() {
            body[name] = capture[name].clone();
        }
    }
    world.put_noted(
        "paypal.refund",
        client,
        &reversal,
        body.clone(),
        json!({"capture": id}),
    );
    count_refund(world, id, cents);
    notify(world, client, "PAYMENT.CAPTURE.REVERSED", "refund", &body);
    body
}

fn dispute(world: &mut World, client: &str, id: &str, cents: i64) -> Value {
    let capture = world.body("paypal.capture", id);
    let currency = capture["amount"]["currency_code"].as_str().unwrap_or("");
    let dispute = format!(
        "PP-R-{}",
        world.id_over(b"ABCDEFGHJKLMNPQRSTUVWXYZ0123456789", 12)
    );
    let now = stamp(world.now, WHEN);
    let body = json!({"dispute_id": dispute, "create_time": now, "update_time": now,
        "disputed_transactions": [{"seller_transaction_id": id,
            "gross_amount": capture["amount"], "custom": capture["custom_id"].as_str().unwrap_or(""),
            "invoice_number": capture["invoice_id"].as_str().unwrap_or(""),
            "transaction_status": "COMPLETED"}],
        "reason": "UNAUTHORISED", "status": "OPEN", "dispute_amount": money(cents, currency),
        "dispute_life_cycle_stage": "CHARGEBACK", "dispute_channel": "INTERNAL",
        "links": [link("self", format!("{API}/v1/customer/disputes/{dispute}"), "GET")]});
    let notes = json!({"capture": id, "cents": cents});
    world.put_noted("paypal.dispute", client, &dispute, body.clone(), notes);
    notify(world, client, "CUSTOMER.DISPUTE.CREATED", "dispute", &body);
    body
}

fn resolve(world: &mut World, client: &str, capture: &str, won: bool) -> Result<Value, String> {
    let open = world
        .all("paypal.dispute")
        .into_iter()
        .find(|item| item.notes["capture"] == capture && item.body["status"] == "OPEN");
    let open = open.ok_or("no open dispute")?;
    let (cents, amount) = (
        open.notes["cents"].as_i64().unwrap_or(0),
        open.body["dispute_amount"].clone(),
    );
    let id = open.body["dispute_id"].as_str().unwrap_or("").to_string();
    let code = if won {
        "RESOLVED_SELLER_FAVOUR"
    } else {
        "RESOLVED_BUYER_FAVOUR"
    };
    let mut outcome = json!({"outcome_code": code});
    if !won {
        outcome["amount_refunded"] = amount;
    }
    world.set(
        "paypal.dispute",
        &id,
        json!({"status": "RESOLVED", "dispute_outcome": outcome}),
    );
    if !won {
        reverse(world, client, capture, cents);
    }
    let body = world.body("paypal.dispute", &id);
    notify(world, client, "CUSTOMER.DISPUTE.RESOLVED", "dispute", &body);
    Ok(body)
}

pub fn step(world: &mut World, step: &Value) {
    if let Some(id) = step["expire"].as_str() {
        let status = world.body("paypal.order", id)["status"].clone();
        if status == "CREATED" || status == "PAYER_ACTION_REQUIRED" {
            forget(world, id);
        }
    }
}

/// The capture that an id of an order or a capture speaks of.
fn capture_id(world: &World, id: &str) -> Result<String, String> {
    let order = world.body("paypal.order", id);
    let inner = order["purchase_units"][0]["payments"]["captures"][0]["id"].as_str();
    let found = inner
        .or(world.item("paypal.capture", id).map(|_| id))
        .map(str::to_string);
    found.ok_or(format!("{id} names no capture"))
}

pub fn control(world: &mut World, verb: &[&str], ask: &Value) -> Result<Value, String> {
    match verb {
        ["pay", id] => {
            let outcome = ask["outcome"].as_str().unwrap_or("paid");
            return Ok(json!({"redirect": end_approval(world, id, outcome)?}));
        }
        ["methods", id] => {
            let item = world
                .item_mut("paypal.vault", id)
                .ok_or("no such payment token")?;
            item.notes["decline"] = ask["decline"].clone();
            return Ok(item.body.clone());
        }
        ["settle" | "fail", id] if world.item("paypal.refund", id).is_some() => {
            return end_refund(world, id, verb[0] == "settle");
        }
        ["ipn"] | ["ipn", _] => return notify_ipn(world, verb.get(1).copied(), ask),
        _ => {}
    }
    let id = capture_id(world, verb.get(1).ok_or("which payment?")?)?;
    let capture = world.body("paypal.capture", &id);
    let client = world
        .account_of("paypal.capture", &id)
        .ok_or("no such capture")?;
    let done = matches!(
        capture["status"].as_str(),
        Some("COMPLETED" | "PARTIALLY_REFUNDED")
    );
    match verb {
        ["settle" | "fail", _] if capture["status"] == "PENDING" => {
            let status = if verb[0] == "settle" {
                "COMPLETED"
            } else {
                "DECLINED"
            };
            world.set("paypal.capture", &id, json!({"status": status}));
            if let Some(item) = world.item_mut("paypal.capture", &id) {
                item.body
                    .as_object_mut()
                    .map(|body| body.remove("status_details"));
                // Money that came by eCheck goes back by eCheck.
                item.notes["slow"] = json!(true);
            }
            tell_capture(world, &client, &id);
            Ok(world.body("paypal.capture", &id))
        }
        ["fail", _] if done => {
            let cents = left(world, &id);
            Ok(reverse(world, &client, &id, cents))
        }
        ["refund", _] if done => {
            let cents = amount(ask, left(world, &id))?;
            let currency = capture["amount"]["currency_code"].as_str().unwrap_or("");
            let ask = json!({"amount": money(cents, currency)});
            let made = refund(world, &client, &id, &ask);
            made.map(|(_, body)| body)
                .map_err(|r| String::from_utf8_lossy(&r.body).into_owned())
        }
        ["dispute", _] if done => {
            let cents = amount(ask, left(world, &id))?;
            Ok(dispute(world, &client, &id, cents))
        }
        ["dispute", _, end @ ("won" | "lost")] => resolve(world, &client, &id, *end == "won"),
        _ => Err(format!(
            "not possible while the capture is {}",
            capture["status"]
        )),
    }
}
