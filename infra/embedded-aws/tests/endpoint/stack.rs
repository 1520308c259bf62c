//! A started endpoint with clients of the AWS SDK, and a endpoint's clock that a test sets.

use aws_credential_types::Credentials;
use aws_sdk_dynamodb::config::{AsyncSleep, Sleep};
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType,
};
use meridian_embedded_aws::{Aws, Options, start};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

pub const TABLE: &str = "endpoint";
pub const CALLER: &str = "LOCAL.charge-execution.1";

pub struct Stack {
    pub aws: Aws,
    pub ahead: Arc<AtomicI64>,
    pub dynamodb: aws_sdk_dynamodb::Client,
    pub sqs: aws_sdk_sqs::Client,
    pub secrets: aws_sdk_secretsmanager::Client,
}

impl Stack {
    pub async fn start(state: Option<PathBuf>) -> Stack {
        let ahead = Arc::new(AtomicI64::new(0));
        let endpoint = ahead.clone();
        let clock = Arc::new(move || machine_now() + endpoint.load(Ordering::SeqCst));
        let aws = start(Options {
            port: 0,
            state,
            clock,
        })
        .await
        .expect("the stack starts");
        let config = aws_types::SdkConfig::builder()
            .behavior_version(aws_sdk_dynamodb::config::BehaviorVersion::latest())
            .region(aws_sdk_dynamodb::config::Region::new("eu-west-1"))
            .endpoint_url(aws.endpoint())
            .credentials_provider(credentials(CALLER))
            .retry_config(aws_sdk_dynamodb::config::retry::RetryConfig::disabled())
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .build();
        Stack {
            dynamodb: aws_sdk_dynamodb::Client::new(&config),
            sqs: aws_sdk_sqs::Client::new(&config),
            secrets: aws_sdk_secretsmanager::Client::new(&config),
            aws,
            ahead,
        }
    }

    pub async fn with_table() -> Stack {
        let stack = Stack::start(None).await;
        stack.create_table().await;
        stack
    }

    pub async fn create_table(&self) {
        let attribute = |name: &str| {
            AttributeDefinition::builder()
                .attribute_name(name)
                .attribute_type(ScalarAttributeType::S)
                .build()
                .expect("a definition")
        };
        let key = |name: &str, kind| {
            KeySchemaElement::builder()
                .attribute_name(name)
                .key_type(kind)
                .build()
                .expect("a key")
        };
        self.dynamodb
            .create_table()
            .table_name(TABLE)
            .billing_mode(BillingMode::PayPerRequest)
            .attribute_definitions(attribute("pk"))
            .attribute_definitions(attribute("sk"))
            .key_schema(key("pk", KeyType::Hash))
            .key_schema(key("sk", KeyType::Range))
            .send()
            .await
            .expect("the table is created");
    }

    pub fn advance(&self, seconds: i64) {
        self.ahead.fetch_add(seconds * 1000, Ordering::SeqCst);
    }

    pub fn operations(&self) -> Vec<String> {
        self.aws.calls().into_iter().map(|c| c.operation).collect()
    }
}

pub fn credentials(caller: &str) -> aws_credential_types::provider::SharedCredentialsProvider {
    aws_credential_types::provider::SharedCredentialsProvider::new(Credentials::new(
        caller, "local", None, None, "tests",
    ))
}

pub fn machine_now() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("after 1970");
    i64::try_from(since.as_millis()).expect("before the year 292 million")
}

/// What the SDK waits with between attempts.
#[derive(Debug)]
pub struct Pause;

impl AsyncSleep for Pause {
    fn sleep(&self, duration: Duration) -> Sleep {
        Sleep::new(tokio::time::sleep(duration))
    }
}
