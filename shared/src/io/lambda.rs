//! What every function's trigger repeats, written once: the runtime's loop, HTTP in and out,
//! batches in which a bad message fails alone, schedules, logs.

use crate::io::config::clock_file;
use crate::io::queue::{Nudge, RowKey};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use futures::FutureExt;
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::fmt;
use std::panic::AssertUnwindSafe;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tracing::level_filters::LevelFilter;

/// Logs as JSON lines, of this level and above.
pub fn logs(level: LevelFilter) {
    tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_max_level(level)
        .without_time()
        .init();
}

// ---- HTTP --------------------------------------------------------------------------------------

/// An API Gateway HTTP API request, payload format 2.0, as far as it is read.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HttpRequest {
    #[serde(default)]
    pub raw_path: String,
    #[serde(default)]
    pub raw_query_string: String,
    /// Names in lower case; several values joined by commas.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    #[serde(default)]
    pub request_context: RequestContext,
    #[serde(default)]
    body: Option<String>,
    #[serde(default)]
    is_base64_encoded: bool,
}

#[derive(Default, Deserialize)]
pub struct RequestContext {
    #[serde(default)]
    pub http: Http,
}

#[derive(Default, Deserialize)]
pub struct Http {
    #[serde(default)]
    pub method: String,
}

impl HttpRequest {
    pub fn method(&self) -> &str {
        &self.request_context.http.method
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    /// The body's bytes; `None` where what should be base64 is not.
    pub fn body(&self) -> Option<Vec<u8>> {
        let text = self.body.as_deref().unwrap_or_default();
        if self.is_base64_encoded {
            BASE64_STANDARD.decode(text).ok()
        } else {
            Some(text.as_bytes().to_vec())
        }
    }

    /// The parameters of the query, decoded.
    pub fn query(&self) -> BTreeMap<String, String> {
        form_urlencoded::parse(self.raw_query_string.as_bytes())
            .into_owned()
            .collect()
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HttpResponse {
    pub status_code: u16,
    pub headers: BTreeMap<&'static str, String>,
    pub body: String,
    pub is_base64_encoded: bool,
}

impl HttpResponse {
    pub fn new(status: u16, content_type: &str, body: String) -> Self {
        let headers = BTreeMap::from([("content-type", content_type.to_owned())]);
        Self {
            status_code: status,
            headers,
            body,
            is_base64_encoded: false,
        }
    }

    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.insert(name, value.into());
        self
    }
}

/// Serves HTTP requests, one at a time.
pub async fn serve<F: Future<Output = HttpResponse>>(
    handle: impl Fn(HttpRequest) -> F,
) -> Result<(), Error> {
    let handle = &handle;
    // Raw, as the runtime would note the path to every field while it reads them; on the heap, as
    // the runtime moves the future about.
    run(service_fn(|event: LambdaEvent<Box<RawValue>>| {
        Box::pin(async move {
            let request = serde_json::from_str(event.payload.get())?;
            Ok::<_, Error>(handle(request).await)
        })
    }))
    .await
}

// ---- queues ------------------------------------------------------------------------------------

#[derive(Deserialize)]
pub struct Batch {
    #[serde(rename = "Records")]
    pub records: Vec<Message>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Message {
    pub message_id: Option<String>,
    #[serde(default)]
    pub body: String,
    #[serde(default)]
    attributes: BTreeMap<String, String>,
    #[serde(default)]
    message_attributes: BTreeMap<String, serde_json::Value>,
}

impl Message {
    /// How often this message was received, this time included.
    pub fn times_received(&self) -> u32 {
        let text = self.attributes.get("ApproximateReceiveCount");
        text.and_then(|text| text.parse().ok()).unwrap_or(1)
    }

    /// A local stack's message that asks for a panic: what a poisonous one does, without the bug.
    fn is_poison(&self) -> bool {
        self.message_attributes.contains_key("panic") && clock_file().is_some()
    }
}

#[derive(Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Partial {
    pub batch_item_failures: Vec<Failed>,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Failed {
    pub item_identifier: String,
}

/// Why a message was not worked off.
#[derive(Debug)]
pub enum Fault {
    Failed(Error),
    Panicked,
    /// It was taken so often that it must be what ends the process each time; it was not tried.
    TakenTooOften,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Failed(why) => write!(f, "{why}"),
            Self::Panicked => f.write_str("the handler panicked"),
            Self::TakenTooOften => f.write_str("it ended the function again and again"),
        }
    }
}

impl std::error::Error for Fault {}

/// After so many deliveries a message that fails by itself may be put aside.
pub const LAST_CHANCE: u32 = 3;
/// After so many it is not tried any more.
const TOO_OFTEN: u32 = 100;

/// Hands each message to `work`, as long as there is time for calls that take as long as `call`.
/// One that cannot be read, fails or panics goes back to the queue alone, unless `rescue`, which is
/// told how often it was received, finds another end for it. Its neighbours are not delivered again.
pub async fn each_message<T, F, R>(
    call: Duration,
    work: impl Fn(T) -> F,
    rescue: impl Fn(T, Fault, u32) -> R,
) -> Result<(), Error>
where
    T: DeserializeOwned + Clone,
    F: Future<Output = Result<(), Error>>,
    R: Future<Output = Result<(), Error>>,
{
    let (work, rescue) = (&work, &rescue);
    run(service_fn(async |event: LambdaEvent<Batch>| {
        let begin_by = Some(last_begin(event.context.deadline, call));
        Box::pin(batch(event.payload, begin_by, work, rescue)).await
    }))
    .await
}

/// Hands each row of each nudge to `work`, as long as there is time for calls that take as long as
/// `call`. A nudge with a row that failed comes again.
pub async fn each_row<F>(call: Duration, work: impl Fn(RowKey) -> F) -> Result<(), Error>
where
    F: Future<Output = Result<(), Error>>,
{
    let work = &work;
    run(service_fn(async |event: LambdaEvent<Batch>| {
        let begin_by = Some(last_begin(event.context.deadline, call));
        let rows = async |nudge: Nudge| in_turn(nudge, begin_by, work).await;
        let again = async |_: Nudge, fault: Fault, _| Err(fault.into());
        Box::pin(batch(event.payload, begin_by, &rows, &again)).await
    }))
    .await
}

tokio::task_local! {
    /// Until when the invocation under way may begin to call a vendor, in epoch milliseconds.
    static BEGIN_BY: Option<u64>;
}

/// Work within an invocation that may begin to call a vendor until then, in epoch milliseconds.
pub async fn beginning_by<F: Future>(begin_by: Option<u64>, work: F) -> F::Output {
    BEGIN_BY.scope(begin_by, work).await
}

/// Until when an invocation that ends at `end` has time for what calls a vendor, each call as long
/// as `call`; in epoch milliseconds.
fn last_begin(end: u64, call: Duration) -> u64 {
    end.saturating_sub(2 * call.as_millis() as u64 + 5_000)
}

/// Whether too little of the invocation under way is left to call a vendor: what is not begun is
/// then left to the next.
pub fn time_is_short() -> bool {
    BEGIN_BY
        .try_with(|begin_by| is_past(*begin_by))
        .unwrap_or(false)
}

/// The rows of a nudge one after the other, as far as there is time for them.
async fn in_turn<F>(
    nudge: Nudge,
    begin_by: Option<u64>,
    work: &impl Fn(RowKey) -> F,
) -> Result<(), Error>
where
    F: Future<Output = Result<(), Error>>,
{
    let mut failed = None;
    for (n, row) in nudge.rows.into_iter().enumerate() {
        if n > 0 && is_past(begin_by) {
            return Err("no time is left for all of its rows".into());
        }
        // One that fails must not hold up the others.
        if let Err(why) = work(row).await {
            failed.get_or_insert(why);
        }
    }
    failed.map_or(Ok(()), Err)
}

/// Whether this moment, in epoch milliseconds, is over.
fn is_past(begin_by: Option<u64>) -> bool {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.map_or(0, |since| since.as_millis() as u64);
    begin_by.is_some_and(|begin_by| begin_by < now)
}

async fn batch<T, F, R>(
    batch: Batch,
    begin_by: Option<u64>,
    work: &impl Fn(T) -> F,
    rescue: &impl Fn(T, Fault, u32) -> R,
) -> Result<Partial, Error>
where
    T: DeserializeOwned + Clone,
    F: Future<Output = Result<(), Error>>,
    R: Future<Output = Result<(), Error>>,
{
    let mut partial = Partial::default();
    for (n, message) in batch.records.into_iter().enumerate() {
        // Without an id a single failure cannot be named: an empty one would mean all of them.
        let id = message.message_id.clone().filter(|id| !id.is_empty());
        let outcome = match n > 0 && is_past(begin_by) {
            true => Err("no time is left for it".into()),
            false => beginning_by(begin_by, one(message, work, rescue)).await,
        };
        if let Err(why) = outcome {
            let id = id.ok_or("a message without an id failed")?;
            tracing::error!(message = id, %why, "a message goes back to the queue");
            partial.batch_item_failures.push(Failed {
                item_identifier: id,
            });
        }
    }
    Ok(partial)
}

async fn one<T, F, R>(
    message: Message,
    work: &impl Fn(T) -> F,
    rescue: &impl Fn(T, Fault, u32) -> R,
) -> Result<(), Error>
where
    T: DeserializeOwned + Clone,
    F: Future<Output = Result<(), Error>>,
    R: Future<Output = Result<(), Error>>,
{
    let times = message.times_received();
    let read: T = serde_json::from_str(&message.body)?;
    let (copy, poison) = (read.clone(), message.is_poison());
    let tried = async move {
        assert!(!poison, "this message asks for a panic");
        work(copy).await
    };
    let fault = match times > TOO_OFTEN {
        true => Fault::TakenTooOften,
        false => match AssertUnwindSafe(tried).catch_unwind().await {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(why)) => Fault::Failed(why),
            Err(_) => Fault::Panicked,
        },
    };
    let rescued = AssertUnwindSafe(rescue(read, fault, times)).catch_unwind();
    rescued
        .await
        .unwrap_or_else(|_| Err("the handler panicked".into()))
}

