//! What the API's actions, the clock and a person bring about at GoCardless.

use super::events::say;
use super::flow::end_flow;
use super::payments::{fail, move_payment, proceed, schedule};
use super::refunds::{end_refund, new_refund};
use super::replies::{KNOBS, Refused, kind, state, usage};
use super::setup::{activate, cancel_mandate};
use crate::fields::amount;
use crate::world::World;
use serde_json::{Value, json};

pub fn act(
    world: &mut World,
    name: &str,
    id: &str,
    verb: &str,
    body: &Value,
) -> Result<(), Refused> {
    let account = world.account_of(kind(name), id).unwrap_or_default();
    let status = body["status"].as_str().unwrap_or("");
    match (name, verb) {
        ("payments", "cancel") if status == "pending_submission" => {
            move_payment(world, id, "cancelled", "payment_cancelled", "api");
        }
        ("payments", "retry") if status == "failed" => {
            world.set(
                kind("payments"),
                id,
                json!({"status": "pending_submission"}),
            );
            schedule(world, id);
            let cause = "payment_retried";
            say(
                world,
                &account,
                "payments",
                id,
                "resubmission_requested",
                cause,
                "api",
            );
        }
        ("mandates", "cancel") if !["cancelled", "failed", "expired"].contains(&status) => {
            cancel_mandate(world, id, "mandate_cancelled", "api");
        }
        ("billing_requests", "cancel") if status == "pending" => {
            world.set(kind("billing_requests"), id, json!({"status": "cancelled"}));
            let cause = "billing_request_cancelled";
            say(
                world,
                &account,
                "billing_requests",
                id,
                "cancelled",
                cause,
                "api",
            );
        }
        ("payments", "cancel") | ("mandates", "cancel") => {
            return Err(state(
                "cancellation_failed",
                "This resource can not be cancelled",
            ));
        }
        ("payments", "retry") => {
            return Err(state("retry_failed", "Only failed payments can be retried"));
        }
        _ => return Err(usage(404, "not_found", "Not found")),
    }
    Ok(())
}

/// What a person brought about before its time is left as it is.
pub fn step(world: &mut World, step: &Value) {
    if let Some(id) = step["mandate"].as_str() {
        let _ = activate(world, id);
    }
    if let Some(id) = step["payment"].as_str() {
        let _ = proceed(world, id, step["to"].as_str().unwrap_or(""));
    }
    if let Some(id) = step["refund"].as_str() {
        let _ = end_refund(world, id, true);
    }
}

pub fn control(world: &mut World, verb: &[&str], ask: &Value) -> Result<Value, String> {
    match verb {
        ["pay", id] => {
            let outcome = ask["outcome"].as_str().unwrap_or("paid");
            Ok(json!({"redirect": end_flow(world, id, outcome)?}))
        }
        ["settle", id] if id.starts_with("RF") => end_refund(world, id, true),
        ["settle", id] if id.starts_with("MD") => activate(world, id),
        ["settle", id] => {
            let confirmed = world.body(kind("payments"), id)["status"] == "confirmed";
            proceed(world, id, if confirmed { "paid_out" } else { "confirmed" })
        }
        ["fail", id] if id.starts_with("RF") => end_refund(world, id, false),
        ["fail", id] => fail(
            world,
            id,
            ask["cause"]
                .as_str()
                .unwrap_or("insufficient_funds")
                .to_string(),
        ),
        ["refund", id] => refund_by_staff(world, id, ask),
        ["dispute", id] => match world.body(kind("payments"), id)["status"].as_str() {
            Some("confirmed" | "paid_out") => {
                move_payment(world, id, "charged_back", "refund_requested", "bank");
                Ok(world.body(kind("payments"), id))
            }
            status => Err(format!("the payment is {}", status.unwrap_or("unknown"))),
        },
        ["dispute", id, end @ ("won" | "lost")] => end_dispute(world, id, *end == "won"),
        ["methods", id] => {
            let item = world
                .item_mut(kind("mandates"), id)
                .ok_or("no such mandate")?;
            item.notes["decline"] = ask["decline"].clone();
            Ok(item.body.clone())
        }
        ["retry", id] => by_staff(world, "payments", id, "retry"),
        ["cancel", id] => by_staff(world, "billing_requests", id, "cancel"),
        ["knobs"] => {
            world.put(KNOBS, "", "all", ask.clone());
            Ok(ask.clone())
        }
        ["mandates", id, "expire"] => change_mandate(world, id, "expired", "expired"),
        ["mandates", id, "reinstate"] => change_mandate(world, id, "active", "reinstated"),
        ["mandates", id, "cancel"] => {
            world.item(kind("mandates"), id).ok_or("no such mandate")?;
            cancel_mandate(world, id, "authorisation_disputed", "bank");
            Ok(world.body(kind("mandates"), id))
        }
        _ => Err("GoCardless does not know this".into()),
    }
}

/// A refund that staff make in the dashboard.
fn refund_by_staff(world: &mut World, id: &str, ask: &Value) -> Result<Value, String> {
    let payment = world.body(kind("payments"), id);
    let account = world
        .account_of(kind("payments"), id)
        .ok_or("no such payment")?;
    if payment["status"] != "confirmed" && payment["status"] != "paid_out" {
        return Err(format!("the payment is {}", payment["status"]));
    }
    let whole = payment["amount"].as_i64().unwrap_or(0);
    let left = whole - payment["amount_refunded"].as_i64().unwrap_or(0);
    let cents = amount(ask, left)?;
    Ok(new_refund(world, &account, &payment, cents, &json!({})))
}

fn end_dispute(world: &mut World, id: &str, won: bool) -> Result<Value, String> {
    let payment = world.body(kind("payments"), id);
    let account = world
        .account_of(kind("payments"), id)
        .ok_or("no such payment")?;
    if payment["status"] != "charged_back" {
        return Err(format!("the payment is {}", payment["status"]));
    }
    if won {
        world.set(kind("payments"), id, json!({"status": "paid_out"}));
        let cause = "payment_confirmed";
        say(
            world,
            &account,
            "payments",
            id,
            "chargeback_cancelled",
            cause,
            "bank",
        );
    } else {
        let cause = "chargeback_settled";
        say(world, &account, "payments", id, cause, cause, "gocardless");
    }
    Ok(world.body(kind("payments"), id))
}

fn change_mandate(
    world: &mut World,
    id: &str,
    status: &str,
    action: &str,
) -> Result<Value, String> {
    let account = world
        .account_of(kind("mandates"), id)
        .ok_or("no such mandate")?;
    world.set(kind("mandates"), id, json!({"status": status}));
    let cause = format!("mandate_{action}");
    say(
        world,
        &account,
        "mandates",
        id,
        action,
        &cause,
        "gocardless",
    );
    Ok(world.body(kind("mandates"), id))
}

/// What staff of the clinic do in GoCardless's dashboard, which does what the API does.
fn by_staff(world: &mut World, name: &str, id: &str, verb: &str) -> Result<Value, String> {
    let body = world.body(kind(name), id);
    if body.is_null() {
        return Err(format!("no {id} among the {name}"));
    }
    act(world, name, id, verb, &body)
        .map_err(|reply| String::from_utf8_lossy(&reply.body).into_owned())?;
    Ok(world.body(kind(name), id))
}
