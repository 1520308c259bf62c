//! What is asked of messages: sent, received, deleted, hidden.

use super::request::{
    LONGEST, entries, is_allowed, message_attributes, names, queue_name, refusal, refuse, required,
    seconds, size,
};
use super::state::{Answer, Queues};
use crate::reply::Reply;
use serde_json::{Map, Value, json};
use std::time::Duration;
use tokio::time::Instant;
use winterbaume_sqs::state::SqsError;
use winterbaume_sqs::types::{Message, MessageAttribute};

const LONGEST_HIDDEN: i64 = 43_200;
const LONGEST_DELAY: i64 = 900;
/// Of what group a message is: a system attribute. The state keeps none, so it stands among the
/// message's own attributes, under a name that nobody else may give one.
const GROUP: &str = "MessageGroupId";
const KEPT_GROUP: &str = "AWS.MessageGroupId";
/// How soon a waiting receive notices that a hidden message came back.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

impl Queues {
    pub fn send(&self, request: &Value) -> Answer {
        let sent = self.push(queue_name(request)?, request)?;
        self.sent.notify_waiters();
        Ok(sent)
    }

    pub fn send_batch(&self, request: &Value) -> Answer {
        let entries = entries(request)?;
        if entries.iter().map(size).sum::<usize>() > LONGEST {
            return Err(refuse(
                "BatchRequestTooLong",
                format!("Batch requests cannot be longer than {LONGEST} bytes."),
            ));
        }
        let sent = self.each(request, |queues, entry| {
            queues.push(queue_name(request)?, entry)
        });
        self.sent.notify_waiters();
        sent
    }

    /// Puts one message, a request of its own or an entry of a batch, into its queue.
    fn push(&self, name: &str, message: &Value) -> Answer {
        let body = required(message, "MessageBody")?;
        let now = (self.clock)();
        let mut state = self.lock();
        let Some(queue) = state.sqs.queues.get(name) else {
            return Err(refusal(&SqsError::NonExistentQueue));
        };
        let longest = usize::try_from(queue.queue.maximum_message_size).unwrap_or(LONGEST);
        if size(message) > longest {
            return Err(refuse(
                "InvalidParameterValue",
                format!(
                    "One or more parameters are invalid. Reason: Message must be shorter than \
                     {longest} bytes."
                ),
            ));
        }
        if !body.chars().all(is_allowed) {
            return Err(refuse(
                "InvalidMessageContents",
                "Invalid characters found. Valid unicode characters are #x9 | #xA | #xD | #x20 \
                 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF.",
            ));
        }
        let delay = seconds(message, "DelaySeconds", LONGEST_DELAY)?;
        let mut attributes = message_attributes(&message["MessageAttributes"])?;
        attributes.extend(group(message)?);
        let sent = state
            .sqs
            .send_message(name, body, delay, attributes, None, None)
            .map_err(|e| refusal(&e))?;
        if let Some(pushed) = state
            .sqs
            .queues
            .get_mut(name)
            .and_then(|q| q.messages.last_mut())
        {
            pushed.sent_timestamp = now;
        }
        Ok(json!({ "MessageId": sent.message_id, "MD5OfMessageBody": sent.body_md5 }))
    }

    /// Waits for a message as long as the request, or else the queue, says.
    pub async fn receive(&self, request: &Value) -> Answer {
        let name = queue_name(request)?;
        let most = match request["MaxNumberOfMessages"].as_u64().unwrap_or(1) {
            most @ 1..=10 => usize::try_from(most).unwrap_or(1),
            most => {
                return Err(refuse(
                    "InvalidParameterValue",
                    format!(
                        "Value {most} for parameter MaxNumberOfMessages is invalid. Reason: Must \
                         be between 1 and 10, if provided."
                    ),
                ));
            }
        };
        let hidden = seconds(request, "VisibilityTimeout", LONGEST_HIDDEN)?;
        let wait = match seconds(request, "WaitTimeSeconds", 20)? {
            Some(wait) => wait,
            None => {
                let state = self.lock();
                state
                    .sqs
                    .queues
                    .get(name)
                    .map_or(0, |q| q.queue.receive_wait_time_seconds)
            }
        };
        let until = Instant::now() + Duration::from_secs(u64::from(wait));
        loop {
            let taken = self.take(name, most, hidden, request)?;
            if !taken.is_empty() || Instant::now() >= until {
                return Ok(match taken.is_empty() {
                    true => json!({}),
                    false => json!({ "Messages": taken }),
                });
            }
            tokio::select! {
                () = self.sent.notified() => {}
                () = tokio::time::sleep_until(until.min(Instant::now() + LOOK_AGAIN)) => {}
            }
        }
    }

