//! What Mollie tells: the classic call with an id, and signed events.

use super::replies::{API, KNOBS, WHEN, docs, link};
use crate::webhook::{News, Webhook};
use crate::wire::{hmac_sha256, stamp};
use crate::world::World;
use serde_json::{Value, json};

/// The classic call to the payment's own address, and the signed event to registered ones.
pub fn tell(world: &mut World, payment: &str, kind: &str, entity: &str, body: &Value) {
    let Some(account) = world.account_of("mollie.payment", payment) else {
        return;
    };
    if let Some(url) = world.body("mollie.payment", payment)["webhookUrl"].as_str() {
        let news = News {
            vendor: "mollie",
            source: "mollie",
            account: &account,
            event: kind,
            content_type: "application/x-www-form-urlencoded",
            body: format!("id={payment}").into_bytes(),
            sign: |_, _| Vec::new(),
        };
        world.queue(&news, url.to_string(), String::new());
    }
    let whole = world.body(KNOBS, "all")["embedded"] != false;
    let embedded = whole.then(|| json!({"entity": body}));
    signed(world, &account, kind, entity, embedded);
}

/// What the dashboard sends to test the account's endpoints.
pub fn ping(world: &mut World, account: &str) {
    let endpoint = world.id("hook_", 10);
    signed(world, account, "hook.ping", &endpoint, None);
}

fn signed(world: &mut World, account: &str, kind: &str, entity: &str, embedded: Option<Value>) {
    let id = world.id("event_", 16);
    let event = json!({"resource": "event", "id": id, "type": kind, "entityId": entity,
        "createdAt": stamp(world.now, WHEN), "_embedded": embedded,
        "_links": {"self": link(&format!("{API}/events/{id}")), "documentation": docs()}});
    world.notify(&News {
        vendor: "mollie",
        source: "mollie",
        account,
        event: kind,
        content_type: "application/json",
        body: event.to_string().into_bytes(),
        sign,
    });
}

pub fn sign(webhook: &Webhook, _: i64) -> Vec<(String, String)> {
    let proof = hex::encode(hmac_sha256(webhook.secret.as_bytes(), &webhook.body));
    vec![("x-mollie-signature".into(), format!("sha256={proof}"))]
}
