//! A sandbox with a clock that the test moves, a Meridian that takes webhooks, and a plain client.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use meridian_sandbox::{Options, Sandbox};
use serde_json::Value;
use std::sync::atomic::{AtomicI64, AtomicU16, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

#[derive(Clone)]
pub struct Taken {
    pub path: String,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Taken {
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .iter()
            .find(|(n, _)| n == name)
            .map_or("", |(_, value)| value)
    }
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("a webhook's body is JSON")
    }
}

struct Meridian {
    taken: Mutex<Vec<Taken>>,
    /// All that ever came, for the contract check at the end.
    all: Mutex<Vec<Taken>>,
    status: AtomicU16,
}

pub struct Bench {
    pub sandbox: Sandbox,
    pub now: Arc<AtomicI64>,
    meridian: Arc<Meridian>,
}

pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub text: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("not JSON: {}", self.text))
    }
    #[track_caller]
    pub fn ok(self) -> Value {
        assert!(
            (200..300).contains(&self.status),
            "{}: {}",
            self.status,
            self.text
        );
        self.json()
    }
}

/// 2026-11-21T10:00:00Z
pub const START: i64 = 1_795_255_200_000;

impl Bench {
    pub async fn start() -> Bench {
        let meridian = Arc::new(Meridian {
            taken: Mutex::default(),
            all: Mutex::default(),
            status: AtomicU16::new(200),
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let webhook_base = format!("http://{}/webhooks", listener.local_addr().unwrap());
        let router = axum::Router::new()
            .fallback(take)
            .with_state(meridian.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        let now = Arc::new(AtomicI64::new(START));
        let hands = now.clone();
        let clock = Arc::new(move || hands.load(Ordering::SeqCst));
        let options = Options {
            port: 0,
            clock,
            webhook_base,
            clinic: "demo".into(),
        };
        Bench {
            sandbox: meridian_sandbox::start(options).await.unwrap(),
            now,
            meridian,
        }
    }

    /// What Meridian answers to webhooks from now on.
    pub fn house_answers(&self, status: u16) {
        self.meridian.status.store(status, Ordering::SeqCst);
    }

    /// Moves stack time and waits until every due webhook has been tried.
    pub async fn advance(&self, ms: i64) {
        self.now.fetch_add(ms, Ordering::SeqCst);
        self.sandbox.tick().await;
        self.quiet().await;
    }

    pub async fn quiet(&self) {
        for _ in 0..3000 {
            if self.sandbox.webhooks_waiting() == 0 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("webhooks keep waiting: {:#?}", self.sandbox.webhooks());
    }

    /// Webhooks taken since the last time.
    pub async fn taken(&self) -> Vec<Taken> {
        self.quiet().await;
        std::mem::take(&mut *self.meridian.taken.lock().unwrap())
    }

    pub async fn call(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Answer {
        let base = self.sandbox.base("");
        let authority = base
            .trim_start_matches("http://")
            .trim_end_matches('/')
            .to_string();
        let stream = tokio::net::TcpStream::connect(&authority).await.unwrap();
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .unwrap();
        tokio::spawn(connection);
        let mut request = hyper::Request::builder()
            .method(method)
            .uri(path)
            .header("host", authority);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request
            .body(Full::new(Bytes::from(body.to_string())))
            .unwrap();
        let reply = sender.send_request(request).await.unwrap();
        let (status, headers) = (reply.status().as_u16(), reply.headers().clone());
        let body = reply.into_body().collect().await.unwrap().to_bytes();
        Answer {
            status,
            headers,
            text: String::from_utf8_lossy(&body).into_owned(),
        }
    }

    pub async fn control(&self, path: &str, ask: Value) -> Answer {
        self.call("POST", &format!("/_sandbox/{path}"), &[], &ask.to_string())
            .await
    }
}

async fn take(
    State(meridian): State<Arc<Meridian>>,
    uri: Uri,
    head: HeaderMap,
    body: Bytes,
) -> StatusCode {
    let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
    let headers = head
        .iter()
        .map(|(name, value)| (name.to_string(), text(value.as_bytes())));
    let (path, headers) = (uri.path().to_string(), headers.collect());
    let taken = Taken {
        path,
        headers,
        body: text(&body),
    };
    meridian.all.lock().unwrap().push(taken.clone());
    meridian.taken.lock().unwrap().push(taken);
    StatusCode::from_u16(meridian.status.load(Ordering::SeqCst)).unwrap()
}

pub fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", BASE64.encode(format!("{user}:{password}")))
}

/// Names of the taken events, in order.
pub fn kinds(taken: &[Taken]) -> Vec<String> {
    taken
        .iter()
        .map(|one| one.json()["type"].as_str().unwrap_or("").to_string())
        .collect()
}

/// Every test ends with the sandbox's replies and webhooks held against the vendors' contracts,
/// where these are at hand. The requests are the test's own, and often wrong on purpose.
impl Drop for Bench {
    fn drop(&mut self) {
        let Some(contracts) = meridian_contracts::Contracts::from_env() else {
            return println!("contracts not checked");
        };
        if std::thread::panicking() {
            return;
        }
        let mut problems = Vec::new();
        for call in self.sandbox.calls() {
            let found = contracts.check(&exchange(&call)).into_iter();
            problems.extend(found.filter(|line| line.contains(": reply")));
        }
        for one in self.meridian.all.lock().unwrap().iter() {
            let source = one.path.rsplit('/').next().unwrap_or("");
            problems.extend(contracts.check_webhook(source, &one.headers, one.body.as_bytes()));
        }
        problems.sort();
        problems.dedup();
        assert!(
            problems.is_empty(),
            "against the contracts:\n{}",
            problems.join("\n")
        );
    }
}

fn exchange(call: &Value) -> meridian_contracts::Exchange {
    let text = |name: &str| call[name].as_str().unwrap_or("").to_string();
    let headers = |name: &str| serde_json::from_value(call[name].clone()).unwrap();
    meridian_contracts::Exchange {
        vendor: text("vendor"),
        method: text("method"),
        path: text("path"),
        request_headers: headers("headers"),
        request_body: text("body").into_bytes(),
        status: u16::try_from(call["status"].as_u64().unwrap()).unwrap(),
        response_headers: headers("reply_headers"),
        response_body: text("reply").into_bytes(),
    }
}
