//! A stack of its own for each test, started as a person starts it, on free ports.

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

pub struct Stack {
    child: Child,
    pub http: String,
    pub aws: String,
    pub client: reqwest::Client,
    pub state: PathBuf,
    /// Goes with the stack.
    folder: Option<tempfile::TempDir>,
}

pub fn template() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/probe.yaml")
}

/// Cargo builds examples beside the binary that it tests.
pub fn binaries() -> PathBuf {
    Path::new(env!("CARGO_BIN_EXE_meridian")).with_file_name("examples")
}

/// On free ports, with functions that were built before.
pub fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_meridian"));
    command
        .args(["--port=0", "--aws-port=0", "--vendor-port=0"])
        .args(["--no-build", "--bin-dir"])
        .arg(binaries());
    command
}

impl Stack {
    pub fn start() -> Stack {
        let folder = tempfile::tempdir().expect("a folder");
        let mut stack = Stack::start_in(folder.path());
        stack.folder = Some(folder);
        stack
    }

    pub fn start_in(state: &Path) -> Stack {
        Stack::start_as(state, |command| command.arg("--state").arg(state))
    }

    /// Keeps nothing, and ends with its input.
    pub fn start_in_memory(folder: &Path, temporary: &Path) -> Stack {
        Stack::start_as(folder, |command| {
            command
                .args(["--memory", "--end-with-input"])
                .env("TMPDIR", temporary)
                .stdin(Stdio::piped())
        })
    }

