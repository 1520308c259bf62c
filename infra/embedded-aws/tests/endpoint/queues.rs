//! SQS: the endpoint's clock, redrive, refusals.

use crate::stack::{Stack, machine_now};
use aws_sdk_sqs::error::ProvideErrorMetadata;
use aws_sdk_sqs::types::{
    MessageSystemAttributeName, QueueAttributeName, SendMessageBatchRequestEntry,
};
use std::time::{Duration, Instant};

/// A queue with a dead-letter queue: two receives, five minutes hidden.
async fn queue(stack: &Stack) -> (String, String) {
    let dead = stack
        .sqs
        .create_queue()
        .queue_name("dead")
        .send()
        .await
        .expect("a queue");
    let dead = dead.queue_url.expect("its URL");
    let arn = format!(
        "arn:aws:sqs:{}:{}:dead",
        meridian_embedded_aws::REGION,
        meridian_embedded_aws::ACCOUNT
    );
    let policy = serde_json::json!({ "deadLetterTargetArn": arn, "maxReceiveCount": 2 });
    let live = stack
        .sqs
        .create_queue()
        .queue_name("live")
        .attributes(QueueAttributeName::VisibilityTimeout, "300")
        .attributes(QueueAttributeName::RedrivePolicy, policy.to_string())
        .send()
        .await
        .expect("a queue");
    (live.queue_url.expect("its URL"), dead)
}

async fn receive(stack: &Stack, url: &str) -> Vec<aws_sdk_sqs::types::Message> {
    let received = stack
        .sqs
        .receive_message()
        .queue_url(url)
        .max_number_of_messages(10);
    let received = received.message_system_attribute_names(MessageSystemAttributeName::All);
    received
        .send()
        .await
        .expect("a receive")
        .messages
        .unwrap_or_default()
}

fn entry(id: &str, body: &str) -> SendMessageBatchRequestEntry {
    SendMessageBatchRequestEntry::builder()
        .id(id)
        .message_body(body)
        .build()
        .expect("an entry")
}

#[tokio::test]
async fn an_unfinished_message_comes_back_and_then_goes_to_the_dead_letter_queue() {
    let stack = Stack::start(None).await;
    let (live, dead) = queue(&stack).await;
    stack
        .sqs
        .send_message()
        .queue_url(&live)
        .message_body("nudge")
        .send()
        .await
        .expect("a send");
    for count in ["1", "2"] {
        let received = receive(&stack, &live).await;
        let attributes = received[0].attributes().expect("system attributes");
        assert_eq!(
            attributes[&MessageSystemAttributeName::ApproximateReceiveCount],
            count
        );
        assert!(
            receive(&stack, &live).await.is_empty(),
            "hidden while in flight"
        );
        let depth = &stack.aws.depths()[1];
        assert_eq!(
            (depth.queue.as_str(), depth.visible, depth.in_flight),
            ("live", 0, 1)
        );
        stack.advance(301);
    }
    assert!(receive(&stack, &live).await.is_empty());
    let dead = receive(&stack, &dead).await;
    assert_eq!(dead[0].body(), Some("nudge"));
}

#[tokio::test]
async fn a_deleted_message_stays_away() {
    let stack = Stack::start(None).await;
    let (live, _) = queue(&stack).await;
    stack
        .sqs
        .send_message()
        .queue_url(&live)
        .message_body("once")
        .send()
        .await
        .expect("a send");
    let received = receive(&stack, &live).await;
    let handle = received[0].receipt_handle().expect("a handle");
    let delete = stack
        .sqs
        .delete_message()
        .queue_url(&live)
        .receipt_handle(handle);
    delete.send().await.expect("a delete");
    stack.advance(3600);
    assert!(receive(&stack, &live).await.is_empty());
}

