//! Mailgun, Twilio and Slack: what is taken, what is refused, and what reaches people.

use crate::common::{Answer, Bench, START, basic};
use base64::Engine;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::json;

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");
const ACCOUNT: &str = "AC00000000000000000000000000000000";

async fn mail(bench: &Bench, body: &str) -> Answer {
    let auth = basic("api", "key-demo");
    let path = "/mailgun/v3/mg.example.test/messages";
    bench
        .call("POST", path, &[("authorization", &auth), FORM], body)
        .await
}

#[tokio::test]
async fn mail_reaches_the_outbox_in_both_encodings() {
    let bench = Bench::start().await;
    let good = "from=Clinic+%3Cbilling%40mg.example.test%3E&to=sam%40example.test\
        &subject=Receipt&text=Paid&html=%3Cp%3EPaid&o%3Atracking=no&v%3Aref=r-1";
    let sent = mail(&bench, good).await.ok();
    assert_eq!(sent["message"], "Queued. Thank you.");
    let part = |name: &str, value: &str| {
        format!("--xx\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
    };
    let parts = [
        ("from", "a@mg.example.test"),
        ("to", "b@example.test"),
        ("subject", "S"),
        ("text", "T"),
    ];
    let body: String = parts
        .iter()
        .map(|(name, value)| part(name, value))
        .collect();
    let auth = basic("api", "key-demo");
    let kind = ("content-type", "multipart/form-data; boundary=xx");
    let path = "/mailgun/v3/mg.example.test/messages";
    bench
        .call(
            "POST",
            path,
            &[("authorization", &auth), kind],
            &(body + "--xx--\r\n"),
        )
        .await
        .ok();
    let outbox = bench.sandbox.outbox();
    assert_eq!(outbox[0]["to"], "sam@example.test");
    assert_eq!(outbox[0]["html"], "<p>Paid");
    assert_eq!(
        (&outbox[1]["subject"], &outbox[1]["text"]),
        (&json!("S"), &json!("T"))
    );
    let path = "/mailgun/v3/mg.example.test/events?recipient=sam%40example.test";
    let events = bench
        .call("GET", path, &[("authorization", &auth)], "")
        .await
        .ok();
    assert_eq!(events["items"][0]["user-variables"]["ref"], "r-1");

    for bad in [
        good.replace("subject", "subjekt"),
        good.replace("to=sam%40example.test", "to=sam"),
        good.replace("&text=Paid&html=%3Cp%3EPaid", ""),
        good.replace("o%3Atracking=no", "o%3Atracking=perhaps"),
    ] {
        assert_eq!(mail(&bench, &bad).await.status, 400, "{bad}");
    }
    let wrong = basic("api", "demo");
    let refused = bench
        .call("POST", path, &[("authorization", &wrong), FORM], good)
        .await;
    assert_eq!((refused.status, refused.text.as_str()), (401, "Forbidden"));
    assert_eq!(bench.sandbox.outbox().len(), 2);
}

async fn text(bench: &Bench, body: &str) -> Answer {
    let auth = basic(ACCOUNT, "demo-token");
    let path = format!("/twilio/2010-04-01/Accounts/{ACCOUNT}/Messages.json");
    bench
        .call("POST", &path, &[("authorization", &auth), FORM], body)
        .await
}

fn twilio_proof(url: &str, body: &str) -> String {
    let mut pairs: Vec<_> = form_urlencoded::parse(body.as_bytes()).collect();
    pairs.sort();
    let params: String = pairs
        .iter()
        .map(|(name, value)| format!("{name}{value}"))
        .collect();
    let mac = Hmac::<sha1::Sha1>::new_from_slice(b"demo-token").unwrap();
    let proof = mac
        .chain_update(url)
        .chain_update(params)
        .finalize()
        .into_bytes();
    base64::engine::general_purpose::STANDARD.encode(proof)
}

#[tokio::test]
async fn texts_are_sent_listed_and_called_back() {
    let bench = Bench::start().await;
    let probe = "To=%2B61400000006&From=%2B15005550006&Body=Paid";
    let first = text(&bench, probe).await.ok();
    assert_eq!(first["status"], "queued");
    assert!(bench.taken().await.is_empty());
    // Meridian's address is only known from a webhook that reached it.
    bench
        .control(
            "twilio/inbound",
            json!({"from": "+61400000006", "body": "STOP"}),
        )
        .await
        .ok();
    let url = bench.sandbox.webhooks()[0]["url"]
        .as_str()
        .unwrap()
        .to_string();
    let inbound = bench.taken().await;
    assert_eq!(
        inbound[0].header("x-twilio-signature"),
        twilio_proof(&url, &inbound[0].body)
    );
    assert!(inbound[0].body.contains("Body=STOP"));

    let body = format!(
        "{probe}&StatusCallback={}",
        url.replace(':', "%3A").replace('/', "%2F")
    );
    let second = text(&bench, &body).await.ok();
    let calls = bench.taken().await;
    assert!(calls[1].body.contains("MessageStatus=delivered"));
    assert_eq!(
        calls[1].header("x-twilio-signature"),
        twilio_proof(&url, &calls[1].body)
    );

    let auth = basic(ACCOUNT, "demo-token");
    let list = format!("/twilio/2010-04-01/Accounts/{ACCOUNT}/Messages.json?To=%2B61400000006");
    let headers = [("authorization", auth.as_str())];
    let found = bench
        .call("GET", &format!("{list}&DateSent=2026-11-21"), &headers, "")
        .await
        .ok();
    assert_eq!(found["messages"][0]["sid"], second["sid"]);
    assert_eq!(found["messages"].as_array().unwrap().len(), 2);
    let earlier = bench
        .call(
            "GET",
            &format!("{list}&DateSent%3C=2026-11-20"),
            &headers,
            "",
        )
        .await;
    assert!(earlier.ok()["messages"].as_array().unwrap().is_empty());
    assert_eq!(bench.now.load(std::sync::atomic::Ordering::SeqCst), START);
}

#[tokio::test]
async fn a_text_that_cannot_be_sent_is_refused_by_its_code() {
    let bench = Bench::start().await;
    for (body, code) in [
        ("From=%2B15005550006&Body=x", 21604),
        ("To=%2B61400000006&Body=x", 21603),
        ("To=%2B61400000006&From=%2B15005550006", 21602),
        ("To=0400000006&From=%2B15005550006&Body=x", 21211),
        ("To=%2B15005550004&From=%2B15005550006&Body=x", 21610),
        ("To=%2B61400000006&From=%2B15005550006&Boddy=x", 20001),
    ] {
        assert_eq!(text(&bench, body).await.json()["code"], code, "{body}");
    }
    let wrong = basic(ACCOUNT, "other");
    let path = format!("/twilio/2010-04-01/Accounts/{ACCOUNT}/Messages.json");
    let probe = "To=%2B61400000006&From=%2B15005550006&Body=Paid";
    let refused = bench
        .call("POST", &path, &[("authorization", &wrong), FORM], probe)
        .await;
    assert_eq!(
        (refused.status, refused.json()["code"].clone()),
        (401, json!(20003))
    );
}

#[tokio::test]
async fn slack_takes_messages_and_answers_in_plain_text() {
    let bench = Bench::start().await;
    let kind = [("content-type", "application/json")];
    let hook = "/slack/services/T0/B0/DEMO";
    let cases = [
        (hook, r#"{"text":"Payment failed"}"#, 200, "ok"),
        (hook, r#"{"text":""}"#, 400, "no_text"),
        (
            hook,
            r#"{"text":"x","channel":"general"}"#,
            400,
            "invalid_payload",
        ),
        (hook, r#"{"text":"#, 400, "invalid_payload"),
        (
            hook,
            r#"{"blocks":[{"text":"no type"}]}"#,
            400,
            "invalid_payload",
        ),
        (
            "/slack/services/T0/B0/ARCHIVED",
            r#"{"text":"x"}"#,
            410,
            "channel_is_archived",
        ),
        (
            "/slack/services/T0/B0",
            r#"{"text":"x"}"#,
            404,
            "no_service",
        ),
    ];
    for (path, body, status, words) in cases {
        let answer = bench.call("POST", path, &kind, body).await;
        assert_eq!(
            (answer.status, answer.text.as_str()),
            (status, words),
            "{body}"
        );
    }
    assert_eq!(bench.sandbox.outbox()[0]["text"], "Payment failed");
    assert_eq!(bench.sandbox.outbox().len(), 1);
}

#[tokio::test]
async fn a_message_that_was_taken_can_turn_out_to_be_lost() {
    let bench = Bench::start().await;
    let sent = mail(
        &bench,
        "from=a%40mg.example.test&to=b%40example.test&subject=S&text=T",
    )
    .await;
    let sent = sent.ok();
    let id = sent["id"]
        .as_str()
        .unwrap()
        .trim_matches(['<', '>'])
        .to_string();
    let auth = basic("api", "key-demo");
    let path = format!("/mailgun/v3/mg.example.test/events?message-id={id}&ascending=no");
    let newest = async || {
        let headers = [("authorization", auth.as_str())];
        let events = bench.call("GET", &path, &headers, "").await.ok();
        events["items"][0].clone()
    };
    assert_eq!(newest().await["event"], "delivered");
    let kind = [("content-type", "application/json")];
    let fail = format!("/_sandbox/mailgun/fail/{id}");
    bench.call("POST", &fail, &kind, "{}").await.ok();
    let lost = newest().await;
    assert_eq!(
        (&lost["event"], &lost["severity"]),
        (&json!("failed"), &json!("permanent"))
    );

    let sent = text(&bench, "To=%2B61400000006&From=%2B15005550006&Body=x")
        .await
        .ok();
    let sid = sent["sid"].as_str().unwrap();
    let fail = format!("/_sandbox/twilio/fail/{sid}");
    bench.call("POST", &fail, &kind, "{}").await.ok();
    let auth = basic(ACCOUNT, "demo-token");
    let path = format!("/twilio/2010-04-01/Accounts/{ACCOUNT}/Messages/{sid}.json");
    let lost = bench
        .call("GET", &path, &[("authorization", &auth)], "")
        .await
        .ok();
    assert_eq!(
        (&lost["status"], &lost["error_code"]),
        (&json!("undelivered"), &json!(30003))
    );
}
