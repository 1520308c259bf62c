//! Webhooks at the door, over AWS in this process: what is accepted is queued, what is not leaves
//! nothing, and strangers cost nothing.

use crate::permissions::unchanged;
use crate::stack::{self, Clinic, Struck, aws};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use meridian::contract::Answer;
use meridian::flows::intake::{Incoming, Intake};
use meridian::io::queue::Received;
use meridian_embedded_aws::Action;
use serde_json::{Value, json};
use sha2::Sha256;

const SECRET: &str = "whsec_demo";

/// As Stripe signs, `ago` seconds before now.
pub fn signature(secret: &str, body: &str, ago: i64) -> String {
    let at = meridian::io::clock::now().as_second() - ago;
    let mac = <Hmac<Sha256> as KeyInit>::new_from_slice(secret.as_bytes()).expect("a key");
    let mac = mac.chain_update(format!("{at}.{body}")).finalize();
    format!("t={at},v1={}", hex::encode(mac.into_bytes()))
}

/// A clinic whose webhooks of Stripe are set up.
async fn clinic() -> Clinic {
    let clinic = Clinic::new().await;
    let wanted = json!({
        "fields": { "secret_key": "sk_test_1" }, "inbound": { "webhook_secret": SECRET },
    });
    let put = clinic.call("PUT", "/v1/integrations/stripe", &wanted).await;
    put.expect(200);
    clinic
}

async fn arrives(intake: &Intake, clinic: &str, body: &str, signature: Option<&str>) -> Answer {
    arrives_at(intake, clinic, "stripe", body, signature).await
}

/// At the door of this name.
pub async fn arrives_at(
    intake: &Intake,
    clinic: &str,
    source: &str,
    body: &str,
    signature: Option<&str>,
) -> Answer {
    let path = format!("/webhooks/{clinic}/{source}");
    let sign = |text: &str| ("stripe-signature".to_owned(), text.to_owned());
    let incoming = Incoming {
        method: "POST",
        clinic,
        source,
        path: &path,
        query: "",
        headers: signature.map(sign).into_iter().collect(),
        body: body.as_bytes().to_vec(),
    };
    intake.handle(incoming).await
}

/// What was put into the queue of events for this clinic.
pub fn queued(clinic: &Clinic) -> Vec<Received> {
    let calls = aws().calls().into_iter();
    let sent = calls.filter(|call| call.operation == "SendMessage" && call.status == 200);
    let read = sent.filter_map(|call| {
        let body = call.request["MessageBody"].as_str()?;
        let received = serde_json::from_str::<Received>(body).ok()?;
        // Queues are fair to clinics by that.
        assert_eq!(call.request["MessageGroupId"], received.clinic);
        Some(received)
    });
    read.filter(|received| received.clinic == clinic.id)
        .collect()
}

fn event(id: &str) -> String {
    json!({ "id": id, "object": "event", "type": "payout.created", "data": {} }).to_string()
}

#[tokio::test]
async fn what_is_proven_is_queued_as_it_came_and_nothing_is_written() {
    let clinic = clinic().await;
    let intake = stack::intake();
    let before = clinic.rows().await;
    let body = event("evt_1");
    let signed = signature(SECRET, &body, 0);
    let answer = arrives(&intake, &clinic.id, &body, Some(&signed)).await;
    assert_eq!(answer.status, 200);
    let queued = queued(&clinic);
    let [received] = queued.as_slice() else {
        panic!("{queued:?}");
    };
    let bytes = BASE64_STANDARD.decode(&received.body).expect("base64");
    assert_eq!(bytes, body.as_bytes());
    assert_eq!(received.sha256, meridian::contract::body_hash(&bytes));
    assert!(received.proven && received.source == "stripe" && received.replays.is_none());
    unchanged(&before, &clinic.rows().await, "intake");
}

#[tokio::test]
async fn what_is_not_proven_is_refused_and_leaves_nothing() {
    let (clinic, other) = (clinic().await, Clinic::new().await);
    let wanted = json!({
        "fields": { "secret_key": "sk_test_2" }, "inbound": { "webhook_secret": "whsec_other" },
    });
    let put = other.call("PUT", "/v1/integrations/stripe", &wanted).await;
    put.expect(200);
    let intake = stack::intake();
    let body = event("evt_1");
    let good = signature(SECRET, &body, 0);
    let code = good.split_once(",v1=").expect("a code").1.to_owned();
    let changed = event("evt_2");
    for (what, body, signed) in [
        ("no proof", &body, None),
        (
            "another secret",
            &body,
            Some(signature("whsec_x", &body, 0)),
        ),
        (
            "another clinic's",
            &body,
            Some(signature("whsec_other", &body, 0)),
        ),
        ("another body", &changed, Some(good.clone())),
        ("no time", &body, Some(format!("v1={code}"))),
        ("no code", &body, Some("t=1".into())),
        ("too old", &body, Some(signature(SECRET, &body, 302))),
        (
            "from the future",
            &body,
            Some(signature(SECRET, &body, -302)),
        ),
        ("an empty secret", &body, Some(signature("", &body, 0))),
    ] {
        let answer = arrives(&intake, &clinic.id, body, signed.as_deref()).await;
        assert_eq!(answer.status, 401, "{what}");
    }
    assert!(queued(&clinic).is_empty());
    for ago in [298, -298] {
        let signed = signature(SECRET, &body, ago);
        let answer = arrives(&intake, &clinic.id, &body, Some(&signed)).await;
        assert_eq!(answer.status, 200, "{ago} s old");
    }
    assert_eq!(queued(&clinic).len(), 2);
    let body = event("evt_3");
    let mine = signature(SECRET, &body, 0);
    let answer = arrives(&intake, &other.id, &body, Some(&mine)).await;
    assert_eq!((answer.status, queued(&other).len()), (401, 0));
}

