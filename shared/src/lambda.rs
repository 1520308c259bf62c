//! What every function's trigger repeats, written once: the runtime's loop, HTTP in and out,
//! batches in which a bad message fails alone, schedules, logs.

use crate::queue::{Nudge, RowKey};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use futures::FutureExt;
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;

/// Logs as JSON lines, at the level of `RUST_LOG`.
pub fn logs() {
    let level = std::env::var("RUST_LOG")
        .ok()
        .and_then(|text| text.parse().ok());
    tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_max_level(level.unwrap_or(tracing::level_filters::LevelFilter::INFO))
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
        self.message_attributes.contains_key("panic")
            && std::env::var_os("MERIDIAN_CLOCK").is_some()
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

/// Hands each message to `work`. A message that cannot be read, fails or panics goes back to the
/// queue alone; its neighbours are not delivered again.
pub async fn each_message<T, F>(work: impl Fn(T, u32) -> F) -> Result<(), Error>
where
    T: DeserializeOwned,
    F: Future<Output = Result<(), Error>>,
{
    let work = &work;
    run(service_fn(async |event: LambdaEvent<Batch>| {
        Box::pin(batch(event.payload, work)).await
    }))
    .await
}

/// Hands each row of each nudge to `work`. Rows of one nudge fail together.
pub async fn each_row<F>(work: impl Fn(RowKey) -> F) -> Result<(), Error>
where
    F: Future<Output = Result<(), Error>>,
{
    let work = &work;
    each_message(async |nudge: Nudge, _| {
        for row in nudge.rows {
            work(row).await?;
        }
        Ok(())
    })
    .await
}

async fn batch<T, F>(batch: Batch, work: &impl Fn(T, u32) -> F) -> Result<Partial, Error>
where
    T: DeserializeOwned,
    F: Future<Output = Result<(), Error>>,
{
    let mut partial = Partial::default();
    for message in batch.records {
        // Without an id a single failure cannot be named: an empty one would mean all of them.
        let id = message.message_id.clone().filter(|id| !id.is_empty());
        let outcome = AssertUnwindSafe(one(message, work)).catch_unwind().await;
        if let Err(why) = outcome.unwrap_or_else(|_| Err("the handler panicked".into())) {
            let id = id.ok_or("a message without an id failed")?;
            tracing::error!(message = id, %why, "a message goes back to the queue");
            partial.batch_item_failures.push(Failed {
                item_identifier: id,
            });
        }
    }
    Ok(partial)
}

async fn one<T, F>(message: Message, work: &impl Fn(T, u32) -> F) -> Result<(), Error>
where
    T: DeserializeOwned,
    F: Future<Output = Result<(), Error>>,
{
    let times = message.times_received();
    assert!(
        !message.is_poison() || times > LAST_CHANCE,
        "this message asks for a panic"
    );
    work(serde_json::from_str(&message.body)?, times).await
}

/// After so many deliveries a webhook is put aside instead of worked off, where staff see it.
pub const LAST_CHANCE: u32 = 3;

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

    async fn run(records: serde_json::Value) -> Result<Partial, Error> {
        let read = serde_json::from_value(json!({ "Records": records })).unwrap();
        let work = async |n: u8, _| match n {
            1 => Ok(()),
            2 => Err("no".into()),
            _ => panic!("boom"),
        };
        batch(read, &work).await
    }

    #[tokio::test]
    async fn a_bad_message_fails_alone() {
        let partial = run(json!([
            { "messageId": "good", "body": "1" },
            { "messageId": "not json", "body": "{" },
            { "messageId": "fails", "body": "2" },
            { "messageId": "panics", "body": "3" },
            { "messageId": "also good", "body": "1" },
        ]));
        let failed = partial.await.unwrap().batch_item_failures;
        let failed: Vec<_> = failed.into_iter().map(|f| f.item_identifier).collect();
        assert_eq!(failed, ["not json", "fails", "panics"]);
    }

    #[tokio::test]
    async fn a_failure_without_an_id_fails_the_invocation() {
        assert!(run(json!([{ "body": "2" }])).await.is_err());
        assert!(
            run(json!([{ "messageId": "", "body": "3" }]))
                .await
                .is_err()
        );
        assert_eq!(
            run(json!([{ "body": "1" }])).await.unwrap(),
            Partial::default()
        );
    }
}
