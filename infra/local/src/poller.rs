//! Feeds a function from its queue: receive, invoke, delete what was done, leave the rest to come back.
//!
//! Messages that are left come back when their visibility timeout has passed on the stack's clock;
//! the queue itself moves them to its dead-letter queue after too many receives.

use crate::activity::{Activity, Guard};
use crate::instances::Pool;
use crate::log::Log;
use crate::runtime_api::PAYLOAD_LIMIT;
use crate::template::{Queue, Source};
use bytes::Bytes;
use meridian_embedded_aws::Aws;
use meridian_embedded_aws::REGION;
use serde_json::{Map, Value, json};
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::Semaphore;

/// What SQS gives or takes in one call.
const SQS_BATCH: usize = 10;

pub struct Poller {
    pub queue: Queue,
    pub source: Source,
    pub pool: Arc<Pool>,
    pub aws: Arc<Aws>,
    pub activity: Activity,
    pub log: Arc<Log>,
    /// While set, nothing is handed to functions.
    pub held: Arc<AtomicBool>,
}

impl Poller {
    pub async fn run(self: Arc<Poller>) {
        let at_once = self
            .source
            .concurrency
            .unwrap_or(self.pool.limit)
            .min(self.pool.limit);
        let permits = Arc::new(Semaphore::new(at_once));
        while let Ok(permit) = permits.clone().acquire_owned().await {
            match self.receive().await {
                Ok(Some((messages, guard))) if !self.held.load(Ordering::SeqCst) => {
                    let poller = self.clone();
                    tokio::spawn(async move {
                        poller.handle(messages).await;
                        drop((guard, permit));
                    });
                }
                Ok(_) => {}
                Err(reason) => {
                    self.log.line(
                        "stack",
                        &format!("{} cannot be read: {reason}", self.queue.name),
                    );
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
            }
        }
    }

    /// Up to a batch; waits while the queue is empty. The stack is not quiet from the first message on.
    async fn receive(&self) -> Result<Option<(Vec<Value>, Guard)>, String> {
        let mut batch = Vec::new();
        let mut guard = None;
        while batch.len() < self.source.batch_size {
            let wanted = (self.source.batch_size - batch.len()).min(SQS_BATCH);
            let request = json!({
                "QueueUrl": self.queue.url,
                "MaxNumberOfMessages": wanted,
                "WaitTimeSeconds": if batch.is_empty() { 20 } else { 0 },
                "MessageSystemAttributeNames": ["All"],
                "MessageAttributeNames": ["All"],
            });
            let mut reply = self.sqs("ReceiveMessage", request).await?;
            match reply["Messages"].as_array_mut() {
                Some(messages) if !messages.is_empty() => {
                    guard.get_or_insert_with(|| self.activity.begin());
                    batch.append(messages);
                }
                _ => break,
            }
        }
        Ok(guard.map(|guard| (batch, guard)))
    }

    async fn handle(&self, messages: Vec<Value>) {
        for part in parts(
            messages
                .iter()
                .map(|message| record(message, &self.queue.arn))
                .collect(),
        ) {
            let ids: Vec<&str> = part
                .iter()
                .filter_map(|record| record["messageId"].as_str())
                .collect();
            let event = json!({ "Records": part }).to_string();
            let failed = match self.pool.invoke(Bytes::from(event)).await {
                Err(_) => None,
                Ok(_) if !self.source.partial_failures => Some(HashSet::new()),
                Ok(payload) => failures(&payload, &ids),
            };
            if failed.is_none() && part.len() > 1 {
                self.log.line(
                    self.pool.name(),
                    &format!("all {} messages of the batch go back", part.len()),
                );
            }
            let is_done = |record: &&Value| {
                let id = record["messageId"].as_str().unwrap_or_default();
                failed.as_ref().is_some_and(|failed| !failed.contains(id))
            };
            let (done, left): (Vec<_>, Vec<_>) = part.iter().partition(is_done);
            self.say_given_up(&left);
            if let Err(reason) = self.delete(&done).await {
                self.log.line(
                    "stack",
                    &format!("{}: done but not deleted: {reason}", self.queue.name),
                );
            }
        }
    }

    async fn delete(&self, records: &[&Value]) -> Result<(), String> {
        for chunk in records.chunks(SQS_BATCH) {
            let entry = |(n, record): (usize, &&Value)| json!({ "Id": n.to_string(), "ReceiptHandle": record["receiptHandle"] });
            let entries: Vec<_> = chunk.iter().enumerate().map(entry).collect();
            self.sqs(
                "DeleteMessageBatch",
                json!({ "QueueUrl": self.queue.url, "Entries": entries }),
            )
            .await?;
        }
        Ok(())
    }

    fn say_given_up(&self, left: &[&Value]) {
        let Some(most) = self.queue.max_receive else {
            return;
        };
        for record in left {
            let received = record["attributes"]["ApproximateReceiveCount"]
                .as_str()
                .and_then(|n| n.parse().ok());
            if received.is_some_and(|received: u32| received >= most) {
                let id = record["messageId"].as_str().unwrap_or_default();
                self.log.line(
                    "stack",
                    &format!(
                        "{}: message {id} failed {most} times: dead letter",
                        self.queue.name
                    ),
                );
            }
        }
    }

    async fn sqs(&self, operation: &str, request: Value) -> Result<Value, String> {
        self.aws
            .call(&format!("AmazonSQS.{operation}"), request)
            .await
            .map_err(|e| e.to_string())
    }
}

/// A message as Lambda shows it to a function.
fn record(message: &Value, queue_arn: &str) -> Value {
    let attributes = message["MessageAttributes"]
        .as_object()
        .into_iter()
        .flatten();
    let attributes = attributes.map(|(name, value)| {
        let mut shown = json!({ "dataType": value["DataType"], "stringListValues": [], "binaryListValues": [] });
        for (from, to) in [("StringValue", "stringValue"), ("BinaryValue", "binaryValue")] {
            if !value[from].is_null() {
                shown[to] = value[from].clone();
            }
        }
        (name.clone(), shown)
    });
    json!({
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": message["Attributes"],
        "messageAttributes": attributes.collect::<Map<_, _>>(),
        "md5OfBody": message["MD5OfBody"],
        "eventSource": "aws:sqs",
        "eventSourceARN": queue_arn,
        "awsRegion": REGION,
    })
}

/// One invocation carries at most 6 MB: a batch of large messages goes in parts.
fn parts(records: Vec<Value>) -> Vec<Vec<Value>> {
    let mut parts: Vec<Vec<Value>> = Vec::new();
    let mut size = PAYLOAD_LIMIT;
    for record in records {
        let length = record.to_string().len() + 16;
        if size + length > PAYLOAD_LIMIT {
            parts.push(Vec::new());
            size = 0;
        }
        size += length;
        if let Some(part) = parts.last_mut() {
            part.push(record);
        }
    }
    parts
}

/// The messages that the function names as failed; nothing where its answer fails the whole batch, as
/// Lambda has it: not JSON, an empty or missing identifier, or one that was not in the batch.
fn failures(payload: &[u8], ids: &[&str]) -> Option<HashSet<String>> {
    if payload.is_empty() {
        return Some(HashSet::new());
    }
    let answer: Value = serde_json::from_slice(payload).ok()?;
    let named = match answer.get("batchItemFailures") {
        None | Some(Value::Null) => return Some(HashSet::new()),
        Some(named) => named.as_array()?,
    };
    let identifier = |item: &Value| {
        item["itemIdentifier"]
            .as_str()
            .filter(|id| ids.contains(id))
            .map(str::to_owned)
    };
    named.iter().map(identifier).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_read_as_lambda_reads_them() {
        let ids = ["a", "b"];
        let none = Some(HashSet::new());
        for done in [
            "",
            "null",
            "{}",
            r#"{"batchItemFailures":null}"#,
            r#"{"batchItemFailures":[]}"#,
        ] {
            assert_eq!(failures(done.as_bytes(), &ids), none, "{done}");
        }
        let one = failures(br#"{"batchItemFailures":[{"itemIdentifier":"b"}]}"#, &ids);
        assert_eq!(one, Some(HashSet::from(["b".to_owned()])));
        for whole in [
            "no json",
            r#"{"batchItemFailures":[{"itemIdentifier":""}]}"#,
            r#"{"batchItemFailures":[{"itemIdentifier":null}]}"#,
            r#"{"batchItemFailures":[{"itemIdentifier":"c"}]}"#,
            r#"{"batchItemFailures":[{"id":"a"}]}"#,
            r#"{"batchItemFailures":"a"}"#,
        ] {
            assert_eq!(failures(whole.as_bytes(), &ids), None, "{whole}");
        }
    }

    #[test]
    fn large_batches_go_in_parts() {
        let record = |size: usize| json!({ "body": "x".repeat(size) });
        let sizes = [1_000_000, 3_000_000, 3_000_000, 10];
        let parts = parts(sizes.into_iter().map(record).collect());
        assert_eq!(parts.iter().map(Vec::len).collect::<Vec<_>>(), [2, 2]);
    }
}
