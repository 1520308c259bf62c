//! A app over AWS in this process, called as API Gateway would call it. Every answer is held to
//! the served document.

use meridian::api;
use meridian::flows::App;
use meridian::flows::intake::Intake;
use meridian::io::aws::Aws;
use meridian::io::config::Config;
use meridian::io::lambda::{HttpRequest, HttpResponse};
use meridian::io::lean::Client;
use meridian::io::queue::{Nudge, RowKey};
use meridian::io::store::{Write, Written};
use meridian::words::ids;
use meridian_embedded_aws as embedded;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

#[path = "deployed.rs"]
mod deployed;

const PATIENCE: Duration = Duration::from_secs(20);

/// AWS and the file that says where the vendors are; who calls AWS unless faults are to strike.
static AWS: OnceLock<(embedded::Aws, PathBuf)> = OnceLock::new();
const CALLER: &str = "test";
const STRUCK: &str = "struck";

/// AWS, started once for all tests, on a thread that goes on serving between them.
pub fn aws() -> &'static embedded::Aws {
    &started().0
}

fn started() -> &'static (embedded::Aws, PathBuf) {
    AWS.get_or_init(|| (deployed::start(), crate::vendors::start()))
}

/// What a function is told that AWS knows by this name.
fn config(caller: &str) -> Config {
    let (aws, hosts) = started();
    let mut variables = deployed::variables(&aws.endpoint(), &format!("LOCAL.{caller}.1"));
    let hosts = hosts.to_string_lossy().into_owned();
    variables.insert("MERIDIAN_HOSTS".into(), hosts);
    let config = Config::of(|name| variables.get(name).cloned());
    config.expect("all that is needed")
}

/// One process of a function.
pub fn app() -> App {
    app_of(config(CALLER))
}

fn app_of(config: Config) -> App {
    let aws = Aws::new(&config, PATIENCE);
    App::new(config, &aws)
}

/// One process of intake.
pub fn intake() -> Intake {
    intake_of(config(CALLER))
}

fn intake_of(config: Config) -> Intake {
    let client = Client::new(&config, PATIENCE);
    Intake::new(config, &client)
}

/// A process whose calls to AWS are struck. One at a time, as faults are everybody's.
pub struct Struck {
    pub app: App,
    _alone: MutexGuard<'static, ()>,
}

impl Struck {
    /// By these faults, in this order.
    pub fn by(faults: Vec<(&str, embedded::Action, u64, u64)>) -> Self {
        static ALONE: Mutex<()> = Mutex::new(());
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let fault = |(operation, action, nth, times): (&str, _, _, _)| embedded::Fault {
            function: Some(STRUCK.into()),
            operation: Some(operation.into()),
            action,
            nth: Some(nth),
            times: Some(times),
        };
        aws().set_faults(faults.into_iter().map(fault).collect());
        Self {
            app: app_of(config(STRUCK)),
            _alone: alone,
        }
    }

    /// One whose transactions meet others so many times.
    pub fn meeting_others(times: u64) -> Self {
        Self::by(vec![(
            "TransactWriteItems",
            embedded::Action::Conflict,
            1,
            times,
        )])
    }

    /// One process of intake, struck as the others are.
    pub fn intake(&self) -> Intake {
        intake_of(config(STRUCK))
    }

    /// How often each fault struck.
    pub fn struck(&self) -> Vec<u64> {
        aws().faults().iter().map(|armed| armed.struck).collect()
    }
}

/// What came back, already held to the document.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub body: Value,
}

impl Answer {
    #[track_caller]
    pub fn expect(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.body);
        self.body
    }
}

/// A clinic of a test's own.
pub struct Clinic {
    pub id: String,
    pub app: App,
    pub key: String,
}

impl Clinic {
    /// The rows of this clinic that were nudged in a queue since it was looked into.
    pub async fn nudged(&self, queue: &str) -> Vec<RowKey> {
        let of = format!("{}#", self.id);
        let ours = |body: &Value| {
            body["rows"][0]["pk"]
                .as_str()
                .is_some_and(|pk| pk.starts_with(&of))
        };
        let all = deployed::queued(aws(), queue, ours).await.into_iter();
        all.flat_map(|body| serde_json::from_value::<Nudge>(body).expect("a nudge").rows)
            .collect()
    }

