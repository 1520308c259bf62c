//! Stripe's events: kept, and sent signed.

use super::replies::VERSION;
use crate::webhook::{News, Webhook};
use crate::wire::hmac_sha256;
use crate::world::World;
use serde_json::{Value, json};

pub fn event(world: &mut World, account: &str, kind: &str, object: &Value) {
    let id = world.id("evt_1", 23);
    let created = world.now / 1000;
    let body = json!({"id": id, "object": "event", "api_version": VERSION, "created": created,
        "data": {"object": object}, "livemode": false, "pending_webhooks": 1,
        "request": {"id": null, "idempotency_key": null}, "type": kind});
    world.put("stripe.event", account, &id, body.clone());
    world.notify(&News {
        vendor: "stripe",
        source: "stripe",
        account,
        event: kind,
        content_type: "application/json; charset=utf-8",
        body: body.to_string().into_bytes(),
        sign,
    });
}

pub fn sign(webhook: &Webhook, now: i64) -> Vec<(String, String)> {
    let at = now / 1000;
    let signed = [format!("{at}.").as_bytes(), &webhook.body].concat();
    let proof = hex::encode(hmac_sha256(webhook.secret.as_bytes(), &signed));
    vec![("stripe-signature".into(), format!("t={at},v1={proof}"))]
}
