//! What a person or the clock brings about at Mollie.

use super::chargebacks::{charge_back, reverse_chargeback};
use super::payments::{currency, end, end_checkout};
use super::refunds::{end_refund, refund};
use super::replies::{KNOBS, cents, money};
use super::webhooks::ping;
use crate::fields::amount;
use crate::world::World;
use serde_json::{Value, json};

pub fn control(world: &mut World, verb: &[&str], ask: &Value) -> Result<Value, String> {
    match verb {
        ["pay", id] => {
            let url = end_checkout(world, id, ask["outcome"].as_str().unwrap_or("paid"))?;
            Ok(json!({"payment": world.body("mollie.payment", id), "redirect": url}))
        }
        ["settle", id] => settle(world, id),
        ["fail", id] if id.starts_with("re_") => end_refund(world, id, "failed"),
        ["fail", id] => match world.body("mollie.payment", id)["status"].as_str() {
            Some("open" | "pending") => {
                let cause = ask["cause"].as_str().unwrap_or("insufficient_funds");
                end(world, id, "failed", Some(cause));
                Ok(world.body("mollie.payment", id))
            }
            _ => {
                let cause = ask["cause"].as_str().unwrap_or("AM04");
                charge_back(world, id, &json!({}), cause)
            }
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
        ["knobs"] => {
            world.put(KNOBS, "", "all", ask.clone());
            Ok(ask.clone())
        }
        ["ping"] => {
            let account = ask["account"].as_str().unwrap_or("test_demo");
            ping(world, account);
            Ok(json!({}))
        }
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

/// A pending payment arrives, unless its mandate has turned bad or was withdrawn.
pub fn settle(world: &mut World, id: &str) -> Result<Value, String> {
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

pub fn step(world: &mut World, step: &Value) {
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
