//! Standard Webhooks, as a receiver wants them.

use meridian_contracts::Exchange;
use serde_json::json;

use crate::*;

fn message() -> Exchange {
    let body = json!({
        "type": "payment.received", "timestamp": "2026-11-21T10:00:00Z", "data": {"a": {"b": 1}},
    });
    let signed = format!("v1,{}=", "A".repeat(43));
    call("own", "POST", "/billing")
        .header("webhook-id", "m-1")
        .header("webhook-timestamp", "1795255200")
        .header("webhook-signature", &signed)
        .json(body)
}

fn with(name: &str, value: &str) -> Exchange {
    let mut changed = message();
    changed.request_headers.retain(|(known, _)| known != name);
    changed.header(name, value)
}

#[test]
fn messages() {
    let Some(contracts) = contracts() else { return };
    fits(&contracts, &message());
    let two = format!("v1,{0}= v1,{0}=", "A".repeat(43));
    fits(&contracts, &with("webhook-signature", &two));
    for (name, value) in [
        ("webhook-id", "m.1"),
        ("webhook-timestamp", "2026-11-21T10:00:00Z"),
        ("webhook-signature", "v1,short"),
        ("webhook-signature", "sha256=00"),
    ] {
        fails(&contracts, &with(name, value), name);
    }
    let mut bare = message();
    bare.request_headers
        .retain(|(name, _)| name != "webhook-signature");
    fails(&contracts, &bare, "webhook-signature is required");
    let odd = json!({"type": "payment received", "timestamp": "2026-11-21T10:00:00Z", "data": {}});
    fails(&contracts, &message().json(odd), "/type");
    fails(&contracts, &call("own", "PUT", "/billing"), "for POST only");
}

#[test]
fn answers() {
    let Some(contracts) = contracts() else { return };
    for status in [204, 307, 401, 410, 503] {
        fits(&contracts, &message().reply_text(status, ""));
    }
    let nothing = contracts.check_webhook("own", &[], b"");
    are(&nothing, &["it sends none"]);
}
