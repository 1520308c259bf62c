//! SQS standard queues: winterbaume's state behind AWS's wire protocol, on the endpoint's clock.
//!
//! In memory only: what waits in a queue is lost with the process.

mod request;

use crate::reply::Reply;
use crate::{ACCOUNT, Clock, REGION};
use request::{
    LONGEST, entries, is_allowed, message_attributes, names, queue_name, refusal, refuse, required,
    seconds, size, texts,
};
use serde::Serialize;
use serde_json::{Map, Value, json};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::Notify;
use tokio::time::Instant;
use winterbaume_sqs::state::{QueueState, SqsError, SqsState};
use winterbaume_sqs::types::Message;

const LONGEST_HIDDEN: i64 = 43_200;
const LONGEST_DELAY: i64 = 900;
/// How soon a waiting receive notices that a hidden message came back.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

pub(crate) struct Queues {
    state: Mutex<Timed>,
    clock: Clock,
    base: String,
    sent: Notify,
}

/// The state measures by the machine's clock. Its instants are moved whenever the endpoint's clock
/// leaves the machine's by another distance, so both agree on what is visible.
struct Timed {
    sqs: SqsState,
    ahead: i64,
}

/// How many messages a queue holds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Depth {
    pub queue: String,
    pub visible: usize,
    pub in_flight: usize,
    pub delayed: usize,
    /// When the next hidden message comes back, in the endpoint's milliseconds.
    pub next_at: Option<i64>,
}

type Answer = Result<Value, Reply>;

impl Queues {
    pub fn new(base: String, clock: Clock) -> Queues {
        let ahead = clock() - machine_now();
        let state = Mutex::new(Timed {
            sqs: SqsState::default(),
            ahead,
        });
        Queues {
            state,
            clock,
            base,
            sent: Notify::new(),
        }
    }

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

    /// Empties every queue; the queues stay.
    pub fn clear(&self) {
        for queue in self.lock().sqs.queues.values_mut() {
            queue.messages.clear();
            queue.deleted_handles.clear();
        }
    }

    pub fn depths(&self) -> Vec<Depth> {
        let now = machine_now();
        let state = self.lock();
        let mut depths: Vec<Depth> = state
            .sqs
            .queues
            .values()
            .map(|queue| {
                let mut depth = counted(queue, now);
                depth.next_at = depth.next_at.map(|at| at + state.ahead);
                depth
            })
            .collect();
        depths.sort_by(|a, b| a.queue.cmp(&b.queue));
        depths
    }

    fn create(&self, request: &Value) -> Answer {
        let name = required(request, "QueueName")?;
        if name.ends_with(".fifo") || request["Attributes"]["FifoQueue"] == "true" {
            return Err(refuse(
                "InvalidParameterValue",
                "The embedded SQS has standard queues only.",
            ));
        }
        let mut attributes = texts(&request["Attributes"]);
        attributes
            .entry("MaximumMessageSize".into())
            .or_insert_with(|| LONGEST.to_string());
        let tags = texts(&request["tags"]);
        let mut state = self.lock();
        state
            .sqs
            .create_queue(name, REGION, ACCOUNT, &attributes, Some(&tags))
            .map_err(|e| refusal(&e))?;
        let url = format!("{}/{ACCOUNT}/{name}", self.base);
        if let Some(queue) = state.sqs.queues.get_mut(name) {
            queue.queue.url.clone_from(&url);
        }
        Ok(json!({ "QueueUrl": url }))
    }

    fn url(&self, request: &Value) -> Answer {
        let state = self.lock();
        let url = state.sqs.get_queue_url(required(request, "QueueName")?);
        Ok(json!({ "QueueUrl": url.map_err(|e| refusal(&e))? }))
    }

    fn list(&self, request: &Value) -> Answer {
        let state = self.lock();
        let mut urls: Vec<&str> = state
            .sqs
            .list_queues(request["QueueNamePrefix"].as_str())
            .into_iter()
            .map(|q| q.url.as_str())
            .collect();
        urls.sort_unstable();
        Ok(json!({ "QueueUrls": urls }))
    }

