//! Money that a payer's bank takes back at Mollie.

use super::payments::currency;
use super::replies::{API, WHEN, cents, docs, link, money};
use super::webhooks::tell;
use crate::fields::amount;
use crate::wire::stamp;
use crate::world::World;
use serde_json::{Value, json};

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
