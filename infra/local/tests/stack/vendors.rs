//! Vendors: calls are recorded and forwarded, and faults do what they say.

use crate::house::{House, json_of};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;

type Acted = Arc<Mutex<Vec<String>>>;

/// A vendor that remembers what it was asked.
async fn vendor(house: &House) -> Acted {
    let acted = Acted::default();
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let answer = async |State(acted): State<Acted>, uri: Uri, headers: HeaderMap, body: Bytes| {
        let test = headers
            .get("x-test")
            .and_then(|v| v.to_str().ok())
            .unwrap_or_default()
            .to_owned();
        acted
            .lock()
            .expect("a lock")
            .push(format!("{uri} {test} {}", String::from_utf8_lossy(&body)));
        ([("x-reply", "yes")], "acted")
    };
    let router = Router::new().fallback(answer).with_state(acted.clone());
    tokio::spawn(async move { axum::serve(listener, router).await });
    let hosts = house
        .put(
            "/_local/hosts",
            json!({ "stripe": format!("http://{address}/base") }),
        )
        .await;
    assert_eq!(hosts.status(), 200);
    acted
}

async fn ask(house: &House) -> String {
    house
        .get("/probe/vendor/stripe/v1/charges%3Fexpand%3Dall")
        .await
        .text()
        .await
        .expect("a body")
}

async fn fault(house: &House, action: &str) {
    let fault = json!({ "vendors": [{ "vendor": "stripe", "action": action, "nth": 1 }] });
    assert_eq!(
        house.put("/_local/faults", fault).await.status(),
        200,
        "{action}"
    );
}

async fn calls(house: &House) -> Vec<Value> {
    serde_json::from_value(json_of(house.get("/_local/calls?vendor=stripe").await).await)
        .expect("a list")
}

#[tokio::test]
async fn calls_are_forwarded_and_recorded_in_full() {
    let house = House::start();
    let acted = vendor(&house).await;
    assert!(ask(&house).await.ends_with("acted"));
    assert_eq!(
        *acted.lock().expect("a lock"),
        ["/base/v1/charges?expand=all yes a=1"]
    );
    let recorded = &calls(&house).await[0];
    let expected = json!({
        "vendor": "stripe", "function": "probe", "caller": "LOCAL.probe.1", "method": "POST", "seq": 1,
        "path": "/v1/charges?expand=all", "body": "a=1", "status": 200, "reply": "acted", "fault": null,
    });
    for (key, value) in expected.as_object().expect("an object") {
        assert_eq!(&recorded[key], value, "{key}");
    }
    assert_eq!(
        (
            &recorded["headers"]["x-test"],
            &recorded["reply_headers"]["x-reply"]
        ),
        (&json!("yes"), &json!("yes"))
    );
    let later: Value = json_of(house.get("/_local/calls?since=1").await).await;
    assert_eq!(later, json!([]));
}

#[tokio::test]
async fn each_fault_does_what_it_says_once() {
    let house = House::start();
    let acted = vendor(&house).await;
    for (action, seen, acts) in [
        ("cut_before", "broken: closed without a reply", false),
        ("cut_after", "broken: closed without a reply", true),
        ("drop_after_acting", "broken: closed without a reply", true),
        ("status:503", "HTTP/1.1 503", false),
    ] {
        acted.lock().expect("a lock").clear();
        fault(&house, action).await;
        let answer = ask(&house).await;
        assert!(answer.starts_with(seen), "{action}: {answer}");
        assert_eq!(
            acted.lock().expect("a lock").len(),
            usize::from(acts),
            "{action}"
        );
        assert!(
            ask(&house).await.ends_with("acted"),
            "{action} strikes once"
        );
    }
    let faults: Vec<_> = calls(&house)
        .await
        .iter()
        .map(|call| call["fault"].clone())
        .collect();
    let struck: Vec<_> = faults.iter().filter(|fault| !fault.is_null()).collect();
    assert_eq!(
        struck,
        ["cut_before", "cut_after", "drop_after_acting", "status:503"]
    );
}

#[tokio::test]
async fn a_kill_before_and_after_ends_the_process() {
    let house = House::start();
    let acted = vendor(&house).await;
    for (action, acts) in [("kill_before", 0), ("kill_after", 1)] {
        fault(&house, action).await;
        assert_eq!(
            house.get("/probe/vendor/stripe/v1").await.status(),
            500,
            "{action}"
        );
        assert_eq!(acted.lock().expect("a lock").len(), acts, "{action}");
    }
    assert!(house.stderr().contains("signal: 9"), "{}", house.stderr());
    assert!(ask(&house).await.ends_with("acted"));
}

#[tokio::test]
async fn a_kill_at_an_aws_call_ends_the_process_too() {
    let house = House::start();
    for action in ["kill_before", "kill_after"] {
        let fault = json!({ "aws": [{ "function": "probe", "operation": "Query", "nth": 2, "action": action }] });
        assert_eq!(house.put("/_local/faults", fault).await.status(), 200);
        assert_eq!(
            house.post("/_local/fire/probe", json!({})).await.status(),
            502,
            "{action}"
        );
        assert_eq!(
            house.post("/_local/fire/probe", json!({})).await.status(),
            200,
            "{action} strikes once"
        );
    }
    let made = json_of(house.get("/_local/aws-calls").await).await;
    let callers: Vec<_> = made
        .as_array()
        .expect("a list")
        .iter()
        .map(|call| call["caller"].clone())
        .collect();
    assert!(
        callers.contains(&json!("LOCAL.probe.1")) && callers.contains(&json!("LOCAL.probe.3")),
        "{callers:?}"
    );
}

#[tokio::test]
async fn wrong_faults_and_hosts_are_refused() {
    let house = House::start();
    for wrong in [
        json!({ "vendors": [{ "vendor": "stripe", "action": "explode" }] }),
        json!({ "vendors": [{ "action": "act_late:5000" }] }),
        json!({ "vendors": [{ "vendor": "stripe", "action": "cut_after", "often": 2 }] }),
        json!({ "aws": [{ "action": "explode" }] }),
    ] {
        assert_eq!(
            house.put("/_local/faults", wrong.clone()).await.status(),
            400,
            "{wrong}"
        );
    }
    assert_eq!(
        house
            .put("/_local/hosts", json!({ "acme": "http://127.0.0.1:1" }))
            .await
            .status(),
        400
    );
    assert_eq!(
        house
            .put("/_local/hosts", json!({ "stripe": "nowhere" }))
            .await
            .status(),
        400
    );
    let before = json_of(house.get("/_local/hosts").await).await;
    house
        .put("/_local/hosts", json!({ "stripe": "http://127.0.0.1:1" }))
        .await;
    let reset = json_of(house.put("/_local/hosts", json!({ "stripe": null })).await).await;
    assert_eq!(reset, before);
}
