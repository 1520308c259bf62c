//! Mailgun: messages as multipart or plain form, event webhooks and inbound mail.

use std::path::Path;

use serde_json::json;

use super::{Entry, Hook, Vendor};
use crate::decode::Names;
use crate::document::{Auth, Document, narrow, read};

pub static ENTRIES: &[Entry] = &[Entry::of("mailgun", open).seen(2, 0)];

fn open(folder: &Path) -> Result<Vendor, String> {
    let mut spec = read(folder, "mailgun-openapi.trimmed.min.json")?;
    let fields = "/components/schemas/POST-v3-domain_name-messages-multipart-form-data-RequestBody";
    let schema = spec
        .pointer_mut(fields)
        .ok_or("the message's fields are not in the contract")?;
    // the file is open for the sake of these two prefixes: anything else is a misspelling
    schema["additionalProperties"] = json!(false);
    schema["patternProperties"] = json!({"^(h:[A-Za-z0-9-]+|v:.+)$": {"type": "string"}});
    let one_of = ["text", "html", "amp-html", "template"].map(|name| json!({"required": [name]}));
    let body = json!({ "anyOf": one_of });
    narrow(&mut spec, fields, body)?;
    let content = "/paths/~1v3~1{domain_name}~1messages/post/requestBody/content";
    let content = spec
        .pointer_mut(content)
        .ok_or("sending is not in the contract")?;
    content["application/x-www-form-urlencoded"] = content["multipart/form-data"].clone();
    let main = Document::new("mailgun", "", Auth::Basic, spec);
    let inbound = read(folder, "mailgun-inbound.schema.json")?;
    let inbound = Document::new("mailgun-inbound", "", Auth::Open, inbound);
    // a refused key is answered by a bare text
    let error = json!({"anyOf": [
        {"type": "string"},
        {"type": "object", "properties": {"message": {"type": "string"}}, "required": ["message"]},
    ]});
    Ok(Vendor {
        documents: vec![main, inbound],
        names: Names::Flat,
        error: Some(error),
        webhook,
    })
}

fn webhook(hook: &mut Hook) {
    if hook.is_form() {
        let Some(form) = hook.form() else { return };
        return hook.hold(1, &json!({"$ref": "#/$defs/InboundRouteForm"}), &form, "");
    }
    let Some(event) = hook.json() else { return };
    hook.hold(1, &json!({"$ref": "#/$defs/EventWebhook"}), &event, "");
    let name = &event["event-data"]["event"];
    hook.hold(
        0,
        &json!({"$ref": "#/components/schemas/EventType"}),
        name,
        "/event-data/event",
    );
}
