//! The log of calls, and each fault doing what it says.

use crate::stack::{CALLER, Pause, Stack, TABLE, credentials};
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::types::{AttributeValue, Put, TransactWriteItem};
use meridian_embedded_aws::{Action, Fault};
use serde_json::json;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

fn fault(action: Action) -> Fault {
    Fault {
        operation: Some("PutItem".into()),
        action,
        ..Fault::default()
    }
}

async fn put(
    stack: &Stack,
    key: &str,
) -> Result<(), SdkError<aws_sdk_dynamodb::operation::put_item::PutItemError>> {
    let put = stack.dynamodb.put_item().table_name(TABLE);
    put.item("pk", text(key))
        .item("sk", text(key))
        .send()
        .await
        .map(|_| ())
}

async fn is_there(stack: &Stack, key: &str) -> bool {
    let get = stack
        .dynamodb
        .get_item()
        .table_name(TABLE)
        .key("pk", text(key));
    get.key("sk", text(key))
        .send()
        .await
        .expect("a read")
        .item
        .is_some()
}

#[tokio::test]
async fn the_log_says_who_called_what_in_order() {
    let stack = Stack::with_table().await;
    stack.aws.reset_calls();
    put(&stack, "a").await.expect("a put");
    assert!(!is_there(&stack, "b").await);
    let refused = stack
        .dynamodb
        .get_item()
        .table_name("none")
        .key("pk", text("a"))
        .send()
        .await;
    assert!(refused.is_err());
    let calls = stack.aws.calls();
    let seen: Vec<_> = calls
        .iter()
        .map(|c| (c.operation.as_str(), c.status))
        .collect();
    assert_eq!(seen, [("PutItem", 200), ("GetItem", 200), ("GetItem", 400)]);
    assert!(
        calls
            .iter()
            .all(|c| c.caller == CALLER && c.service == "dynamodb")
    );
    assert!(calls.windows(2).all(|two| two[0].seq < two[1].seq));
    assert_eq!(calls[0].request["Item"]["pk"], json!({ "S": "a" }));
}

#[tokio::test]
async fn a_cut_leaves_no_reply_and_is_applied_only_after() {
    let stack = Stack::with_table().await;
    for (key, action, applied) in [
        ("before", Action::CutBefore, false),
        ("after", Action::CutAfter, true),
    ] {
        stack.aws.reset_calls();
        stack.aws.set_faults(vec![fault(action)]);
        let cut = put(&stack, key).await.expect_err("no reply");
        assert!(matches!(cut, SdkError::DispatchFailure(_)), "{cut:?}");
        assert_eq!(stack.aws.calls()[0].status, 0);
        assert_eq!(is_there(&stack, key).await, applied, "{key}");
    }
}

#[tokio::test]
async fn a_kill_names_the_caller_and_is_applied_only_after() {
    let stack = Stack::with_table().await;
    let killed = Arc::new(Mutex::new(Vec::new()));
    let seen = killed.clone();
    stack.aws.on_kill(Box::new(move |caller| {
        seen.lock().expect("not poisoned").push(caller.to_owned());
    }));
    for (key, action, applied) in [
        ("before", Action::KillBefore, false),
        ("after", Action::KillAfter, true),
    ] {
        stack.aws.set_faults(vec![fault(action)]);
        put(&stack, key).await.expect_err("no reply");
        assert_eq!(is_there(&stack, key).await, applied, "{key}");
    }
    assert_eq!(*killed.lock().expect("not poisoned"), [CALLER, CALLER]);
}

#[tokio::test]
async fn throttle_and_500_answer_as_aws_does() {
    let stack = Stack::with_table().await;
    stack.aws.set_faults(vec![fault(Action::Throttle)]);
    let throttled = put(&stack, "throttled")
        .await
        .expect_err("throttled")
        .into_service_error();
    assert!(
        throttled.is_provisioned_throughput_exceeded_exception(),
        "{throttled:?}"
    );
    assert!(!is_there(&stack, "throttled").await);

    stack.aws.set_faults(vec![fault(Action::AppliedThen500)]);
    let broken = put(&stack, "broken").await.expect_err("500");
    assert_eq!(
        broken.raw_response().map(|r| r.status().as_u16()),
        Some(500)
    );
    assert!(is_there(&stack, "broken").await);

    stack.aws.set_faults(vec![Fault {
        action: Action::Throttle,
        ..Fault::default()
    }]);
    let queues = stack.sqs.list_queues().send().await.expect_err("throttled");
    assert_eq!(queues.into_service_error().code(), Some("RequestThrottled"));
    let secrets = stack
        .secrets
        .list_secrets()
        .send()
        .await
        .expect_err("throttled");
    assert_eq!(
        secrets.into_service_error().code(),
        Some("ThrottlingException")
    );
}

