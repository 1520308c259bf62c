//! AWS and the vendors of these tests, started once for all of them, and the clock that some move.

use meridian::api;
use meridian::contract::Answer;
use meridian::flows::App;
use meridian::flows::intake::{Incoming, Intake};
use meridian::io::aws::Aws;
use meridian::io::config::Config;
use meridian::io::lambda::HttpRequest;
use meridian::io::lean::Client;
use meridian::words::ids;
use meridian_embedded_aws as embedded;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::{Mutex, OnceLock};
use std::time::Duration;
use tokio::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};

#[path = "../api/deployed.rs"]
mod deployed;

const PATIENCE: Duration = Duration::from_secs(20);

static WORLD: OnceLock<World> = OnceLock::new();

struct World {
    aws: embedded::Aws,
    clock: PathBuf,
    /// The files of the other seams, by their variables.
    seams: [(&'static str, PathBuf); 2],
    vendors: &'static Vendors,
}

fn world() -> &'static World {
    WORLD.get_or_init(|| {
        let folder = std::env::temp_dir().join(format!("meridian-doors-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        let (clock, hosts, roots) = (
            folder.join("clock"),
            folder.join("hosts"),
            folder.join("roots"),
        );
        let vendors = Vendors::start();
        let ids = meridian::vendors::all().map(|vendor| vendor.id);
        let at: HashMap<_, _> = ids.map(|id| (id, &vendors.base)).collect();
        std::fs::write(&clock, "0").expect("a clock");
        std::fs::write(&hosts, json!(at).to_string()).expect("hosts");
        let root = include_bytes!("../fixtures/paypal/root.pem");
        std::fs::write(&roots, root).expect("roots");
        // SAFETY: set once, under the lock, before anything of this process asks for the time.
        unsafe { std::env::set_var("MERIDIAN_CLOCK", &clock) };
        let aws = deployed::start();
        World {
            aws,
            clock,
            seams: [("MERIDIAN_HOSTS", hosts), ("MERIDIAN_ROOTS", roots)],
            vendors,
        }
    })
}

pub fn aws() -> &'static embedded::Aws {
    &world().aws
}

pub fn vendors() -> &'static Vendors {
    world().vendors
}

// ---- the clock -----------------------------------------------------------------------------------

static STILL: RwLock<()> = RwLock::const_new(());

/// While this is held, nobody moves the clock.
pub async fn still() -> RwLockReadGuard<'static, ()> {
    world();
    STILL.read().await
}

/// While this is held, nobody else looks at the clock.
pub async fn alone() -> RwLockWriteGuard<'static, ()> {
    world();
    STILL.write().await
}

/// Moves the clock on; who calls it is alone.
pub fn pass(seconds: i64, _alone: &RwLockWriteGuard<'static, ()>) {
    let clock = &world().clock;
    let offset = std::fs::read_to_string(clock).expect("a clock");
    let offset: i64 = offset.parse().expect("milliseconds");
    std::fs::write(clock, (offset + seconds * 1000).to_string()).expect("a clock");
}

// ---- AWS -----------------------------------------------------------------------------------------

/// An account of AWS apart from that of all other tests, for one that takes rights away.
pub fn apart() -> embedded::Aws {
    world();
    deployed::start()
}

/// A function's configuration that reaches AWS at this endpoint by this name.
pub fn config(endpoint: &str, caller: &str) -> Config {
    let mut variables = deployed::variables(endpoint.trim_end_matches('/'), caller);
    variables.insert("VENDOR_TIMEOUT_MS".into(), "1500".into());
    for (name, file) in &world().seams {
        variables.insert((*name).into(), file.to_string_lossy().into_owned());
    }
    let config = Config::of(|name| variables.get(name).cloned());
    config.expect("all that is needed")
}

/// AWS as it is reached so.
pub fn reached(config: &Config) -> Aws {
    Aws::new(config, PATIENCE)
}

/// The same as intake reaches it.
pub fn lean(config: &Config) -> Client {
    Client::new(config, PATIENCE)
}

/// One process of intake, known to AWS by this name.
pub fn intake(caller: &str) -> Intake {
    intake_at(aws(), caller)
}

pub fn intake_at(aws: &embedded::Aws, caller: &str) -> Intake {
    let config = config(&aws.endpoint(), &format!("LOCAL.{caller}.1"));
    let client = lean(&config);
    Intake::new(config, &client)
}

/// One process of any other function.
pub fn app() -> App {
    let config = config(&aws().endpoint(), "test");
    let aws = reached(&config);
    App::new(config, &aws)
}

/// What a caller asked of AWS, as operations.
pub fn calls_of(caller: &str) -> Vec<String> {
    let of = format!("LOCAL.{caller}.1");
    let calls = aws().calls().into_iter();
    calls
        .filter(|call| call.caller == of)
        .map(|call| call.operation)
        .collect()
}

pub fn reads_of(caller: &str) -> usize {
    let calls = calls_of(caller);
    calls
        .iter()
        .filter(|name| *name == "GetSecretValue")
        .count()
}

/// Writes a secret: a new version where it exists.
pub async fn secret(name: &str, fields: Value) {
    let text = fields.to_string();
    let put = json!({ "SecretId": name, "SecretString": text });
    if aws()
        .call("secretsmanager.PutSecretValue", put)
        .await
        .is_err()
    {
        let made = json!({ "Name": name, "SecretString": text });
        let made = aws().call("secretsmanager.CreateSecret", made).await;
        made.expect("a secret");
    }
}

/// Takes the messages of a queue that speak of this clinic.
pub async fn queued(queue: &str, clinic: &str) -> Vec<Value> {
    deployed::queued(aws(), queue, |body| body["clinic"] == clinic).await
}

