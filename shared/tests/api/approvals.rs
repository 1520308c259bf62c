//! What a second person must grant, and what only a person's task is.

use crate::money::pays;
use crate::permissions::unchanged;
use crate::stack::Clinic;
use serde_json::{Value, json};

/// An invoice of `total`, paid on a page.
async fn paid(clinic: &Clinic, total: &str, currency: &str) -> String {
    let unit = json!({ "amount": total, "currency": currency });
    let line = json!({ "description": "Visit", "unit": unit });
    let made = clinic
        .post("/v1/invoices", json!({ "lines": [line] }))
        .await;
    let case = made.expect(201)["id"].as_str().expect("an id").to_owned();
    let path = format!("/v1/invoices/{case}/charges");
    let page = json!({ "collect": "checkout" });
    clinic.post(&path, page).await.expect(202);
    pays(clinic, &case).await;
    case
}

#[tokio::test]
async fn a_refund_above_the_threshold_waits_and_the_threshold_is_in_whole_units() {
    for (currency, total, at, above) in [
        ("EUR", "200.00", "20.00", "20.01"),
        ("JPY", "20000", "20", "21"),
        ("KWD", "200.000", "20.000", "20.001"),
    ] {
        let policy = json!({ "collect": "later", "approval_above": "20" });
        let clinic = Clinic::of(currency, policy).await;
        let asker = clinic.with_key(&clinic.key_with(&["view", "refund"]).await);
        for (amount, state) in [(at, "requested"), (above, "awaiting_approval")] {
            let case = paid(&clinic, total, currency).await;
            let wanted = json!({
                "invoice": case, "amount": { "amount": amount, "currency": currency },
            });
            let preview = asker.post("/v1/refunds?preview=true", wanted.clone()).await;
            let waits = state == "awaiting_approval";
            assert_eq!(preview.expect(200)["needs_approval"], waits, "{amount}");
            let refund = asker.post("/v1/refunds", wanted).await.expect(202);
            assert_eq!(refund["state"], state, "{amount} {currency}");
        }
    }
}

#[tokio::test]
async fn what_waits_for_an_approval_has_no_work_until_another_key_grants_it() {
    let policy = json!({ "collect": "later", "approval_above": "20" });
    let clinic = Clinic::of("EUR", policy).await;
    let asker = clinic.with_key(&clinic.key_with(&["view", "refund"]).await);
    let judge = clinic.with_key(&clinic.key_with(&["view", "approve"]).await);
    let case = paid(&clinic, "90.00", "EUR").await;
    let wanted = json!({ "invoice": case });
    let refund = asker.post("/v1/refunds", wanted).await.expect(202);
    let path = format!("/v1/refunds/{}", refund["id"].as_str().expect("an id"));
    let row = format!("{}#case#{case} task#r1", clinic.id);
    assert!(!clinic.rows().await.contains_key(&row), "nobody sends it");
    let path = format!("{path}/approve");
    asker.post(&path, Value::Null).await.expect(403);
    assert!(!clinic.rows().await.contains_key(&row), "nobody sends it");
    let granted = judge.post(&path, Value::Null).await.expect(200);
    assert_eq!(granted["state"], "requested");
    assert!(clinic.rows().await.contains_key(&row), "it is to be sent");
}

#[tokio::test]
async fn who_asked_for_a_refund_never_approves_it_whatever_else_they_may_do() {
    let policy = json!({ "collect": "later", "approval_above": "20" });
    let clinic = Clinic::of("EUR", policy).await;
    let both = ["view", "refund", "approve"];
    let asker = clinic.with_key(&clinic.key_with(&both).await);
    let other = clinic.with_key(&clinic.key_with(&both).await);
    let case = paid(&clinic, "90.00", "EUR").await;
    let amount = |text: &str| json!({ "amount": text, "currency": "EUR" });
    // Above the limit it waits, though the key may approve; so does what comes to more in steps.
    let wanted = json!({ "invoice": case, "amount": amount("20.00") });
    let small = asker.post("/v1/refunds", wanted).await.expect(202);
    assert_eq!(small["state"], "requested");
    let wanted = json!({ "invoice": case, "amount": amount("0.01") });
    let preview = asker.post("/v1/refunds?preview=true", wanted.clone()).await;
    assert_eq!(preview.expect(200)["needs_approval"], true);
    let refund = asker.post("/v1/refunds", wanted).await.expect(202);
    assert_eq!(refund["state"], "awaiting_approval");
    let path = format!("/v1/refunds/{}", refund["id"].as_str().expect("an id"));
    let before = clinic.rows().await;
    for _ in 0..2 {
        let refused = asker.post(&format!("{path}/approve"), Value::Null).await;
        let refused = refused.expect(403);
        assert_eq!(refused["type"], "/problems/own-request", "{refused}");
        assert_eq!(refused["permission"], Value::Null, "it lacks none");
    }
    unchanged(&before, &clinic.rows().await, "who approves their own");
    assert_eq!(asker.get(&path).await["state"], "awaiting_approval");
    let granted = other.post(&format!("{path}/approve"), Value::Null).await;
    assert_eq!(granted.expect(200)["state"], "requested");
    // What one asked for, they may still give up.
    let wanted = json!({ "invoice": case, "amount": amount("1.00") });
    let refund = asker.post("/v1/refunds", wanted).await.expect(202);
    let path = format!("/v1/refunds/{}", refund["id"].as_str().expect("an id"));
    let given_up = asker.post(&format!("{path}/reject"), Value::Null).await;
    assert_eq!(given_up.expect(200)["state"], "rejected");
}

#[tokio::test]
async fn only_a_persons_task_is_done_by_hand() {
    let (clinic, other) = (Clinic::new().await, Clinic::new().await);
    let patient = clinic.patient().await;
    let kept = json!({ "gateway": "stripe", "token": "pm_1", "label": "Visa ending 4242" });
    let path = format!("/v1/patients/{patient}/payment-methods");
    clinic.post(&path, kept).await.expect(201);
    let case = clinic.invoice(Some(&patient)).await;
    let path = format!("/v1/invoices/{case}/charges");
    clinic
        .post(&path, json!({ "method": "saved" }))
        .await
        .expect(202);
    let paid = paid(&clinic, "90.00", "EUR").await;
    let wanted = json!({ "invoice": paid });
    clinic.post("/v1/refunds", wanted).await.expect(202);
    let before = clinic.rows().await;
    let mut kinds = vec![];
    for place in before.keys() {
        let Some((pk, id)) = place.split_once(" task#") else {
            continue;
        };
        let owner = pk.rsplit('#').next().unwrap_or_default();
        let path = format!("/v1/tasks/{owner}/{id}/done");
        let refused = clinic.post(&path, Value::Null).await;
        assert_eq!(refused.status, 404, "{place}");
        kinds.push(id.chars().take(4).collect::<String>());
    }
    unchanged(&before, &clinic.rows().await, "who says that it is done");
    for kind in ["p1", "r1"] {
        assert!(
            kinds.iter().any(|one| one == kind),
            "no {kind} in {kinds:?}"
        );
    }
    // Another clinic's person does not end it either.
    let id = format!("person-{}", meridian::words::ids::random());
    other
        .post(&format!("/v1/tasks/{case}/{id}/done"), Value::Null)
        .await
        .expect(404);
}
