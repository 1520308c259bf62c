//! Events at GoCardless: written for every change, sent in signed batches.

use super::replies::{KNOBS, WHEN, kind};
use crate::webhook::{News, Webhook};
use crate::wire::{hmac_sha256, stamp};
use crate::world::World;
use serde_json::{Value, json};

/// One event of a batch: resource, action, links beside the resource's own, cause, origin.
pub struct Event<'a> {
    pub resource: &'static str,
    pub id: &'a str,
    pub action: &'a str,
    pub cause: &'a str,
    pub origin: &'a str,
    pub description: &'a str,
}

pub fn tell(world: &mut World, account: &str, events: &[Event]) {
    let batch: Vec<_> = events
        .iter()
        .map(|event| write(world, account, event))
        .collect();
    let webhook = world.id("WB", 18).to_uppercase();
    let body = json!({"events": batch, "meta": {"webhook_id": webhook}});
    let names: Vec<_> = events
        .iter()
        .map(|e| format!("{}.{}", e.resource, e.action))
        .collect();
    world.notify(&News {
        vendor: "gocardless",
        source: "gocardless",
        account,
        event: &names.join(" "),
        content_type: "application/json",
        body: body.to_string().into_bytes(),
        sign,
    });
}

pub fn write(world: &mut World, account: &str, event: &Event) -> Value {
    let id = world.id("EV", 18).to_uppercase();
    let resource = world.body(kind(event.resource), event.id);
    let singular = event.resource.trim_end_matches('s');
    let mut links = json!({singular: event.id});
    match event.resource {
        "mandates" => {
            links["customer"] = resource["links"]["customer"].clone();
            links["customer_bank_account"] = resource["links"]["customer_bank_account"].clone();
        }
        "billing_requests" => {
            for (name, id) in resource["links"].as_object().into_iter().flatten() {
                let told = [
                    "customer",
                    "customer_bank_account",
                    "mandate_request_mandate",
                    "payment_request_payment",
                ];
                if told.contains(&name.as_str()) {
                    links[name] = id.clone();
                }
            }
        }
        _ => {}
    }
    let mut details = json!({"origin": event.origin, "cause": event.cause,
        "description": event.description});
    if let Some(scheme) = resource["scheme"].as_str() {
        details["scheme"] = json!(scheme);
    }
    if event.resource == "payments" && event.action == "failed" {
        details["will_attempt_retry"] = json!(false);
    }
    let mut body = json!({"id": id, "created_at": stamp(world.now, WHEN),
        "resource_type": event.resource, "action": event.action, "links": links,
        "details": details, "metadata": {}});
    if world.body(KNOBS, "all")["resource_metadata"] != false {
        body["resource_metadata"] = resource["metadata"].clone();
    }
    world.put(kind("events"), account, &id, body.clone());
    body
}

pub fn sign(webhook: &Webhook, _: i64) -> Vec<(String, String)> {
    let proof = hex::encode(hmac_sha256(webhook.secret.as_bytes(), &webhook.body));
    vec![
        ("webhook-signature".into(), proof),
        ("origin".into(), "https://api.gocardless.com".into()),
    ]
}

pub fn say(
    world: &mut World,
    account: &str,
    resource: &'static str,
    id: &str,
    action: &str,
    cause: &str,
    origin: &str,
) {
    let description = format!(
        "{} {}",
        resource.trim_end_matches('s'),
        action.replace('_', " ")
    );
    let event = Event {
        resource,
        id,
        action,
        cause,
        origin,
        description: &description,
    };
    tell(world, account, &[event]);
}
