//! The clinic's own system: what it takes, what it refuses, and what it knows already.

use crate::common::{Bench, START};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};

const KEY: &[u8] = b"another-secret-of-32-bytes-fake!";

fn record() -> String {
    let euros = json!({"amount": "60.00", "currency": "EUR"});
    json!({
        "type": "payment.received", "timestamp": "2026-11-21T10:00:00Z",
        "data": {
            "clinic": "demo", "amount": euros, "invoice": null, "credit_note": null,
            "payment": null, "refund": null, "dispute": null, "task": null, "patient": null,
            "appointment": null,
        },
    })
    .to_string()
}

fn signature(key: &[u8], id: &str, second: i64, body: &str) -> String {
    let mac = Hmac::<sha2::Sha256>::new_from_slice(key).unwrap();
    let mac = mac.chain_update(format!("{id}.{second}.{body}"));
    format!("v1,{}", BASE64.encode(mac.finalize().into_bytes()))
}

async fn sent(bench: &Bench, id: &str, off: i64, signed: &str, body: &str) -> u16 {
    let at = (START / 1000 + off).to_string();
    let headers = [
        ("content-type", "application/json"),
        ("webhook-id", id),
        ("webhook-timestamp", &at),
        ("webhook-signature", signed),
    ];
    bench
        .call("POST", "/own/billing", &headers, body)
        .await
        .status
}

async fn bench() -> Bench {
    let bench = Bench::start().await;
    let secret = format!("whsec_{}", BASE64.encode(KEY));
    let wanted = json!({"path": "/billing", "secret": secret});
    bench.control("own/address", wanted).await.ok();
    bench
}

async fn heard(bench: &Bench) -> Vec<Value> {
    let heard = bench
        .control("own/heard", json!({"path": "/billing"}))
        .await
        .ok();
    heard.as_array().unwrap().clone()
}

#[tokio::test]
async fn what_is_signed_by_one_of_its_keys_and_young_is_taken_once() {
    let bench = bench().await;
    let (second, body) = (START / 1000, record());
    let good = |off: i64| signature(KEY, "m-1", second + off, &body);
    let other = |off: i64| signature(b"former", "m-1", second + off, &body);
    for (off, signed, status) in [
        (0, good(0), 204),
        (300, good(300), 204),
        (-300, good(-300), 204),
        (301, good(301), 401),
        (-301, good(-301), 401),
        (0, other(0), 401),
        (0, format!("{} {}", other(0), good(0)), 204),
        (0, good(1), 401),
        (0, good(0).replace("v1,", "v1a,"), 401),
        (0, String::new(), 401),
    ] {
        assert_eq!(
            sent(&bench, "m-1", off, &signed, &body).await,
            status,
            "{off} {signed}"
        );
    }
    // The id and the body are signed as well.
    assert_eq!(sent(&bench, "m-2", 0, &good(0), &body).await, 401);
    assert_eq!(sent(&bench, "m-1", 0, &good(0), "{}").await, 401);
    let kept = heard(&bench).await;
    assert_eq!(kept.len(), 1);
    assert_eq!(
        (&kept[0]["id"], &kept[0]["times"]),
        (&json!("m-1"), &json!(4))
    );
    assert_eq!(kept[0]["record"]["type"], "payment.received");
}

#[tokio::test]
async fn what_is_no_record_is_refused_and_what_is_asked_for_is_answered() {
    let bench = bench().await;
    let second = START / 1000;
    let odd = record().replace("\"task\":null", "\"note\":null");
    for (body, status) in [("{}".to_string(), 422), ("[".to_string(), 422), (odd, 422)] {
        let signed = signature(KEY, "m-1", second, &body);
        assert_eq!(
            sent(&bench, "m-1", 0, &signed, &body).await,
            status,
            "{body}"
        );
    }
    let wanted = json!({"path": "/billing", "statuses": [503, 410], "retry_after": 7});
    bench.control("own/answer", wanted).await.ok();
    let signed = signature(KEY, "m-1", second, &record());
    for status in [503, 410, 204] {
        assert_eq!(sent(&bench, "m-1", 0, &signed, &record()).await, status);
    }
    assert_eq!(heard(&bench).await[0]["times"], 1);
    assert_eq!(
        bench.call("POST", "/own/nowhere", &[], "{}").await.status,
        404
    );
    assert_eq!(bench.call("GET", "/own/billing", &[], "").await.status, 405);
    assert_eq!(
        bench
            .control("own/answer", json!({"path": "/x", "statuses": []}))
            .await
            .status,
        422
    );
    assert_eq!(bench.control("own/other", json!({})).await.status, 422);
}
