//! What a service answers, before it becomes HTTP.

use crate::service::Service;
use bytes::Bytes;
use serde_json::{Value, json};

pub(crate) struct Reply {
    pub status: u16,
    pub body: Bytes,
    /// SQS names its errors twice; older clients read this one.
    pub query_error: Option<String>,
}

impl Reply {
    pub fn ok(body: Value) -> Reply {
        Reply {
            status: 200,
            body: Bytes::from(body.to_string()),
            query_error: None,
        }
    }

    pub fn raw(status: u16, body: impl Into<Bytes>) -> Reply {
        Reply {
            status,
            body: body.into(),
            query_error: None,
        }
    }

    pub fn refused(code: &str, message: impl Into<String>) -> Reply {
        Reply::error(400, code, message)
    }

    pub fn error(status: u16, code: &str, message: impl Into<String>) -> Reply {
        let body = json!({ "__type": code, "message": message.into() });
        Reply {
            status,
            body: Bytes::from(body.to_string()),
            query_error: None,
        }
    }

    pub fn unknown_operation(target: &str) -> Reply {
        Reply::error(
            501,
            "UnknownOperationException",
            format!("{target} is not part of the embedded AWS"),
        )
    }

    pub fn throttled(service: Service) -> Reply {
        match service {
            Service::DynamoDb => Reply::refused(
                "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException",
                "The level of configured provisioned throughput for the table was exceeded. \
                 Consider increasing your provisioning level with the UpdateTable API.",
            ),
            Service::Sqs => Reply {
                query_error: Some("RequestThrottled;Sender".to_owned()),
                ..Reply::refused(
                    "com.amazonaws.sqs#RequestThrottled",
                    "Request is throttled.",
                )
            },
            Service::SecretsManager => Reply::refused("ThrottlingException", "Rate exceeded"),
        }
    }

    /// `items` is how many items the transaction names; 0 for a single write.
    pub fn conflict(items: usize) -> Reply {
        if items == 0 {
            return Reply::refused(
                "com.amazonaws.dynamodb.v20120810#TransactionConflictException",
                "Transaction is ongoing for the item",
            );
        }
        let reasons: Vec<Value> = (0..items)
            .map(|place| match place {
                0 => json!({
                    "Code": "TransactionConflict",
                    "Message": "Transaction is ongoing for the item"
                }),
                _ => json!({ "Code": "None" }),
            })
            .collect();
        let codes: Vec<&str> = reasons.iter().filter_map(|r| r["Code"].as_str()).collect();
        let message = format!(
            "Transaction cancelled, please refer cancellation reasons for specific reasons [{}]",
            codes.join(", ")
        );
        let body = json!({
            "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
            "Message": message,
            "CancellationReasons": reasons,
        });
        Reply::raw(400, body.to_string())
    }

    pub fn broken(service: Service) -> Reply {
        let code = match service {
            Service::DynamoDb => "com.amazonaws.dynamodb.v20120810#InternalServerError",
            Service::Sqs => "com.amazonaws.sqs#InternalFailure",
            Service::SecretsManager => "InternalServiceError",
        };
        Reply::error(500, code, "Internal server error")
    }

    /// The body, or status, code and message.
    pub fn into_value(self) -> Result<Value, (u16, String, String)> {
        let body: Value = serde_json::from_slice(&self.body).unwrap_or_default();
        if self.status < 300 {
            return Ok(body);
        }
        let text = |field: &str| body[field].as_str().unwrap_or_default().to_owned();
        let code = text("__type")
            .rsplit('#')
            .next()
            .unwrap_or_default()
            .to_owned();
        let message = if body["message"].is_string() {
            text("message")
        } else {
            text("Message")
        };
        Err((self.status, code, message))
    }
}
