//! What a person or the clock brings about at Stripe.

use super::checkout::{end_async, end_checkout, expire};
use super::disputes::{end_dispute, open_dispute};
use super::events::event;
use super::intents::{decline, pay};
use super::refunds::{end_refund, left, refund};
use super::shapes;
use crate::fields::amount;
use crate::world::World;
use serde_json::{Value, json};

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
    control_payment(world, verb, ask)
}

fn control_payment(world: &mut World, verb: &[&str], ask: &Value) -> Result<Value, String> {
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

pub fn payout(world: &mut World, ask: &Value) -> Result<Value, String> {
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
