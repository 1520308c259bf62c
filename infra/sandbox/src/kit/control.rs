//! What a person or a test makes happen at any gateway.

use super::engine::*;
use super::gateway::Gateway;
use super::object::{Kind, Object, State};
use super::page;
use crate::world::World;
use serde_json::{Value, json};

pub fn control(
    world: &mut World,
    gateway: &'static Gateway,
    verb: &[&str],
    ask: &Value,
) -> Result<Value, String> {
    let (what, rest) = verb.split_first().ok_or("what?")?;
    if *what == "pay" {
        let id = rest.first().ok_or("which page?")?;
        let outcome = ask["outcome"].as_str().unwrap_or("paid");
        let url = page::end(world, gateway, id, outcome)?;
        let object = world
            .object(gateway.id, id)
            .cloned()
            .ok_or("no such page")?;
        let shown = gateway.show(world, &object);
        return Ok(json!({object.kind.name(): shown, "redirect": url}));
    }
    if *what == "knobs" {
        world.put("knobs", "", gateway.id, ask.clone());
        return Ok(ask.clone());
    }
    if *what == "payout" && !gateway.looks.text("payout").is_empty() {
        return payout(world, gateway, ask);
    }
    let id = rest.first().ok_or("of what?")?.to_string();
    let object = meant(world, gateway, &id).cloned();
    let object = object.ok_or_else(|| format!("there is no payment {id}"))?;
    let told = of_object(world, gateway, &object, (*what, &rest[1..]), ask)?;
    Ok(gateway.show_id(world, &told))
}

/// Does it, and answers the id of what is shown.
fn of_object(
    world: &mut World,
    gateway: &'static Gateway,
    object: &Object,
    verb: (&str, &[&str]),
    ask: &Value,
) -> Result<String, String> {
    let (id, amount) = (object.id.clone(), ask["amount"].as_i64());
    let cause = |usual: &str| ask["cause"].as_str().unwrap_or(usual).to_string();
    match (verb, object.kind) {
        (("settle", []), _) => settle(world, gateway, &id).map(|()| id),
        (("fail", []), Kind::Refund) => fail_refund(world, gateway, &id).map(|()| id),
        (("fail", []), _) if matches!(object.state, State::Open | State::Pending) => {
            let cause = cause("insufficient_funds");
            become_(world, gateway, &id, State::Failed, Some(&cause));
            Ok(id)
        }
        // Late: it had been paid.
        (("fail", []), _) => {
            let begins = match gateway.looks.text("late_failure") {
                "lost" => State::Lost,
                _ => State::Open,
            };
            let cause = cause(gateway.late_failure);
            dispute_as(world, gateway, &id, None, &cause, begins)
        }
        (("refund", []), _) => {
            let given = amount.map(|minor| (minor, object.currency.as_str()));
            let made = refund(world, gateway, &id, given, &Value::Null);
            made.map_err(|why| format!("{why:?}"))
        }
        (("dispute", []), _) => {
            let cause = ask["reason"].as_str().unwrap_or(gateway.dispute);
            match ask["inquiry"] == true {
                true => dispute_as(world, gateway, &id, amount, cause, State::Asked),
                false => dispute(world, gateway, &id, amount, cause),
            }
        }
        (("dispute", ["closed"]), _) => end_inquiry(world, gateway, &id, false),
        (("dispute", ["escalated"]), _) => end_inquiry(world, gateway, &id, true),
        (("dispute", ["won"]), _) => end_dispute(world, gateway, &id, State::Won, None),
        (("dispute", ["lost"]), _) => end_dispute(world, gateway, &id, State::Lost, amount),
        (("methods", []), Kind::Method) => {
            let declines = ask["decline"].as_str().map(str::to_string);
            change(world, gateway, &id, |method| method.declines = declines);
            Ok(id)
        }
        (("mandates", ["cancel"]), Kind::Method) => {
            become_(world, gateway, &id, State::Cancelled, None);
            Ok(id)
        }
        _ => Err(format!("{} does not know this", gateway.name)),
    }
}

/// Money that goes to the clinic's bank, which may send it back though it was told as paid.
fn payout(world: &mut World, gateway: &Gateway, ask: &Value) -> Result<Value, String> {
    let mut endpoints = world.endpoints.iter();
    let demo = endpoints.find(|endpoint| endpoint.source == gateway.id);
    let account = demo.map_or("", |endpoint| &endpoint.account).to_string();
    let account = ask["account"].as_str().unwrap_or(&account);
    let usual = gateway.looks.text("payout");
    let mut payout = new(world, gateway, Kind::Payout, account, ask);
    payout.amount = ask["amount"].as_i64().ok_or("amount is required")?;
    payout.currency = ask["currency"].as_str().unwrap_or(usual).to_string();
    payout.state = State::Done;
    let id = make(world, gateway, payout);
    if ask["failed"] == true {
        become_(world, gateway, &id, State::Failed, None);
    }
    Ok(gateway.show_id(world, &id))
}
