//! What a person brings about at PayPal.

use super::captures::{dispute, end_refund, left, refund, resolve, reverse};
use super::ipn::notify_ipn;
use super::orders::{end_approval, tell_capture};
use super::proofs::notify;
use super::replies::{WHEN, money};
use crate::fields::amount;
use crate::wire::stamp;
use crate::world::World;
use serde_json::{Value, json};

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
        ["payout"] => return payout(world, ask),
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
            let cents = amount(ask, left(world, &id))?;
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
        ["dispute", _, end @ ("won" | "lost")] => resolve(world, &client, &id, *end == "won", ask),
        _ => Err(format!(
            "not possible while the capture is {}",
            capture["status"]
        )),
    }
}

/// Money that the clinic sends out in a batch.
pub fn payout(world: &mut World, ask: &Value) -> Result<Value, String> {
    let client = ask["account"].as_str().unwrap_or("demo-client");
    let cents = ask["amount"].as_i64().ok_or("amount is required")?;
    let currency = ask["currency"].as_str().unwrap_or("EUR");
    let batch = world.id_over(b"ABCDEFGHJKLMNPQRSTUVWXYZ0123456789", 13);
    let body = json!({"batch_header": {"payout_batch_id": batch, "batch_status": "SUCCESS",
        "time_created": stamp(world.now, WHEN), "time_completed": stamp(world.now, WHEN),
        "sender_batch_header": {"sender_batch_id": format!("batch-{batch}")},
        "amount": {"currency": currency, "value": money(cents, currency)["value"]},
        "fees": {"currency": currency, "value": money(0, currency)["value"]}}});
    notify(
        world,
        client,
        "PAYMENT.PAYOUTSBATCH.SUCCESS",
        "payouts",
        &body,
    );
    Ok(body)
}

/// The capture that an id of an order or a capture speaks of.
pub fn capture_id(world: &World, id: &str) -> Result<String, String> {
    let order = world.body("paypal.order", id);
    let inner = order["purchase_units"][0]["payments"]["captures"][0]["id"].as_str();
    let found = inner
        .or(world.item("paypal.capture", id).map(|_| id))
        .map(str::to_string);
    found.ok_or(format!("{id} names no capture"))
}
