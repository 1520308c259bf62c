//! SQS: nudges to look at rows, and proven webhooks on their way from intake to posting.

use crate::domain::task::Queue;
use crate::io::aws::{Aws, CallError};
use crate::io::config::{Config, QueueUrls};
use aws_sdk_sqs::Client;
use aws_sdk_sqs::operation::send_message_batch::SendMessageBatchOutput;
use aws_sdk_sqs::types::SendMessageBatchRequestEntry;
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

impl RowKey {
    /// The clinic whose row it is: what every key of a clinic's row begins with.
    pub fn clinic(&self) -> &str {
        self.pk.split('#').next().unwrap_or_default()
    }
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

/// What can be sent: it tells whose it is. A queue that many share is fair to each of them by that,
/// so that one with much to do keeps nobody else waiting.
pub trait Content: Serialize {
    /// The clinic's id; `None` where it is nobody's.
    fn clinic(&self) -> Option<&str>;
}

impl Content for Nudge {
    fn clinic(&self) -> Option<&str> {
        self.rows.first().map(RowKey::clinic)
    }
}

impl Content for Received {
    fn clinic(&self) -> Option<&str> {
        Some(&self.clinic)
    }
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

/// SendMessageBatch takes so many messages, which together have so many bytes: 1 MiB, and where SQS
/// has not raised it yet a quarter of that.
const MOST: usize = 10;
const LARGEST: usize = 262_144;

/// What SendMessage is given.
pub struct Message {
    pub queue_url: String,
    pub body: String,
    /// Whose it is, as a standard queue is told: its MessageGroupId.
    pub group: Option<String>,
}

impl Message {
    pub fn new(urls: &QueueUrls, queue: Queue, message: &impl Content) -> Result<Self, NotSent> {
        let url = urls.url(queue).map_err(|why| NotSent(why.to_string()))?;
        let body = serde_json::to_string(message).map_err(|why| NotSent(why.to_string()))?;
        Ok(Self {
            queue_url: url.to_owned(),
            body,
            group: message.clinic().map(String::from),
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
    pub async fn send(&self, queue: Queue, message: &impl Content) -> Result<(), NotSent> {
        self.send_after(queue, message, None).await
    }

    /// As [`Self::send`], seen after so many seconds, at most 900, where they are given.
    pub async fn send_after(
        &self,
        queue: Queue,
        message: &impl Content,
        delay_seconds: Option<i32>,
    ) -> Result<(), NotSent> {
        let message = Message::new(&self.urls, queue, message)?;
        let send = self
            .client
            .send_message()
            .queue_url(message.queue_url)
            .message_body(message.body)
            .set_message_group_id(message.group)
            .set_delay_seconds(delay_seconds);
        Box::pin(send.send()).await.map_err(CallError::from)?;
        Ok(())
    }

    /// Sends messages, as many in a call as it takes; how each of them ended, in their order. After a
    /// lost reply they may be there twice.
    pub async fn send_all<C: Content>(
        &self,
        queue: Queue,
        contents: &[C],
    ) -> Vec<Result<(), NotSent>> {
        let made: Result<Vec<_>, _> = contents
            .iter()
            .map(|content| Message::new(&self.urls, queue, content))
            .collect();
        let messages = match made {
            Ok(messages) => messages,
            Err(why) => return failed(contents.len(), &why.0),
        };
        let mut ends = vec![];
        for some in calls(messages) {
            ends.extend(self.send_together(some).await);
        }
        ends
    }

    /// Sends messages of one queue in one call. Some may be taken and others not.
    async fn send_together(&self, messages: Vec<Message>) -> Vec<Result<(), NotSent>> {
        let many = messages.len();
        let mut call = self.client.send_message_batch();
        for (n, message) in messages.into_iter().enumerate() {
            let entry = SendMessageBatchRequestEntry::builder()
                .id(n.to_string())
                .message_body(message.body)
                .set_message_group_id(message.group)
                .build()
                .expect("an id and a body");
            call = call.queue_url(message.queue_url).entries(entry);
        }
        match Box::pin(call.send()).await.map_err(CallError::from) {
            Ok(answer) => told(many, &answer),
            Err(why) => failed(many, &why.to_string()),
        }
    }
}

/// How each of so many messages ended. One of which nothing is said was not sent.
fn told(many: usize, answer: &SendMessageBatchOutput) -> Vec<Result<(), NotSent>> {
    let mut ends = failed(many, "nothing was said of it");
    let place = |id: &str| id.parse().ok().filter(|n: &usize| *n < many);
    for n in answer.successful().iter().filter_map(|one| place(one.id())) {
        ends[n] = Ok(());
    }
    for one in answer.failed() {
        if let Some(n) = place(one.id()) {
            let why = one.message().unwrap_or_default();
            ends[n] = Err(NotSent(format!("{}: {why}", one.code())));
        }
    }
    ends
}

fn failed(many: usize, why: &str) -> Vec<Result<(), NotSent>> {
    (0..many).map(|_| Err(NotSent(why.into()))).collect()
}

/// The same messages in the same order, so many together as one call takes. One that is too large by
/// itself is refused by SQS, alone.
fn calls(messages: Vec<Message>) -> Vec<Vec<Message>> {
    let (mut calls, mut size): (Vec<Vec<Message>>, usize) = (vec![], 0);
    for message in messages {
        size += message.body.len();
        match calls.last_mut() {
            Some(call) if call.len() < MOST && size <= LARGEST => call.push(message),
            _ => {
                size = message.body.len();
                calls.push(vec![message]);
            }
        }
    }
    calls
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_takes_ten_messages_and_no_more_bytes_than_sqs_does() {
        let sizes = |bodies: &[usize]| -> Vec<Vec<usize>> {
            let message = |size: &usize| Message {
                queue_url: String::new(),
                body: "x".repeat(*size),
                group: None,
            };
            let calls = calls(bodies.iter().map(message).collect());
            let sizes = |call: &Vec<Message>| call.iter().map(|one| one.body.len()).collect();
            calls.iter().map(sizes).collect()
        };
        assert_eq!(sizes(&[]), Vec::<Vec<usize>>::new());
        assert_eq!(sizes(&[1; 21]), [vec![1; 10], vec![1; 10], vec![1]]);
        let (half, whole) = (LARGEST / 2, LARGEST);
        assert_eq!(sizes(&[half, half, 1]), [vec![half, half], vec![1]]);
        assert_eq!(sizes(&[1, whole, 1]), [vec![1], vec![whole], vec![1]]);
        let large = whole + 1;
        assert_eq!(sizes(&[1, large, 1]), [vec![1], vec![large], vec![1]]);
    }
}
