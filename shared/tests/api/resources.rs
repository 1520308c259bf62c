//! Every resource answers as the document says: `stack` holds each answer to it.

use crate::stack::{Clinic, aws};
use serde_json::{Value, json};

#[tokio::test]
async fn every_list_and_every_object_is_answered_as_documented() {
    let clinic = Clinic::new().await;
    let patient = clinic.patient().await;
    let kept = json!({ "gateway": "stripe", "token": "pm_1", "label": "Visa ending 4242" });
    let path = format!("/v1/patients/{patient}/payment-methods");
    clinic.post(&path, kept).await.expect(201);
    let booked = json!({
        "id": "A-1", "patient": patient, "starts_at": "2026-11-20T09:00:00Z",
        "lines": crate::stack::lines(),
    });
    clinic
        .post("/v1/appointments", booked.clone())
        .await
        .expect(201);
    clinic.post("/v1/appointments", booked).await.expect(200);
    let kind = json!({
        "id": "T-1", "name": "Initial visit", "label": "Appointment",
        "price": { "amount": "60.00", "currency": "EUR" },
    });
    clinic.post("/v1/appointment-types", kind).await.expect(201);
    let settings = clinic.get("/v1/settings").await;
    clinic
        .call("PUT", "/v1/settings", &settings)
        .await
        .expect(200);
    let case = clinic.invoice(Some(&patient)).await;
    let charges = format!("/v1/invoices/{case}/charges");
    let charged = clinic.post(&charges, json!({ "method": "saved" })).await;
    let charged = charged.expect(202);
    let payment = charged["id"].as_str().expect("an id");
    let new = json!({ "label": "desk", "permissions": ["view"] });
    let key = clinic.post("/v1/keys", new).await.expect(201);
    clinic.spreads(&case).await;
    // The clinic's day, which begins before that of UTC.
    let today = meridian::io::clock::now().in_tz("Australia/Melbourne");
    let today = today.expect("a zone").date();
    for path in [
        format!("/v1/patients/{patient}"),
        format!("/v1/patients/{patient}/payment-methods"),
        "/v1/appointments".into(),
        "/v1/appointments/A-1".into(),
        "/v1/appointment-types".into(),
        "/v1/appointment-types/T-1".into(),
        format!("/v1/invoices/{case}"),
        "/v1/invoices".into(),
        format!("/v1/payments/{payment}"),
        format!("/v1/payments/{payment}/story"),
        "/v1/events".into(),
        "/v1/deliveries".into(),
        format!("/v1/deliveries?case={case}"),
        "/v1/keys".into(),
        "/v1/integrations".into(),
        "/v1/integrations/stripe".into(),
        format!("/v1/audit?case={case}"),
        format!("/v1/audit?day={today}"),
        format!("/v1/audit/verify?case={case}"),
    ] {
        let shown = clinic.get(&path).await;
        // A list without an entry would hold nothing to the document.
        let list = shown.as_object().filter(|shown| shown.contains_key("next"));
        let mut values = list.into_iter().flat_map(|list| list.values());
        let empty = values.any(|value| value.as_array().is_some_and(Vec::is_empty));
        assert!(!empty, "{path} shows nothing");
    }
    let path = format!("/v1/keys/{}", key["id"].as_str().expect("an id"));
    clinic.call("DELETE", &path, &Value::Null).await.expect(200);
}

#[tokio::test]
async fn connecting_a_vendor_whose_webhooks_need_no_secret_opens_its_webhooks() {
    let clinic = Clinic::new().await;
    let fields = json!({ "fields": { "api_key": "test_demo" } });
    let shown = clinic
        .call("PUT", "/v1/integrations/mollie", &fields)
        .await
        .expect(200);
    assert_eq!(shown["connected"], true, "{shown}");
    let name = format!("meridian/{}/inbound/mollie", clinic.id);
    let secret = json!({ "SecretId": name });
    let held = aws()
        .call("secretsmanager.GetSecretValue", secret.clone())
        .await;
    assert_eq!(held.expect("a secret")["SecretString"], "{}");
    // What was configured beside stays when the vendor is written again.
    let more = json!({ "inbound": { "webhook_secret": "s" } });
    clinic
        .call("PUT", "/v1/integrations/mollie", &more)
        .await
        .expect(200);
    clinic
        .call("PUT", "/v1/integrations/mollie", &fields)
        .await
        .expect(200);
    let held = aws().call("secretsmanager.GetSecretValue", secret).await;
    assert_eq!(
        held.expect("a secret")["SecretString"],
        r#"{"webhook_secret":"s"}"#
    );
}