    pub async fn new() -> Self {
        Self::of("EUR", json!({ "collect": "later" })).await
    }

    /// One that bills in this currency, by this policy.
    pub async fn of(currency: &str, policy: Value) -> Self {
        let (id, app) = (format!("c-{}", ids::random()), app());
        let settings = json!({
            "id": id, "name": "Wattle Street Clinic", "currency": currency,
            "time_zone": "Australia/Melbourne", "policy": policy,
            "systems": ["xero"],
        });
        let made = send(&app, "POST", "/v1/clinics", "root_key", "", &settings).await;
        let key = made.expect(201)["key"].as_str().expect("a key").to_owned();
        Self { id, app, key }
    }

    pub async fn call(&self, method: &str, path: &str, body: &Value) -> Answer {
        self.call_at(&self.app, method, path, body).await
    }

    /// Through another process of the function.
    pub async fn call_at(&self, app: &App, method: &str, path: &str, body: &Value) -> Answer {
        send(app, method, path, &self.key, &ids::random(), body).await
    }

    /// Another key of the clinic, with these permissions alone.
    pub async fn key_with(&self, permissions: &[&str]) -> String {
        let new = json!({ "label": "some", "permissions": permissions });
        let made = self.post("/v1/keys", new).await.expect(201);
        made["key"].as_str().expect("a key").to_owned()
    }

    /// The clinic as somebody else calls it, with another of its keys.
    pub fn with_key(&self, key: &str) -> Self {
        Self {
            id: self.id.clone(),
            app: app(),
            key: key.to_owned(),
        }
    }

    /// Repeats or meets an earlier request under this Idempotency-Key.
    pub async fn post_under(&self, once: &str, path: &str, body: &Value) -> Answer {
        self.post_at(&self.app, once, path, body).await
    }

    pub async fn post_at(&self, app: &App, once: &str, path: &str, body: &Value) -> Answer {
        send(app, "POST", path, &self.key, once, body).await
    }

    /// All rows of the clinic, by their keys.
    pub async fn rows(&self) -> BTreeMap<String, Value> {
        rows_of(&self.id).await
    }

    pub async fn get(&self, path: &str) -> Value {
        self.call("GET", path, &Value::Null).await.expect(200)
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.call("POST", path, &body).await
    }

    /// A row as no request writes it.
    pub async fn write(&self, write: Write) {
        let written = self.app.store.transact(&[write]).await;
        assert_eq!(written.expect("a table"), Written::Done);
    }

    pub async fn patient(&self) -> String {
        let new = json!({ "reference": "P-1", "name": "Juniper Vale" });
        let made = self.post("/v1/patients", new).await;
        made.body["id"].as_str().expect("an id").to_owned()
    }

    /// An invoice for whose payment a page is asked, and that payment.
    pub async fn asked_to_pay(&self) -> (String, Value) {
        let case = self.invoice(None).await;
        let charges = format!("/v1/invoices/{case}/charges");
        let page = json!({ "collect": "checkout" });
        let charged = self.post(&charges, page).await.expect(202);
        (case, charged)
    }

    pub async fn invoice(&self, patient: Option<&str>) -> String {
        let new = json!({ "patient": patient, "lines": lines() });
        let made = self.post("/v1/invoices", new).await.expect(201);
        made["id"].as_str().expect("an id").to_owned()
    }
}

