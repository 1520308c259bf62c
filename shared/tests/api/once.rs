//! What happens once: a repeat under its key is given its answer, another request under that key is
//! refused, and many at the same moment are one.

use crate::money::pays;
use crate::permissions::unchanged;
use crate::stack::{Clinic, app, lines};
use futures::future::join_all;
use serde_json::{Value, json};

const AT_ONCE: usize = 6;

/// An invoice that was paid on a page.
async fn paid(clinic: &Clinic) -> String {
    let (case, _) = clinic.asked_to_pay().await;
    pays(clinic, &case).await;
    case
}

/// A request of each route that happens once, and another body for it.
async fn requests(clinic: &Clinic) -> Vec<(String, Value, Value)> {
    let (due, paid) = (clinic.invoice(None).await, paid(clinic).await);
    let patient = clinic.patient().await;
    let booked = json!({
        "id": "A-1", "patient": patient, "starts_at": "2026-11-20T09:00:00Z", "lines": lines(),
    });
    for id in ["A-1", "A-2", "A-3"] {
        let mut booked = booked.clone();
        booked["id"] = json!(id);
        clinic.post("/v1/appointments", booked).await.expect(201);
    }
    let cancel = Value::Null;
    clinic
        .post("/v1/appointments/A-3/cancel", cancel)
        .await
        .expect(200);
    let at = |hour: &str| json!({ "starts_at": format!("2026-11-20T{hour}:00:00Z") });
    let money = |amount: &str| json!({ "amount": amount, "currency": "EUR" });
    let charge = |amount| json!({ "collect": "checkout", "amount": money(amount) });
    let refund = |amount| json!({ "invoice": paid, "amount": money(amount) });
    let many = |n| json!({ "lines": vec![lines()[0].clone(); n] });
    vec![
        ("/v1/invoices".into(), many(1), many(2)),
        ("/v1/charges".into(), many(1), many(2)),
        (
            format!("/v1/invoices/{due}/charges"),
            charge("20.00"),
            charge("21.00"),
        ),
        ("/v1/refunds".into(), refund("5.00"), refund("5.01")),
        (
            "/v1/appointments/A-1/complete".into(),
            Value::Null,
            Value::Null,
        ),
        ("/v1/appointments/A-2/reschedule".into(), at("10"), at("11")),
        (
            "/v1/appointments/A-2/cancel".into(),
            Value::Null,
            Value::Null,
        ),
        (
            "/v1/appointments/A-2/no-show".into(),
            Value::Null,
            Value::Null,
        ),
        (
            "/v1/appointments/A-3/restore".into(),
            Value::Null,
            Value::Null,
        ),
    ]
}

#[tokio::test]
async fn a_key_belongs_to_one_request_and_its_answer() {
    let (clinic, other) = (Clinic::new().await, Clinic::new().await);
    let requests = requests(&clinic).await;
    for (n, (path, body, another)) in requests.iter().enumerate() {
        let key = format!("key of {path}");
        let first = clinic.post_under(&key, path, body).await;
        assert!(matches!(first.status, 200..=202), "{path}: {}", first.body);
        let before = clinic.rows().await;
        for _ in 0..2 {
            let again = clinic.post_under(&key, path, body).await;
            assert_eq!(
                (again.status, &again.body),
                (first.status, &first.body),
                "{path}"
            );
        }
        // Whoever asks, through whichever process.
        let colleague = clinic.with_key(&clinic.key_with(&["charge", "refund"]).await);
        let rows = clinic.rows().await;
        let again = colleague.post_under(&key, path, body).await;
        assert_eq!(again.body, first.body, "{path}");
        unchanged(&rows, &clinic.rows().await, "a repeat");
        let mut reused = vec![(path, another)];
        reused.extend(
            requests
                .iter()
                .enumerate()
                .filter(|(m, _)| *m != n)
                .map(|(_, r)| (&r.0, &r.1)),
        );
        for (path, body) in reused.into_iter().filter(|r| *r != (path, body)) {
            let refused = clinic.post_under(&key, path, body).await.expect(422);
            assert_eq!(
                refused["type"], "/problems/idempotency-key-reused",
                "{path}"
            );
        }
        let after = clinic.rows().await;
        for (place, row) in before {
            assert_eq!(after.get(&place), Some(&row), "{place} changed");
        }
    }
    // The key is the clinic's own: another may have made up the same.
    let (path, body, _) = &requests[0];
    let made = other
        .post_under(&format!("key of {path}"), path, body)
        .await;
    made.expect(201);
}

