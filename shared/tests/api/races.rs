//! Requests that meet: one wins, the others are told, and none fails.

use crate::stack::{Clinic, Struck, app, lines};
use futures::future::join_all;
use serde_json::json;

const AT_ONCE: usize = 6;

#[tokio::test]
async fn of_invoices_that_claim_one_number_at_once_one_has_it_and_the_others_are_told() {
    let clinic = Clinic::new().await;
    let body = json!({ "number": "WS-1", "lines": lines() });
    let houses: Vec<_> = (0..AT_ONCE).map(|_| app()).collect();
    let calls = houses
        .iter()
        .map(|app| clinic.call_at(app, "POST", "/v1/invoices", &body));
    let answers = join_all(calls).await;
    let made = answers.iter().filter(|answer| answer.status == 201);
    assert_eq!(made.count(), 1, "{answers:?}");
    for answer in answers.iter().filter(|answer| answer.status != 201) {
        assert_eq!(answer.status, 422, "{answer:?}");
        assert!(answer.body.to_string().contains("WS-1"), "{answer:?}");
    }
}

#[tokio::test]
async fn a_patient_who_is_made_several_times_at_once_is_one_patient() {
    let clinic = Clinic::new().await;
    let body = json!({ "reference": "P-7", "name": "Juniper Vale" });
    let houses: Vec<_> = (0..AT_ONCE).map(|_| app()).collect();
    let calls = houses
        .iter()
        .map(|app| clinic.call_at(app, "POST", "/v1/patients", &body));
    let answers = join_all(calls).await;
    let made = answers.iter().filter(|answer| answer.status == 201);
    assert_eq!(made.count(), 1, "{answers:?}");
    for answer in &answers {
        assert!(matches!(answer.status, 200 | 201), "{answer:?}");
        assert_eq!(answer.body["id"], answers[0].body["id"]);
    }
}

#[tokio::test]
async fn a_write_that_meets_others_goes_through_a_little_later_or_may_be_repeated() {
    let clinic = Clinic::new().await;
    let patient = json!({ "reference": "P-7", "name": "Juniper Vale" });
    let invoice = json!({ "lines": lines() });
    for (path, body) in [("/v1/patients", &patient), ("/v1/invoices", &invoice)] {
        let busy = Struck::meeting_others(1000);
        let refused = clinic.call_at(&busy.app, "POST", path, body).await;
        assert_eq!(refused.expect(503)["type"], "/problems/busy", "{path}");
        drop(busy);
        let busy = Struck::meeting_others(5);
        let made = clinic.call_at(&busy.app, "POST", path, body).await;
        made.expect(201);
    }
}