// ---- a clinic ------------------------------------------------------------------------------------

pub struct Clinic {
    pub id: String,
    pub key: String,
    pub app: App,
}

impl Clinic {
    pub async fn new() -> Self {
        let (id, app) = (format!("d-{}", ids::random()), app());
        let settings = json!({
            "id": id, "name": "Wattle Street Clinic", "currency": "EUR",
            "time_zone": "Australia/Melbourne", "policy": { "collect": "later" }, "systems": [],
        });
        let made = call(&app, "root_key", "POST", "/v1/clinics", &settings).await;
        assert_eq!(made.0, 201, "{}", made.1);
        let key = made.1["key"].as_str().expect("a key").to_owned();
        Self { id, key, app }
    }

    pub async fn call(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        call(&self.app, &self.key, method, path, body).await
    }
}

/// A call of the API through one process of its function.
pub async fn call(app: &App, key: &str, method: &str, path: &str, body: &Value) -> (u16, Value) {
    let request = json!({
        "rawPath": path,
        "headers": {
            "authorization": format!("Bearer {key}"),
            "content-type": "application/json",
            "idempotency-key": ids::random(),
        },
        "requestContext": { "http": { "method": method } },
        "body": (!body.is_null()).then(|| body.to_string()),
    });
    let request: HttpRequest = serde_json::from_value(request).expect("a request");
    let answer = Box::pin(api::answer(app, request)).await;
    let body = serde_json::from_str(&answer.body).unwrap_or(Value::Null);
    (answer.status_code, body)
}

/// A webhook as API Gateway hands it to intake.
pub async fn deliver(
    intake: &Intake,
    method: &str,
    clinic: &str,
    source: &str,
    headers: &[(&str, String)],
    body: &[u8],
) -> Answer {
    let path = format!("/webhooks/{clinic}/{source}");
    let headers = headers.iter();
    let incoming = Incoming {
        method,
        clinic,
        source,
        path: &path,
        query: "",
        headers: headers.map(|(n, v)| ((*n).into(), v.clone())).collect(),
        body: body.to_vec(),
    };
    Box::pin(intake.handle(incoming)).await
}

// ---- vendors -------------------------------------------------------------------------------------

#[derive(Clone)]
pub enum Said {
    Whole(u16, Vec<u8>),
    /// Chunks without an end, as fast as they are taken.
    Endless,
}

/// All vendors: a server that answers each path by script, the last answer for ever.
pub struct Vendors {
    pub base: String,
    scripts: Mutex<HashMap<String, Vec<Said>>>,
    asked: Mutex<Vec<String>>,
    /// Bytes that the endless answers gave away.
    pub given: std::sync::atomic::AtomicUsize,
}

impl Vendors {
    fn start() -> &'static Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let base = format!("http://{}", listener.local_addr().expect("an address"));
        let vendors: &'static Self = Box::leak(Box::new(Self {
            base,
            scripts: Mutex::default(),
            asked: Mutex::default(),
            given: Default::default(),
        }));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                std::thread::spawn(move || vendors.answer(stream));
            }
        });
        vendors
    }

    /// What is answered at a path, in turn; the last again and again.
    pub fn script(&self, path: &str, said: &[Said]) {
        let mut scripts = self.scripts.lock().expect("nobody panics here");
        scripts.insert(path.into(), said.to_vec());
    }

    /// How often a path was asked for.
    pub fn asked(&self, path: &str) -> usize {
        let asked = self.asked.lock().expect("nobody panics here");
        asked.iter().filter(|other| *other == path).count()
    }

    fn answer(&self, mut stream: TcpStream) {
        let Some(path) = read_request(&mut stream) else {
            return;
        };
        self.asked
            .lock()
            .expect("nobody panics here")
            .push(path.clone());
        let said = {
            let mut scripts = self.scripts.lock().expect("nobody panics here");
            match scripts.get_mut(&path) {
                None => Said::Whole(404, b"{}".to_vec()),
                Some(said) if said.len() > 1 => said.remove(0),
                Some(said) => said[0].clone(),
            }
        };
        match said {
            Said::Whole(status, body) => {
                let head = format!(
                    "HTTP/1.1 {status} Said\r\ncontent-type: application/json\r\n\
                     content-length: {}\r\nconnection: close\r\n\r\n",
                    body.len()
                );
                let _ = stream.write_all(&[head.as_bytes(), &body].concat());
            }
            Said::Endless => {
                let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
                let mut chunk = b"10000\r\n".to_vec();
                chunk.extend([b' '; 0x10000]);
                chunk.extend(b"\r\n");
                let mut going = stream.write_all(head.as_bytes()).is_ok();
                while going {
                    going = stream.write_all(&chunk).is_ok();
                    let one = std::sync::atomic::Ordering::Relaxed;
                    self.given.fetch_add(0x10000, one);
                }
            }
        }
    }
}

/// The path of a request, read to its end.
fn read_request(stream: &mut TcpStream) -> Option<String> {
    let (mut text, mut some) = (Vec::new(), [0; 4096]);
    let head = loop {
        let n = stream.read(&mut some).ok().filter(|n| *n > 0)?;
        text.extend(&some[..n]);
        if let Some(at) = text.windows(4).position(|four| four == b"\r\n\r\n") {
            break at + 4;
        }
    };
    let lines = String::from_utf8_lossy(&text[..head]).into_owned();
    let length = lines.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length")
            .then(|| value.trim().parse::<usize>().ok())?
    });
    while text.len() < head + length.unwrap_or(0) {
        let n = stream.read(&mut some).ok().filter(|n| *n > 0)?;
        text.extend(&some[..n]);
    }
    let path = lines.split(' ').nth(1)?;
    Some(path.split('?').next().unwrap_or_default().to_owned())
}
