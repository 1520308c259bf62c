//! What Xero tells of.

use crate::webhook::{News, Webhook};
use crate::wire::{hmac_sha256, stamp};
use crate::world::World;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::json;

/// Xero tells of documents, not of payments: who wants those reads the document again.
pub fn tell(world: &mut World, tenant: &str, category: &str, kind: &str, id: &str) {
    let sequence = world.order();
    let path = if category == "INVOICE" {
        "Invoices"
    } else {
        "CreditNotes"
    };
    let event = json!({"resourceUrl": format!("https://api.xero.com/api.xro/2.0/{path}/{id}"),
        "resourceId": id, "eventDateUtc": stamp(world.now, "%FT%T%.3fZ"), "eventType": kind,
        "eventCategory": category, "tenantId": tenant, "tenantType": "ORGANISATION"});
    let entropy = world.id("", 20).to_uppercase();
    let body = json!({"events": [event], "firstEventSequence": sequence,
        "lastEventSequence": sequence, "entropy": entropy});
    world.notify(&News {
        vendor: "xero",
        source: "xero",
        account: tenant,
        event: &format!("{category} {kind}"),
        content_type: "application/json",
        body: body.to_string().into_bytes(),
        sign,
    });
}

pub fn sign(webhook: &Webhook, _: i64) -> Vec<(String, String)> {
    let proof = hmac_sha256(webhook.secret.as_bytes(), &webhook.body);
    vec![("x-xero-signature".into(), BASE64.encode(proof))]
}
