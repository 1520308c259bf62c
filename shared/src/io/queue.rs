//! SQS: nudges to look at rows, and proven webhooks on their way from intake to posting.

use crate::domain::task::Queue;
use crate::io::aws::{Aws, CallError};
use crate::io::config::{Config, QueueUrls};
use aws_sdk_sqs::Client;
use serde::{Deserialize, Serialize};
use std::fmt;

pub struct Queues {
    client: Client,
    urls: QueueUrls,
}

/// "Look at these rows." Losing one harms nothing: the due index finds the rows again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Nudge {
    pub rows: Vec<RowKey>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RowKey {
    pub pk: String,
    pub sk: String,
}

/// A proven webhook, or one whose proof posting must still get. Until it is posted, this message
/// is the only record of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Received {
    pub clinic: String,
    pub source: String,
    /// Whether the proof held; else posting asks the vendor.
    pub proven: bool,
    /// Epoch seconds.
    pub received_at: i64,
    pub url: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<(String, String)>,
    /// Base64 of the bytes as they came.
    pub body: String,
    /// SHA-256 of the bytes, in hex.
    pub sha256: String,
    /// The quarantined event that staff send through once more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replays: Option<String>,
    /// Whether it waits for a second look, as what it speaks of was not known the first time.
    #[serde(default, skip_serializing_if = "is_false")]
    pub again: bool,
}

fn is_false(truth: &bool) -> bool {
    !truth
}

#[derive(Debug)]
pub struct NotSent(pub String);

impl fmt::Display for NotSent {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "SQS: {}", self.0)
    }
}

impl std::error::Error for NotSent {}

impl From<CallError> for NotSent {
    fn from(why: CallError) -> Self {
        Self(why.to_string())
    }
}

/// What SendMessage is given.
pub struct Message {
    pub queue_url: String,
    pub body: String,
}

impl Message {
    pub fn new(urls: &QueueUrls, queue: Queue, message: &impl Serialize) -> Result<Self, NotSent> {
        let url = urls.url(queue).map_err(|why| NotSent(why.to_string()))?;
        let body = serde_json::to_string(message).map_err(|why| NotSent(why.to_string()))?;
        Ok(Self {
            queue_url: url.to_owned(),
            body,
        })
    }
}

impl Queues {
    pub fn new(aws: &Aws, config: &Config) -> Self {
        Self {
            client: Client::new(&aws.config),
            urls: config.queues.clone(),
        }
    }

    /// Sends one message; after a lost reply it may be there twice.
    pub async fn send(&self, queue: Queue, message: &impl Serialize) -> Result<(), NotSent> {
        self.send_after(queue, message, None).await
    }

    /// As [`Self::send`], seen after so many seconds, at most 900, where they are given.
    pub async fn send_after(
        &self,
        queue: Queue,
        message: &impl Serialize,
        delay_seconds: Option<i32>,
    ) -> Result<(), NotSent> {
        let Message { queue_url, body } = Message::new(&self.urls, queue, message)?;
        let send = self
            .client
            .send_message()
            .queue_url(queue_url)
            .message_body(body)
            .set_delay_seconds(delay_seconds);
        Box::pin(send.send()).await.map_err(CallError::from)?;
        Ok(())
    }
}