    fn take(
        &self,
        name: &str,
        most: usize,
        hidden: Option<u32>,
        request: &Value,
    ) -> Result<Vec<Value>, Reply> {
        let now = (self.clock)();
        let mut state = self.lock();
        if let Some(queue) = state.sqs.queues.get_mut(name) {
            let kept = i64::from(queue.queue.message_retention_period) * 1000;
            queue.messages.retain(|m| now - m.sent_timestamp < kept);
        }
        let mut taken = state
            .sqs
            .receive_message(name, most, hidden)
            .map_err(|e| refusal(&e))?;
        let Some(queue) = state.sqs.queues.get_mut(name) else {
            return Ok(Vec::new());
        };
        for message in &mut taken {
            if message.approximate_receive_count == 1 {
                message.approximate_first_receive_timestamp = Some(now);
                let kept = queue
                    .messages
                    .iter_mut()
                    .find(|m| m.message_id == message.message_id);
                if let Some(kept) = kept {
                    kept.approximate_first_receive_timestamp = Some(now);
                }
            }
        }
        Ok(taken
            .iter()
            .map(|message| received(message, request))
            .collect())
    }

    pub fn delete(&self, request: &Value) -> Answer {
        self.delete_one(request, request)
    }

    pub fn delete_one(&self, request: &Value, entry: &Value) -> Answer {
        let handle = required(entry, "ReceiptHandle")?;
        self.on_queue(request, |sqs, name| sqs.delete_message(name, handle))
    }

    pub fn change(&self, request: &Value) -> Answer {
        self.change_one(request, request)
    }

    pub fn change_one(&self, request: &Value, entry: &Value) -> Answer {
        let handle = required(entry, "ReceiptHandle")?;
        let Some(hidden) = seconds(entry, "VisibilityTimeout", LONGEST_HIDDEN)? else {
            return Err(refuse("MissingParameter", "VisibilityTimeout is missing"));
        };
        let changed = self.on_queue(request, |sqs, name| {
            sqs.change_message_visibility(name, handle, hidden)
        });
        self.sent.notify_waiters();
        changed
    }
}

/// The group that a message is sent with, as it is kept. A standard queue keeps no order in it.
fn group(message: &Value) -> Result<Option<(String, MessageAttribute)>, Reply> {
    let Some(given) = message[GROUP].as_str() else {
        return Ok(None);
    };
    let valid = (1..=128).contains(&given.len()) && given.chars().all(|c| c.is_ascii_graphic());
    if !valid {
        return Err(refuse(
            "InvalidParameterValue",
            "Value for parameter MessageGroupId is invalid. Reason: MessageGroupId can only \
             include alphanumeric and punctuation characters. 1 to 128 in length.",
        ));
    }
    let kept = MessageAttribute {
        data_type: "String".into(),
        string_value: Some(given.into()),
        binary_value: None,
    };
    Ok(Some((KEPT_GROUP.into(), kept)))
}

fn told_group(message: &Message) -> String {
    let kept = message.message_attributes.get(KEPT_GROUP);
    kept.and_then(|a| a.string_value.clone())
        .unwrap_or_default()
}

/// A message as a receiver sees it; system attributes and attributes only when asked for.
fn received(message: &Message, request: &Value) -> Value {
    let mut wanted = names(&request["MessageSystemAttributeNames"]);
    wanted.extend(names(&request["AttributeNames"]));
    let system: Map<String, Value> = [
        (GROUP, told_group(message)),
        ("SenderId", message.sender_id.clone()),
        ("SentTimestamp", message.sent_timestamp.to_string()),
        (
            "ApproximateReceiveCount",
            message.approximate_receive_count.to_string(),
        ),
        (
            "ApproximateFirstReceiveTimestamp",
            message
                .approximate_first_receive_timestamp
                .unwrap_or_default()
                .to_string(),
        ),
    ]
    .into_iter()
    .filter(|(name, _)| wanted.contains("All") || wanted.contains(name))
    .filter(|(_, value)| !value.is_empty())
    .map(|(name, value)| (name.to_owned(), Value::from(value)))
    .collect();
    let mut received = json!({
        "MessageId": message.message_id,
        "ReceiptHandle": message.receipt_handle,
        "MD5OfBody": message.body_md5,
        "Body": message.body,
    });
    if !system.is_empty() {
        received["Attributes"] = system.into();
    }
    let wanted = names(&request["MessageAttributeNames"]);
    let own: Map<String, Value> = message
        .message_attributes
        .iter()
        .filter(|(name, _)| *name != KEPT_GROUP)
        .filter(|(name, _)| wanted.contains("All") || wanted.contains(name.as_str()))
        .map(|(name, a)| {
            (
                name.clone(),
                json!({ "DataType": a.data_type, "StringValue": a.string_value }),
            )
        })
        .collect();
    if !own.is_empty() {
        received["MessageAttributes"] = own.into();
    }
    received
}
