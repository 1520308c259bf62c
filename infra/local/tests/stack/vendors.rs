//! Vendors: calls are recorded and forwarded, and faults do what they say.

use crate::stack::{Stack, json_of};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;

type Acted = Arc<Mutex<Vec<String>>>;

/// A vendor that remembers what it was asked.
async fn vendor(stack: &Stack) -> Acted {
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
    let hosts = stack
        .put(
            "/_local/hosts",
            json!({ "stripe": format!("http://{address}/base") }),
        )
        .await;
    assert_eq!(hosts.status(), 200);
    acted
}

async fn ask(stack: &Stack) -> String {
    ask_for(stack, "v1/charges%3Fexpand%3Dall").await
}

async fn ask_for(stack: &Stack, path: &str) -> String {
    stack
        .get(&format!("/probe/vendor/stripe/{path}"))
        .await
        .text()
        .await
        .expect("a body")
}

async fn fault(stack: &Stack, action: &str) {
    let fault = json!({ "vendors": [{ "vendor": "stripe", "action": action, "nth": 1 }] });
    assert_eq!(
        stack.put("/_local/faults", fault).await.status(),
        200,
        "{action}"
    );
}

async fn calls(stack: &Stack) -> Vec<Value> {
    serde_json::from_value(json_of(stack.get("/_local/calls?vendor=stripe").await).await)
        .expect("a list")
}

#[tokio::test]
async fn calls_are_forwarded_and_recorded_in_full() {
    let stack = Stack::start();
    let acted = vendor(&stack).await;
    assert!(ask(&stack).await.ends_with("acted"));
    assert_eq!(
        *acted.lock().expect("a lock"),
        ["/base/v1/charges?expand=all yes a=1"]
    );
    let recorded = &calls(&stack).await[0];
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
    let later: Value = json_of(stack.get("/_local/calls?since=1").await).await;
    assert_eq!(later, json!([]));
}

