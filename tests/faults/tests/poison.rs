//! A message that panics. It fails alone, its neighbours are done once, and it ends where staff see
//! it. `MERIDIAN_PROFILE=release` runs it on the release binaries, where a wrong `panic` setting
//! would take the whole batch down.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use meridian_stack::Stack;
use serde_json::json;
use sha2::{Digest, Sha256};

/// A proven webhook on its way to posting: a Stripe event of a kind that changes nothing.
fn message(stack: &Stack, id: &str, now: i64) -> String {
    let event =
        json!({ "id": id, "type": "customer.created", "data": { "object": {} } }).to_string();
    json!({
        "clinic": stack.clinic,
        "source": "stripe",
        "proven": true,
        "received_at": now,
        "url": "http://127.0.0.1/webhooks/demo/stripe",
        "body": BASE64_STANDARD.encode(&event),
        "sha256": hex::encode(Sha256::digest(&event)),
    })
    .to_string()
}

#[test]
fn a_message_that_panics_fails_alone_and_ends_in_quarantine() {
    let profile = std::env::var("MERIDIAN_PROFILE").unwrap_or_else(|_| "dev".into());
    let stack = Stack::start(&["--profile", &profile]);
    let queue = stack.queue("events");
    let now = std::time::SystemTime::UNIX_EPOCH
        .elapsed()
        .expect("a clock")
        .as_secs() as i64;
    let poison = json!({ "panic": { "DataType": "String", "StringValue": "yes" } });
    let entries = json!([
        { "Id": "a", "MessageBody": message(&stack, "evt_before", now) },
        { "Id": "b", "MessageBody": message(&stack, "evt_poison", now), "MessageAttributes": poison },
        { "Id": "c", "MessageBody": message(&stack, "evt_after", now) },
    ]);
    let sent = stack.sqs(
        "SendMessageBatch",
        &json!({ "QueueUrl": queue, "Entries": entries }),
    );
    assert_eq!(
        sent["Successful"].as_array().map(Vec::len),
        Some(3),
        "{sent}"
    );
    // Received again whenever its visibility runs out, until it is put aside.
    for _ in 0..5 {
        stack.advance(400);
    }
    let found = stack.get("/v1/events?source=stripe").expect(200);
    let found = found["events"]
        .as_array()
        .or(found.as_array())
        .cloned()
        .unwrap_or_default();
    let state = |id: &str| {
        let of: Vec<_> = found
            .iter()
            .filter(|e| e["vendor_event_id"] == id)
            .collect();
        assert!(of.len() <= 1, "{of:?}");
        of.first()
            .map(|event| event["state"].as_str().unwrap_or_default().to_owned())
    };
    assert_eq!(state("evt_before").as_deref(), Some("ignored"));
    assert_eq!(state("evt_after").as_deref(), Some("ignored"));
    let quarantined: Vec<_> = found
        .iter()
        .filter(|e| e["state"] == "quarantined")
        .collect();
    assert_eq!(quarantined.len(), 1, "{found:?}");
    let depths = stack.sqs(
        "GetQueueAttributes",
        &json!({
            "QueueUrl": queue, "AttributeNames": ["All"],
        }),
    );
    assert_eq!(
        depths["Attributes"]["ApproximateNumberOfMessages"], "0",
        "{depths}"
    );
}
