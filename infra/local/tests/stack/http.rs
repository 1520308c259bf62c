//! Routing, payload format 2.0, and what a client sees when a function fails.

use crate::stack::{Stack, json_of};
use serde_json::{Value, json};
use std::time::Instant;

#[tokio::test]
async fn the_event_is_payload_format_two() {
    let stack = Stack::start();
    let request = stack.client.post(format!(
        "{}/probe/echo/demo/a%20b?x=1&y=a%2Cb&x=2",
        stack.http
    ));
    let request = request
        .header("Cookie", "one=1; two=2")
        .header("X-Many", "a")
        .header("X-Many", "b");
    let answer = request
        .header("content-type", "text/plain")
        .body("plain")
        .send()
        .await
        .expect("an answer");
    assert_eq!(answer.status(), 200);
    assert!(answer.headers().contains_key("apigw-requestid"));
    let event = json_of(answer).await["event"].clone();
    assert_eq!(event["version"], "2.0");
    assert_eq!(event["routeKey"], "POST /probe/echo/{clinic}/{source}");
    assert_eq!(event["rawPath"], "/probe/echo/demo/a b");
    assert_eq!(event["rawQueryString"], "x=1&y=a%2Cb&x=2");
    assert_eq!(
        event["queryStringParameters"],
        json!({ "x": "1,2", "y": "a,b" })
    );
    assert_eq!(
        event["pathParameters"],
        json!({ "clinic": "demo", "source": "a b" })
    );
    assert_eq!(event["cookies"], json!(["one=1", "two=2"]));
    assert_eq!(event["headers"]["x-many"], "a,b");
    assert_eq!(event["headers"].get("cookie"), None);
    assert_eq!(
        (&event["body"], &event["isBase64Encoded"]),
        (&json!("plain"), &json!(false))
    );
    assert_eq!(event["requestContext"]["http"]["method"], "POST");
    assert_eq!(event["requestContext"]["stage"], "$default");
}

#[tokio::test]
async fn the_closest_route_answers_and_an_unknown_one_is_not_found() {
    let stack = Stack::start();
    let get = json_of(stack.get("/probe/echo/demo/stripe").await).await;
    assert_eq!(
        get["event"]["routeKey"], "ANY /probe/{proxy+}",
        "the closer route is for POST only"
    );
    assert_eq!(get["event"]["pathParameters"]["proxy"], "echo/demo/stripe");
    assert_eq!(get["event"].get("body"), None);
    let missing = stack.get("/elsewhere").await;
    assert_eq!(missing.status(), 404);
    assert_eq!(json_of(missing).await, json!({ "message": "Not Found" }));
}

#[tokio::test]
async fn bodies_that_are_no_plain_text_travel_as_base64() {
    let stack = Stack::start();
    for (kind, body, sent, encoded) in [
        (
            "application/x-www-form-urlencoded",
            b"a=1".to_vec(),
            "YT0x",
            true,
        ),
        (
            "application/json",
            br#"{"a":1}"#.to_vec(),
            r#"{"a":1}"#,
            false,
        ),
        ("application/octet-stream", vec![0, 255], "AP8=", true),
    ] {
        let request = stack
            .client
            .put(format!("{}/probe/echo", stack.http))
            .header("content-type", kind);
        let event =
            json_of(request.body(body).send().await.expect("an answer")).await["event"].clone();
        assert_eq!(
            (&event["body"], &event["isBase64Encoded"]),
            (&json!(sent), &json!(encoded)),
            "{kind}"
        );
    }
}

#[tokio::test]
async fn answers_carry_cookies_binary_bodies_and_inferred_statuses() {
    let stack = Stack::start();
    let answer = stack.get("/probe/cookies").await;
    assert_eq!(answer.status(), 201);
    let cookies: Vec<_> = answer.headers().get_all("set-cookie").iter().collect();
    assert_eq!(cookies, ["a=1; Path=/", "b=2"]);
    assert_eq!(answer.bytes().await.expect("a body").as_ref(), [0, 255]);
    assert_eq!(
        json_of(stack.get("/probe/bare").await).await,
        json!({ "hello": "there" })
    );
    let head = stack
        .client
        .head(format!("{}/probe/echo", stack.http))
        .send()
        .await
        .expect("an answer");
    assert_eq!(
        (
            head.status().as_u16(),
            head.bytes().await.expect("a body").len()
        ),
        (200, 0)
    );
}

#[tokio::test]
async fn failures_are_internal_server_errors() {
    let stack = Stack::start();
    for path in ["/probe/error", "/probe/malformed", "/probe/exit"] {
        let answer = stack.get(path).await;
        assert_eq!(answer.status(), 500, "{path}");
        assert_eq!(
            json_of(answer).await,
            json!({ "message": "Internal Server Error" })
        );
    }
    assert!(
        stack.stderr().contains("exit status: 3"),
        "{}",
        stack.stderr()
    );
}

