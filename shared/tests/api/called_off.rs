//! What is called off here is called off at the practice system that has the visit too: once, unless
//! it told us, and whatever comes back of it changes nothing.

use crate::polls::{Practice, appointment_rows, before, connected, notes, polls, shown};
use crate::stack::{Clinic, lines};
use crate::vendors::{Heard, Said, answer, heard};
use meridian::flows::deliveries;
use meridian::io::queue::RowKey;
use meridian::records::{appointment, delivery, outbox};
use serde_json::{Value, json};

/// A clinic whose practice system is told, with appointment 1 of it.
async fn told() -> (Clinic, Practice) {
    let (clinic, practice) = connected().await;
    clinic.hears(&["cliniko", "slack"]).await;
    let all = practice.clone();
    answer(&clinic, move |heard| calls_off(&all, heard));
    practice.has(1, before(90), json!({}));
    polls(&clinic).await;
    (clinic, practice)
}

/// The practice takes what is called off.
fn calls_off(practice: &Practice, heard: &Heard) -> Said {
    let path = heard
        .what
        .strip_prefix("PATCH /cliniko/v1/individual_appointments/");
    let Some(id) = path.and_then(|rest| rest.strip_suffix("/cancel")) else {
        return practice.says(heard);
    };
    let now = before(0);
    practice.has(
        id.parse().expect("a number"),
        now,
        json!({ "cancelled_at": now }),
    );
    Said::Plain(204, "")
}

async fn calls(clinic: &Clinic, id: &str, what: &str, body: Value) {
    let path = format!("/v1/appointments/{id}/{what}");
    clinic.post(&path, body).await.expect(200);
}

/// The rows under this prefix of what is told of an appointment.
async fn under(clinic: &Clinic, id: &str, prefix: &str) -> Vec<RowKey> {
    let pk = appointment::pk(&clinic.id, id);
    let rows = clinic.app.store.under(&pk, prefix).await.expect("a table");
    rows.iter().map(meridian::io::store::Row::key).collect()
}

/// Tells all that happened to it.
async fn tells(clinic: &Clinic, id: &str) {
    for prefix in [outbox::PREFIX, delivery::PREFIX] {
        for key in under(clinic, id, prefix).await {
            let told = deliveries::deliver(&clinic.app, &key).await;
            told.expect("a delivery");
        }
    }
}

/// What was sent to call it off.
fn sent(clinic: &Clinic, id: &str) -> Vec<Value> {
    let what = format!("PATCH /cliniko/v1/individual_appointments/{id}/cancel");
    let all = heard(clinic).into_iter().filter(|heard| heard.what == what);
    all.map(|heard| serde_json::from_str(&heard.body).expect("JSON"))
        .collect()
}

/// How each delivery stands, and why.
async fn stands(clinic: &Clinic) -> Vec<(String, String)> {
    let told = clinic.get("/v1/deliveries?system=cliniko").await;
    let told = told["deliveries"].as_array().expect("a list").iter();
    let text = |one: &Value, name: &str| one[name].as_str().unwrap_or_default().to_owned();
    told.map(|one| (text(one, "state"), text(one, "why")))
        .collect()
}

#[tokio::test]
async fn what_is_called_off_here_is_called_off_there_once_and_its_echo_changes_nothing() {
    let (clinic, _) = told().await;
    assert_eq!(shown(&clinic, "1").await["source"], "cliniko");
    clinic.nudged("deliveries").await;
    calls(&clinic, "1", "cancel", json!({ "by": "patient" })).await;
    assert_eq!(shown(&clinic, "1").await["cancelled_by"], "patient");
    let nudged = clinic.nudged("deliveries").await;
    assert_eq!(nudged, under(&clinic, "1", outbox::PREFIX).await);
    assert_eq!(nudged.len(), 1);
    // Said again it is no news.
    calls(&clinic, "1", "cancel", Value::Null).await;
    for _ in 0..2 {
        tells(&clinic, "1").await;
    }
    let asked = sent(&clinic, "1");
    let wanted = json!({
        "cancellation_reason": 50, "cancellation_note": "Cancelled in Meridian.",
    });
    assert_eq!(asked, [wanted]);
    let told = clinic.get("/v1/deliveries").await;
    let told = &told["deliveries"];
    assert_eq!(told.as_array().map(Vec::len), Some(1), "{told}");
    assert_eq!(
        (&told[0]["topic"], &told[0]["state"], &told[0]["system"]),
        (&json!("visit_cancelled"), &json!("done"), &json!("cliniko"))
    );
    let known = appointment_rows(&clinic).await;
    polls(&clinic).await;
    assert_eq!(appointment_rows(&clinic).await, known);
    tells(&clinic, "1").await;
    assert_eq!(sent(&clinic, "1").len(), 1);
    assert!(notes(&clinic).await.is_empty());
}

