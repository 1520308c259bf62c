//! How an order is approved and captured at PayPal.

use super::proofs::notify;
use super::replies::{
    API, Done, HOUR, Refused, WHEN, big_id, cents, link, malformed, money, not_found, payable,
    refused,
};
use crate::pages;
use crate::wire::stamp;
use crate::wire::{Call, Reply, decode_pairs};
use crate::world::{Item, World};
use serde_json::{Value, json};

const EXPIRES: i64 = 3 * HOUR;

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
    let kept = kept.ok_or_else(not_found)?;
    match kept.notes["decline"].as_str() {
        None => {}
        // An issue by its own name: what the clinic's account may not do, say.
        Some(issue) if issue.bytes().all(|b| b.is_ascii_uppercase() || b == b'_') => {
            return Err(refused(issue, "The payment cannot be processed.", ""));
        }
        Some(_) => return Err(instrument_declined()),
    }
    refuse_duplicate(world, client, &unit["invoice_id"])?;
    order["payment_source"] = json!({"paypal": payer(json!({}))});
    order["links"] = json!([link("self", self_link, "GET")]);
    world.put_noted("paypal.order", client, &id, order, notes);
    take(world, client, &id, false);
    Ok((201, world.body("paypal.order", &id)))
}

fn instrument_declined() -> Refused {
    refused(
        "INSTRUMENT_DECLINED",
        "The instrument presented  was either declined by the \
        processor or bank, or it can't be used for this payment.",
        "",
    )
}

/// The account blocks a second payment of one invoice, as new accounts do.
fn refuse_duplicate(world: &World, client: &str, invoice: &Value) -> Result<(), Refused> {
    let same = |item: &&Item| {
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

/// The page where the payer approves.
pub fn page(world: &mut World, call: &Call) -> Reply {
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
        return match end_approval(world, &id, outcome) {
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
pub fn tell_capture(world: &mut World, client: &str, id: &str) {
    let body = show_capture(world, id);
    let event = match body["status"].as_str() {
        Some("PENDING") => "PAYMENT.CAPTURE.PENDING",
        Some("DECLINED") => "PAYMENT.CAPTURE.DENIED",
        _ => "PAYMENT.CAPTURE.COMPLETED",
    };
    notify(world, client, event, "capture", &body);
}

pub fn show_capture(world: &mut World, id: &str) -> Value {
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

pub fn step(world: &mut World, step: &Value) {
    if let Some(id) = step["expire"].as_str() {
        let status = world.body("paypal.order", id)["status"].clone();
        if status == "CREATED" || status == "PAYER_ACTION_REQUIRED" {
            forget(world, id);
        }
    }
}
