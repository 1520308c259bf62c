//! A local stack for tests, driven over HTTP only. One per test binary; it ends with the process,
//! because it watches its standard input.

use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

pub struct Stack {
    pub http: String,
    pub aws: String,
    pub vendors: String,
    pub key: String,
    pub clinic: String,
    /// The gateways and systems that the demo clinic has accounts at.
    pub gateways: Vec<String>,
    pub systems: Vec<String>,
    agent: ureq::Agent,
    // Holds the pipe whose end tells the stack to stop.
    _child: Child,
}

/// What an HTTP call answered.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub text: String,
}

impl Answer {
    /// The body as JSON; null where it is none.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_default()
    }

    /// The JSON body of the status that is expected.
    #[track_caller]
    pub fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text);
        self.json()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, value)| value.as_str())
    }
}

/// The workspace's root.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()
        .expect("the workspace")
}

/// Where cargo puts what it builds, as for the running test.
fn target() -> PathBuf {
    let test = std::env::current_exe().expect("a running test");
    // target/debug/deps/test-hash
    test.ancestors()
        .nth(3)
        .expect("below a target folder")
        .to_owned()
}

/// Builds a binary of the workspace with one `cargo build`; quick where nothing changed.
pub fn build(binary: &str, profile: &str) -> PathBuf {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
    let mut command = Command::new(cargo);
    // `cargo test` tells its program which package it is of. Build scripts that read that, as ring's
    // does, would run again each time, and everything above them be compiled again.
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy();
        if name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_") {
            command.env_remove(&*name);
        }
    }
    let built = command
        .args([
            "build",
            "--quiet",
            "--workspace",
            "--bin",
            binary,
            "--profile",
            profile,
        ])
        .arg("--target-dir")
        .arg(target())
        .current_dir(root())
        .status()
        .expect("cargo runs");
    assert!(built.success(), "{binary} does not build");
    let folder = if profile == "dev" { "debug" } else { profile };
    target().join(folder).join(binary)
}

/// Where the stack of this test binary writes which rights its functions used. A run of some of the
/// tests writes beside what a whole one wrote.
fn rights_seen() -> PathBuf {
    let narrows = |word: String| {
        !word.starts_with('-') || ["--skip", "--exact", "--ignored"].contains(&&*word)
    };
    let whole = !std::env::args().skip(1).any(narrows);
    let binary = std::env::current_exe().expect("a running test");
    let binary = binary.file_stem().unwrap_or_default().to_string_lossy();
    let name = binary.rsplit_once('-').map_or(&*binary, |(name, _)| name);
    let package = std::env::var("CARGO_PKG_NAME").unwrap_or_default();
    let some = if whole { "" } else { "-some" };
    target().join(format!("rights/{package}-{name}{some}.txt"))
}

/// Which rights the functions used in the last whole run of a test binary; `None` where there was
/// none yet.
pub fn rights_of(package: &str, binary: &str) -> Option<String> {
    let file = target().join(format!("rights/{package}-{binary}.txt"));
    std::fs::read_to_string(file).ok()
}