/// What the table holds of a clinic: the rows under its name, and its keys.
async fn rows_of(clinic: &str) -> BTreeMap<String, Value> {
    let (mut rows, mut start) = (BTreeMap::new(), Value::Null);
    loop {
        let mut asked = json!({
            "TableName": "meridian",
            "ConsistentRead": true,
            "FilterExpression": "begins_with(pk, :rows) OR clinic = :clinic",
            "ExpressionAttributeValues": {
                ":rows": { "S": format!("{clinic}#") }, ":clinic": { "S": clinic },
            },
        });
        if !start.is_null() {
            asked["ExclusiveStartKey"] = start;
        }
        let page = aws().call("DynamoDB_20120810.Scan", asked).await;
        let page = page.expect("a table");
        for row in page["Items"].as_array().into_iter().flatten() {
            let text = |name: &str| row[name]["S"].as_str().unwrap_or_default();
            rows.insert(format!("{} {}", text("pk"), text("sk")), row.clone());
        }
        start = page["LastEvaluatedKey"].clone();
        if start.is_null() {
            return rows;
        }
    }
}

/// One line of 60.00 with ten per cent of tax included.
pub fn lines() -> Value {
    let unit = json!({ "amount": "60.00", "currency": "EUR" });
    json!([{ "description": "Initial visit", "unit": unit, "tax_rate": "10" }])
}

/// An event as API Gateway hands it to the function.
pub fn request(method: &str, path: &str, headers: Value, body: Option<String>) -> HttpRequest {
    let path = path.strip_prefix(deployed::PUBLIC_URL).unwrap_or(path);
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let event = json!({
        "rawPath": path,
        "rawQueryString": query,
        "headers": headers,
        "requestContext": { "http": { "method": method } },
        "body": body,
    });
    serde_json::from_value(event).expect("a request")
}

pub async fn send(
    app: &App,
    method: &str,
    path: &str,
    key: &str,
    once: &str,
    body: &Value,
) -> Answer {
    let headers = json!({
        "authorization": format!("Bearer {key}"),
        "content-type": "application/json",
        "idempotency-key": once,
    });
    let body = (!body.is_null()).then(|| body.to_string());
    let answer = api::answer(app, request(method, path, headers, body));
    let HttpResponse {
        status_code: status,
        body,
        ..
    } = Box::pin(answer).await;
    let body = serde_json::from_str(&body).expect("JSON");
    let path = path.split('?').next().unwrap_or_default();
    documented(app, method, path, status, &body).await;
    Answer { status, body }
}

/// The answer is one that the document gives for this route.
async fn documented(app: &App, method: &str, path: &str, status: u16, body: &Value) {
    static DOCUMENT: OnceLock<Value> = OnceLock::new();
    if DOCUMENT.get().is_none() {
        let asked = request("GET", "/v1/openapi.json", json!({}), None);
        let answer = Box::pin(api::answer(app, asked)).await;
        let document = serde_json::from_str(&answer.body).expect("a document");
        DOCUMENT.get_or_init(|| document);
    }
    let document = DOCUMENT.get().expect("the document");
    let fits = |pattern: &str| {
        let (wanted, given) = (pattern.split('/'), path.split('/'));
        let same = |(wanted, given): (&str, &str)| wanted.starts_with('{') || wanted == given;
        wanted.clone().count() == given.clone().count() && wanted.zip(given).all(same)
    };
    let paths = document["paths"].as_object().expect("paths");
    let mut found: Vec<_> = paths.iter().filter(|(pattern, _)| fits(pattern)).collect();
    found.sort_by_key(|(pattern, _)| pattern.matches('{').count());
    let Some((pattern, at)) = found.first() else {
        panic!("{path} is not documented");
    };
    let answers = &at[method.to_ascii_lowercase()]["responses"];
    let (answer, kind) = match &answers[status.to_string()] {
        Value::Null => (&answers["default"], "application/problem+json"),
        good => (good, "application/json"),
    };
    assert_eq!(kind == "application/json", status < 400, "{body}");
    let mut schema = answer["content"][kind]["schema"].clone();
    schema["components"] = document["components"].clone();
    let options = jsonschema::options().should_validate_formats(true);
    let schema = options.build(&schema).expect("a schema");
    let errors: Vec<_> = schema
        .iter_errors(body)
        .map(|why| format!("{why} at {}", why.instance_path()))
        .collect();
    assert!(
        errors.is_empty(),
        "{method} {pattern}: {errors:#?} {body:#}"
    );
}
