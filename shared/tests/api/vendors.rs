//! Vendors of a test's own: what each answers is written down beforehand, and what was asked of it
//! can be read. A clinic is told apart by the key that its calls carry.

use crate::stack;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::json;
use std::collections::{HashMap, VecDeque};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

/// The gateways, and where in their secret the key stands.
const GATEWAYS: [(&str, &str); 3] = [
    ("stripe", "secret_key"),
    ("gocardless", "access_token"),
    ("mollie", "api_key"),
];

#[derive(Default)]
struct Desk {
    /// By `GET /path`, in their order; the last one stays.
    answers: HashMap<String, VecDeque<(u16, String)>>,
    asked: Vec<String>,
}

fn desks() -> MutexGuard<'static, HashMap<String, Desk>> {
    static DESKS: OnceLock<Mutex<HashMap<String, Desk>>> = OnceLock::new();
    let desks = DESKS.get_or_init(Mutex::default);
    desks.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Started once; the addresses of all vendors then lead here.
pub fn start() {
    static STARTED: OnceLock<()> = OnceLock::new();
    STARTED.get_or_init(|| {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let base = format!("http://{}", listener.local_addr().expect("an address"));
        let hosts: HashMap<_, _> = GATEWAYS.iter().map(|(id, _)| (*id, &base)).collect();
        let file = std::env::temp_dir().join(format!("hosts-{}.json", std::process::id()));
        std::fs::write(&file, json!(hosts).to_string()).expect("a file");
        // SAFETY: set once, under the lock, before any call of this process reads it.
        unsafe { std::env::set_var("MERIDIAN_HOSTS", file) };
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                std::thread::spawn(move || answer(stream));
            }
        });
    });
}

fn answer(mut stream: TcpStream) {
    let mut reader = BufReader::new(stream.try_clone().expect("a stream"));
    let (mut first, mut length, mut clinic) = (String::new(), 0, String::new());
    if reader.read_line(&mut first).is_err() {
        return;
    }
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).is_err() || line.trim().is_empty() {
            break;
        }
        let (name, value) = line.split_once(':').unwrap_or_default();
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.trim().parse().unwrap_or(0),
            "authorization" => clinic = value.trim().trim_start_matches("Bearer ").into(),
            _ => {}
        }
    }
    let _ = reader.read_exact(&mut vec![0; length]);
    let asked = first.split(" HTTP").next().unwrap_or_default().to_owned();
    let (status, body) = {
        let mut all = desks();
        let desk = all.entry(clinic).or_default();
        desk.asked.push(asked.clone());
        let path = asked.split('?').next().unwrap_or_default();
        match desk.answers.get_mut(path) {
            Some(answers) if answers.len() > 1 => answers.pop_front().expect("an answer"),
            Some(answers) => answers[0].clone(),
            None => (404, "nobody wrote an answer".into()),
        }
    };
    let head = format!(
        "HTTP/1.1 {status} x\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    let _ = stream.write_all(head.as_bytes());
    let _ = stream.write_all(body.as_bytes());
}

/// Gives the clinic an account at each gateway.
pub async fn connect(clinic: &str) {
    start();
    for (gateway, field) in GATEWAYS {
        let secret = json!({ field: clinic }).to_string();
        let secret =
            json!({ "Name": format!("meridian/{clinic}/{gateway}"), "SecretString": secret });
        let made = stack::aws()
            .call("secretsmanager.CreateSecret", secret)
            .await;
        made.expect("a secret");
    }
}

/// What is answered to `GET /path` from now on, in this order; the last answer stays.
pub fn answers(clinic: &str, asked: &str, all: &[(u16, &str)]) {
    let all = all.iter().map(|(status, body)| (*status, (*body).into()));
    let mut desks = desks();
    let desk = desks.entry(clinic.into()).or_default();
    desk.answers.insert(asked.into(), all.collect());
}

/// What was asked so far.
pub fn asked(clinic: &str) -> Vec<String> {
    desks().entry(clinic.into()).or_default().asked.clone()
}

/// A delivery as intake queues it.
pub fn received(clinic: &str, source: &str, proven: bool, body: &str) -> meridian::queue::Received {
    meridian::queue::Received {
        clinic: clinic.into(),
        source: source.into(),
        proven,
        received_at: meridian::clock::now().as_second(),
        url: format!("https://pay.example.test/webhooks/{clinic}/{source}"),
        headers: vec![],
        body: BASE64_STANDARD.encode(body),
        sha256: meridian::inbound::body_hash(body.as_bytes()),
        replays: None,
    }
}
