//! Who was shown a person: written down before the answer is given, and seen in the audit.

use crate::permissions::{NAMES, World, bearer, sent};
use crate::stack::{Clinic, Struck};
use meridian::io::clock;
use meridian_embedded_aws::Action;
use serde_json::{Value, json};

/// The notes of today that this patient was read, the newest first.
async fn reads(clinic: &Clinic, patient: &str) -> Vec<Value> {
    let day = clock::now().to_zoned(zone()).date();
    let audit = clinic.get(&format!("/v1/audit?day={day}&limit=200")).await;
    let all = audit["entries"].as_array().expect("entries").iter();
    let of = all.filter(|note| note["what"] == "patient_read" && note["patient"] == patient);
    of.cloned().collect()
}

/// That of the clinics of these tests.
fn zone() -> jiff::tz::TimeZone {
    jiff::tz::TimeZone::get("Australia/Melbourne").expect("a zone")
}

#[tokio::test]
async fn each_answer_that_shows_a_person_leaves_a_note_of_who_saw_whom_and_when() {
    let world = World::new().await;
    let clinic = &world.clinic;
    let stop = meridian::flows::deliveries::optouts::opt_out;
    let person = json!({ "reference": "P-1042", "name": "Juniper Vale", "phone": "+61370100142" });
    clinic.post("/v1/patients", person).await.expect(200);
    stop(&clinic.app, &clinic.id, "+61370100142")
        .await
        .expect("a table");
    let methods = format!("/v1/patients/{}/payment-methods", world.patient);
    let method = clinic.get(&methods).await["payment_methods"][0]["id"].clone();
    let unpaid = clinic.invoice(Some(&world.patient)).await;
    let mut seen = 0;
    for mut asked in world.asked().await.into_iter().filter(|asked| asked.shows) {
        // A key of its own: what another one saw is no part of it.
        let permissions = ["view", "charge", "approve"];
        let reader = clinic.key_with(&permissions).await;
        let method = method.as_str().expect("an id");
        asked.path = asked.path.replace("{method}", method);
        if asked.route.ends_with("/void") {
            asked.path = format!("/v1/invoices/{unpaid}/void");
        }
        let (status, body) = sent(clinic, &asked, Some(&bearer(&reader))).await;
        assert_eq!(status, 200, "{asked:?}: {body}");
        let hash = meridian::contract::body_hash(reader.as_bytes());
        let cause = format!("api {} by key {}", asked.route, &hash[..8]);
        let notes = reads(clinic, &world.patient).await;
        let note = notes.iter().find(|note| note["cause"] == cause.as_str());
        let note = note.unwrap_or_else(|| panic!("{asked:?} left none of {cause}: {notes:#?}"));
        assert!(!note["at"].is_null() && note["seq"] == 0, "{note}");
        let told = note.to_string();
        assert!(!NAMES.iter().any(|name| told.contains(name)), "{told}");
        seen += 1;
    }
    assert!(seen > 5, "{seen} routes show a person");
}

#[tokio::test]
async fn what_one_key_reads_of_one_patient_within_minutes_is_one_note() {
    let clinic = Clinic::new().await;
    let patient = clinic.patient().await;
    let path = format!("/v1/patients/{patient}");
    for _ in 0..6 {
        clinic.get(&path).await;
    }
    let first = reads(&clinic, &patient).await.len();
    // Two where the slot ended meanwhile.
    assert!((1..=2).contains(&first), "{first} notes");
    let other = clinic.with_key(&clinic.key_with(&["view"]).await);
    other.get(&path).await;
    assert!(reads(&clinic, &patient).await.len() > first);
    let hazel = json!({ "reference": "P-2", "name": "Hazel Reed" });
    let made = clinic.post("/v1/patients", hazel).await.expect(201);
    let hazel = made["id"].as_str().expect("an id");
    clinic.get(&format!("/v1/patients/{hazel}")).await;
    assert_eq!(reads(&clinic, hazel).await.len(), 1);
}

#[tokio::test]
async fn a_person_is_not_shown_where_that_cannot_be_written_down() {
    let clinic = Clinic::new().await;
    let patient = clinic.patient().await;
    let path = format!("/v1/patients/{patient}");
    let write = "TransactWriteItems";
    let struck = Struck::by(vec![(write, Action::CutBefore, 1, 1000)]);
    let refused = clinic
        .call_at(&struck.app, "GET", &path, &Value::Null)
        .await;
    assert!(
        !refused.body.to_string().contains("Juniper"),
        "{}",
        refused.body
    );
    refused.expect(503);
    drop(struck);
    let struck = Struck::meeting_others(1000);
    let busy = clinic
        .call_at(&struck.app, "GET", &path, &Value::Null)
        .await;
    busy.expect(503);
    drop(struck);
    assert!(reads(&clinic, &patient).await.is_empty());
    // A repeat that finds its own note is shown.
    let struck = Struck::by(vec![(write, Action::CutAfter, 1, 1)]);
    let shown = clinic
        .call_at(&struck.app, "GET", &path, &Value::Null)
        .await;
    assert_eq!(shown.expect(200)["name"], "Juniper Vale");
    assert_eq!(struck.struck(), [1]);
    drop(struck);
    assert_eq!(reads(&clinic, &patient).await.len(), 1);
}

#[tokio::test]
async fn what_is_about_nobody_leaves_no_note() {
    let clinic = Clinic::new().await;
    let case = clinic.invoice(None).await;
    let before = clinic.rows().await;
    clinic.get(&format!("/v1/invoices/{case}")).await;
    clinic.get("/v1/invoices").await;
    let refused = clinic.call("GET", "/v1/patients/none", &Value::Null).await;
    refused.expect(404);
    crate::permissions::unchanged(&before, &clinic.rows().await, "a reader");
}