    fn attributes(&self, request: &Value) -> Answer {
        let now = machine_now();
        let state = self.lock();
        let name = queue_name(request)?;
        let mut all = state
            .sqs
            .get_queue_attributes(name)
            .map_err(|e| refusal(&e))?;
        if let Some(queue) = state.sqs.queues.get(name) {
            let depth = counted(queue, now);
            for (attribute, number) in [
                ("ApproximateNumberOfMessages", depth.visible),
                ("ApproximateNumberOfMessagesNotVisible", depth.in_flight),
                ("ApproximateNumberOfMessagesDelayed", depth.delayed),
            ] {
                all.insert(attribute.to_owned(), number.to_string());
            }
        }
        let wanted = names(&request["AttributeNames"]);
        if !wanted.contains("All") {
            all.retain(|name, _| wanted.contains(name.as_str()));
        }
        Ok(json!({ "Attributes": all }))
    }

    fn set_attributes(&self, request: &Value) -> Answer {
        let attributes = texts(&request["Attributes"]);
        self.on_queue(request, |sqs, name| {
            sqs.set_queue_attributes(name, &attributes)
        })
    }

    fn on_queue(
        &self,
        request: &Value,
        work: impl FnOnce(&mut SqsState, &str) -> Result<(), SqsError>,
    ) -> Answer {
        work(&mut self.lock().sqs, queue_name(request)?).map_err(|e| refusal(&e))?;
        Ok(json!({}))
    }

    fn send(&self, request: &Value) -> Answer {
        let sent = self.push(queue_name(request)?, request)?;
        self.sent.notify_waiters();
        Ok(sent)
    }

    fn send_batch(&self, request: &Value) -> Answer {
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
        let attributes = message_attributes(&message["MessageAttributes"])?;
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
    async fn receive(&self, request: &Value) -> Answer {
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

    fn delete(&self, request: &Value) -> Answer {
        self.delete_one(request, request)
    }

    fn delete_one(&self, request: &Value, entry: &Value) -> Answer {
        let handle = required(entry, "ReceiptHandle")?;
        self.on_queue(request, |sqs, name| sqs.delete_message(name, handle))
    }

    fn change(&self, request: &Value) -> Answer {
        self.change_one(request, request)
    }

    fn change_one(&self, request: &Value, entry: &Value) -> Answer {
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

    /// Does a batch entry by entry: one that fails does not sink the others.
    fn each(&self, request: &Value, work: impl Fn(&Queues, &Value) -> Answer) -> Answer {
        let entries = entries(request)?;
        let name = queue_name(request)?;
        if !self.lock().sqs.queues.contains_key(name) {
            return Err(refusal(&SqsError::NonExistentQueue));
        }
        let (mut successful, mut failed) = (Vec::new(), Vec::new());
        for entry in entries {
            match work(self, entry) {
                Ok(mut done) => {
                    done["Id"] = entry["Id"].clone();
                    successful.push(done);
                }
                Err(refused) => {
                    let (_, code, message) = refused.into_value().err().unwrap_or_default();
                    failed.push(json!({
                        "Id": entry["Id"], "Code": code, "Message": message, "SenderFault": true
                    }));
                }
            }
        }
        Ok(json!({ "Successful": successful, "Failed": failed }))
    }

    /// The state, with its instants moved to where the endpoint's clock now stands.
    fn lock(&self) -> MutexGuard<'_, Timed> {
        /// Two clocks are never read at one instant; less than this is no move of the endpoint's.
        const SAME: i64 = 100;
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let ahead = (self.clock)() - machine_now();
        let moved = ahead - state.ahead;
        if moved.abs() > SAME {
            state.ahead = ahead;
            for queue in state.sqs.queues.values_mut() {
                for message in &mut queue.messages {
                    message.visible_at -= moved;
                }
            }
        }
        state
    }
}

fn machine_now() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

fn counted(queue: &QueueState, now: i64) -> Depth {
    let mut depth = Depth {
        queue: queue.queue.name.clone(),
        visible: 0,
        in_flight: 0,
        delayed: 0,
        next_at: None,
    };
    for message in &queue.messages {
        if message.visible_at <= now {
            depth.visible += 1;
            continue;
        }
        match message.approximate_receive_count {
            0 => depth.delayed += 1,
            _ => depth.in_flight += 1,
        }
        let sooner = depth.next_at.is_none_or(|at| message.visible_at < at);
        if sooner {
            depth.next_at = Some(message.visible_at);
        }
    }
    depth
}

/// A message as a receiver sees it; system attributes and attributes only when asked for.
fn received(message: &Message, request: &Value) -> Value {
    let mut wanted = names(&request["MessageSystemAttributeNames"]);
    wanted.extend(names(&request["AttributeNames"]));
    let system: Map<String, Value> = [
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
