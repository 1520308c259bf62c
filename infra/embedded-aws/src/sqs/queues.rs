//! What is asked of queues themselves: made, found, described.

use super::request::{LONGEST, names, queue_name, refusal, refuse, required, texts};
use super::state::{Answer, Queues, counted, machine_now};
use crate::service::{ACCOUNT, REGION};
use serde_json::{Value, json};

impl Queues {
    pub fn create(&self, request: &Value) -> Answer {
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

    pub fn url(&self, request: &Value) -> Answer {
        let state = self.lock();
        let url = state.sqs.get_queue_url(required(request, "QueueName")?);
        Ok(json!({ "QueueUrl": url.map_err(|e| refusal(&e))? }))
    }

    pub fn list(&self, request: &Value) -> Answer {
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

    pub fn attributes(&self, request: &Value) -> Answer {
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

    pub fn set_attributes(&self, request: &Value) -> Answer {
        let attributes = texts(&request["Attributes"]);
        self.on_queue(request, |sqs, name| {
            sqs.set_queue_attributes(name, &attributes)
        })
    }
}
