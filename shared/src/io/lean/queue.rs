//! SQS for intake: one message at a time.

use super::{Client, Service};
use crate::domain::task::Queue;
use crate::io::config::{Config, QueueUrls};
use crate::io::queue::{Content, Message, NotSent};
use serde::Serialize;

const SQS: Service = Service {
    name: "sqs",
    target: "AmazonSQS",
    content_type: "application/x-amz-json-1.0",
};

pub struct Queues {
    client: Client,
    urls: QueueUrls,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct SendMessage {
    queue_url: String,
    message_body: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    message_group_id: Option<String>,
}

impl Queues {
    pub fn new(client: &Client, config: &Config) -> Self {
        Self {
            client: client.clone(),
            urls: config.queues.clone(),
        }
    }

    /// As [`crate::io::queue::Queues::send`].
    pub async fn send(&self, queue: Queue, message: &impl Content) -> Result<(), NotSent> {
        let message = Message::new(&self.urls, queue, message)?;
        let input = SendMessage {
            queue_url: message.queue_url,
            message_body: message.body,
            message_group_id: message.group,
        };
        self.client.call(&SQS, "SendMessage", &input).await?;
        Ok(())
    }
}
