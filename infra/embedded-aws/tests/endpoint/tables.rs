//! DynamoDB: conditions under concurrency, refusals, time to live, a restart.

use crate::stack::{Stack, TABLE, machine_now};
use aws_sdk_dynamodb::error::ProvideErrorMetadata;
use aws_sdk_dynamodb::types::{AttributeValue, Put, TransactWriteItem, Update};

fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

fn number(value: i64) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

fn put(pk: &str, sk: &str) -> Put {
    Put::builder()
        .table_name(TABLE)
        .item("pk", text(pk))
        .item("sk", text(sk))
        .build()
        .expect("a put")
}

fn action(put: Put) -> TransactWriteItem {
    TransactWriteItem::builder().put(put).build()
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_conditional_transactions_one_wins() {
    let stack = Stack::with_table().await;
    stack
        .dynamodb
        .put_item()
        .table_name(TABLE)
        .item("pk", text("case"))
        .item("sk", text("case"))
        .item("version", number(1))
        .send()
        .await
        .expect("the case is put");
    let attempts = (0..20).map(|n| {
        let client = stack.dynamodb.clone();
        tokio::spawn(async move {
            let update = Update::builder()
                .table_name(TABLE)
                .key("pk", text("case"))
                .key("sk", text("case"))
                .update_expression("SET version = :two, winner = :n")
                .condition_expression("version = :one")
                .expression_attribute_values(":one", number(1))
                .expression_attribute_values(":two", number(2))
                .expression_attribute_values(":n", number(n))
                .build()
                .expect("an update");
            client
                .transact_write_items()
                .transact_items(TransactWriteItem::builder().update(update).build())
                .transact_items(action(put("journal", &n.to_string())))
                .send()
                .await
        })
    });
    let mut winners = 0;
    for attempt in attempts.collect::<Vec<_>>() {
        match attempt.await.expect("no panic") {
            Ok(_) => winners += 1,
            Err(e) => {
                let e = e.into_service_error();
                assert!(e.is_transaction_canceled_exception(), "{e:?}");
                assert!(
                    e.message()
                        .unwrap_or_default()
                        .contains("ConditionalCheckFailed")
                );
            }
        }
    }
    let journal = stack
        .dynamodb
        .query()
        .table_name(TABLE)
        .key_condition_expression("pk = :j")
        .expression_attribute_values(":j", text("journal"))
        .send()
        .await
        .expect("the journal is read");
    assert_eq!((winners, journal.count()), (1, 1));
}

#[tokio::test]
async fn a_transaction_beyond_the_limits_is_refused() {
    let stack = Stack::with_table().await;
    let many = (0..101).map(|n| action(put("many", &n.to_string())));
    let heavy = (0..11).map(|n| {
        let mut put = put("heavy", &n.to_string());
        put.item.insert("text".into(), text(&"x".repeat(390_000)));
        action(put)
    });
    let twice = [action(put("one", "one")), action(put("one", "one"))];
    let cases: [(&str, Vec<TransactWriteItem>); 3] = [
        ("101 actions", many.collect()),
        ("4 MB", heavy.collect()),
        ("twice", twice.into()),
    ];
    for (case, items) in cases {
        let refused = stack
            .dynamodb
            .transact_write_items()
            .set_transact_items(Some(items))
            .send()
            .await
            .expect_err(case)
            .into_service_error();
        assert_eq!(
            refused.code(),
            Some("ValidationException"),
            "{case}: {refused:?}"
        );
    }
    let left = stack
        .dynamodb
        .scan()
        .table_name(TABLE)
        .send()
        .await
        .expect("a scan");
    assert_eq!(left.count(), 0);
}

#[tokio::test]
async fn an_item_that_aws_refuses_is_refused() {
    let stack = Stack::with_table().await;
    let cases = [
        ("item above 400 KB", "pk", "x".repeat(400 * 1024)),
        ("empty key", "", String::new()),
    ];
    for (case, pk, body) in cases {
        let refused = stack
            .dynamodb
            .put_item()
            .table_name(TABLE)
            .item("pk", text(pk))
            .item("sk", text("sk"))
            .item("body", text(&body))
            .send()
            .await
            .expect_err(case)
            .into_service_error();
        assert_eq!(
            refused.code(),
            Some("ValidationException"),
            "{case}: {refused:?}"
        );
    }
    let mut in_transaction = put("", "sk");
    in_transaction.item.insert("body".into(), text("x"));
    let refused = stack
        .dynamodb
        .transact_write_items()
        .transact_items(action(in_transaction))
        .send()
        .await
        .expect_err("empty key in a transaction")
        .into_service_error();
    assert_eq!(refused.code(), Some("ValidationException"), "{refused:?}");
}

#[tokio::test]
async fn a_transaction_repeated_under_its_token_is_applied_once() {
    let stack = Stack::with_table().await;
    let again = |amount: i64| {
        let add = Update::builder()
            .table_name(TABLE)
            .key("pk", text("sum"))
            .key("sk", text("sum"))
            .update_expression("ADD amount :a")
            .expression_attribute_values(":a", number(amount))
            .build()
            .expect("an update");
        stack
            .dynamodb
            .transact_write_items()
            .client_request_token("token")
            .transact_items(TransactWriteItem::builder().update(add).build())
            .send()
    };
    again(5).await.expect("the first");
    again(5).await.expect("its repeat");
    let other = again(6)
        .await
        .expect_err("another content")
        .into_service_error();
    assert!(
        other.is_idempotent_parameter_mismatch_exception(),
        "{other:?}"
    );
    let sum = stack
        .dynamodb
        .get_item()
        .table_name(TABLE)
        .key("pk", text("sum"))
        .key("sk", text("sum"))
        .send()
        .await
        .expect("a read");
    assert_eq!(sum.item.expect("the sum")["amount"], number(5));
}

#[tokio::test]
async fn the_sweep_follows_the_house_s_clock() {
    let stack = Stack::with_table().await;
    let ttl = aws_sdk_dynamodb::types::TimeToLiveSpecification::builder()
        .attribute_name("expires_at")
        .enabled(true)
        .build()
        .expect("a setting");
    let set = stack.dynamodb.update_time_to_live().table_name(TABLE);
    set.time_to_live_specification(ttl)
        .send()
        .await
        .expect("TTL is set");
    let now = machine_now() / 1000;
    for (pk, expires) in [
        ("soon", number(now + 60)),
        ("late", number(now + 9000)),
        ("odd", text("1")),
    ] {
        let put = stack
            .dynamodb
            .put_item()
            .table_name(TABLE)
            .item("expires_at", expires);
        put.item("pk", text(pk))
            .item("sk", text(pk))
            .send()
            .await
            .expect("a put");
    }
    assert_eq!(stack.aws.sweep_ttl().await.expect("a sweep"), 0);
    stack.advance(3600);
    assert_eq!(stack.aws.sweep_ttl().await.expect("a sweep"), 1);
    let left = stack
        .dynamodb
        .scan()
        .table_name(TABLE)
        .send()
        .await
        .expect("a scan");
    assert_eq!(left.count(), 2);
}

#[tokio::test]
async fn tables_survive_a_restart_and_a_reset_empties_them() {
    let folder = tempfile::tempdir().expect("a folder");
    let stack = Stack::start(Some(folder.path().to_owned())).await;
    stack.create_table().await;
    for n in 0..30 {
        let put = stack
            .dynamodb
            .put_item()
            .table_name(TABLE)
            .item("pk", text("pk"));
        put.item("sk", text(&n.to_string()))
            .send()
            .await
            .expect("a put");
    }
    stack.aws.shutdown().await;

    let stack = Stack::start(Some(folder.path().to_owned())).await;
    let kept = stack
        .dynamodb
        .scan()
        .table_name(TABLE)
        .send()
        .await
        .expect("a scan");
    assert_eq!(kept.count(), 30);
    stack.aws.reset().await.expect("a reset");
    let left = stack
        .dynamodb
        .scan()
        .table_name(TABLE)
        .send()
        .await
        .expect("the table is there");
    assert_eq!(left.count(), 0);
}