#[tokio::test]
async fn the_same_body_on_another_path_is_another_request() {
    let clinic = Clinic::new().await;
    let (one, two) = (clinic.invoice(None).await, clinic.invoice(None).await);
    let page = json!({ "collect": "checkout" });
    let path = |case: &str| format!("/v1/invoices/{case}/charges");
    clinic.post_under("k", &path(&one), &page).await.expect(202);
    let before = clinic.rows().await;
    clinic.post_under("k", &path(&two), &page).await.expect(422);
    unchanged(
        &before,
        &clinic.rows().await,
        "another path under the same key",
    );
}

#[tokio::test]
async fn what_moves_money_needs_a_key_that_can_be_read() {
    let clinic = Clinic::new().await;
    let before = clinic.rows().await;
    let body = json!({ "lines": lines() });
    for (key, status) in [
        ("", 400),
        (&*"k".repeat(101), 422),
        ("k\u{e9}", 422),
        ("k\tk", 422),
        ("k\u{7f}", 422),
    ] {
        let refused = clinic.post_under(key, "/v1/charges", &body).await;
        assert_eq!(refused.status, status, "{key:?}: {}", refused.body);
    }
    unchanged(&before, &clinic.rows().await, "a request without a key");
    for key in [&*"k".repeat(100), "~", "a b"] {
        let taken = clinic.post_under(key, "/v1/charges", &body).await;
        taken.expect(202);
    }
}

#[tokio::test]
async fn equal_requests_at_the_same_moment_refund_once_and_have_one_answer() {
    for _ in 0..3 {
        let clinic = Clinic::new().await;
        let case = paid(&clinic).await;
        let wanted = json!({ "invoice": case, "amount": { "amount": "5.00", "currency": "EUR" } });
        let desks: Vec<_> = (0..AT_ONCE).map(|_| clinic.with_key(&clinic.key)).collect();
        let calls = desks
            .iter()
            .map(|desk| desk.post_under("k", "/v1/refunds", &wanted));
        let answers = join_all(calls).await;
        for answer in &answers {
            assert_eq!((answer.status, &answer.body), (202, &answers[0].body));
        }
        let listed = clinic.get("/v1/refunds").await;
        assert_eq!(listed["refunds"].as_array().map(Vec::len), Some(1));
        let shown = clinic.get(&format!("/v1/invoices/{case}")).await;
        assert_eq!(shown["refundable"]["amount"], "55.00");
        let of_api = |place: &&String| place.contains("#event#api#");
        let rows = clinic.rows().await;
        let granted = rows.keys().filter(of_api).count();
        // The invoice, its charge, and the refund.
        assert_eq!(granted, 3, "{rows:#?}");
    }
}

#[tokio::test]
async fn of_refunds_of_the_whole_that_meet_one_goes_and_the_others_hear_what_is_left() {
    let clinic = Clinic::new().await;
    let case = paid(&clinic).await;
    let wanted = json!({ "invoice": case });
    let houses: Vec<_> = (0..AT_ONCE).map(|_| app()).collect();
    let calls = houses
        .iter()
        .map(|app| clinic.call_at(app, "POST", "/v1/refunds", &wanted));
    let answers = join_all(calls).await;
    let gone = answers.iter().filter(|answer| answer.status == 202).count();
    assert_eq!(gone, 1, "{answers:?}");
    for refused in answers.iter().filter(|answer| answer.status != 202) {
        assert_eq!(refused.status, 409, "{refused:?}");
        assert_eq!(refused.body["refundable"]["amount"], "0.00");
    }
    let rows = clinic.rows().await;
    let sent = rows.keys().filter(|place| place.contains("task#r")).count();
    assert_eq!(sent, 1, "one refund is to be sent");
}
