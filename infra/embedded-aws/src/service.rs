//! The three services, and the one account and region that they are in.

/// The account and region in every ARN and queue URL here.
pub const ACCOUNT: &str = "000000000000";
pub const REGION: &str = "us-east-1";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Service {
    DynamoDb,
    Sqs,
    SecretsManager,
}

impl Service {
    /// `X-Amz-Target` names service and operation: `AmazonSQS.SendMessage`.
    pub fn of_target(target: &str) -> Option<(Service, &str)> {
        let (prefix, operation) = target.split_once('.')?;
        let service = match prefix {
            "DynamoDB_20120810" => Service::DynamoDb,
            "AmazonSQS" => Service::Sqs,
            "secretsmanager" => Service::SecretsManager,
            _ => return None,
        };
        Some((service, operation))
    }

    pub fn name(self) -> &'static str {
        match self {
            Service::DynamoDb => "dynamodb",
            Service::Sqs => "sqs",
            Service::SecretsManager => "secretsmanager",
        }
    }
}
