//! Disputes and inquiries at Stripe.

use super::events::event;
use super::shapes;
use crate::world::World;
use serde_json::{Value, json};

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

pub fn withdraw(world: &mut World, account: &str, dispute: &str) -> Value {
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
