//! Money that goes back at Mollie, and what a person brings about.

use super::payments::{currency, end, end_checkout, payable, settle};
use super::webhooks::{ping, tell};
use super::{API, Done, KNOBS, REFUND_TAKES, WHEN, cents, docs, link, money, refused};
use crate::control::amount;
use crate::wire::{exponent, major, stamp};
use crate::world::World;
use serde_json::{Value, json};

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

pub fn charge_back(
    world: &mut World,
    id: &str,
    ask: &Value,
    reason: &str,
) -> Result<Value, String> {
    let payment = world.body("mollie.payment", id);
    let account = world
        .account_of("mollie.payment", id)
        .ok_or("no such payment")?;
    if payment["status"] != "paid" {
        return Err(format!("the payment is {}", payment["status"]));
    }
    let cents = amount(ask, cents(&payment["amountRemaining"]))?;
    let currency = currency(&payment).to_string();
    let chargeback = world.id("chb_", 10);
    let path = format!("{API}/payments/{id}");
    let body = json!({"resource": "chargeback", "id": chargeback,
        "amount": money(cents, &currency), "paymentId": id, "createdAt": stamp(world.now, WHEN),
        "reason": {"code": reason, "description": "The payer's bank took the money back"},
        "reversedAt": null,
        "_links": {"self": link(&format!("{path}/chargebacks/{chargeback}")),
            "payment": link(&path), "documentation": docs()}});
    world.put("mollie.chargeback", &account, &chargeback, body.clone());
    let links = json!({"amountChargedBack": money(cents, &currency)});
    world.set("mollie.payment", id, links);
    tell(world, id, "chargeback.received", &chargeback, &body);
    Ok(body)
}

pub fn reverse_chargeback(world: &mut World, id: &str) -> Result<Value, String> {
    let open = world
        .all("mollie.chargeback")
        .into_iter()
        .find(|item| item.body["paymentId"] == id && item.body["reversedAt"].is_null());
    let open = open
        .and_then(|item| item.body["id"].as_str())
        .ok_or("no open chargeback")?;
    let open = open.to_string();
    world.set(
        "mollie.chargeback",
        &open,
        json!({"reversedAt": stamp(world.now, WHEN)}),
    );
    let currency = world.body("mollie.payment", id)["amount"]["currency"].clone();
    let none = money(0, currency.as_str().unwrap_or(""));
    world.set("mollie.payment", id, json!({"amountChargedBack": none}));
    let body = world.body("mollie.chargeback", &open);
    tell(world, id, "chargeback.reversed", &open, &body);
    Ok(body)
}

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
