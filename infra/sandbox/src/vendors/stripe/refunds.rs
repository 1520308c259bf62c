//! Money that goes back at Stripe, and what a person or the clock brings about.

use super::checkout::{end_async, end_checkout, expire};
use super::intents::{decline, pay};
use super::{Done, event, invalid, missing, shapes};
use crate::control::amount;
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

/// A dispute that takes money at once, or an inquiry (`warning_needs_response`) that takes none.
pub fn open_dispute(
    world: &mut World,
    account: &str,
    charge: &str,
    amount: i64,
    reason: &str,
    status: &str,
) -> Value {
    let id = world.id("dp_1", 23);
    let charge_body = world.body("stripe.charge", charge);
    let mut body = shapes::dispute(&id, world.now / 1000, amount, reason, &charge_body);
    body["status"] = json!(status);
    world.put("stripe.dispute", account, &id, body.clone());
    event(world, account, "charge.dispute.created", &body);
    if status == "warning_needs_response" {
        return body;
    }
    withdraw(world, account, &id)
}

fn withdraw(world: &mut World, account: &str, dispute: &str) -> Value {
    let body = world.body("stripe.dispute", dispute);
    let charge = body["charge"].as_str().unwrap_or("").to_string();
    world.set("stripe.charge", &charge, json!({"disputed": true}));
    event(world, account, "charge.dispute.funds_withdrawn", &body);
    body
}

/// The end of a charge's open dispute: `won`, `lost`, or, of an inquiry, `closed` or `escalated`.
pub fn end_dispute(
    world: &mut World,
    account: &str,
    charge: &str,
    end: &str,
) -> Result<Value, String> {
    let (was, becomes) = match end {
        "closed" => ("warning_needs_response", "warning_closed"),
        "escalated" => ("warning_needs_response", "needs_response"),
        "won" | "lost" => ("needs_response", end),
        other => return Err(format!("a dispute does not end {other}")),
    };
    let open = world
        .all("stripe.dispute")
        .into_iter()
        .find(|item| item.body["charge"] == charge && item.body["status"] == was);
    let id = open
        .and_then(|item| item.body["id"].as_str())
        .ok_or("no open dispute")?
        .to_string();
    world.set("stripe.dispute", &id, json!({"status": becomes}));
    let body = world.body("stripe.dispute", &id);
    if end == "escalated" {
        event(world, account, "charge.dispute.updated", &body);
        return Ok(withdraw(world, account, &id));
    }
    event(world, account, "charge.dispute.closed", &body);
    if end == "won" {
        event(world, account, "charge.dispute.funds_reinstated", &body);
    }
    Ok(body)
}

fn payout(world: &mut World, ask: &Value) -> Result<Value, String> {
    let account = ask["account"].as_str().unwrap_or("sk_test_demo");
    let amount = ask["amount"].as_i64().ok_or("amount is required")?;
    let currency = ask["currency"].as_str().unwrap_or("eur");
    let id = world.id("po_1", 23);
    let paid = shapes::payout(&id, world.now / 1000, amount, currency, "paid");
    event(world, account, "payout.paid", &paid);
    if ask["failed"] != true {
        return Ok(paid);
    }
    // A bank may send one back that was already told as paid.
    let failed = shapes::payout(&id, world.now / 1000, amount, currency, "failed");
    event(world, account, "payout.failed", &failed);
    Ok(failed)
}

pub fn step(world: &mut World, step: &Value) {
    if let Some(id) = step["expire"].as_str()
        && world.body("stripe.session", id)["status"] == "open"
    {
        expire(world, id);
    }
    for (verb, settled) in [("settle", true), ("fail", false)] {
        if let Some(id) = step[verb].as_str() {
            // A person may have settled or failed it before its time.
            let _ = end_refund(world, id, settled);
        }
    }
}

/// The intent that an id of a session, intent or charge speaks of.
pub fn intent_id(world: &World, id: &str) -> Result<String, String> {
    let found = match id.get(..3) {
        Some("pi_") => Some(id.to_string()),
        Some("cs_") => world.body("stripe.session", id)["payment_intent"]
            .as_str()
            .map(Into::into),
        Some("ch_") => world.body("stripe.charge", id)["payment_intent"]
            .as_str()
            .map(Into::into),
        _ => None,
    };
    let found = found.filter(|id| world.item("stripe.intent", id).is_some());
    found.ok_or(format!("{id} names no payment"))
}

pub fn control(world: &mut World, verb: &[&str], ask: &Value) -> Result<Value, String> {
    if let ["pay", id] = verb {
        let url = end_checkout(world, id, ask["outcome"].as_str().unwrap_or("paid"))?;
        return Ok(json!({"session": world.body("stripe.session", id), "redirect": url}));
    }
    if let ["methods", id] = verb {
        let item = world
            .item_mut("stripe.method", id)
            .ok_or("no such payment method")?;
        item.notes["decline"] = ask["decline"].clone();
        return Ok(item.body.clone());
    }
    match verb {
        ["payout"] => return payout(world, ask),
        ["settle", id] if id.starts_with("re_") => return end_refund(world, id, true),
        ["fail", id] if id.starts_with("re_") => return end_refund(world, id, false),
        _ => {}
    }
    let (_, id) = verb
        .split_first()
        .and_then(|(v, rest)| Some((v, rest.first()?)))
        .ok_or("what?")?;
    let intent = intent_id(world, id)?;
    let account = world
        .account_of("stripe.intent", &intent)
        .ok_or("no such payment")?;
    let body = world.body("stripe.intent", &intent);
    let charge = body["latest_charge"].as_str().unwrap_or("").to_string();
    match verb {
        ["settle", _] if body["status"] == "processing" => {
            let method = body["payment_method"].as_str().unwrap_or("").to_string();
            pay(world, &account, &intent, &method);
            end_async(world, &account, &intent, true);
            Ok(world.body("stripe.intent", &intent))
        }
        ["fail", _] if body["status"] == "processing" => {
            let method = body["payment_method"].as_str().unwrap_or("").to_string();
            decline(world, &account, &intent, &method, "insufficient_funds");
            end_async(world, &account, &intent, false);
            Ok(world.body("stripe.intent", &intent))
        }
        // A debit that is returned after it succeeded comes as a dispute that cannot be contested.
        ["fail", _] if body["status"] == "succeeded" => {
            let amount = left(&world.body("stripe.charge", &charge));
            let reason = ask["cause"].as_str().unwrap_or("insufficient_funds");
            let body = open_dispute(world, &account, &charge, amount, reason, "lost");
            event(world, &account, "charge.dispute.closed", &body);
            Ok(body)
        }
        ["refund", _] => {
            let amount = amount(ask, left(&world.body("stripe.charge", &charge)))?;
            let ask = json!({"payment_intent": intent, "amount": amount});
            refund(world, &account, &ask)
                .map_err(|reply| String::from_utf8_lossy(&reply.body).into_owned())
        }
        ["dispute", _] if body["status"] == "succeeded" => {
            let amount = amount(ask, left(&world.body("stripe.charge", &charge)))?;
            let reason = ask["reason"].as_str().unwrap_or("fraudulent");
            let status = match ask["inquiry"] == true {
                true => "warning_needs_response",
                false => "needs_response",
            };
            Ok(open_dispute(
                world, &account, &charge, amount, reason, status,
            ))
        }
        ["dispute", _, end] => end_dispute(world, &account, &charge, end),
        _ => Err(format!(
            "not possible while the payment is {}",
            body["status"]
        )),
    }
}