#[tokio::test]
async fn what_the_practice_system_told_is_not_told_back() {
    let (clinic, practice) = told().await;
    practice.has(1, before(80), json!({ "cancelled_at": before(80) }));
    polls(&clinic).await;
    assert_eq!(shown(&clinic, "1").await["state"], "cancelled");
    assert_eq!(under(&clinic, "1", outbox::PREFIX).await.len(), 1);
    tells(&clinic, "1").await;
    assert!(under(&clinic, "1", delivery::PREFIX).await.is_empty());
    assert!(sent(&clinic, "1").is_empty());
    // Restored there and called off here it is another time.
    practice.has(1, before(70), json!({}));
    polls(&clinic).await;
    calls(&clinic, "1", "cancel", Value::Null).await;
    tells(&clinic, "1").await;
    assert_eq!(sent(&clinic, "1").len(), 1);
}

#[tokio::test]
async fn a_system_that_is_not_switched_on_and_a_visit_of_nobody_elses_are_told_nowhere() {
    let (clinic, _) = told().await;
    clinic.hears(&["slack"]).await;
    calls(&clinic, "1", "cancel", Value::Null).await;
    tells(&clinic, "1").await;
    assert!(under(&clinic, "1", delivery::PREFIX).await.is_empty());
    clinic.hears(&["cliniko"]).await;
    books(&clinic, json!({ "id": "own" })).await;
    calls(&clinic, "own", "cancel", Value::Null).await;
    assert!(under(&clinic, "own", outbox::PREFIX).await.is_empty());
}

async fn books(clinic: &Clinic, other: Value) {
    let mut new = json!({
        "patient": { "reference": "82" }, "starts_at": "2031-11-20T09:00:00Z", "lines": lines(),
    });
    let other = other.as_object().expect("fields").clone();
    new.as_object_mut().expect("fields").extend(other);
    clinic.post("/v1/appointments", new).await.expect(201);
}

#[tokio::test]
async fn one_that_people_booked_here_or_put_in_anothers_place_is_called_off_there_too() {
    let (clinic, practice) = told().await;
    books(&clinic, json!({ "id": "2" })).await;
    assert_eq!(shown(&clinic, "2").await["source"], Value::Null);
    practice.has(2, before(60), json!({}));
    polls(&clinic).await;
    assert_eq!(shown(&clinic, "2").await["source"], "cliniko");
    calls(&clinic, "2", "cancel", Value::Null).await;
    tells(&clinic, "2").await;
    assert_eq!(sent(&clinic, "2").len(), 1);
    clinic.nudged("deliveries").await;
    books(&clinic, json!({ "id": "own", "replaces": "1" })).await;
    assert_eq!(shown(&clinic, "1").await["state"], "cancelled");
    let nudged = clinic.nudged("deliveries").await;
    assert_eq!(nudged, under(&clinic, "1", outbox::PREFIX).await);
    tells(&clinic, "1").await;
    assert_eq!(sent(&clinic, "1").len(), 1);
    // Another patient's under the same id is not what the practice system speaks of.
    books(&clinic, json!({ "id": "3" })).await;
    let other = json!({ "links": { "self": "https://api.au1.cliniko.com/v1/patients/83" } });
    practice.has(3, before(50), json!({ "patient": other }));
    polls(&clinic).await;
    assert_eq!(shown(&clinic, "3").await["source"], Value::Null);
}

