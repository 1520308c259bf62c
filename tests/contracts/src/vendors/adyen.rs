//! Adyen: Checkout v72 in JSON; webhooks in batches, each item with a code of its own. Test hosts and
//! live ones differ in the folder before the version.

use std::path::Path;

use serde_json::{Value, json};

use super::{Entry, Hook, Vendor, is_base64};
use crate::decode::Names;
use crate::document::{Auth, Document, read};

pub static ENTRIES: &[Entry] = &[Entry::of("adyen", open).seen(4, 2)];

fn open(folder: &Path) -> Result<Vendor, String> {
    let spec = read(folder, "CheckoutService-v72.json")?;
    let mut main = Document::new("adyen", "/v72", Auth::Open, spec);
    main.headers = vec![
        json!({"in": "header", "name": "X-API-Key", "required": true, "schema": {"type": "string", "minLength": 1}}),
        json!({"in": "header", "name": "Idempotency-Key",
            "schema": {"type": "string", "minLength": 1, "maxLength": 64}}),
    ];
    let hooks = Document::new(
        "adyen-webhooks",
        "",
        Auth::Open,
        read(folder, "Webhooks-v1.json")?,
    );
    let error = json!({"$ref": "#/components/schemas/ServiceError"});
    Ok(Vendor {
        documents: vec![main, hooks],
        names: Names::Brackets,
        error: Some(error),
        webhook,
    })
}

fn webhook(hook: &mut Hook) {
    let Some(batch) = hook.json() else { return };
    let items = batch["notificationItems"].as_array().cloned();
    hook.expect(items.as_ref().is_some_and(|all| !all.is_empty()), || {
        "/notificationItems: at least one is expected".into()
    });
    for item in items.into_iter().flatten() {
        let of = &item["NotificationRequestItem"];
        let code = of["additionalData"]["hmacSignature"].as_str();
        hook.expect(code.is_some_and(|code| is_base64(code, 32)), || {
            "/additionalData/hmacSignature: base64 of 32 bytes is expected".into()
        });
        let event = of["eventCode"].as_str().unwrap_or_default();
        let place =
            format!("/webhooks/~1{event}/post/requestBody/content/application~1json/schema");
        let schema = hook.vendor.documents[1].spec.pointer(&place).cloned();
        hook.expect(schema.is_some(), || {
            format!("/eventCode: {event:?} is not an event of the contract")
        });
        let alone = json!({"live": batch["live"], "notificationItems": [item]});
        hook.hold(1, &schema.unwrap_or(Value::Bool(true)), &alone, "");
    }
}