impl Stack {
    /// The stack of this test binary, started at its first use.
    pub fn shared() -> &'static Self {
        static STACK: OnceLock<Stack> = OnceLock::new();
        STACK.get_or_init(|| Self::start(&[&format!("--rights={}", rights_seen().display())]))
    }

    /// The stack for one test alone: faults, the clock and calls are everybody's.
    pub fn alone() -> (&'static Self, MutexGuard<'static, ()>) {
        static ALONE: Mutex<()> = Mutex::new(());
        let guard = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        (Self::shared(), guard)
    }

    /// A stack of its own, in memory, on free ports.
    pub fn start(options: &[&str]) -> Self {
        let runner = build("meridian", "dev");
        let mut child = Command::new(runner)
            .args([
                "--memory",
                "--end-with-input",
                "--ready-json",
                "--port=0",
                "--aws-port=0",
                "--vendor-port=0",
            ])
            .args(options)
            .env("CARGO_TARGET_DIR", target())
            .current_dir(root())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the stack starts");
        let lines = BufReader::new(child.stdout.take().expect("its output"));
        let ready = lines
            .lines()
            .map_while(Result::ok)
            .find_map(|line| serde_json::from_str::<Value>(&line).ok())
            .expect("the stack gets ready");
        let text = |name: &str| ready[name].as_str().unwrap_or_default().to_owned();
        let list = |name: &str| {
            let all = ready[name].as_array().into_iter().flatten();
            let all = all.filter_map(|id| id.as_str().map(str::to_owned));
            all.collect::<Vec<_>>()
        };
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            // days that pass instant by instant take minutes on a busy machine
            .timeout_global(Some(Duration::from_secs(600)))
            .max_redirects(0)
            // a machine behind a proxy reaches its own loopback without
            .proxy(None)
            .build();
        Self {
            http: text("http"),
            aws: text("aws"),
            vendors: text("vendors"),
            key: text("key"),
            clinic: text("clinic"),
            gateways: list("gateways"),
            systems: list("systems"),
            agent: config.into(),
            _child: child,
        }
    }

    /// A call with exact bytes and headers, to any address.
    pub fn send(&self, method: &str, url: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let mut request = ureq::http::Request::builder().method(method).uri(url);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(body.to_vec()).expect("a request");
        let mut reply = self.agent.run(request).expect("an answer");
        let headers = reply
            .headers()
            .iter()
            .map(|(name, value)| {
                (
                    name.to_string(),
                    String::from_utf8_lossy(value.as_bytes()).into_owned(),
                )
            })
            .collect();
        let status = reply.status().as_u16();
        let text = reply
            .body_mut()
            .with_config()
            .limit(50_000_000)
            .read_to_string();
        Answer {
            status,
            headers,
            text: text.unwrap_or_default(),
        }
    }

    pub fn get(&self, path: &str) -> Answer {
        let authorization = format!("Bearer {}", self.key);
        let url = format!("{}{path}", self.http);
        self.send("GET", &url, &[("authorization", &authorization)], b"")
    }

    /// A POST to the API with a fresh idempotency key.
    pub fn post(&self, path: &str, body: &Value) -> Answer {
        self.post_as(path, body, &unique("key"))
    }

    pub fn post_as(&self, path: &str, body: &Value, idempotency: &str) -> Answer {
        self.call("POST", path, body, idempotency)
    }

    pub fn call(&self, method: &str, path: &str, body: &Value, idempotency: &str) -> Answer {
        let authorization = format!("Bearer {}", self.key);
        let headers = [
            ("authorization", authorization.as_str()),
            ("content-type", "application/json"),
            ("idempotency-key", idempotency),
        ];
        self.send(
            method,
            &format!("{}{path}", self.http),
            &headers,
            body.to_string().as_bytes(),
        )
    }

    /// Local control.
    pub fn control(&self, method: &str, path: &str, body: &Value) -> Answer {
        let body = if body.is_null() {
            Vec::new()
        } else {
            body.to_string().into_bytes()
        };
        let url = format!("{}/_local/{path}", self.http);
        self.send(method, &url, &[("content-type", "application/json")], &body)
    }

    /// Waits until nothing moves any more. A message that comes back later is waited for by the
    /// app's clock.
    #[track_caller]
    pub fn quiet(&self) {
        let mut answer = self.control("GET", "quiet?timeout=60", &Value::Null);
        for _ in 0..20 {
            let back = &answer.json()["moving"]["next_message_back_at"];
            if answer.status == 200 || !back.is_string() {
                break;
            }
            self.control("POST", "clock", &json!({ "set": back }));
            answer = self.control("GET", "quiet?timeout=60", &Value::Null);
        }
        assert_eq!(
            answer.status, 200,
            "the app does not come to rest: {}",
            answer.text
        );
    }

    /// Moves Meridian's clock on, instant by instant.
    #[track_caller]
    pub fn advance(&self, seconds: i64) {
        self.control("POST", "clock", &json!({ "advance": seconds }))
            .expect(200);
    }

    /// A call to the embedded SQS, as nobody in particular.
    pub fn sqs(&self, action: &str, body: &Value) -> Value {
        let target = format!("AmazonSQS.{action}");
        let authorization = "AWS4-HMAC-SHA256 \
                             Credential=test/20261121/us-east-1/sqs/aws4_request, \
                             SignedHeaders=host, Signature=0";
        let headers = [
            ("content-type", "application/x-amz-json-1.0"),
            ("x-amz-target", target.as_str()),
            ("authorization", authorization),
        ];
        let body = body.to_string();
        let answer = self.send("POST", &self.aws, &headers, body.as_bytes());
        answer.expect(200)
    }

    /// The address of the queue of this name.
    pub fn queue(&self, name: &str) -> String {
        let queues = self.sqs("ListQueues", &json!({}));
        let urls = queues["QueueUrls"].as_array().into_iter().flatten();
        let mut urls = urls.filter_map(Value::as_str);
        let named = |url: &&str| {
            let last = url.rsplit('/').next().unwrap_or_default().to_lowercase();
            last.contains(name) && !last.contains("dead")
        };
        urls.find(named).expect("the queue").to_owned()
    }

    /// Every call to vendors so far.
    pub fn calls(&self, vendor: &str) -> Vec<Value> {
        let answer = self.control("GET", &format!("calls?vendor={vendor}"), &Value::Null);
        let json = answer.expect(200);
        json.as_array()
            .or(json["calls"].as_array())
            .cloned()
            .unwrap_or_default()
    }

    /// Messages that patients and staff got.
    pub fn outbox(&self) -> Vec<Value> {
        let json = self.control("GET", "outbox", &Value::Null).expect(200);
        json.as_array()
            .or(json["messages"].as_array())
            .cloned()
            .unwrap_or_default()
    }

    /// Makes something happen at a simulated vendor.
    #[track_caller]
    pub fn at_vendor(&self, vendor: &str, what: &str, body: &Value) -> Value {
        let url = format!("{}/_sandbox/{vendor}/{what}", self.vendors);
        let headers = [("content-type", "application/json")];
        self.send("POST", &url, &headers, body.to_string().as_bytes())
            .expect(200)
    }

    pub fn faults(&self, faults: &Value) {
        self.control("PUT", "faults", faults).expect(200);
    }

    pub fn reset(&self) {
        self.control("POST", "reset", &Value::Null).expect(200);
    }
}

/// A name that no other test uses.
pub fn unique(what: &str) -> String {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    format!(
        "{what}-{}-{}",
        std::process::id(),
        NEXT.fetch_add(1, Ordering::Relaxed)
    )
}
