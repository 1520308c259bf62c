//! SQS standard queues: winterbaume's state behind AWS's wire protocol, on the endpoint's clock.
//!
//! In memory only: what waits in a queue is lost with the process.

mod messages;
mod queues;
mod request;
mod state;

pub use state::Depth;
pub(crate) use state::Queues;

use crate::reply::Reply;
use request::refuse;
use serde_json::Value;

impl Queues {
    pub async fn answer(&self, operation: &str, body: &[u8]) -> Reply {
        let request: Value = match serde_json::from_slice(body) {
            Ok(request) => request,
            Err(e) => return refuse("InvalidParameterValue", e.to_string()),
        };
        let answer = match operation {
            "SendMessage" => self.send(&request),
            "SendMessageBatch" => self.send_batch(&request),
            "ReceiveMessage" => self.receive(&request).await,
            "DeleteMessage" => self.delete(&request),
            "DeleteMessageBatch" => self.each(&request, |q, entry| q.delete_one(&request, entry)),
            "ChangeMessageVisibility" => self.change(&request),
            "ChangeMessageVisibilityBatch" => {
                self.each(&request, |q, entry| q.change_one(&request, entry))
            }
            "CreateQueue" => self.create(&request),
            "DeleteQueue" => self.on_queue(&request, |sqs, name| sqs.delete_queue(name)),
            "PurgeQueue" => self.on_queue(&request, |sqs, name| sqs.purge_queue(name)),
            "GetQueueUrl" => self.url(&request),
            "ListQueues" => self.list(&request),
            "GetQueueAttributes" => self.attributes(&request),
            "SetQueueAttributes" => self.set_attributes(&request),
            _ => return Reply::unknown_operation(operation),
        };
        answer.map_or_else(|refused| refused, Reply::ok)
    }
}