#[tokio::test]
async fn a_message_given_back_is_there_at_once() {
    let stack = Stack::start(None).await;
    let (live, _) = queue(&stack).await;
    stack
        .sqs
        .send_message()
        .queue_url(&live)
        .message_body("again")
        .send()
        .await
        .expect("a send");
    let received = receive(&stack, &live).await;
    let handle = received[0].receipt_handle().expect("a handle");
    let back = stack
        .sqs
        .change_message_visibility()
        .queue_url(&live)
        .receipt_handle(handle);
    back.visibility_timeout(0).send().await.expect("a change");
    assert_eq!(receive(&stack, &live).await.len(), 1);
}

#[tokio::test]
async fn a_delay_is_measured_by_the_house_s_clock() {
    let stack = Stack::start(None).await;
    let (live, _) = queue(&stack).await;
    let late = stack
        .sqs
        .send_message()
        .queue_url(&live)
        .message_body("late")
        .delay_seconds(900);
    late.send().await.expect("a send");
    assert!(receive(&stack, &live).await.is_empty());
    let next = stack.aws.depths()[1].next_at.expect("an instant");
    assert!((next - machine_now() - 900_000).abs() < 5_000);
    stack.advance(901);
    assert_eq!(receive(&stack, &live).await.len(), 1);
}

#[tokio::test]
async fn a_waiting_receive_is_woken_by_a_send() {
    let stack = Stack::start(None).await;
    let (live, _) = queue(&stack).await;
    let waiting = stack
        .sqs
        .receive_message()
        .queue_url(&live)
        .wait_time_seconds(20)
        .send();
    let waiting = tokio::spawn(waiting);
    while stack
        .operations()
        .last()
        .is_none_or(|o| o != "ReceiveMessage")
    {
        tokio::task::yield_now().await;
    }
    let before = Instant::now();
    stack
        .sqs
        .send_message()
        .queue_url(&live)
        .message_body("now")
        .send()
        .await
        .expect("a send");
    let received = waiting.await.expect("no panic").expect("a receive");
    assert_eq!(received.messages().len(), 1);
    assert!(before.elapsed() < Duration::from_secs(10));
}

#[tokio::test]
async fn messages_that_aws_refuses_are_refused() {
    let stack = Stack::start(None).await;
    let (live, _) = queue(&stack).await;
    let most = "x".repeat(1_048_576);
    let over = format!("{most}x");
    let cases = [
        ("a byte too long", over.as_str(), "InvalidParameterValue"),
        ("a control character", "a\u{0}b", "InvalidMessageContents"),
        ("a non-character", "a\u{FFFF}b", "InvalidMessageContents"),
    ];
    for (case, body, code) in cases {
        let send = stack.sqs.send_message().queue_url(&live).message_body(body);
        let refused = send.send().await.expect_err(case).into_service_error();
        assert_eq!(refused.code(), Some(code), "{case}: {refused:?}");
    }
    let send = stack
        .sqs
        .send_message()
        .queue_url(&live)
        .message_body(&most);
    send.send().await.expect("exactly 1 MiB");
}

#[tokio::test]
async fn batches_that_aws_refuses_are_refused_whole() {
    let stack = Stack::start(None).await;
    let (live, _) = queue(&stack).await;
    let half = "x".repeat(600_000);
    let eleven = (0..11).map(|n| entry(&n.to_string(), "x")).collect();
    let cases = [
        ("none", vec![], "EmptyBatchRequest"),
        ("eleven", eleven, "TooManyEntriesInBatchRequest"),
        (
            "one id twice",
            vec![entry("a", "x"), entry("a", "y")],
            "BatchEntryIdsNotDistinct",
        ),
        (
            "1.2 MB",
            vec![entry("a", &half), entry("b", &half)],
            "BatchRequestTooLong",
        ),
        (
            "an id of AWS's not",
            vec![entry("a b", "x")],
            "InvalidBatchEntryId",
        ),
    ];
    for (case, entries, code) in cases {
        let send = stack
            .sqs
            .send_message_batch()
            .queue_url(&live)
            .set_entries(Some(entries));
        let refused = send.send().await.expect_err(case).into_service_error();
        let got = refused.code().unwrap_or_default();
        assert!(got.ends_with(code), "{case}: {refused:?}");
    }
    assert!(receive(&stack, &live).await.is_empty());
}

