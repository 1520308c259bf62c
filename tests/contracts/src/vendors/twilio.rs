//! Twilio: form bodies, flat names; the file leaves nearly everything optional, the facts do not.

use std::path::Path;

use serde_json::json;

use super::{Entry, Hook, Vendor, is_base64};
use crate::decode::Names;
use crate::document::{Auth, Document, narrow, read};

const MESSAGES: &str = "/paths/~12010-04-01~1Accounts~1{AccountSid}~1Messages.json/post";

pub static ENTRIES: &[Entry] = &[Entry::of("twilio", open).seen(2, 0)];

fn open(folder: &Path) -> Result<Vendor, String> {
    let mut spec = read(folder, "twilio_api_v2010.min.json")?;
    let any = |names: &[&str]| {
        let each: Vec<_> = names
            .iter()
            .map(|name| json!({"required": [name]}))
            .collect();
        json!({"anyOf": each})
    };
    let sent = json!({
        "properties": {
            "To": {"pattern": r"^(\+[1-9]\d{6,14}|[a-z]+:.+)$"},
            "Body": {"minLength": 1, "maxLength": 1600},
            "StatusCallback": {"pattern": "^https?://"},
        },
        "allOf": [any(&["From", "MessagingServiceSid"]), any(&["Body", "ContentSid", "MediaUrl"])],
    });
    let form = "requestBody/content/application~1x-www-form-urlencoded/schema";
    narrow(&mut spec, &format!("{MESSAGES}/{form}"), sent)?;
    let queued = json!({"required": ["sid", "status", "error_code"]});
    narrow(
        &mut spec,
        &format!("{MESSAGES}/responses/201/content/application~1json/schema"),
        queued,
    )?;
    let main = Document::new("twilio", "", Auth::Basic, spec);
    let inbound = read(folder, "twilio-inbound-sms.schema.json")?;
    let inbound = Document::new("twilio-inbound", "", Auth::Open, inbound);
    let error = json!({
        "type": "object",
        "properties": {
            "code": {"type": "integer"},
            "message": {"type": "string"},
            "more_info": {"type": "string"},
            "status": {"type": "integer"},
        },
        "required": ["code", "message", "status"],
    });
    Ok(Vendor {
        documents: vec![main, inbound],
        names: Names::Flat,
        error: Some(error),
        webhook,
    })
}

fn webhook(hook: &mut Hook) {
    hook.need(
        "x-twilio-signature",
        |value| is_base64(value, 20),
        "Base64 of an HMAC-SHA1",
    );
    let Some(form) = hook.form() else { return };
    if form["MessageStatus"].is_null() {
        return hook.hold(1, &json!({"$ref": "#/$defs/InboundMessageForm"}), &form, "");
    }
    hook.hold(1, &json!({"$ref": "#/$defs/StatusCallbackForm"}), &form, "");
    let known = json!({"$ref": "#/components/schemas/message_enum_status"});
    hook.hold(0, &known, &form["MessageStatus"], "/MessageStatus");
}
