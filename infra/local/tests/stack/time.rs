//! The clock: jumps from one due instant to the next, schedules, and what keeps the house from being quiet.

use crate::house::{House, json_of};
use serde_json::json;

const HOUR: i64 = 3_600_000;

#[tokio::test]
async fn advance_stops_where_something_is_due_and_nowhere_else() {
    let house = House::start();
    assert_eq!(house.quiet(5.0).await.0, 200);
    let start = house.now().await;
    house.put_due("soon", 0, start + HOUR).await;
    house.put_due("later", 3, start + 30 * HOUR).await;
    house.put_due("never", 1, start + 100 * HOUR).await;
    let before = house.events("tick").len();
    house.advance("PT48H").await;

    let done: Vec<_> = house.events("due");
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
    let ticks = house.events("tick").len() - before;
    assert!(
        (3..10).contains(&ticks),
        "once at each instant and at the end, not each minute: {ticks}"
    );
    assert!(house.now().await - start >= 48 * HOUR);
}

#[tokio::test]
async fn the_functions_see_the_houses_time() {
    let house = House::start();
    let set = house
        .post("/_local/clock", json!({ "set": "2031-02-03T04:05:06Z" }))
        .await;
    assert_eq!(set.status(), 200);
    let at: jiff::Timestamp = "2031-02-03T04:05:06Z".parse().expect("a time");
    let seen = json_of(house.get("/probe/echo").await).await["house_now"]
        .as_i64()
        .expect("a time");
    assert!((0..5_000).contains(&(seen - at.as_millisecond())));
    let back = house
        .post("/_local/clock", json!({ "set": "2020-01-01T00:00:00Z" }))
        .await;
    assert_eq!(back.status(), 200, "backwards is only set");
    assert!(house.now().await < at.as_millisecond());
    for wrong in [
        json!({ "advance": "soon" }),
        json!({ "set": "tomorrow" }),
        json!({}),
    ] {
        assert_eq!(house.post("/_local/clock", wrong).await.status(), 400);
    }
}

#[tokio::test]
async fn overdue_rows_are_looked_after_before_the_house_is_quiet() {
    let house = House::start();
    let now = house.now().await;
    house.put_due("overdue", 2, now - 1_000).await;
    assert_eq!(house.quiet(10.0).await.0, 200);
    assert_eq!(house.events("due").len(), 1);
    house.put_due("stays", 2, now).await;
    let (status, why) = house.quiet(10.0).await;
    assert_eq!(
        (status, &why["moving"]["overdue"][0]["row"]),
        (504, &json!("test stays")),
        "{why}"
    );
}

#[tokio::test]
async fn a_schedule_and_a_function_can_be_fired_by_name() {
    let house = House::start();
    house.put_due("now", 0, house.now().await).await;
    let fired = json_of(house.post("/_local/fire/EachMinute", json!({})).await).await;
    assert_eq!(fired, json!({ "result": { "done": 1 } }));
    assert_eq!(
        json_of(house.post("/_local/fire/probe", json!({})).await).await["result"]["done"],
        0
    );
    assert_eq!(
        house.post("/_local/fire/nothing", json!({})).await.status(),
        404
    );
    let time = house.events("tick")[0]["time"]
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
    let house = House::start();
    let at = house.now().await / 1000 + 3600;
    let item = json!({ "pk": { "S": "test" }, "sk": { "S": "expires" }, "expires_at": { "N": at.to_string() } });
    house
        .aws(
            "DynamoDB_20120810.PutItem",
            json!({ "TableName": "meridian-local-Table", "Item": item }),
        )
        .await;
    let count = async || {
        house
            .aws(
                "DynamoDB_20120810.Scan",
                json!({ "TableName": "meridian-local-Table" }),
            )
            .await["Count"]
            .clone()
    };
    house.advance("PT30M").await;
    assert_eq!(count().await, 1);
    house.advance("PT1H").await;
    assert_eq!(count().await, 0);
}
