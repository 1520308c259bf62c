//! Cliniko as its contract says: lists that are asked by what changed, with pages, a limit of calls
//! and an address that every call must carry.

use crate::common::{Answer, Bench, basic};
use serde_json::{Value, json};

const AGENT: &str = "Meridian (ops@example.test)";

async fn get(bench: &Bench, path: &str) -> Answer {
    let auth = basic("demo-au1", "");
    let headers = [
        ("authorization", auth.as_str()),
        ("user-agent", AGENT),
        ("accept", "application/json"),
    ];
    bench
        .call("GET", &format!("/cliniko/v1/{path}"), &headers, "")
        .await
}

async fn made(bench: &Bench, what: &str, ask: Value) -> Value {
    bench.control(&format!("cliniko/{what}"), ask).await.ok()
}

async fn booked(bench: &Bench) -> String {
    let who = json!({"first_name": "Juniper", "last_name": "Vale", "email": "j@example.test"});
    let ask = json!({"starts_at": "2026-11-30T09:00:00Z", "type": "2", "patient": who});
    let made = made(bench, "book", ask).await;
    made["id"].as_str().expect("an id").to_owned()
}

fn ids(page: &Value) -> Vec<&str> {
    let all = page["individual_appointments"]
        .as_array()
        .expect("a list")
        .iter();
    all.map(|one| one["id"].as_str().expect("an id")).collect()
}

#[tokio::test]
async fn what_changed_is_listed_and_what_was_cancelled_apart() {
    let bench = Bench::start().await;
    let (first, second) = (booked(&bench).await, booked(&bench).await);
    bench.advance(60_000).await;
    let since = "q%5B%5D=updated_at:%3E2026-11-21T10:00:30Z";
    let list = format!("individual_appointments?{since}&sort=updated_at:asc&per_page=100");
    assert!(ids(&get(&bench, &list).await.ok()).is_empty());
    made(&bench, &format!("arrive/{first}"), json!({})).await;
    made(&bench, &format!("cancel/{second}"), json!({})).await;
    let arrived = get(&bench, &list).await.ok();
    assert_eq!(ids(&arrived), [first.as_str()]);
    assert_eq!(
        arrived["individual_appointments"][0]["patient_arrived"],
        true
    );
    let gone = format!("individual_appointments/cancelled?{since}");
    assert_eq!(ids(&get(&bench, &gone).await.ok()), [second.as_str()]);
    made(&bench, &format!("restore/{second}"), json!({})).await;
    made(&bench, &format!("delete/{first}"), json!({})).await;
    assert_eq!(ids(&get(&bench, &list).await.ok()), [second.as_str()]);
    let one = get(&bench, &format!("individual_appointments/{second}"))
        .await
        .ok();
    let patient = one["patient"]["links"]["self"]
        .as_str()
        .expect("an address");
    let patient = patient.rsplit('/').next().expect("an id");
    let patient = get(&bench, &format!("patients/{patient}")).await.ok();
    assert_eq!(patient["first_name"], "Juniper");
    assert_eq!(
        get(&bench, "appointment_types/2").await.ok()["name"],
        "Follow-up"
    );
    // A list that is behind shows it later.
    bench
        .sandbox
        .set_faults(vec![("cliniko".into(), "search_lag:120000".into())]);
    assert!(ids(&get(&bench, &list).await.ok()).is_empty());
    bench.advance(120_000).await;
    assert_eq!(ids(&get(&bench, &list).await.ok()), [second.as_str()]);
}