#[tokio::test]
async fn where_there_is_nothing_to_call_off_any_more_nothing_is_sent_and_nobody_is_asked() {
    let then = before(30);
    for (there, state) in [
        (Some(json!({ "cancelled_at": then })), "done"),
        (Some(json!({ "archived_at": then })), "done"),
        (Some(json!({ "patient_arrived": true })), "done"),
        (None, "done"),
        (Some(json!({})), "skipped"),
    ] {
        let (clinic, practice) = told().await;
        calls(&clinic, "1", "cancel", Value::Null).await;
        if state == "skipped" {
            calls(&clinic, "1", "restore", Value::Null).await;
        }
        match &there {
            Some(other) => practice.has(1, before(30), other.clone()),
            None => answer(&clinic, |_| {
                Said::Reply(404, json!({ "message": "not found" }))
            }),
        }
        tells(&clinic, "1").await;
        let stood = stands(&clinic).await;
        assert_eq!(stood.len(), 1);
        assert_eq!(stood[0].0, state, "{there:?} {stood:?}");
        assert!(sent(&clinic, "1").is_empty(), "{there:?}");
        assert!(notes(&clinic).await.is_empty(), "{there:?}");
    }
}

#[tokio::test]
async fn a_lost_reply_is_looked_up_and_a_refusal_is_asked_of_people_who_may_have_it_repeated() {
    let (clinic, practice) = told().await;
    clinic.hears(&["cliniko"]).await;
    let all = practice.clone();
    answer(&clinic, move |heard| match calls_off(&all, heard) {
        Said::Plain(204, _) => Said::Cut,
        other => other,
    });
    calls(&clinic, "1", "cancel", Value::Null).await;
    tells(&clinic, "1").await;
    assert_eq!(stands(&clinic).await[0].0, "calling");
    let key = under(&clinic, "1", delivery::PREFIX).await.remove(0);
    clinic.delivers(&key).await;
    assert_eq!(stands(&clinic).await[0].0, "done");
    assert_eq!(sent(&clinic, "1").len(), 1);
    practice.has(2, before(60), json!({}));
    polls(&clinic).await;
    let all = practice.clone();
    answer(&clinic, move |heard| {
        match heard.what.starts_with("PATCH") {
            true => Said::Reply(422, json!({ "message": "no" })),
            false => all.says(heard),
        }
    });
    calls(&clinic, "2", "cancel", Value::Null).await;
    tells(&clinic, "2").await;
    assert_eq!(stands(&clinic).await[0].0, "failed");
    let tasks = clinic.open_tasks().await;
    assert_eq!(tasks.len(), 1, "{tasks:?}");
    assert_eq!(tasks[0]["alert"], "delivery_failed");
    let owner = tasks[0]["case"].as_str().expect("an owner");
    assert!(owner.starts_with("appointment:"), "{owner}");
    let all = practice.clone();
    answer(&clinic, move |heard| calls_off(&all, heard));
    let told = clinic.get("/v1/deliveries?state=failed").await;
    let id = told["deliveries"][0]["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let repeat = format!("/v1/deliveries/{owner}/{id}/repeat");
    clinic.post(&repeat, Value::Null).await.expect(202);
    tells(&clinic, "2").await;
    assert_eq!(stands(&clinic).await[0].0, "done");
    assert!(clinic.open_tasks().await.is_empty());
}

#[tokio::test]
async fn who_called_it_off_is_one_of_those_who_can_and_the_clinic_chooses_the_reason() {
    let (clinic, _) = told().await;
    let odd = json!({ "by": "nobody" });
    let path = "/v1/appointments/1/cancel";
    let refused = clinic.post(path, odd).await.expect(422);
    assert_eq!(refused["field"], "by", "{refused}");
    let integration = "/v1/integrations/cliniko";
    let shown = clinic.get(integration).await;
    let fields = shown["fields"].as_array().expect("fields");
    let reason = fields
        .iter()
        .find(|field| field["name"] == "patient_reason");
    let reason = reason.expect("a field");
    assert_eq!(
        (&reason["kind"], &reason["needed"]),
        (&json!("choice"), &json!(false))
    );
    let first = json!({ "value": "50", "label": "Other" });
    assert_eq!(reason["choices"][0], first, "{reason}");
    let key = format!("{}-au1", clinic.id.rsplit('-').next().unwrap_or_default());
    let put = async |reason: &str| {
        let fields = json!({
            "api_key": key, "contact_email": "front@example.test", "patient_reason": reason,
        });
        let body = json!({ "fields": fields });
        clinic.call("PUT", integration, &body).await
    };
    put("51").await.expect(422);
    put("30").await.expect(200);
    calls(&clinic, "1", "cancel", json!({ "by": "patient" })).await;
    tells(&clinic, "1").await;
    assert_eq!(sent(&clinic, "1")[0]["cancellation_reason"], 30);
}
