//! SQS for intake: one message at a time.

use super::{Client, Service};
use crate::domain::task::Queue;
use crate::io::queue::{Message, NotSent};
use serde::Serialize;

const SQS: Service = Service {
    name: "sqs",
    target: "AmazonSQS",
    content_type: "application/x-amz-json-1.0",
};

pub struct Queues {
    client: Client,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct SendMessage {
    queue_url: String,
    message_body: String,
}

impl Queues {
    pub fn new(client: &Client) -> Self {
        Self {
            client: client.clone(),
        }
    }

    /// As [`crate::io::queue::Queues::send`].
    pub async fn send(&self, queue: Queue, message: &impl Serialize) -> Result<(), NotSent> {
        let Message { queue_url, body } = Message::new(queue, message)?;
        let input = SendMessage {
            queue_url,
            message_body: body,
        };
        self.client.call(&SQS, "SendMessage", &input).await?;
        Ok(())
    }
}