#[tokio::test]
async fn an_appointment_is_cancelled_once_and_for_a_reason_that_is_known() {
    let bench = Bench::start().await;
    let (one, gone) = (booked(&bench).await, booked(&bench).await);
    made(&bench, &format!("delete/{gone}"), json!({})).await;
    let auth = basic("demo-au1", "");
    let headers = [
        ("authorization", auth.as_str()),
        ("user-agent", AGENT),
        ("accept", "application/json"),
        ("content-type", "application/json"),
    ];
    let good = json!({"cancellation_reason": 30, "cancellation_note": "by phone"});
    for (id, body, status) in [
        (&one, json!({}), 422),
        (&one, json!({"cancellation_reason": 51}), 422),
        (&one, json!({"cancellation_reason": "30"}), 422),
        (&one, json!({"cancellation_reason": 30, "why": "x"}), 422),
        (
            &one,
            json!({"cancellation_reason": 30, "cancellation_note": 7}),
            422,
        ),
        (&gone, good.clone(), 404),
        (&one, good.clone(), 204),
        (&one, good.clone(), 422),
    ] {
        let path = format!("/cliniko/v1/individual_appointments/{id}/cancel");
        let answer = bench
            .call("PATCH", &path, &headers, &body.to_string())
            .await;
        assert_eq!(answer.status, status, "{body}");
    }
    let gone = get(&bench, &format!("individual_appointments/{gone}")).await;
    assert_eq!(gone.status, 404);
    let list = get(&bench, "individual_appointments/cancelled").await.ok();
    let there = &list["individual_appointments"][0];
    assert_eq!(ids(&list), [one.as_str()]);
    assert_eq!(there["cancelled_at"], there["updated_at"]);
    let filed = (&there["cancellation_reason"], &there["cancellation_note"]);
    assert_eq!(filed, (&json!(30), &json!("by phone")));
}

#[tokio::test]
async fn pages_lead_on_by_their_links_and_calls_are_counted() {
    let bench = Bench::start().await;
    for _ in 0..5 {
        booked(&bench).await;
    }
    let (mut path, mut seen) = ("individual_appointments?per_page=2".to_owned(), 0);
    loop {
        let page = get(&bench, &path).await.ok();
        assert_eq!(page["total_entries"], 5);
        seen += ids(&page).len();
        let Some(next) = page["links"]["next"].as_str() else {
            break;
        };
        let (_, rest) = next
            .split_once("https://api.au1.cliniko.com/v1/")
            .expect("its own host");
        path = rest.to_owned();
    }
    assert_eq!(seen, 5);
    let mut busy = None;
    for _ in 0..200 {
        let answer = get(&bench, "individual_appointments").await;
        busy = (answer.status == 429).then_some(answer).or(busy);
    }
    let busy = busy.expect("200 calls a minute");
    let reset = busy.headers["x-ratelimit-reset"].to_str().expect("seconds");
    assert_eq!(reset.parse::<i64>().expect("seconds"), 1_795_255_260);
    bench.advance(60_000).await;
    assert_eq!(get(&bench, "individual_appointments").await.status, 200);
}

#[tokio::test]
async fn it_is_strict_about_who_calls_and_what_is_asked() {
    let bench = Bench::start().await;
    for path in [
        "individual_appointments?limit=5",
        "individual_appointments?per_page=101",
        "individual_appointments?sort=name:asc",
        "individual_appointments?q%5B%5D=updated_at:%3Esoon",
        "individual_appointments?q%5B%5D=name:%3Dx",
    ] {
        assert_eq!(get(&bench, path).await.status, 400, "{path}");
    }
    assert_eq!(get(&bench, "patients/1").await.status, 404);
    let (good, other) = (basic("demo-au1", ""), basic("demo-uk1", ""));
    let accept = ("accept", "application/json");
    for (status, headers) in [
        (
            401,
            vec![
                ("authorization", other.as_str()),
                ("user-agent", AGENT),
                accept,
            ],
        ),
        (401, vec![("user-agent", AGENT), accept]),
        (
            400,
            vec![
                ("authorization", good.as_str()),
                ("user-agent", "Meridian"),
                accept,
            ],
        ),
        (
            400,
            vec![("authorization", good.as_str()), ("user-agent", AGENT)],
        ),
    ] {
        let path = "/cliniko/v1/individual_appointments";
        let answer = bench.call("GET", path, &headers, "").await;
        assert_eq!(answer.status, status, "{headers:?}");
    }
    let nobody = bench.control("cliniko/arrive/7", json!({})).await;
    assert_eq!(nobody.status, 422);
}
