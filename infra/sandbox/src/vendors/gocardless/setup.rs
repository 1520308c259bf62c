//! Billing requests and mandates at GoCardless.

use super::events::say;
use super::payments::move_payment;
use super::replies::{DAY, Made, Refused, WHEN, date, invalid, kind, map, own};
use super::schemes::{currency_of, scheme_of};
use crate::wire::stamp;
use crate::world::World;
use serde_json::{Value, json};

pub fn billing_request(world: &mut World, account: &str, ask: &Value) -> Made {
    let (mut mandate, mut payment) = (
        ask["mandate_request"].clone(),
        ask["payment_request"].clone(),
    );
    if mandate.is_null() && payment.is_null() {
        return Err(invalid("/billing_requests/mandate_request", "is required"));
    }
    if mandate.is_object() {
        complete_mandate(&mut mandate)?;
    }
    if payment.is_object() {
        complete_payment(&mut payment)?;
    }
    let id = world.id("BRQ", 17).to_uppercase();
    let action = |name: &str| {
        json!({"type": name, "required": true, "status": "pending", "completes_actions": [],
            "requires_actions": []})
    };
    let mut links = json!({"creditor": "CR000DEMO"});
    if let Some(customer) = ask["links"]["customer"].as_str() {
        own(world, account, kind("customers"), customer)?;
        links["customer"] = json!(customer);
    }
    for (name, part) in [("mandate_request", &mandate), ("payment_request", &payment)] {
        if part.is_object() {
            let prefix = if name == "mandate_request" {
                "MRQ"
            } else {
                "PRQ"
            };
            links[name] = json!(world.id(prefix, 17).to_uppercase());
        }
    }
    let body = json!({"id": id, "status": "pending", "created_at": stamp(world.now, WHEN),
        "fallback_enabled": ask["fallback_enabled"].as_bool().unwrap_or(false),
        "fallback_occurred": false, "instalment_schedule_request": null, "links": links,
        "mandate_request": mandate, "payment_request": payment, "metadata": map(ask),
        "subscription_request": null, "resources": {},
        "actions": [action("collect_customer_details"), action("collect_bank_account")]});
    world.put(kind("billing_requests"), account, &id, body.clone());
    say(
        world,
        account,
        "billing_requests",
        &id,
        "created",
        "billing_request_created",
        "api",
    );
    Ok(body)
}

/// Scheme and currency of a mandate that is asked for, each found from the other.
fn complete_mandate(mandate: &mut Value) -> Result<(), Refused> {
    let scheme = mandate["scheme"].as_str().map(str::to_string);
    let scheme = scheme.or(mandate["currency"]
        .as_str()
        .and_then(scheme_of)
        .map(Into::into));
    let pointer = "/billing_requests/mandate_request";
    let scheme = scheme.ok_or_else(|| invalid(&format!("{pointer}/currency"), "is required"))?;
    let currency = currency_of(&scheme)
        .ok_or_else(|| invalid(&format!("{pointer}/scheme"), "is not a valid scheme"))?;
    if mandate["currency"]
        .as_str()
        .is_some_and(|given| given != currency)
    {
        return Err(invalid(
            &format!("{pointer}/currency"),
            "does not fit the scheme",
        ));
    }
    mandate["scheme"] = json!(scheme);
    mandate["currency"] = json!(currency);
    mandate["verify"] = json!(mandate["verify"].as_str().unwrap_or("minimum"));
    mandate["links"] = json!({});
    mandate["metadata"] = map(mandate);
    Ok(())
}

fn complete_payment(payment: &mut Value) -> Result<(), Refused> {
    let pointer = "/billing_requests/payment_request";
    if payment["amount"].as_i64().is_none_or(|amount| amount < 1) {
        return Err(invalid(
            &format!("{pointer}/amount"),
            "must be a positive integer",
        ));
    }
    if payment["currency"].as_str().and_then(scheme_of).is_none() {
        return Err(invalid(
            &format!("{pointer}/currency"),
            "is not included in the list",
        ));
    }
    payment["links"] = json!({});
    payment["metadata"] = map(payment);
    Ok(())
}

pub fn mandate(
    world: &mut World,
    account: &str,
    ask: &Value,
    customer: &str,
    bank: &str,
) -> String {
    let id = world.id("MD", 14).to_uppercase();
    let body = json!({"id": id, "created_at": stamp(world.now, WHEN),
        "reference": format!("REF-{}", &id[2..10]), "status": "pending_submission",
        "scheme": ask["scheme"], "next_possible_charge_date": date(world.now + 3 * DAY),
        "next_possible_standard_ach_charge_date": null, "payments_require_approval": false,
        "metadata": ask["metadata"], "consent_parameters": null, "consent_type": null,
        "verified_at": null, "funds_settlement": "managed", "mandate_type": "bank_debit",
        "authorisation_source": "web",
        "links": {"creditor": "CR000DEMO", "customer": customer, "customer_bank_account": bank}});
    let notes = json!({"currency": ask["currency"]});
    world.put_noted(kind("mandates"), account, &id, body, notes);
    id
}

pub fn activate(world: &mut World, id: &str) -> Result<Value, String> {
    let account = world
        .account_of(kind("mandates"), id)
        .ok_or("no such mandate")?;
    let status = world.body(kind("mandates"), id)["status"].clone();
    if status != "submitted" {
        return Err(format!("the mandate is {status}"));
    }
    world.set(kind("mandates"), id, json!({"status": "active"}));
    say(
        world,
        &account,
        "mandates",
        id,
        "active",
        "mandate_activated",
        "gocardless",
    );
    Ok(world.body(kind("mandates"), id))
}

pub fn cancel_mandate(world: &mut World, id: &str, cause: &str, origin: &str) {
    let Some(account) = world.account_of(kind("mandates"), id) else {
        return;
    };
    let none = json!({"status": "cancelled", "next_possible_charge_date": null});
    world.set(kind("mandates"), id, none);
    say(world, &account, "mandates", id, "cancelled", cause, origin);
    let pending: Vec<String> = world
        .all(kind("payments"))
        .into_iter()
        .filter(|item| {
            item.body["links"]["mandate"] == id && item.body["status"] == "pending_submission"
        })
        .filter_map(|item| item.body["id"].as_str().map(str::to_string))
        .collect();
    for payment in pending {
        move_payment(world, &payment, "cancelled", "mandate_cancelled", origin);
    }
}
