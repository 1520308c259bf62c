//! What a webhook costs: the calls that intake makes to AWS, as the embedded endpoint counts them.

use meridian_stack::{Answer, Stack};
use ring::hmac;
use serde_json::{Value, json};
use std::time::{SystemTime, UNIX_EPOCH};

#[test]
fn a_webhook_costs_one_call_to_aws_once_its_secret_is_warm() {
    let stack = Stack::start(&["--only=webhook-intake"]);
    assert_eq!(report(&stack, "evt_cold", "whsec_demo").status, 200);
    assert_eq!(
        calls(&stack),
        ["GetSecretValue", "SendMessage"],
        "the first"
    );
    for (event, what) in [("evt_warm", "a new one"), ("evt_cold", "a repeated one")] {
        assert_eq!(report(&stack, event, "whsec_demo").status, 200);
        assert_eq!(calls(&stack), ["SendMessage"], "{what}");
    }
    // The first that does not fit has the secret looked up again: it may have been rotated.
    assert_eq!(report(&stack, "evt_forged", "whsec_other").status, 401);
    calls(&stack);
    assert_eq!(report(&stack, "evt_forged", "whsec_other").status, 401);
    assert!(
        calls(&stack).is_empty(),
        "a flood of forgeries costs no calls"
    );
}

/// A payment that succeeded, signed as Stripe documents it.
fn report(stack: &Stack, event: &str, secret: &str) -> Answer {
    let body = json!({
        "id": event,
        "object": "event",
        "api_version": "2023-08-16",
        "created": 1_750_000_000,
        "type": "payment_intent.succeeded",
        "data": { "object": { "id": "pi_1", "object": "payment_intent", "amount": 6000, "currency": "eur" } },
    })
    .to_string();
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("after 1970")
        .as_secs();
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let code = hex::encode(hmac::sign(&key, format!("{now}.{body}").as_bytes()));
    let signed = format!("t={now},v1={code}");
    let headers = [
        ("content-type", "application/json"),
        ("stripe-signature", signed.as_str()),
    ];
    let url = format!("{}/webhooks/{}/stripe", stack.http, stack.clinic);
    stack.send("POST", &url, &headers, body.as_bytes())
}

/// What was called since the last look.
fn calls(stack: &Stack) -> Vec<String> {
    let made = stack.control("GET", "aws-calls", &Value::Null).expect(200);
    assert_eq!(
        stack.control("DELETE", "aws-calls", &Value::Null).status,
        204
    );
    let made = made.as_array().into_iter().flatten();
    made.map(|call| call["operation"].as_str().unwrap_or_default().to_owned())
        .collect()
}