#[tokio::test]
async fn a_conflict_is_a_transaction_s_or_a_write_s_and_no_other_call_s() {
    let stack = Stack::with_table().await;
    stack.aws.set_faults(vec![Fault {
        action: Action::Conflict,
        ..Fault::default()
    }]);
    let single = put(&stack, "one")
        .await
        .expect_err("a conflict")
        .into_service_error();
    assert!(single.is_transaction_conflict_exception(), "{single:?}");
    let item = |key: &str| {
        let put = Put::builder()
            .table_name(TABLE)
            .item("pk", text(key))
            .item("sk", text(key));
        TransactWriteItem::builder()
            .put(put.build().expect("a put"))
            .build()
    };
    let both = stack.dynamodb.transact_write_items();
    let both = both
        .transact_items(item("two"))
        .transact_items(item("three"))
        .send()
        .await;
    let cancelled = both.expect_err("a conflict").into_service_error();
    let aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError::TransactionCanceledException(cancelled) = cancelled else {
        panic!("{cancelled:?}");
    };
    let codes: Vec<_> = cancelled
        .cancellation_reasons()
        .iter()
        .filter_map(|r| r.code())
        .collect();
    assert_eq!(codes, ["TransactionConflict", "None"]);
    for key in ["one", "two", "three"] {
        assert!(!is_there(&stack, key).await, "{key}");
    }
}

#[tokio::test]
async fn a_delayed_call_is_applied_late() {
    let stack = Stack::with_table().await;
    stack.aws.set_faults(vec![fault(Action::Delay { ms: 300 })]);
    let before = Instant::now();
    put(&stack, "late").await.expect("a put");
    assert!(before.elapsed() >= Duration::from_millis(300));
}

#[tokio::test]
async fn nth_times_and_function_choose_the_calls() {
    let stack = Stack::with_table().await;
    let nth = Fault {
        nth: Some(2),
        ..fault(Action::CutBefore)
    };
    let other = Fault {
        function: Some("webhook-intake".into()),
        ..fault(Action::CutBefore)
    };
    stack.aws.set_faults(vec![nth, other]);
    let mut went = Vec::new();
    for key in ["1", "2", "3"] {
        went.push(put(&stack, key).await.is_ok());
    }
    assert_eq!(went, [true, false, true]);
    let counts: Vec<_> = stack
        .aws
        .faults()
        .iter()
        .map(|a| (a.seen, a.struck))
        .collect();
    assert_eq!(counts, [(3, 1), (0, 0)]);

    stack.aws.set_faults(vec![Fault {
        times: Some(2),
        ..fault(Action::CutBefore)
    }]);
    let mut went = Vec::new();
    for key in ["4", "5", "6"] {
        went.push(put(&stack, key).await.is_ok());
    }
    assert_eq!(went, [false, false, true]);
}

#[tokio::test]
async fn people_s_calls_pass() {
    let stack = Stack::with_table().await;
    stack.aws.set_faults(vec![fault(Action::CutBefore)]);
    let config = stack
        .dynamodb
        .config()
        .to_builder()
        .credentials_provider(credentials("AKIAME"));
    let person = aws_sdk_dynamodb::Client::from_conf(config.build());
    let put = person
        .put_item()
        .table_name(TABLE)
        .item("pk", text("a"))
        .item("sk", text("a"));
    put.send().await.expect("no fault for a person");
}

#[tokio::test]
async fn the_sdk_s_own_retry_survives_one_cut() {
    let stack = Stack::with_table().await;
    stack.aws.reset_calls();
    stack.aws.set_faults(vec![Fault {
        nth: Some(1),
        ..fault(Action::CutAfter)
    }]);
    let config = stack
        .dynamodb
        .config()
        .to_builder()
        .retry_config(RetryConfig::standard());
    let config = config.sleep_impl(Pause);
    let retrying = aws_sdk_dynamodb::Client::from_conf(config.build());
    let put = retrying
        .put_item()
        .table_name(TABLE)
        .item("pk", text("a"))
        .item("sk", text("a"));
    put.send().await.expect("the second attempt");
    assert_eq!(stack.operations(), ["PutItem", "PutItem"]);
}

#[tokio::test]
async fn a_fault_reads_from_json() {
    let given = json!([
        { "function": "charge-execution", "operation": "TransactWriteItems", "nth": 3, "action": "kill_after" },
        { "action": { "delay": { "ms": 50 } }, "times": 1 },
        { "action": "applied_then_500" }
    ]);
    let faults: Vec<Fault> = serde_json::from_value(given).expect("three faults");
    assert_eq!(faults[0].action, Action::KillAfter);
    assert_eq!(faults[1].action, Action::Delay { ms: 50 });
    assert_eq!(faults[2].action, Action::AppliedThen500);
}

#[tokio::test]
async fn what_is_not_embedded_is_refused_by_name() {
    let stack = Stack::start(None).await;
    let refused = stack
        .aws
        .call("AmazonSQS.AddPermission", json!({}))
        .await
        .expect_err("refused");
    assert!(refused.to_string().contains("AddPermission"), "{refused}");
    let refused = stack
        .aws
        .call("TrentService.Encrypt", json!({}))
        .await
        .expect_err("refused");
    assert!(
        refused.to_string().contains("TrentService.Encrypt"),
        "{refused}"
    );
}
