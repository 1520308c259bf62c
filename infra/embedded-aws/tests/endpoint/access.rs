//! Policies: a function is refused what its own do not allow.

use crate::stack::{Stack, TABLE, credentials};
use aws_sdk_dynamodb::error::ProvideErrorMetadata;
use aws_sdk_dynamodb::types::AttributeValue;
use meridian_embedded_aws::{ACCOUNT, Effect, REGION, Statement};
use std::collections::HashMap;

fn allow(action: &str, resource: String) -> Statement {
    Statement {
        effect: Effect::Allow,
        actions: vec![action.to_owned()],
        resources: vec![resource],
        leading_keys: vec![],
    }
}

/// The stack's caller may read one table, send to one queue and read inbound secrets.
async fn stack() -> Stack {
    let stack = Stack::with_table().await;
    for name in ["events", "other"] {
        stack
            .sqs
            .create_queue()
            .queue_name(name)
            .send()
            .await
            .expect("a queue");
    }
    for name in [
        "meridian/demo/gateway/stripe",
        "meridian/demo/inbound/stripe",
    ] {
        let create = stack.secrets.create_secret().name(name).secret_string("{}");
        create.send().await.expect("a secret");
    }
    let secrets = format!("arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret");
    let statements = vec![
        allow(
            "dynamodb:GetItem",
            format!("arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{TABLE}"),
        ),
        allow(
            "sqs:SendMessage",
            format!("arn:aws:sqs:{REGION}:{ACCOUNT}:events"),
        ),
        allow(
            "secretsmanager:GetSecretValue",
            format!("{secrets}:meridian/*/inbound/*"),
        ),
    ];
    stack
        .aws
        .set_policies(HashMap::from([("charge-execution".to_owned(), statements)]));
    stack
}

fn key() -> AttributeValue {
    AttributeValue::S("a".into())
}

#[tokio::test]
async fn what_is_allowed_goes_through() {
    let stack = stack().await;
    let get = stack
        .dynamodb
        .get_item()
        .table_name(TABLE)
        .key("pk", key())
        .key("sk", key());
    get.send().await.expect("a read");
    let url = format!("{}/{ACCOUNT}/events", stack.aws.endpoint());
    let entry = aws_sdk_sqs::types::SendMessageBatchRequestEntry::builder().id("a");
    let entry = entry.message_body("x").build().expect("an entry");
    let send = stack
        .sqs
        .send_message_batch()
        .queue_url(&url)
        .entries(entry);
    send.send().await.expect("a batch under the right to send");
    let inbound = stack
        .secrets
        .get_secret_value()
        .secret_id("meridian/demo/inbound/stripe");
    inbound.send().await.expect("an inbound secret");
}

#[tokio::test]
async fn what_is_not_allowed_is_refused_and_names_action_and_resource() {
    let stack = stack().await;
    let put = stack
        .dynamodb
        .put_item()
        .table_name(TABLE)
        .item("pk", key())
        .item("sk", key());
    let refused = put.send().await.expect_err("a write").into_service_error();
    assert_eq!(refused.code(), Some("AccessDeniedException"));
    let message = refused.message().unwrap_or_default();
    assert!(
        message.contains("dynamodb:PutItem on resource: arn:aws:dynamodb"),
        "{message}"
    );

    let url = format!("{}/{ACCOUNT}/other", stack.aws.endpoint());
    let send = stack
        .sqs
        .send_message()
        .queue_url(url)
        .message_body("x")
        .send()
        .await;
    assert_eq!(
        send.expect_err("another queue").into_service_error().code(),
        Some("AccessDenied")
    );

    for id in [
        "meridian/demo/gateway/stripe",
        "meridian/none/inbound/stripe",
    ] {
        let refused = stack
            .secrets
            .get_secret_value()
            .secret_id(id)
            .send()
            .await
            .expect_err(id);
        assert_eq!(
            refused.into_service_error().code(),
            Some("AccessDeniedException"),
            "{id}"
        );
    }
}

#[tokio::test]
async fn a_deny_wins_over_every_allow() {
    let stack = stack().await;
    let all = format!("arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:meridian/*");
    let deny = Statement {
        effect: Effect::Deny,
        ..allow("secretsmanager:GetSecretValue", format!("{all}/inbound/*"))
    };
    let statements = vec![deny, allow("secretsmanager:GetSecretValue", all)];
    stack
        .aws
        .set_policies(HashMap::from([("charge-execution".to_owned(), statements)]));
    let get = |id: &str| stack.secrets.get_secret_value().secret_id(id).send();
    get("meridian/demo/gateway/stripe").await.expect("allowed");
    let refused = get("meridian/demo/inbound/stripe")
        .await
        .expect_err("denied")
        .into_service_error();
    let message = refused.message().unwrap_or_default();
    assert!(message.contains("explicit deny"), "{message}");
}

#[tokio::test]
async fn a_function_without_a_policy_may_nothing_and_a_person_everything() {
    let stack = stack().await;
    let get = |caller: &str| {
        let config = stack
            .dynamodb
            .config()
            .to_builder()
            .credentials_provider(credentials(caller));
        let client = aws_sdk_dynamodb::Client::from_conf(config.build());
        client
            .get_item()
            .table_name(TABLE)
            .key("pk", key())
            .key("sk", key())
            .send()
    };
    get("LOCAL.system-delivery.1").await.expect_err("no policy");
    get("AKIAME").await.expect("a person");
}
