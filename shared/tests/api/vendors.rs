//! Vendors that answer what a test wants, on loopback. A call belongs to the clinic whose name
//! stands in its credentials or its text, so that tests do not meet.

use crate::stack::Clinic;
use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::{Mutex, OnceLock, PoisonError};

/// A call as the vendor hears it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    /// `POST /stripe/v1/refunds`: the vendor is the first part of the path.
    pub what: String,
    pub query: String,
    pub headers: HashMap<String, String>,
    pub body: String,
}

impl Heard {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }
}

/// What it does then.
#[derive(Clone, Debug)]
pub enum Said {
    Reply(u16, Value),
    /// In plain words.
    Plain(u16, &'static str),
    /// Sends the caller elsewhere.
    Elsewhere(u16, String),
    /// Closes the connection once it has read all of the request.
    Cut,
    /// Closes it in the middle of the reply.
    CutInside,
}

pub fn ok(body: Value) -> Said {
    Said::Reply(200, body)
}

type Script = Box<dyn FnMut(&Heard) -> Said + Send>;

#[derive(Default)]
struct Network {
    scripts: HashMap<String, Script>,
    heard: HashMap<String, Vec<Heard>>,
}

fn network() -> std::sync::MutexGuard<'static, Network> {
    static NETWORK: OnceLock<Mutex<Network>> = OnceLock::new();
    let network = NETWORK.get_or_init(Mutex::default);
    network.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A vendor that nobody listens for.
pub const CLOSED: &str = "nobody";

/// Starts listening, and writes where each vendor is; the file for `MERIDIAN_HOSTS`.
pub fn start() -> PathBuf {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let base = format!("http://{}", listener.local_addr().expect("an address"));
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || serve(&stream));
        }
    });
    let free = TcpListener::bind("127.0.0.1:0").expect("a port");
    let nobody = format!("http://{}", free.local_addr().expect("an address"));
    drop(free);
    let at = |vendor: &'static str| (vendor, json!(format!("{base}/{vendor}")));
    let all = meridian::vendors::all().map(|vendor| at(vendor.id));
    let mut hosts: HashMap<&str, Value> = all.collect();
    hosts.insert(CLOSED, json!(nobody));
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let file = folder.join(format!("hosts-{}.json", std::process::id()));
    std::fs::write(&file, json!(hosts).to_string()).expect("a file");
    file
}

/// Connects the clinic to a vendor and lets it answer as `script` says.
pub async fn connect(
    clinic: &Clinic,
    vendor: &str,
    script: impl FnMut(&Heard) -> Said + Send + 'static,
) {
    let id = &clinic.id;
    let fields = match vendor {
        "stripe" => json!({ "secret_key": format!("sk_test_{id}") }),
        "gocardless" => json!({ "access_token": format!("sandbox_{id}") }),
        "mollie" => json!({ "api_key": format!("test_{id}") }),
        "adyen" => json!({
            "api_key": format!("key-{id}"), "merchant_account": "Wattle", "environment": "sandbox",
        }),
        "authorizenet" => json!({ "login_id": own(id), "transaction_key": "secret" }),
        "paypal" => json!({ "client_id": id, "client_secret": "secret" }),
        "mailgun" => json!({
            "api_key": format!("key-{id}"), "domain": "mg.example.test",
            "from": "clinic@mg.example.test",
        }),
        "twilio" => json!({
            "account_sid": format!("AC{}", "0".repeat(32)), "auth_token": id, "from": "+15005550006",
        }),
        "slack" => json!({
            "webhook_url": format!("https://hooks.slack.com/services/T0/B0/{}", own(id)),
        }),
        "cliniko" => json!({
            "api_key": format!("{}-au1", own(id)), "contact_email": "front@example.test",
        }),
        "xero" => json!({
            "client_id": id, "client_secret": "secret", "sales_account": "200",
            "tenant_id": "00000000-0000-4000-8000-000000000000", "bank_account": "090",
            "tax_type": "OUTPUT",
        }),
        "quickbooks" => json!({
            "client_id": id, "client_secret": "secret", "realm_id": "4620816365000000000",
            "income_item": "1", "deposit_account": "35", "tax_code": "2",
        }),
        "own" => json!({
            "url": format!("https://hooks.example.org/{id}"),
            "secret": format!("whsec_{}", BASE64_STANDARD.encode([7; 32])),
        }),
        "google-sheets" => sheets(id),
        other => panic!("how is {other} connected?"),
    };
    let mut connection = json!({ "fields": fields });
    if matches!(vendor, "xero" | "quickbooks") {
        connection["oauth"] = json!({ "refresh_token": "r1" });
    }
    let path = format!("/v1/integrations/{vendor}");
    let put = clinic.call("PUT", &path, &connection).await;
    put.expect(200);
    answer(clinic, script);
}

