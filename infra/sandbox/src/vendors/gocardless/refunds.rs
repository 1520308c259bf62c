//! Refunds at GoCardless, each with the confirmed total of all refunds on its payment.

use super::events::say;
use super::replies::{DAY, Made, WHEN, invalid, kind, map, state};
use crate::wire::stamp;
use crate::world::World;
use serde_json::{Value, json};

pub const REFUND_PAID: i64 = 3;

pub fn refund(world: &mut World, account: &str, ask: &Value) -> Made {
    let Some(id) = ask["links"]["payment"].as_str() else {
        return Err(invalid("/refunds/links/payment", "is required"));
    };
    let payment = world.get(kind("payments"), account, id).cloned();
    let payment = payment.ok_or_else(|| invalid("/refunds/links/payment", "does not exist"))?;
    if payment["status"] != "confirmed" && payment["status"] != "paid_out" {
        return Err(state(
            "refund_payment_invalid_state",
            "The payment for this refund has an invalid status",
        ));
    }
    let cents = ask["amount"].as_i64().unwrap_or(0);
    if cents < 1 {
        return Err(invalid("/refunds/amount", "must be a positive integer"));
    }
    let refunded = payment["amount_refunded"].as_i64().unwrap_or(0) + cents;
    if refunded > payment["amount"].as_i64().unwrap_or(0) {
        return Err(invalid(
            "/refunds/amount",
            "exceeds what is left of the payment",
        ));
    }
    if ask["total_amount_confirmation"].as_i64() != Some(refunded) {
        return Err(state(
            "total_amount_confirmation_invalid",
            "The total amount confirmation \
            does not match the total amount refunded for this payment",
        ));
    }
    Ok(new_refund(world, account, &payment, cents, ask))
}

pub fn new_refund(
    world: &mut World,
    account: &str,
    payment: &Value,
    cents: i64,
    ask: &Value,
) -> Value {
    let payment_id = payment["id"].as_str().unwrap_or("");
    let id = world.id("RF", 14).to_uppercase();
    let mut links = json!({"payment": payment_id});
    if let Some(mandate) = payment["links"]["mandate"].as_str() {
        links["mandate"] = json!(mandate);
    }
    let body = json!({"id": id, "created_at": stamp(world.now, WHEN), "amount": cents,
        "currency": payment["currency"], "reference": ask["reference"], "metadata": map(ask),
        "status": "pending_submission", "links": links,
        "fx": {"fx_currency": payment["currency"], "fx_amount": null, "exchange_rate": null,
            "estimated_exchange_rate": null}});
    world.put(kind("refunds"), account, &id, body.clone());
    count_refund(world, payment_id, cents);
    world.step_at(
        world.now + REFUND_PAID * DAY,
        "gocardless",
        json!({"refund": id}),
    );
    say(
        world,
        account,
        "refunds",
        &id,
        "created",
        "refund_created",
        "api",
    );
    body
}

/// Counts a refund on its payment; a negative amount gives it back.
pub fn count_refund(world: &mut World, payment: &str, more: i64) {
    let before = world.body(kind("payments"), payment)["amount_refunded"]
        .as_i64()
        .unwrap_or(0);
    world.set(
        kind("payments"),
        payment,
        json!({"amount_refunded": before + more}),
    );
}

pub fn end_refund(world: &mut World, id: &str, paid: bool) -> Result<Value, String> {
    let refund = world.body(kind("refunds"), id);
    let account = world
        .account_of(kind("refunds"), id)
        .ok_or("no such refund")?;
    if paid && refund["status"] == "pending_submission" {
        world.set(kind("refunds"), id, json!({"status": "paid"}));
        say(
            world,
            &account,
            "refunds",
            id,
            "paid",
            "refund_paid",
            "gocardless",
        );
    } else if !paid && refund["status"] != "bounced" {
        world.set(kind("refunds"), id, json!({"status": "bounced"}));
        let payment = refund["links"]["payment"].as_str().unwrap_or("");
        count_refund(world, payment, -refund["amount"].as_i64().unwrap_or(0));
        say(
            world,
            &account,
            "refunds",
            id,
            "bounced",
            "refund_failed",
            "bank",
        );
    } else {
        return Err(format!("the refund is {}", refund["status"]));
    }
    Ok(world.body(kind("refunds"), id))
}
