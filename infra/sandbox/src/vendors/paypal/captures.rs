//! What happens to a capture at PayPal: refunds, disputes, reversals.

use super::orders::show_capture;
use super::proofs::notify;
use super::replies::{API, Done, Refused, WHEN, big_id, cents, link, money, payable, refused};
use crate::fields::amount;
use crate::wire::stamp;
use crate::world::{Item, World};
use serde_json::{Value, json};

pub fn left(world: &World, id: &str) -> i64 {
    let refunded = world
        .item("paypal.capture", id)
        .map_or(0, |i| i.notes["refunded"].as_i64().unwrap_or(0));
    cents(&world.body("paypal.capture", id)["amount"]) - refunded
}

/// What a refund is of, in minor units; refuses what the capture does not allow.
fn refundable(world: &World, client: &str, id: &str, ask: &Value) -> Result<i64, Refused> {
    let capture = world.body("paypal.capture", id);
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
            if capture["amount"]["currency_code"] != given {
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
    let used =
        |item: &&Item| item.account == client && item.body["invoice_id"] == ask["invoice_id"];
    if ask["invoice_id"].is_string() && world.all("paypal.refund").iter().any(used) {
        let words = "Invoice ID was previously used to refund a capture.";
        return Err(refused("DUPLICATE_INVOICE_ID", words, "/invoice_id"));
    }
    Ok(asked)
}

pub fn refund(world: &mut World, client: &str, id: &str, ask: &Value) -> Done {
    let asked = refundable(world, client, id, ask)?;
    let capture = world.body("paypal.capture", id);
    let currency = capture["amount"]["currency_code"]
        .as_str()
        .unwrap_or("")
        .to_string();
    let left = left(world, id);
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
pub fn count_refund(world: &mut World, id: &str, more: i64) {
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

pub fn end_refund(world: &mut World, id: &str, settled: bool) -> Result<Value, String> {
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

/// PayPal takes the money back: a bank's return, or a lost dispute.
pub fn reverse(world: &mut World, client: &str, id: &str, cents: i64) -> Value {
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
        json!({"capture": id, "reversal": true}),
    );
    count_refund(world, id, cents);
    notify(world, client, "PAYMENT.CAPTURE.REVERSED", "refund", &body);
    body
}

/// How long a seller has to answer, in milliseconds; PayPal's own time is not in its contract.
const ANSWERED_WITHIN: i64 = 10 * 86_400_000;

pub fn dispute(world: &mut World, client: &str, id: &str, cents: i64) -> Value {
    let capture = world.body("paypal.capture", id);
    let currency = capture["amount"]["currency_code"].as_str().unwrap_or("");
    let dispute = format!(
        "PP-R-{}",
        world.id_over(b"ABCDEFGHJKLMNPQRSTUVWXYZ0123456789", 12)
    );
    let (now, due) = (
        stamp(world.now, WHEN),
        stamp(world.now + ANSWERED_WITHIN, WHEN),
    );
    let body = json!({"dispute_id": dispute, "seller_response_due_date": due, "create_time": now, "update_time": now,
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

/// Ends a dispute; one that is lost may cost less than was disputed.
pub fn resolve(
    world: &mut World,
    client: &str,
    capture: &str,
    won: bool,
    ask: &Value,
) -> Result<Value, String> {
    let open = world
        .all("paypal.dispute")
        .into_iter()
        .find(|item| item.notes["capture"] == capture && item.body["status"] == "OPEN");
    let open = open.ok_or("no open dispute")?;
    let cents = amount(ask, open.notes["cents"].as_i64().unwrap_or(0))?;
    let currency = open.body["dispute_amount"]["currency_code"].clone();
    let id = open.body["dispute_id"].as_str().unwrap_or("").to_string();
    let code = if won {
        "RESOLVED_SELLER_FAVOUR"
    } else {
        "RESOLVED_BUYER_FAVOUR"
    };
    let mut outcome = json!({"outcome_code": code});
    if !won {
        outcome["amount_refunded"] = money(cents, currency.as_str().unwrap_or(""));
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
