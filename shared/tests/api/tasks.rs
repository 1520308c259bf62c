//! Tasks for people: wherever one is raised, it is listed, told to staff once, and names the calls
//! that answer it.

use crate::stack::Clinic;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use meridian::contract::body_hash;
use meridian::flows::deliveries;
use meridian::flows::posting;
use meridian::io::queue::{Received, RowKey};
use serde_json::{Value, json};

/// A proven webhook of Stripe, posted.
async fn posts(clinic: &Clinic, body: &Value) {
    let body = body.to_string();
    let received = Received {
        clinic: clinic.id.clone(),
        source: "stripe".into(),
        proven: true,
        received_at: meridian::io::clock::now().as_second(),
        url: "https://pay.example/webhooks".into(),
        headers: vec![],
        sha256: body_hash(body.as_bytes()),
        body: BASE64_STANDARD.encode(&body),
        replays: None,
        again: false,
    };
    posting::post(&clinic.app, &received).await.expect("posted");
}

async fn told_in_slack(clinic: &Clinic) {
    let mut settings = clinic.get("/v1/settings").await;
    settings["systems"] = json!(["slack"]);
    clinic
        .call("PUT", "/v1/settings", &settings)
        .await
        .expect(200);
}

async fn listed(clinic: &Clinic, list: &str) -> Vec<Value> {
    let shown = clinic.get(&format!("/v1/{list}")).await;
    shown[list].as_array().cloned().expect("a list")
}

#[tokio::test]
async fn a_proven_event_that_cannot_be_read_is_a_task_and_told_once() {
    let clinic = Clinic::new().await;
    told_in_slack(&clinic).await;
    let odd = json!({ "id": "evt_1", "type": "payment_intent.succeeded", "data": 7 });
    for _ in 0..2 {
        posts(&clinic, &odd).await;
    }
    let quarantined = clinic.get("/v1/events?state=quarantined").await;
    let event = quarantined["events"][0]["id"].as_str().expect("an event");
    let tasks = listed(&clinic, "tasks").await;
    assert_eq!(tasks.len(), 1, "{tasks:#?}");
    let (task, path) = (&tasks[0], format!("/v1/events/{event}/replay"));
    assert_eq!(task["alert"], "unreadable");
    assert_eq!(task["answers"][0]["path"], path);
    let note = task["note"].as_str().expect("a note");
    assert!(note.contains("Stripe") && note.contains("replay"), "{note}");
    let pk = format!("{}#event#{}", clinic.id, event.replacen(':', "#", 1));
    for row in clinic
        .app
        .store
        .under(&pk, "outbox#")
        .await
        .expect("a table")
    {
        deliveries::deliver(&clinic.app, &row.key())
            .await
            .expect("spread");
    }
    let told = listed(&clinic, "deliveries").await;
    assert_eq!(told.len(), 1, "{told:#?}");
    assert_eq!(told[0]["topic"], "needs_person");
    // What is told belongs to no case and is delivered all the same: here no address is configured.
    let id = told[0]["id"].as_str().expect("an id").to_owned();
    let sk = meridian::records::delivery::sk_of(&id).expect("an id");
    deliveries::deliver(&clinic.app, &RowKey { pk, sk })
        .await
        .expect("tried");
    let told = listed(&clinic, "deliveries").await;
    let unread = told.iter().find(|one| one["id"] == id.as_str());
    let unread = unread.expect("the delivery");
    // A broken connection uses up no tries, and is a task of its own.
    assert_eq!(
        (&unread["state"], &unread["tries"]),
        (&json!("open"), &json!(0))
    );
    let why = unread["why"].as_str().unwrap_or_default();
    assert!(why.contains("not configured"), "{why}");
    // It is answered by replaying it: the task ends, and comes again only where it fails again.
    let unreadable = async || {
        let tasks = listed(&clinic, "tasks").await.into_iter();
        tasks.filter(|task| task["alert"] == "unreadable").count()
    };
    clinic.post(&path, json!({})).await.expect(202);
    assert_eq!(unreadable().await, 0);
    posts(&clinic, &odd).await;
    assert_eq!(unreadable().await, 1);
}