#[tokio::test]
async fn one_bad_entry_does_not_sink_a_batch() {
    let stack = Stack::start(None).await;
    let (live, _) = queue(&stack).await;
    let send = stack.sqs.send_message_batch().queue_url(&live);
    let send = send
        .entries(entry("good", "x"))
        .entries(entry("bad", "\u{1}"));
    let sent = send.send().await.expect("a batch");
    assert_eq!(sent.successful()[0].id(), "good");
    assert_eq!(sent.failed()[0].id(), "bad");
    assert_eq!(sent.failed()[0].code(), "InvalidMessageContents");
    assert!(sent.failed()[0].sender_fault());
    assert_eq!(receive(&stack, &live).await.len(), 1);
}

#[tokio::test]
async fn a_queue_that_is_not_there_is_refused_as_aws_does() {
    let stack = Stack::start(None).await;
    let send = stack
        .sqs
        .send_message()
        .queue_url("http://127.0.0.1/000000000000/none");
    let refused = send
        .message_body("x")
        .send()
        .await
        .expect_err("no queue")
        .into_service_error();
    assert!(refused.is_queue_does_not_exist(), "{refused:?}");
}

#[tokio::test]
async fn a_message_tells_whose_it_is_as_long_as_it_lives() {
    let stack = Stack::start(None).await;
    let (live, dead) = queue(&stack).await;
    let send = stack.sqs.send_message().queue_url(&live);
    let send = send.message_body("one").message_group_id("clinic-1");
    send.send().await.expect("a send");
    let of_nobody = entry("b", "two");
    let of_other = SendMessageBatchRequestEntry::builder()
        .id("c")
        .message_body("three")
        .message_group_id("clinic-2");
    let batch = stack.sqs.send_message_batch().queue_url(&live);
    let batch = batch
        .entries(of_nobody)
        .entries(of_other.build().expect("an entry"));
    batch.send().await.expect("a batch");
    let groups = async |url: &str| {
        let received = receive(&stack, url).await;
        let group = |message: &aws_sdk_sqs::types::Message| {
            assert!(
                message
                    .message_attributes()
                    .is_none_or(|own| own.is_empty())
            );
            let all = message.attributes().expect("system attributes");
            let group = all.get(&MessageSystemAttributeName::MessageGroupId);
            (message.body.clone().expect("a body"), group.cloned())
        };
        received.iter().map(group).collect::<Vec<_>>()
    };
    let wanted: Vec<_> = [
        ("one", Some("clinic-1")),
        ("two", None),
        ("three", Some("clinic-2")),
    ]
    .map(|(body, group)| (body.to_owned(), group.map(String::from)))
    .into();
    for _ in 0..2 {
        // Those of one group are received side by side: a standard queue keeps no order.
        assert_eq!(groups(&live).await, wanted);
        stack.advance(301);
    }
    assert_eq!(groups(&live).await, []);
    assert_eq!(groups(&dead).await, wanted);
}

#[tokio::test]
async fn a_group_that_aws_refuses_is_refused() {
    let stack = Stack::start(None).await;
    let (live, _) = queue(&stack).await;
    let long = "x".repeat(129);
    for group in ["", "a b", "\u{e9}", &long] {
        let send = stack.sqs.send_message().queue_url(&live);
        let send = send.message_body("x").message_group_id(group).send().await;
        let refused = send.expect_err("refused").into_service_error();
        assert_eq!(refused.code(), Some("InvalidParameterValue"), "{group}");
    }
    let send = stack.sqs.send_message().queue_url(&live).message_body("x");
    let longest = send.message_group_id("!".repeat(128));
    longest.send().await.expect("a send");
}