// ---- schedules ---------------------------------------------------------------------------------

/// Runs `work` each time the schedule fires.
pub async fn on_schedule<F>(work: impl Fn() -> F) -> Result<(), Error>
where
    F: Future<Output = Result<(), Error>>,
{
    let work = &work;
    run(service_fn(async |_: LambdaEvent<serde_json::Value>| {
        Box::pin(work()).await
    }))
    .await
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    async fn run(records: serde_json::Value, begin_by: Option<u64>) -> Result<Partial, Error> {
        let read = serde_json::from_value(json!({ "Records": records })).unwrap();
        let work = async |n: u8| match n {
            1 => Ok(()),
            2 => Err("no".into()),
            _ => panic!("boom"),
        };
        let rescue = async |n: u8, fault: Fault, _| match n {
            4 => Ok(()),
            _ => Err(fault.into()),
        };
        batch(read, begin_by, &work, &rescue).await
    }

    #[tokio::test]
    async fn a_bad_message_fails_alone() {
        let partial = run(
            json!([
                { "messageId": "good", "body": "1" },
                { "messageId": "not json", "body": "{" },
                { "messageId": "fails", "body": "2" },
                { "messageId": "panics", "body": "3" },
                { "messageId": "panics and is rescued", "body": "4" },
                { "messageId": "also good", "body": "1" },
            ]),
            None,
        );
        let failed = partial.await.unwrap().batch_item_failures;
        let failed: Vec<_> = failed.into_iter().map(|f| f.item_identifier).collect();
        assert_eq!(failed, ["not json", "fails", "panics"]);
    }

    #[tokio::test]
    async fn a_failure_without_an_id_fails_the_invocation() {
        assert!(run(json!([{ "body": "2" }]), None).await.is_err());
        let nameless = json!([{ "messageId": "", "body": "3" }]);
        assert!(run(nameless, None).await.is_err());
        let good = run(json!([{ "body": "1" }]), None).await.unwrap();
        assert_eq!(good, Partial::default());
    }

    #[tokio::test]
    async fn what_an_invocation_has_no_time_for_goes_back_and_its_first_message_is_tried() {
        let records = json!([
            { "messageId": "first", "body": "1" },
            { "messageId": "second", "body": "1" },
        ]);
        let failed = run(records, Some(0)).await.unwrap().batch_item_failures;
        let failed: Vec<_> = failed.into_iter().map(|f| f.item_identifier).collect();
        assert_eq!(failed, ["second"]);
    }

    #[test]
    fn an_invocation_begins_nothing_that_two_calls_of_a_vendor_would_not_end_in() {
        let call = Duration::from_secs(10);
        assert_eq!(last_begin(60_000, call), 35_000);
        assert_eq!(last_begin(20_000, call), 0);
    }

    #[tokio::test]
    async fn rows_that_no_time_is_left_for_come_again_and_one_that_fails_holds_up_none() {
        let key = |sk: &str| RowKey {
            pk: "c".into(),
            sk: sk.into(),
        };
        let seen = std::cell::RefCell::new(vec![]);
        let work = async |row: RowKey| {
            seen.borrow_mut().push(row.sk.clone());
            match row.sk.as_str() {
                "fails" => Err("no".into()),
                _ => Ok(()),
            }
        };
        let nudge = || Nudge {
            rows: vec![key("fails"), key("good")],
        };
        let failed = in_turn(nudge(), None, &work).await;
        assert_eq!(failed.unwrap_err().to_string(), "no");
        assert_eq!(seen.take(), ["fails", "good"]);
        let short = in_turn(nudge(), Some(0), &work).await;
        assert!(short.unwrap_err().to_string().contains("no time"));
        assert_eq!(seen.take(), ["fails"]);
    }
}
