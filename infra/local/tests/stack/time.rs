//! The clock: jumps from one due instant to the next, schedules, and what keeps the stack from being quiet.

use crate::stack::{Stack, json_of};
use serde_json::json;

const HOUR: i64 = 3_600_000;

#[tokio::test]
async fn advance_stops_where_something_is_due_and_nowhere_else() {
    let stack = Stack::start();
    assert_eq!(stack.quiet(5.0).await.0, 200);
    let start = stack.now().await;
    stack.put_due("soon", 0, start + HOUR).await;
    stack.put_due("later", 3, start + 30 * HOUR).await;
    stack.put_due("never", 1, start + 100 * HOUR).await;
    let before = stack.events("tick").len();
    stack.advance("PT48H").await;

    let done: Vec<_> = stack.events("due");
    let row = |n: usize| {
        (
            done[n]["row"].as_str().expect("a name"),
            done[n]["now"].as_i64().expect("a time") - start,
        )
    };
    assert_eq!((row(0).0, row(1).0, done.len()), ("soon", "later", 2));
    assert!(
        (HOUR..HOUR + 5_000).contains(&row(0).1),
        "at its own instant: {}",
        row(0).1
    );
    assert!(
        (30 * HOUR..30 * HOUR + 10_000).contains(&row(1).1),
        "at its own instant: {}",
        row(1).1
    );
    let ticks = stack.events("tick").len() - before;
    assert!(
        (3..10).contains(&ticks),
        "once at each instant and at the end, not each minute: {ticks}"
    );
    assert!(stack.now().await - start >= 48 * HOUR);
}

#[tokio::test]
async fn the_functions_see_the_houses_time() {
    let stack = Stack::start();
    let set = stack
        .post("/_local/clock", json!({ "set": "2031-02-03T04:05:06Z" }))
        .await;
    assert_eq!(set.status(), 200);
    let at: jiff::Timestamp = "2031-02-03T04:05:06Z".parse().expect("a time");
    let seen = json_of(stack.get("/probe/echo").await).await["house_now"]
        .as_i64()
        .expect("a time");
    assert!((0..5_000).contains(&(seen - at.as_millisecond())));
    let back = stack
        .post("/_local/clock", json!({ "set": "2020-01-01T00:00:00Z" }))
        .await;
    assert_eq!(back.status(), 200, "backwards is only set");
    assert!(stack.now().await < at.as_millisecond());
    for wrong in [
        json!({ "advance": "soon" }),
        json!({ "set": "tomorrow" }),
        json!({}),
    ] {
        assert_eq!(stack.post("/_local/clock", wrong).await.status(), 400);
    }
}

#[tokio::test]
async fn overdue_rows_are_looked_after_before_the_house_is_quiet() {
    let stack = Stack::start();
    let now = stack.now().await;
    stack.put_due("overdue", 2, now - 1_000).await;
    assert_eq!(stack.quiet(10.0).await.0, 200);
    assert_eq!(stack.events("due").len(), 1);
    stack.put_due("stays", 2, now).await;
    let (status, why) = stack.quiet(10.0).await;
    assert_eq!(
        (status, &why["moving"]["overdue"][0]["row"]),
        (504, &json!("test stays")),
        "{why}"
    );
}

#[tokio::test]
async fn a_schedule_and_a_function_can_be_fired_by_name() {
    let stack = Stack::start();
    stack.put_due("now", 0, stack.now().await).await;
    let fired = json_of(stack.post("/_local/fire/EachMinute", json!({})).await).await;
    assert_eq!(fired, json!({ "result": { "done": 1 } }));
    assert_eq!(
        json_of(stack.post("/_local/fire/probe", json!({})).await).await["result"]["done"],
        0
    );
    assert_eq!(
        stack.post("/_local/fire/nothing", json!({})).await.status(),
        404
    );
    let time = stack.events("tick")[0]["time"]
        .as_str()
        .expect("EventBridge's event")
        .to_owned();
    assert!(
        time.parse::<jiff::Timestamp>().is_ok() && time.len() == 20,
        "{time}"
    );
}

#[tokio::test]
async fn expired_rows_go_when_the_clock_passes_them() {
    let stack = Stack::start();
    let at = stack.now().await / 1000 + 3600;
    let item = json!({ "pk": { "S": "test" }, "sk": { "S": "expires" }, "expires_at": { "N": at.to_string() } });
    stack
        .aws(
            "DynamoDB_20120810.PutItem",
            json!({ "TableName": "meridian-local-Table", "Item": item }),
        )
        .await;
    let count = async || {
        stack
            .aws(
                "DynamoDB_20120810.Scan",
                json!({ "TableName": "meridian-local-Table" }),
            )
            .await["Count"]
            .clone()
    };
    stack.advance("PT30M").await;
    assert_eq!(count().await, 1);
    stack.advance("PT1H").await;
    assert_eq!(count().await, 0);
}
