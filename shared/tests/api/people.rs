//! Who did what, and who is no longer known.

use crate::stack::{Clinic, lines};
use meridian::flows::{erasure, invoicing};
use meridian::io::queue::RowKey;
use meridian::io::store::{Row, Write};
use meridian::records::appointment;
use meridian::records::case::pk as case_pk;
use meridian::records::event::EventRow;
use meridian::records::patient;
use serde_json::{Value, json};

fn appointment(patient: &str) -> Value {
    json!({
        "id": "A-1", "patient": patient, "starts_at": "2026-11-20T09:00:00Z", "lines": lines(),
    })
}

#[tokio::test]
async fn whoever_writes_repeats_or_replays_something_is_named_in_the_audit_of_the_day() {
    let clinic = Clinic::new().await;
    let patient = clinic.patient().await;
    let kept = json!({ "gateway": "stripe", "token": "pm_1", "label": "Visa ending 4242" });
    let path = format!("/v1/patients/{patient}/payment-methods");
    clinic.post(&path, kept).await.expect(201);
    clinic
        .post("/v1/appointments", appointment(&patient))
        .await
        .expect(201);
    let path = "/v1/appointments/A-1/complete";
    clinic.post(path, Value::Null).await.expect(202);
    let case = clinic.invoice(None).await;
    clinic.spreads(&case).await;
    let told = clinic.get(&format!("/v1/deliveries?case={case}")).await;
    let told = told["deliveries"][0]["id"].as_str().expect("a delivery");
    let key = RowKey {
        pk: case_pk(&clinic.id, &case),
        sk: meridian::records::delivery::sk_of(told).expect("an id"),
    };
    let failed = Write::Change {
        key,
        set: Row::default().text("state", "failed"),
        remove: vec![],
    };
    clinic.write(failed).await;
    let path = format!("/v1/deliveries/{case}/{told}/repeat");
    clinic.post(&path, Value::Null).await.expect(202);
    let at = meridian::io::clock::now();
    let event = EventRow::new(&clinic.id, "stripe", "evt_1", "charge.succeeded", at);
    clinic.write(Write::Put(event.row("quarantined"))).await;
    let path = "/v1/events/stripe:evt_1/replay";
    clinic.post(path, Value::Null).await.expect(202);
    let zone = jiff::tz::TimeZone::get("Australia/Melbourne").expect("a zone");
    let day = meridian::io::clock::now().to_zoned(zone).date();
    let audit = clinic.get(&format!("/v1/audit?day={day}")).await;
    let entries = audit["entries"].as_array().cloned().unwrap_or_default();
    for what in [
        "patient_written".to_owned(),
        "method_kept".into(),
        "appointment_booked A-1".into(),
        "appointment_completed A-1".into(),
        format!("delivery_repeated {told}"),
        "event_replayed stripe evt_1".into(),
    ] {
        let found = entries.iter().find(|entry| entry["what"] == what);
        let found = found.unwrap_or_else(|| panic!("no {what} in {entries:?}"));
        let cause = found["cause"].as_str().unwrap_or_default();
        assert!(cause.contains("by key "), "{found}");
    }
    assert!(!audit.to_string().contains("Juniper"), "{audit}");
}

#[tokio::test]
async fn nothing_more_is_sealed_of_an_erased_patient_and_what_is_owed_stays_owed() {
    let clinic = Clinic::new().await;
    let patient = clinic.patient().await;
    clinic
        .post("/v1/appointments", appointment(&patient))
        .await
        .expect(201);
    let erased = format!("/v1/patients/{patient}");
    clinic
        .call("DELETE", &erased, &Value::Null)
        .await
        .expect(200);
    let path = "/v1/appointments/A-1/complete";
    let completed = clinic.post(path, Value::Null).await.expect(202);
    let shown = clinic.get(&format!("/v1/patients/{patient}")).await;
    assert_eq!(shown["name"], Value::Null);
    let wanted = json!({ "patient": patient, "lines": lines() });
    let refused = clinic
        .post("/v1/invoices", wanted.clone())
        .await
        .expect(422);
    assert_eq!(refused["field"], "patient");
    let mut another = appointment(&patient);
    another["id"] = json!("A-2");
    clinic.post("/v1/appointments", another).await.expect(422);
    // The session took place: it is billed, in no words.
    let key = RowKey {
        pk: appointment::pk(&clinic.id, "A-1"),
        sk: "task#visit".into(),
    };
    Box::pin(invoicing::visit(&clinic.app, &key))
        .await
        .expect("invoiced");
    let case = completed["invoice"].as_str().expect("an invoice");
    let read = clinic.get(&format!("/v1/invoices/{case}")).await;
    assert_eq!(read["due"]["amount"], "60.00");
    assert_eq!(read["lines"][0]["description"], Value::Null);
    // Written anew once nothing is left to do, the patient has a key again.
    let key = patient::key(&clinic.id, &patient);
    erasure::finish(&clinic.app, &key).await.expect("it ends");
    assert_eq!(clinic.patient().await, patient);
    clinic.post("/v1/invoices", wanted).await.expect(201);
}

#[tokio::test]
async fn a_cards_number_is_kept_nowhere() {
    let clinic = Clinic::new().await;
    let patient = clinic.patient().await;
    let path = format!("/v1/patients/{patient}/payment-methods");
    for field in ["token", "customer", "label"] {
        let mut kept = json!({
            "gateway": "stripe", "token": "pm_1", "customer": "cus_1", "label": "Visa",
        });
        kept[field] = json!("4242 4242 4242 4242");
        let refused = clinic.post(&path, kept).await.expect(422);
        assert_eq!(refused["field"], field);
    }
}