/// What a clinic pastes for Google Sheets; its name tells whose calls they are.
pub fn sheets(clinic: &str) -> Value {
    let key = json!({
        "type": "service_account", "private_key": include_str!("../fixtures/google-sheets/key.pem"),
        "client_email": format!("{clinic}@demo.iam.gserviceaccount.com"),
        "token_uri": "https://oauth2.googleapis.com/token",
    });
    let id = format!("{clinic}-spreadsheet-of-the-clinic");
    json!({ "service_account": format!("{key:#}\n"), "spreadsheet": id, "tab": "Payments" })
}

/// What is random in a clinic's name: letters and digits, as they may stand anywhere.
fn own(id: &str) -> &str {
    id.rsplit('-').next().unwrap_or(id)
}

/// How the vendors of the clinic answer from now on.
pub fn answer(clinic: &Clinic, script: impl FnMut(&Heard) -> Said + Send + 'static) {
    network()
        .scripts
        .insert(clinic.id.clone(), Box::new(script));
}

/// What vendors heard under the clinic's credentials.
pub fn heard(clinic: &Clinic) -> Vec<Heard> {
    network().heard.get(&clinic.id).cloned().unwrap_or_default()
}

/// An access token that is the clinic's, as a token call answers it.
pub fn token(clinic: &str, name: &str, seconds: i64) -> Said {
    ok(json!({
        "access_token": format!("{name}.{clinic}"), "token_type": "Bearer", "expires_in": seconds,
    }))
}

fn serve(mut stream: &TcpStream) {
    let Some(heard) = read(stream) else { return };
    let sender = heard.header("authorization");
    let basic = sender.strip_prefix("Basic ").unwrap_or_default();
    let basic = BASE64_STANDARD.decode(basic).unwrap_or_default();
    let basic = String::from_utf8_lossy(&basic);
    let headers: Vec<_> = heard.headers.values().map(String::as_str).collect();
    let sender = format!(
        "{basic} {} {} {} {}",
        headers.join(" "),
        heard.what,
        heard.body,
        stated(&heard.body)
    );
    let said = {
        let mut network = network();
        let known = network.scripts.keys().find(|id| sender.contains(own(id)));
        let Some(id) = known.cloned() else {
            return;
        };
        network
            .heard
            .entry(id.clone())
            .or_default()
            .push(heard.clone());
        network
            .scripts
            .get_mut(&id)
            .map_or(Said::Cut, |script| script(&heard))
    };
    let (status, head, body) = match said {
        Said::Cut => return,
        Said::CutInside => (200, "content-length: 1000".into(), "{".into()),
        Said::Reply(status, body) => {
            let body = body.to_string();
            (status, format!("content-length: {}", body.len()), body)
        }
        Said::Plain(status, words) => {
            let head = format!("content-length: {}", words.len());
            (status, head, words.into())
        }
        Said::Elsewhere(status, to) => (
            status,
            format!("location: {to}\r\ncontent-length: 0"),
            String::new(),
        ),
    };
    let reply = format!(
        "HTTP/1.1 {status} Said\r\ncontent-type: application/json\r\nconnection: close\r\n{head}\r\n\r\n{body}"
    );
    let _ = stream.write_all(reply.as_bytes());
}

/// What an account states in a token call that it signed.
fn stated(body: &str) -> String {
    let (_, assertion) = body.split_once("assertion=").unwrap_or_default();
    let claims = assertion.split('.').nth(1).unwrap_or_default();
    let claims = BASE64_URL_SAFE_NO_PAD.decode(claims).unwrap_or_default();
    String::from_utf8_lossy(&claims).into_owned()
}

fn read(stream: &TcpStream) -> Option<Heard> {
    let mut lines = BufReader::new(stream);
    let mut line = String::new();
    lines.read_line(&mut line).ok()?;
    let mut words = line.split(' ');
    let (method, address) = (words.next()?, words.next()?);
    let (path, query) = address.split_once('?').unwrap_or((address, ""));
    let mut headers = HashMap::new();
    loop {
        let mut line = String::new();
        lines.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim().split_once(':') else {
            break;
        };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let length = headers
        .get("content-length")
        .and_then(|text| text.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    lines.read_exact(&mut body).ok()?;
    Some(Heard {
        what: format!("{method} {path}"),
        query: query.into(),
        headers,
        body: String::from_utf8_lossy(&body).into_owned(),
    })
}