#[tokio::test]
async fn ten_megabytes_are_the_limit() {
    let stack = Stack::start();
    let large = |size: usize| {
        stack
            .client
            .post(format!("{}/probe/bare", stack.http))
            .body(vec![b'x'; size])
            .send()
    };
    assert_eq!(
        large(10 * 1024 * 1024 + 1)
            .await
            .expect("an answer")
            .status(),
        413
    );
    assert_eq!(
        large(5 * 1024 * 1024).await.expect("an answer").status(),
        413,
        "Lambda takes 6 MB with base64"
    );
    assert_eq!(large(1024 * 1024).await.expect("an answer").status(), 200);
}

#[tokio::test]
async fn a_timeout_kills_the_process_and_a_fresh_one_follows() {
    let stack = Stack::start();
    let pid = async || json_of(stack.get("/probe/echo").await).await["pid"].clone();
    let first = pid().await;
    assert_eq!(pid().await, first, "a warm process is used again");
    let began = Instant::now();
    assert_eq!(stack.get("/probe/sleep/20000").await.status(), 500);
    assert!(began.elapsed().as_secs_f64() < 5.0);
    let second = pid().await;
    assert_ne!(second, first);
    assert!(
        stack.stderr().contains("timed out after 1 s"),
        "{}",
        stack.stderr()
    );
    assert_eq!(stack.get("/probe/exit").await.status(), 500);
    assert_ne!(pid().await, second);
}

#[tokio::test]
async fn a_warm_process_that_died_loses_no_event() {
    let stack = Stack::start();
    let first = json_of(stack.get("/probe/echo").await).await["pid"]
        .as_i64()
        .expect("a number");
    let pid = i32::try_from(first)
        .ok()
        .and_then(rustix::process::Pid::from_raw)
        .expect("a process id");
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).expect("killed");
    let gone = async || json_of(stack.get("/_local/instances").await).await == json!([]);
    while !gone().await {
        tokio::task::yield_now().await;
    }
    let answer = stack.get("/probe/echo").await;
    assert_eq!(answer.status(), 200);
    assert_ne!(json_of(answer).await["pid"], first);
}

#[tokio::test]
async fn each_process_has_one_event_at_a_time() {
    let stack = Stack::start();
    let all = (0..6).map(|_| stack.get("/probe/sleep/400"));
    let began = Instant::now();
    let mut pids = Vec::new();
    for answer in futures(all).await {
        pids.push(answer.text().await.expect("a body"));
    }
    assert!(
        began.elapsed().as_millis() < 2000,
        "side by side, not one after the other"
    );
    pids.sort();
    pids.dedup();
    assert_eq!(pids.len(), 6);
    let shown = json_of(stack.get("/_local/instances").await).await;
    assert_eq!(shown.as_array().map(Vec::len), Some(6));
}

#[tokio::test]
async fn the_environment_is_the_templates_and_nothing_else() {
    let stack = Stack::start();
    let environment = json_of(stack.get("/probe/environment").await).await;
    let expected = [
        ("AWS_ACCESS_KEY_ID", "LOCAL.probe.1".to_owned()),
        ("AWS_ENDPOINT_URL", stack.aws.clone()),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256".to_owned()),
        ("LEVEL", "1".to_owned()),
        ("PUBLIC_URL", stack.http.clone()),
        ("QUEUE_URL", stack.queue_url("Queue")),
        (
            "SUMMARY",
            "meridian-local-Table/meridian-local-Queue/${literal}".to_owned(),
        ),
        ("TABLE_NAME", "meridian-local-Table".to_owned()),
    ];
    for (key, value) in expected {
        assert_eq!(environment[key], Value::from(value), "{key}");
    }
    assert_eq!(environment.get("HOME"), None);
    let secret = stack
        .aws(
            "secretsmanager.GetSecretValue",
            json!({ "SecretId": "meridian/_/root" }),
        )
        .await;
    let secret: Value =
        serde_json::from_str(secret["SecretString"].as_str().expect("text")).expect("JSON");
    assert_eq!(secret["by"], "the template");
    let key = secret["root_key"].as_str().expect("a key");
    assert!(
        key.len() == 40 && key.chars().all(|c| c.is_ascii_alphanumeric()),
        "{key}"
    );
}

/// All at once.
async fn futures<T: Send + 'static>(all: impl Iterator<Item = impl Future<Output = T>>) -> Vec<T> {
    let mut all: Vec<_> = all.map(Box::pin).collect();
    let mut done: Vec<Option<T>> = all.iter().map(|_| None).collect();
    std::future::poll_fn(|context| {
        for (future, done) in all
            .iter_mut()
            .zip(&mut done)
            .filter(|(_, done)| done.is_none())
        {
            if let std::task::Poll::Ready(value) = future.as_mut().poll(context) {
                *done = Some(value);
            }
        }
        if done.iter().all(Option::is_some) {
            std::task::Poll::Ready(())
        } else {
            std::task::Poll::Pending
        }
    })
    .await;
    done.into_iter().flatten().collect()
}