#[tokio::test]
async fn each_fault_does_what_it_says_once() {
    let stack = Stack::start();
    let acted = vendor(&stack).await;
    for (action, seen, acts) in [
        ("cut_before", "broken: closed without a reply", false),
        ("cut_after", "broken: closed without a reply", true),
        ("drop_after_acting", "broken: closed without a reply", true),
        ("status:503", "HTTP/1.1 503", false),
    ] {
        acted.lock().expect("a lock").clear();
        fault(&stack, action).await;
        let answer = ask(&stack).await;
        assert!(answer.starts_with(seen), "{action}: {answer}");
        assert_eq!(
            acted.lock().expect("a lock").len(),
            usize::from(acts),
            "{action}"
        );
        assert!(
            ask(&stack).await.ends_with("acted"),
            "{action} strikes once"
        );
    }
    let faults: Vec<_> = calls(&stack)
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
async fn a_delay_is_over_with_the_caller_who_gave_up() {
    let mut stack = Stack::start();
    let acted = vendor(&stack).await;
    fault(&stack, "delay:60000").await;
    assert!(ask(&stack).await.starts_with("broken"));
    assert_eq!(acted.lock().expect("a lock").len(), 1);
    assert_eq!(stack.quiet(5.0).await.0, 200);
    let began = std::time::Instant::now();
    assert!(stack.signal(rustix::process::Signal::INT).success());
    assert!(began.elapsed().as_secs() < 5);
}

#[tokio::test]
async fn a_kill_before_and_after_ends_the_process() {
    let stack = Stack::start();
    let acted = vendor(&stack).await;
    for (action, acts) in [("kill_before", 0), ("kill_after", 1)] {
        fault(&stack, action).await;
        assert_eq!(
            stack.get("/probe/vendor/stripe/v1").await.status(),
            500,
            "{action}"
        );
        assert_eq!(acted.lock().expect("a lock").len(), acts, "{action}");
    }
    assert!(stack.stderr().contains("signal: 9"), "{}", stack.stderr());
    assert!(ask(&stack).await.ends_with("acted"));
}

#[tokio::test]
async fn a_kill_at_an_aws_call_ends_the_process_too() {
    let stack = Stack::start();
    for action in ["kill_before", "kill_after"] {
        let fault = json!({ "aws": [{ "function": "probe", "operation": "Query", "nth": 2, "action": action }] });
        assert_eq!(stack.put("/_local/faults", fault).await.status(), 200);
        assert_eq!(
            stack.post("/_local/fire/probe", json!({})).await.status(),
            502,
            "{action}"
        );
        assert_eq!(
            stack.post("/_local/fire/probe", json!({})).await.status(),
            200,
            "{action} strikes once"
        );
    }
    let made = json_of(stack.get("/_local/aws-calls").await).await;
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
async fn what_only_the_vendor_can_do_wrong_strikes_the_calls_that_were_named_and_no_other() {
    let stack = Stack::start();
    let late = json!({
        "vendor": "stripe", "method": "POST", "path": "/v1/refunds", "nth": 2, "action": "act_late:5000",
    });
    let elsewhere =
        json!({ "vendor": "stripe", "method": "GET", "times": 1, "action": "act_late:5000" });
    let first = json!({ "vendor": "stripe", "path": "/v1/charges", "action": "conflict_in_flight", "times": 1 });
    let set = json!({ "vendors": [late, elsewhere, first] });
    assert_eq!(stack.put("/_local/faults", set).await.status(), 200);
    for (path, is_late) in [
        ("v1/charges", false),
        ("v1/refunds", false),
        ("v1/refunds", true),
        ("v1/refunds", false),
    ] {
        let answer = ask_for(&stack, path).await;
        assert_eq!(answer.starts_with("HTTP/1.1 504"), is_late, "{answer}");
    }
    let armed = json_of(stack.get("/_local/faults").await).await;
    let counts = |n: usize| {
        (
            armed["vendors"][n]["seen"].as_u64(),
            armed["vendors"][n]["struck"].as_u64(),
        )
    };
    assert_eq!(
        (counts(0), counts(1), counts(2)),
        ((Some(3), Some(1)), (Some(0), Some(0)), (Some(1), Some(0))),
        "a first call is in conflict with nothing"
    );
    let faults: Vec<_> = calls(&stack)
        .await
        .iter()
        .map(|call| call["fault"].clone())
        .collect();
    assert_eq!(
        faults,
        [
            json!(null),
            json!(null),
            json!("act_late:5000"),
            json!(null)
        ]
    );
}

#[tokio::test]
async fn a_vendor_that_cannot_be_reached_says_why() {
    let stack = Stack::start();
    let nobody = json!({ "stripe": "http://127.0.0.1:1" });
    assert_eq!(stack.put("/_local/hosts", nobody).await.status(), 200);
    assert_eq!(ask(&stack).await, "broken: closed without a reply");
    let why = "stripe cannot be reached at http://127.0.0.1:1";
    let recorded = calls(&stack).await[0]["error"].clone();
    assert!(
        recorded.as_str().is_some_and(|error| error.contains(why)),
        "{recorded}"
    );
    assert!(stack.stderr().contains(why), "{}", stack.stderr());
    let late = json!({ "vendors": [{ "vendor": "stripe", "action": "act_late:5000" }] });
    let refused = stack.put("/_local/faults", late).await;
    assert_eq!(refused.status(), 400, "the simulated one is not asked");
}

#[tokio::test]
async fn local_control_says_what_there_is() {
    let stack = Stack::start();
    let help = stack.get("/_local").await.text().await.expect("a body");
    assert!(help.contains("PUT    /_local/faults"), "{help}");
    let unknown = stack.get("/_local/everything").await;
    assert_eq!(unknown.status(), 404);
    assert!(json_of(unknown).await.to_string().contains("GET /_local"));
}

#[tokio::test]
async fn wrong_faults_and_hosts_are_refused() {
    let stack = Stack::start();
    for (wrong, about) in [
        (
            json!({ "vendors": [{ "vendor": "stripe", "action": "explode" }] }),
            "explode",
        ),
        (
            json!({ "vendors": [{ "vendor": "acme", "action": "cut_after" }] }),
            "acme",
        ),
        (
            json!({ "vendors": [{ "action": "act_late:5000" }] }),
            "a vendor",
        ),
        (
            json!({ "vendors": [{ "vendor": "stripe", "action": "search_lag:5000", "times": 1 }] }),
            "times",
        ),
        (
            json!({ "vendors": [{ "vendor": "stripe", "action": "cut_after", "often": 2 }] }),
            "often",
        ),
        (
            json!({ "vendors": [{ "action": "cut_after", "function": "prob" }] }),
            "prob",
        ),
        (json!({ "aws": [{ "action": "explode" }] }), "explode"),
        (json!({ "aws": [{ "function": "probe" }] }), "action"),
        (
            json!({ "aws": [{ "action": "throttle", "often": 2 }] }),
            "often",
        ),
        (
            json!({ "aws": [{ "action": "throttle", "function": "prob" }] }),
            "prob",
        ),
    ] {
        let refused = stack.put("/_local/faults", wrong.clone()).await;
        assert_eq!(refused.status(), 400, "{wrong}");
        let why = json_of(refused).await["error"].to_string();
        assert!(why.contains(about), "{wrong}: {why}");
    }
    for wrong in [
        json!({ "acme": "http://127.0.0.1:1" }),
        json!({ "stripe": "nowhere" }),
        json!({ "stripe": "ftp://127.0.0.1" }),
        json!({ "stripe": "mailto:somebody@example.test" }),
        json!({ "stripe": "http://" }),
        json!({ "stripe": "http://127.0.0.1:1/?a=b" }),
    ] {
        assert_eq!(
            stack.put("/_local/hosts", wrong.clone()).await.status(),
            400,
            "{wrong}"
        );
    }
    let before = json_of(stack.get("/_local/hosts").await).await;
    stack
        .put("/_local/hosts", json!({ "stripe": "http://127.0.0.1:1" }))
        .await;
    let reset = json_of(stack.put("/_local/hosts", json!({ "stripe": null })).await).await;
    assert_eq!(reset, before);
}