    fn start_as(state: &Path, more: impl FnOnce(&mut Command) -> &mut Command) -> Stack {
        let errors = std::fs::File::create(state.join("stderr")).expect("a file for the log");
        let mut command = command();
        let mut child = more(command.arg("--template").arg(template()))
            .arg("--ready-json")
            .stdout(Stdio::piped())
            .stderr(errors)
            .spawn()
            .expect("the binary starts");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("a pipe"))
            .read_line(&mut line)
            .expect("a line");
        let ready: Value = serde_json::from_str(&line).unwrap_or_else(|e| {
            panic!(
                "not ready: {e}: {line} {}",
                std::fs::read_to_string(state.join("stderr")).unwrap_or_default()
            )
        });
        let text = |key: &str| ready[key].as_str().expect("an address").to_owned();
        Stack {
            child,
            http: text("http"),
            aws: text("aws"),
            client: client(),
            state: state.to_owned(),
            folder: None,
        }
    }

    pub async fn get(&self, path: &str) -> reqwest::Response {
        let request = self.client.get(format!("{}{path}", self.http));
        self.answered(request.send().await)
    }

    pub async fn post(&self, path: &str, body: Value) -> reqwest::Response {
        let request = self
            .client
            .post(format!("{}{path}", self.http))
            .header("content-type", "application/json");
        self.answered(request.body(body.to_string()).send().await)
    }

    pub async fn put(&self, path: &str, body: Value) -> reqwest::Response {
        let request = self
            .client
            .put(format!("{}{path}", self.http))
            .header("content-type", "application/json");
        self.answered(request.body(body.to_string()).send().await)
    }

    pub async fn advance(&self, by: &str) {
        let moved = self.post("/_local/clock", json!({ "advance": by })).await;
        assert!(
            moved.status().is_success(),
            "{}",
            moved.text().await.unwrap_or_default()
        );
    }

    pub async fn quiet(&self, seconds: f64) -> (u16, Value) {
        let answer = self.get(&format!("/_local/quiet?timeout={seconds}")).await;
        (answer.status().as_u16(), json_of(answer).await)
    }

    pub async fn now(&self) -> i64 {
        let clock = json_of(self.get("/_local/clock").await).await;
        let now: jiff::Timestamp = clock["now"]
            .as_str()
            .expect("a time")
            .parse()
            .expect("RFC 3339");
        now.as_millisecond()
    }

    /// As any AWS client calls, from outside the stack.
    pub async fn aws(&self, target: &str, body: Value) -> Value {
        let (status, answer) = self.ask_aws(target, body).await;
        assert_eq!(status, 200, "{target}: {answer}");
        answer
    }

    /// A call that may be refused.
    pub async fn ask_aws(&self, target: &str, body: Value) -> (u16, Value) {
        let service = match target.split_once('.').expect("Service.Operation").0 {
            "AmazonSQS" => "sqs",
            "secretsmanager" => "secretsmanager",
            _ => "dynamodb",
        };
        let signed = format!(
            "AWS4-HMAC-SHA256 Credential=PERSON/20260101/us-east-1/{service}/aws4_request, SignedHeaders=host, Signature=0"
        );
        let request = self
            .client
            .post(&self.aws)
            .header("x-amz-target", target)
            .header("authorization", signed);
        let request = request
            .header("content-type", "application/x-amz-json-1.0")
            .body(body.to_string());
        let answer = self.answered(request.send().await);
        (answer.status().as_u16(), json_of(answer).await)
    }

    /// The answer; or what the stack said before it gave none.
    fn answered(&self, answer: reqwest::Result<reqwest::Response>) -> reqwest::Response {
        answer.unwrap_or_else(|e| panic!("{e:?}; the stack said: {}", self.stderr()))
    }

    pub fn queue_url(&self, name: &str) -> String {
        format!("{}/000000000000/meridian-local-{name}", self.aws)
    }

    pub async fn send(&self, messages: &[Value]) {
        let entry = |(n, body): (usize, &Value)| json!({ "Id": n.to_string(), "MessageBody": body.to_string() });
        let entries: Vec<_> = messages.iter().enumerate().map(entry).collect();
        let sent = self
            .aws(
                "AmazonSQS.SendMessageBatch",
                json!({ "QueueUrl": self.queue_url("Queue"), "Entries": entries }),
            )
            .await;
        assert_eq!(
            sent["Successful"].as_array().map(Vec::len),
            Some(messages.len())
        );
    }

    pub async fn depth(&self, queue: &str) -> usize {
        let wanted = json!({ "QueueUrl": self.queue_url(queue), "AttributeNames": ["All"] });
        let depth = self.aws("AmazonSQS.GetQueueAttributes", wanted).await;
        let number = |key: &str| {
            depth["Attributes"][key]
                .as_str()
                .and_then(|n| n.parse::<usize>().ok())
                .expect("a number")
        };
        number("ApproximateNumberOfMessages") + number("ApproximateNumberOfMessagesNotVisible")
    }

    /// A row that is due so many milliseconds from the stack's now.
    pub async fn put_due(&self, name: &str, shard: usize, at: i64) {
        let item = json!({
            "pk": { "S": "test" }, "sk": { "S": name },
            "due_pk": { "S": format!("due#{shard}") }, "due_at": { "N": at.to_string() },
        });
        self.aws(
            "DynamoDB_20120810.PutItem",
            json!({ "TableName": "meridian-local-Table", "Item": item }),
        )
        .await;
    }

    /// What the function printed of one kind, in order.
    pub fn events(&self, kind: &str) -> Vec<Value> {
        let log = std::fs::read_to_string(self.state.join("functions.log")).expect("the log");
        let lines = log
            .lines()
            .filter_map(|line| serde_json::from_str(line.split_once(' ')?.1).ok());
        lines
            .filter(|event: &Value| event["event"] == kind)
            .collect()
    }

    pub fn stderr(&self) -> String {
        std::fs::read_to_string(self.state.join("stderr")).expect("the log")
    }

    pub fn signal(&mut self, signal: Signal) -> std::process::ExitStatus {
        self.tell(signal);
        self.ended()
    }

    pub fn tell(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id())
            .ok()
            .and_then(Pid::from_raw)
            .expect("a process id");
        kill_process(pid, signal).expect("signalled");
    }

    pub fn end_input(&mut self) {
        drop(self.child.stdin.take().expect("a pipe"));
    }

    pub fn ended(&mut self) -> std::process::ExitStatus {
        // one that does not end must not hold the tests up for ever
        for _ in 0..600 {
            if let Some(status) = self.child.try_wait().expect("a child") {
                return status;
            }
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
        panic!("it does not end: {}", self.stderr());
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        // it may have ended already
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn client() -> reqwest::Client {
    // installed once per process; a second time changes nothing
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .no_proxy()
        .build()
        .expect("a client")
}

pub async fn json_of(answer: reqwest::Response) -> Value {
    let text = answer.text().await.expect("a body");
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e}: {text}"))
}
