//! What a request to SQS says, held against AWS's limits, and how a refusal is worded.

use crate::reply::Reply;
use serde_json::Value;
use std::collections::{HashMap, HashSet};
use winterbaume_sqs::state::SqsError;
use winterbaume_sqs::types::MessageAttribute;

/// One message, and all messages of a batch together.
pub const LONGEST: usize = 1_048_576;
const MOST_ENTRIES: usize = 10;

/// A batch has 1 to 10 entries, each with an id of its own.
pub fn entries(request: &Value) -> Result<&[Value], Reply> {
    let entries = request["Entries"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    if entries.is_empty() {
        return Err(refuse(
            "EmptyBatchRequest",
            "There should be at least one entry in the request.",
        ));
    }
    if entries.len() > MOST_ENTRIES {
        return Err(refuse(
            "TooManyEntriesInBatchRequest",
            format!(
                "Maximum number of entries per request are {MOST_ENTRIES}. You have sent {}.",
                entries.len()
            ),
        ));
    }
    let mut seen = HashSet::new();
    for entry in entries {
        let id = entry["Id"].as_str().unwrap_or_default();
        let valid = (1..=80).contains(&id.len())
            && id
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
        if !valid {
            return Err(refuse(
                "InvalidBatchEntryId",
                "A batch entry id can only contain alphanumeric characters, hyphens and \
                 underscores. It can be at most 80 letters long.",
            ));
        }
        if !seen.insert(id) {
            return Err(refuse(
                "BatchEntryIdsNotDistinct",
                format!("Id {id} repeated."),
            ));
        }
    }
    Ok(entries)
}

/// The body and its attributes: names, types and values.
pub fn size(message: &Value) -> usize {
    let length = |value: &Value| value.as_str().map_or(0, str::len);
    let attributes = message["MessageAttributes"]
        .as_object()
        .into_iter()
        .flatten();
    length(&message["MessageBody"])
        + attributes
            .map(|(name, a)| name.len() + length(&a["DataType"]) + length(&a["StringValue"]))
            .sum::<usize>()
}

/// A Rust `char` is never a surrogate, so what XML forbids is control characters and two others.
pub fn is_allowed(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{FFFD}' | '\u{10000}'..)
}

pub fn message_attributes(given: &Value) -> Result<HashMap<String, MessageAttribute>, Reply> {
    let mut attributes = HashMap::new();
    for (name, attribute) in given.as_object().into_iter().flatten() {
        if ["aws.", "amazon."]
            .iter()
            .any(|own| name.to_ascii_lowercase().starts_with(own))
        {
            return Err(refuse(
                "InvalidParameterValue",
                format!("Message attribute name \"{name}\" starts with a reserved prefix."),
            ));
        }
        if !attribute["BinaryValue"].is_null() {
            return Err(refuse(
                "InvalidParameterValue",
                "The embedded SQS keeps text in message attributes, not BinaryValue.",
            ));
        }
        let text = |field: &str| attribute[field].as_str().map(str::to_owned);
        let data_type = text("DataType").unwrap_or_default();
        let kept = MessageAttribute {
            data_type,
            string_value: text("StringValue"),
            binary_value: None,
        };
        attributes.insert(name.clone(), kept);
    }
    Ok(attributes)
}

pub fn queue_name(request: &Value) -> Result<&str, Reply> {
    let url = required(request, "QueueUrl")?;
    Ok(url.rsplit('/').next().unwrap_or_default())
}

pub fn required<'r>(request: &'r Value, field: &str) -> Result<&'r str, Reply> {
    match request[field].as_str() {
        Some(text) if !text.is_empty() => Ok(text),
        _ => Err(refuse(
            "MissingParameter",
            format!("The request must contain the parameter {field}."),
        )),
    }
}

pub fn seconds(request: &Value, field: &str, most: i64) -> Result<Option<u32>, Reply> {
    let given = &request[field];
    if given.is_null() {
        return Ok(None);
    }
    match given.as_i64() {
        Some(number) if (0..=most).contains(&number) => Ok(u32::try_from(number).ok()),
        _ => Err(refuse(
            "InvalidParameterValue",
            format!(
                "Value {given} for parameter {field} is invalid. Reason: Must be between 0 and \
                 {most}, if provided."
            ),
        )),
    }
}

pub fn texts(object: &Value) -> HashMap<String, String> {
    let fields = object.as_object().into_iter().flatten();
    fields
        .filter_map(|(k, v)| Some((k.clone(), v.as_str()?.to_owned())))
        .collect()
}

pub fn names(list: &Value) -> HashSet<&str> {
    list.as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect()
}

/// `code` as the older query protocol names it; the newer one has its own names for some.
pub fn refuse(code: &str, message: impl Into<String>) -> Reply {
    let (shape, query) = match code {
        "NonExistentQueue" => (
            "QueueDoesNotExist",
            "AWS.SimpleQueueService.NonExistentQueue",
        ),
        "QueueAlreadyExists" => ("QueueNameExists", "QueueAlreadyExists"),
        other => (other, other),
    };
    Reply {
        query_error: Some(format!("{query};Sender")),
        ..Reply::refused(&format!("com.amazonaws.sqs#{shape}"), message)
    }
}

pub fn refusal(error: &SqsError) -> Reply {
    let code = match error {
        SqsError::NonExistentQueue => "NonExistentQueue",
        SqsError::QueueAlreadyExists => "QueueAlreadyExists",
        SqsError::InvalidReceiptHandle { .. } => "ReceiptHandleIsInvalid",
        _ => "InvalidParameterValue",
    };
    refuse(code, error.to_string())
}
