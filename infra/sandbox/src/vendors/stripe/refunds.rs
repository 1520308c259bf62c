//! Refunds at Stripe.

use super::events::event;
use super::replies::{Done, invalid, missing};
use super::shapes;
use crate::world::World;
use serde_json::{Value, json};

pub const DAY: i64 = 86_400_000;

pub fn left(charge: &Value) -> i64 {
    charge["amount"].as_i64().unwrap_or(0) - charge["amount_refunded"].as_i64().unwrap_or(0)
}

pub fn refund(world: &mut World, account: &str, ask: &Value) -> Done {
    let charge = match (ask["payment_intent"].as_str(), ask["charge"].as_str()) {
        (Some(intent), None) => {
            let intent = world.get("stripe.intent", account, intent).cloned();
            let intent = intent.ok_or_else(|| missing("payment_intent", &ask["payment_intent"]))?;
            if intent["status"] != "succeeded" {
                let words = "This PaymentIntent does not have a successful charge to refund.";
                return Err(invalid(400, "", "payment_intent", words));
            }
            world.body(
                "stripe.charge",
                intent["latest_charge"].as_str().unwrap_or(""),
            )
        }
        (None, Some(charge)) => {
            let found = world.get("stripe.charge", account, charge).cloned();
            found.ok_or_else(|| missing("charge", &ask["charge"]))?
        }
        _ => {
            let words = "Pass exactly one of payment_intent and charge.";
            return Err(invalid(400, "parameter_missing", "payment_intent", words));
        }
    };
    if charge["disputed"] == true {
        let words = "This charge has been charged back; it cannot be refunded.";
        return Err(invalid(400, "charge_disputed", "", words));
    }
    let left = left(&charge);
    if left == 0 {
        let id = charge["id"].as_str().unwrap_or("");
        let words = format!("Charge {id} has already been refunded.");
        return Err(invalid(400, "charge_already_refunded", "", &words));
    }
    let amount = ask["amount"].as_i64().unwrap_or(left);
    if amount < 1 {
        let words = "Invalid positive integer";
        return Err(invalid(400, "parameter_invalid_integer", "amount", words));
    }
    if amount > left {
        let words = format!(
            "Refund amount ({amount}) is greater than unrefunded amount on charge ({left})"
        );
        return Err(invalid(400, "", "amount", &words));
    }
    let method = charge["payment_method"].as_str().unwrap_or("");
    let card = world
        .item("stripe.method", method)
        .map_or(Value::Null, |i| i.notes["card"].clone());
    let status = if card == "pendingRefund" {
        "pending"
    } else {
        "succeeded"
    };
    let id = world.id("re_3", 23);
    let body = shapes::refund(&id, world.now / 1000, amount, status, &charge, ask);
    world.put("stripe.refund", account, &id, body.clone());
    refunded(world, &charge, amount);
    let charge = world.body("stripe.charge", charge["id"].as_str().unwrap_or(""));
    event(world, account, "charge.refunded", &charge);
    event(world, account, "refund.created", &body);
    if card == "pendingRefund" {
        world.step_at(world.now + 3 * DAY, "stripe", json!({"settle": id}));
    }
    if card == "refundFail" {
        world.step_at(world.now + DAY, "stripe", json!({"fail": id}));
    }
    Ok(body)
}

/// Counts a refund on its charge; a negative amount gives it back.
pub fn refunded(world: &mut World, charge: &Value, amount: i64) {
    let id = charge["id"].as_str().unwrap_or("");
    let sum = charge["amount_refunded"].as_i64().unwrap_or(0) + amount;
    let whole = charge["amount"] == sum;
    world.set(
        "stripe.charge",
        id,
        json!({"amount_refunded": sum, "refunded": whole}),
    );
}

pub fn end_refund(world: &mut World, id: &str, settled: bool) -> Result<Value, String> {
    let account = world
        .account_of("stripe.refund", id)
        .ok_or("no such refund")?;
    let refund = world.body("stripe.refund", id);
    if settled && refund["status"] == "pending" {
        world.set("stripe.refund", id, json!({"status": "succeeded"}));
    } else if !settled && refund["status"] != "failed" {
        let reason = json!({"status": "failed", "failure_reason": "expired_or_canceled_card",
            "failure_balance_transaction": format!("txn_f{}", &id[3..])});
        world.set("stripe.refund", id, reason);
        let charge = world.body("stripe.charge", refund["charge"].as_str().unwrap_or(""));
        refunded(world, &charge, -refund["amount"].as_i64().unwrap_or(0));
    } else {
        return Err(format!("the refund is {}", refund["status"]));
    }
    let body = world.body("stripe.refund", id);
    event(world, &account, "refund.updated", &body);
    event(world, &account, "charge.refund.updated", &body);
    Ok(body)
}
