//! Queues: partial failures, what fails a whole batch, visibility by the stack's clock, dead letters.

use crate::stack::Stack;
use serde_json::json;

#[tokio::test]
async fn a_failed_message_comes_back_alone_and_ends_as_a_dead_letter() {
    let stack = Stack::start();
    stack
        .send(&[
            json!({ "do": "ok", "n": 1 }),
            json!({ "do": "fail", "n": 2 }),
            json!({ "do": "ok", "n": 3 }),
        ])
        .await;
    let (status, why) = stack.quiet(5.0).await;
    assert_eq!(status, 504, "one message waits for its time");
    assert_eq!(why["moving"]["messages_hidden"], 1, "{why}");
    assert_eq!(seen(&stack), [(1, 1), (2, 1), (3, 1)]);

    stack.advance("PT30S").await;
    assert_eq!(seen(&stack).len(), 3, "its visibility timeout is 60 s");
    stack.advance("PT40S").await;
    assert_eq!(seen(&stack), [(1, 1), (2, 1), (3, 1), (2, 2)]);
    stack.advance("PT2M").await;
    assert_eq!(
        seen(&stack).len(),
        4,
        "two receives are all that the template allows"
    );
    assert_eq!(
        (stack.depth("Queue").await, stack.depth("Dead").await),
        (0, 1)
    );
    assert_eq!(stack.quiet(5.0).await.0, 200);
    assert!(stack.stderr().contains("dead letter"), "{}", stack.stderr());
}

#[tokio::test]
async fn errors_crashes_timeouts_and_empty_identifiers_fail_the_whole_batch() {
    let stack = Stack::start();
    for bad in ["whole", "exit", "empty-id", "sleep"] {
        let before = seen(&stack).len();
        stack
            .send(&[json!({ "do": "ok", "n": 1 }), json!({ "do": bad, "n": 2 })])
            .await;
        assert_eq!(
            stack.quiet(10.0).await.1["moving"]["messages_hidden"],
            2,
            "{bad}"
        );
        assert_eq!(seen(&stack)[before..], [(1, 1), (2, 1)], "{bad}");
        stack.advance("PT3M").await;
        assert_eq!(
            seen(&stack)[before + 2..]
                .iter()
                .filter(|(n, times)| (*n, *times) == (1, 2))
                .count(),
            1,
            "{bad}"
        );
        assert_eq!(stack.depth("Queue").await, 0, "{bad}");
    }
    assert_eq!(stack.depth("Dead").await, 8);
}

#[tokio::test]
async fn batches_hold_at_most_what_the_template_says() {
    let stack = Stack::start();
    let many: Vec<_> = (0..10).map(|n| json!({ "do": "ok", "n": n })).collect();
    for _ in 0..4 {
        stack.send(&many).await;
    }
    assert_eq!(stack.quiet(10.0).await.0, 200);
    let events = stack.events("message");
    assert_eq!(events.len(), 40, "each once");
    assert!(events.iter().all(|event| {
        event["batch"]
            .as_u64()
            .is_some_and(|size| (1..=10).contains(&size))
    }));
}

fn seen(stack: &Stack) -> Vec<(u64, u64)> {
    let number = |value: &serde_json::Value| {
        value
            .as_u64()
            .or_else(|| value.as_str()?.parse().ok())
            .expect("a number")
    };
    stack
        .events("message")
        .iter()
        .map(|event| (number(&event["body"]["n"]), number(&event["received"])))
        .collect()
}