#[tokio::test]
async fn what_cannot_be_queued_is_not_accepted_and_comes_again() {
    let clinic = clinic().await;
    let body = event("evt_1");
    for action in [Action::CutBefore, Action::Throttle] {
        let struck = Struck::by(vec![("SendMessage", action.clone(), 1, 1000)]);
        let intake = struck.intake();
        let signed = signature(SECRET, &body, 0);
        let answer = arrives(&intake, &clinic.id, &body, Some(&signed)).await;
        assert_eq!(answer.status, 503, "{action:?}");
        assert!(struck.struck()[0] > 0, "{action:?}");
    }
    assert!(queued(&clinic).is_empty());
}

#[tokio::test]
async fn a_call_that_got_no_answer_is_made_once_more() {
    let clinic = clinic().await;
    let body = event("evt_1");
    for action in [Action::CutBefore, Action::Throttle] {
        let struck = Struck::by(vec![("SendMessage", action.clone(), 1, 1)]);
        let signed = signature(SECRET, &body, 0);
        let answer = arrives(&struck.intake(), &clinic.id, &body, Some(&signed)).await;
        assert_eq!(answer.status, 200, "{action:?}");
        assert_eq!(struck.struck(), [1], "{action:?}");
    }
}

#[tokio::test]
async fn a_secret_that_cannot_be_read_refuses_nobody_for_good() {
    let clinic = clinic().await;
    let body = event("evt_1");
    let struck = Struck::by(vec![("GetSecretValue", Action::CutBefore, 1, 1000)]);
    let intake = struck.intake();
    for signed in [signature(SECRET, &body, 0), signature("whsec_x", &body, 0)] {
        let answer = arrives(&intake, &clinic.id, &body, Some(&signed)).await;
        assert_eq!(answer.status, 503);
    }
    assert!(queued(&clinic).is_empty());
}

#[tokio::test]
async fn a_former_secret_proves_beside_the_one_that_took_its_place() {
    let clinic = clinic().await;
    let intake = stack::intake();
    let body = event("evt_1");
    let former = signature(SECRET, &body, 0);
    let answer = arrives(&intake, &clinic.id, &body, Some(&former)).await;
    assert_eq!(answer.status, 200);
    let next = json!({ "inbound": { "webhook_secret": "whsec_next" } });
    let put = clinic.call("PUT", "/v1/integrations/stripe", &next).await;
    put.expect(200);
    // The very process that remembers the former one, and one that never saw it.
    for intake in [&intake, &stack::intake()] {
        for secret in [SECRET, "whsec_next"] {
            let signed = signature(secret, &body, 0);
            let answer = arrives(intake, &clinic.id, &body, Some(&signed)).await;
            assert_eq!(answer.status, 200, "{secret}");
        }
        let signed = signature("whsec_x", &body, 0);
        let answer = arrives(intake, &clinic.id, &body, Some(&signed)).await;
        assert_eq!(answer.status, 401);
    }
}

fn reads_of(clinic: &Clinic) -> usize {
    let named = |request: &Value| {
        let name = request["SecretId"].as_str().unwrap_or_default();
        name.contains(&format!("/{}/", clinic.id))
    };
    let calls = aws().calls().into_iter();
    let read = calls.filter(|call| call.operation == "GetSecretValue" && named(&call.request));
    read.count()
}

#[tokio::test]
async fn forged_webhooks_read_the_secret_no_more_often_than_a_rotation_needs() {
    let clinic = clinic().await;
    let intake = stack::intake();
    let before = reads_of(&clinic);
    for n in 0..30 {
        let body = event(&format!("evt_{n}"));
        let signed = signature("whsec_x", &body, 0);
        let answer = arrives(&intake, &clinic.id, &body, Some(&signed)).await;
        assert_eq!(answer.status, 401);
    }
    let reads = reads_of(&clinic) - before;
    assert!(reads <= 4, "30 forged webhooks read secrets {reads} times");
    // Good ones meanwhile need none.
    let body = event("evt_good");
    let signed = signature(SECRET, &body, 0);
    let before = reads_of(&clinic);
    for _ in 0..5 {
        let answer = arrives(&intake, &clinic.id, &body, Some(&signed)).await;
        assert_eq!(answer.status, 200);
    }
    assert_eq!(reads_of(&clinic), before);
}

#[tokio::test]
async fn a_body_that_is_too_large_for_the_queue_is_refused_unread() {
    let clinic = clinic().await;
    let intake = stack::intake();
    let largest = meridian::flows::intake::LARGEST;
    for (size, status) in [(largest, 200), (largest + 1, 413)] {
        let body = "x".repeat(size);
        let signed = signature(SECRET, &body, 0);
        let answer = arrives(&intake, &clinic.id, &body, Some(&signed)).await;
        assert_eq!(answer.status, status, "{size} bytes");
    }
    assert_eq!(queued(&clinic).len(), 1);
}
