//! Lists whose pages end before `limit`, and ids that no row can have.

use crate::stack::Clinic;
use meridian::flows::case_pk;
use meridian::ids;
use meridian::store::{Row, Write};
use serde_json::{Value, json};

#[tokio::test]
async fn a_list_goes_on_where_a_page_ended_at_one_megabyte() {
    const ROWS: usize = 12;
    let clinic = Clinic::new().await;
    let case = ids::random();
    for n in 0..ROWS {
        let task = json!({
            "id": format!("person-{n}"),
            "work": { "work": "person", "alert": "contradiction", "note": "n".repeat(150_000) },
            "due": "2026-11-20T09:00:00Z",
        });
        let row = Row::new(case_pk(&clinic.id, &case), format!("task#person-{n}"))
            .json("data", &task)
            .text("state", "open")
            .number("version", 1)
            .listed(format!("{}#tasks", clinic.id), format!("{n:015}#{case}"));
        clinic.write(Write::Put(row)).await;
    }
    let (mut seen, mut pages, mut path) = (0, 0, "/v1/tasks?limit=50".to_owned());
    loop {
        let page = clinic.get(&path).await;
        seen += page["tasks"].as_array().map_or(0, Vec::len);
        pages += 1;
        match page["next"].as_str() {
            Some(next) => path = format!("/v1/tasks?limit=50&before={next}"),
            None => break,
        }
    }
    assert_eq!(seen, ROWS);
    assert!(pages > 1, "DynamoDB ends a page at 1 MB");
}

#[tokio::test]
async fn an_id_that_no_row_can_have_is_not_found() {
    let clinic = Clinic::new().await;
    let long = "x".repeat(890);
    for id in [long.as_str(), "%00", "..", "a#b", "'"] {
        for (method, path) in [
            ("GET", format!("/v1/invoices/{id}")),
            ("GET", format!("/v1/payments/{id}")),
            ("GET", format!("/v1/patients/{id}")),
            ("GET", format!("/v1/refunds/{id}")),
            ("GET", format!("/v1/appointments/{id}")),
            ("GET", format!("/v1/integrations/{id}")),
            ("DELETE", format!("/v1/keys/{id}")),
            ("POST", format!("/v1/tasks/{id}/{id}/done")),
            ("POST", format!("/v1/tasks/stripe:{id}/person-{id}/done")),
            ("POST", format!("/v1/deliveries/{id}/tell-{id}/repeat")),
            ("POST", format!("/v1/events/stripe:{id}/replay")),
            ("GET", format!("/v1/audit?case={id}")),
        ] {
            clinic.call(method, &path, &Value::Null).await.expect(404);
        }
        let path = format!("/v1/events?source={id}&vendor_event_id={id}");
        let found = clinic.call("GET", &path, &Value::Null).await;
        assert!(matches!(found.status, 200 | 422), "{found:?}");
    }
}

#[tokio::test]
async fn a_list_is_asked_for_only_what_it_can_hold() {
    let clinic = Clinic::new().await;
    for (query, field) in [
        ("state=posted", None),
        ("state=Posted", Some("state")),
        ("state=nonsense", Some("state")),
        ("since=2026-01-31T09:00:00Z", None),
        ("since=yesterday", Some("since")),
    ] {
        let path = format!("/v1/events?{query}");
        let answer = clinic.call("GET", &path, &Value::Null).await;
        match field {
            None => drop(answer.expect(200)),
            Some(field) => assert_eq!(answer.expect(422)["field"], field, "{query}"),
        }
    }
}
