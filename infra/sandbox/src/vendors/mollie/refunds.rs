//! Refunds at Mollie.

use super::payments::{currency, payable};
use super::replies::{API, Done, WHEN, cents, docs, link, money, refused};
use super::webhooks::tell;
use crate::wire::{exponent, major, stamp};
use crate::world::World;
use serde_json::{Value, json};

const REFUND_TAKES: i64 = 2 * 3_600_000;

pub fn refund(world: &mut World, account: &str, payment: &str, ask: &Value) -> Done {
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
pub fn count_refund(world: &mut World, payment: &str, more: i64) {
    let body = world.body("mollie.payment", payment);
    let currency = currency(&body);
    let refunded = cents(&body["amountRefunded"]) + more;
    let left = cents(&body["amountRemaining"]) - more;
    let changes = json!({"amountRefunded": money(refunded, currency),
        "amountRemaining": money(left, currency)});
    world.set("mollie.payment", payment, changes);
}

pub fn end_refund(world: &mut World, id: &str, status: &str) -> Result<Value, String> {
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
