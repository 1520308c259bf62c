//! Payments by bank debit at GoCardless: days until money is there, and late failures.

use super::events::say;
use super::replies::{DAY, Made, WHEN, date, invalid, kind, map, state};
use super::schemes::currency_of;
use crate::wire::stamp;
use crate::world::World;
use serde_json::{Value, json};

/// Days from creation until a payment is with the bank, collected, and paid out.
pub const SUBMITTED: i64 = 1;

pub const CONFIRMED: i64 = 4;

pub const PAID_OUT: i64 = 6;

pub fn payment(world: &mut World, account: &str, ask: &Value) -> Made {
    let mandate = ask["links"]["mandate"].as_str().unwrap_or("");
    let body = world.get(kind("mandates"), account, mandate).cloned();
    let body = body.ok_or_else(|| invalid("/payments/links/mandate", "does not exist"))?;
    let usable = ["pending_submission", "submitted", "active"];
    if !usable.contains(&body["status"].as_str().unwrap_or("")) {
        return Err(state(
            "mandate_is_inactive",
            "The mandate for this payment is inactive",
        ));
    }
    if ask["amount"].as_i64().is_none_or(|amount| amount < 1) {
        return Err(invalid("/payments/amount", "must be a positive integer"));
    }
    let scheme = body["scheme"].as_str().unwrap_or("");
    if ask["currency"].as_str() != currency_of(scheme) {
        return Err(invalid(
            "/payments/currency",
            "does not fit the mandate's scheme",
        ));
    }
    if let Some(day) = ask["charge_date"].as_str()
        && day < body["next_possible_charge_date"].as_str().unwrap_or("")
        && day < date(world.now).as_str()
    {
        return Err(invalid(
            "/payments/charge_date",
            "must be on or after the next possible charge date of the mandate",
        ));
    }
    let id = new_payment(world, account, ask, scheme, &json!(mandate));
    schedule(world, &id);
    say(
        world,
        account,
        "payments",
        &id,
        "created",
        "payment_created",
        "api",
    );
    Ok(world.body(kind("payments"), &id))
}

pub fn new_payment(
    world: &mut World,
    account: &str,
    ask: &Value,
    scheme: &str,
    mandate: &Value,
) -> String {
    let id = world.id("PM", 14).to_uppercase();
    let mut links = json!({"creditor": "CR000DEMO"});
    if let Some(mandate) = mandate.as_str() {
        links["mandate"] = json!(mandate);
    }
    let day = ask["charge_date"]
        .as_str()
        .map_or(date(world.now + 3 * DAY), str::to_string);
    let body = json!({"id": id, "created_at": stamp(world.now, WHEN), "charge_date": day,
        "amount": ask["amount"], "amount_refunded": 0, "currency": ask["currency"],
        "description": ask["description"], "reference": ask["reference"],
        "status": "pending_submission", "metadata": map(ask), "scheme": scheme,
        "retry_if_possible": ask["retry_if_possible"].as_bool().unwrap_or(false),
        "faster_ach": null, "fx": {"fx_currency": ask["currency"], "fx_amount": null,
            "exchange_rate": null, "estimated_exchange_rate": null},
        "links": links});
    world.put(kind("payments"), account, &id, body);
    id
}

pub fn schedule(world: &mut World, id: &str) {
    let now = world.now;
    for (days, to) in [
        (SUBMITTED, "submitted"),
        (CONFIRMED, "confirmed"),
        (PAID_OUT, "paid_out"),
    ] {
        world.step_at(
            now + days * DAY,
            "gocardless",
            json!({"payment": id, "to": to}),
        );
    }
}

pub fn move_payment(world: &mut World, id: &str, action: &str, cause: &str, origin: &str) {
    let Some(account) = world.account_of(kind("payments"), id) else {
        return;
    };
    world.set(kind("payments"), id, json!({"status": action}));
    say(world, &account, "payments", id, action, cause, origin);
}

/// The next thing that happens to a payment by itself: with the bank, collected, paid out.
pub fn proceed(world: &mut World, id: &str, to: &str) -> Result<Value, String> {
    let payment = world.body(kind("payments"), id);
    let status = payment["status"]
        .as_str()
        .ok_or("no such payment")?
        .to_string();
    match (status.as_str(), to) {
        ("pending_submission", "submitted") => {
            move_payment(world, id, "submitted", "payment_submitted", "gocardless");
        }
        ("pending_submission" | "submitted", "confirmed") => {
            let mandate = payment["links"]["mandate"].as_str().unwrap_or("");
            let refused = world.item(kind("mandates"), mandate);
            let refused = refused.and_then(|item| item.notes["decline"].as_str().map(Into::into));
            match refused {
                Some(cause) => return fail(world, id, cause),
                None => move_payment(world, id, "confirmed", "payment_confirmed", "gocardless"),
            }
        }
        ("confirmed", "paid_out") => {
            move_payment(world, id, "paid_out", "payment_paid_out", "gocardless");
        }
        _ => return Err(format!("the payment is {status}")),
    }
    Ok(world.body(kind("payments"), id))
}

/// The bank refuses, or takes back what it had confirmed.
pub fn fail(world: &mut World, id: &str, cause: String) -> Result<Value, String> {
    let payment = world.body(kind("payments"), id);
    let status = payment["status"]
        .as_str()
        .ok_or("no such payment")?
        .to_string();
    let open = ["pending_submission", "submitted", "confirmed", "paid_out"];
    if !open.contains(&status.as_str()) {
        return Err(format!("the payment is {status}"));
    }
    move_payment(world, id, "failed", &cause, "bank");
    if status == "paid_out" {
        // Already paid out to the clinic: the next payout is less by it.
        let account = world.account_of(kind("payments"), id).unwrap_or_default();
        say(
            world,
            &account,
            "payments",
            id,
            "late_failure_settled",
            "late_failure_settled",
            "gocardless",
        );
    }
    Ok(world.body(kind("payments"), id))
}
