//! What may be done to a thing depends on how it stands: each act from each state.

use crate::money::{eur, happens, pays, reported};
use crate::permissions::unchanged;
use crate::stack::Clinic;
use crate::vendors::{Said, connect};
use meridian::domain::fact::{Fact, Kind};
use meridian::words::ids;
use serde_json::{Value, json};

#[tokio::test]
async fn a_clinic_keeps_its_id() {
    let (clinic, other) = (Clinic::new().await, Clinic::new().await);
    let mut settings = clinic.get("/v1/settings").await;
    let before = (clinic.rows().await, other.rows().await);
    for id in [other.id.as_str(), "nobody", ""] {
        settings["id"] = json!(id);
        let refused = clinic.call("PUT", "/v1/settings", &settings).await;
        assert_eq!(refused.expect(422)["field"], "id", "{id}");
    }
    unchanged(&before.0, &clinic.rows().await, "another id");
    unchanged(&before.1, &other.rows().await, "another id");
}

#[tokio::test]
async fn a_refund_names_an_invoice_and_a_payment_of_it_that_brought_money() {
    let clinic = Clinic::new().await;
    let (paid, _) = clinic.asked_to_pay().await;
    pays(&clinic, &paid).await;
    let (open, _) = clinic.asked_to_pay().await;
    let payment = |case: &str, n: u32| ids::payment_reference(case, n);
    let before = clinic.rows().await;
    for (wanted, field) in [
        (json!({ "invoice": "x" }), "invoice"),
        (json!({ "invoice": ids::random() }), "invoice"),
        (json!({ "invoice": payment(&paid, 1) }), "invoice"),
        (
            json!({ "invoice": paid, "payment": payment(&paid, 2) }),
            "payment",
        ),
        (
            json!({ "invoice": paid, "payment": payment(&open, 1) }),
            "payment",
        ),
        (
            json!({ "invoice": paid, "payment": ids::refund_reference(&paid, 1) }),
            "payment",
        ),
        (json!({ "invoice": paid, "payment": "p1" }), "payment"),
        (json!({ "invoice": paid, "amount": eur("0.00") }), "amount"),
        (json!({ "invoice": paid, "amount": eur("-1.00") }), "amount"),
    ] {
        for path in ["/v1/refunds", "/v1/refunds?preview=true"] {
            let refused = clinic.post(path, wanted.clone()).await.expect(422);
            assert_eq!(refused["field"], field, "{path} {wanted}");
        }
    }
    for preview in ["yes", "1", "TRUE", ""] {
        let path = format!("/v1/refunds?preview={preview}");
        let refused = clinic.post(&path, json!({ "invoice": paid })).await;
        assert_eq!(refused.expect(422)["field"], "preview", "{preview}");
    }
    for wanted in [
        json!({ "invoice": open }),
        json!({ "invoice": open, "payment": payment(&open, 1) }),
    ] {
        let refused = clinic.post("/v1/refunds", wanted).await.expect(409);
        assert_eq!(refused["type"], "/problems/not-refundable", "{refused}");
        assert_eq!(refused["refundable"]["amount"], "0.00");
    }
    unchanged(&before, &clinic.rows().await, "refused");
    let of_one = json!({ "invoice": paid, "payment": payment(&paid, 1) });
    let asked = clinic
        .post("/v1/refunds?preview=false", of_one.clone())
        .await;
    assert_eq!(asked.expect(202)["amount"]["amount"], "60.00");
    let more = clinic.post("/v1/refunds", of_one).await.expect(409);
    assert_eq!(more["refundable"]["amount"], "0.00", "{more}");
}

/// What was not filed yet is filed no more, and then nothing is to be taken back.
#[tokio::test]
async fn a_voided_invoice_that_no_system_has_is_told_to_none() {
    let clinic = Clinic::new().await;
    // Nothing is sent: what is sent fails.
    connect(&clinic, "xero", |_| Said::Reply(500, json!({}))).await;
    let case = clinic.invoice(None).await;
    let path = format!("/v1/invoices/{case}/void");
    let void = clinic.post(&path, Value::Null).await.expect(200);
    assert_eq!(void["status"], "void");
    for what in ["invoice-issued", "invoice-voided"] {
        let key = clinic.told_key(&case, "xero", what).await;
        clinic.delivers(&key).await;
        let row = clinic.app.store.get(&key.pk, &key.sk).await;
        let row = row.expect("a table").expect("a row");
        assert_eq!(row.get("state"), "skipped", "{what}");
        assert!(!row.has("due_at"), "{what}");
    }
    assert_eq!(clinic.open_tasks().await.len(), 0);
}

#[tokio::test]
async fn only_what_is_told_to_somebody_is_repeated() {
    let clinic = Clinic::new().await;
    let (case, _) = clinic.asked_to_pay().await;
    let id = clinic.delivery_id(&case, "xero", "invoice-issued").await;
    let before = clinic.rows().await;
    for id in ["p1", "xero.000099", "slack.000001", "case", ""] {
        let path = format!("/v1/deliveries/{case}/{id}/repeat");
        clinic.post(&path, Value::Null).await.expect(404);
    }
    // It is still to be told.
    let path = format!("/v1/deliveries/{case}/{id}/repeat");
    clinic.post(&path, Value::Null).await.expect(409);
    unchanged(&before, &clinic.rows().await, "refused");
}

#[tokio::test]
async fn a_walk_in_that_comes_to_nothing_is_no_charge() {
    let clinic = Clinic::new().await;
    let before = clinic.rows().await;
    let line = |unit: &str| json!({ "description": "Visit", "unit": eur(unit) });
    for all in [json!([line("0.00")]), json!([line("5.00"), line("-5.00")])] {
        let refused = clinic.post("/v1/charges", json!({ "lines": all })).await;
        assert_eq!(refused.expect(422)["field"], "lines");
    }
    unchanged(&before, &clinic.rows().await, "refused");
    let least = json!({ "lines": [line("0.01")] });
    clinic.post("/v1/charges", least).await.expect(202);
}

#[tokio::test]
async fn the_journal_is_read_by_case_or_by_day() {
    let clinic = Clinic::new().await;
    let case = clinic.invoice(None).await;
    for (query, field) in [
        ("", "case"),
        (&*format!("?case={case}&day=2026-01-31"), "case"),
        ("?day=today", "day"),
        ("?day=2026-02-30", "day"),
        ("?day=2026-01-31&limit=0", "limit"),
    ] {
        let path = format!("/v1/audit{query}");
        let refused = clinic.call("GET", &path, &Value::Null).await;
        assert_eq!(refused.expect(422)["field"], field, "{path}");
    }
    let entries = clinic.get(&format!("/v1/audit?case={case}")).await;
    assert_eq!(entries["entries"].as_array().map(Vec::len), Some(1));
    let empty = clinic.get("/v1/audit?day=2020-01-31").await;
    assert_eq!(empty["entries"], json!([]));
}

#[tokio::test]
async fn a_page_is_shown_to_pay_on_only_while_something_is_due() {
    let clinic = Clinic::new().await;
    let (case, _) = clinic.asked_to_pay().await;
    let path = format!("/v1/invoices/{case}");
    assert_eq!(clinic.get(&path).await["checkout_url"], Value::Null);
    crate::money::opens(&clinic, &case).await;
    let page = json!("https://pay.example.test/cs_1");
    assert_eq!(clinic.get(&path).await["checkout_url"], page);
    // A try that failed leaves the page, money that came ends it.
    let said = |kind| {
        reported(Fact {
            reference: Some(ids::payment_reference(&case, 1)),
            payment: Some("pi_1".into()),
            ..Fact::new(kind)
        })
    };
    happens(&clinic, &case, said(Kind::PaymentFailed)).await;
    assert_eq!(clinic.get(&path).await["checkout_url"], page);
    pays(&clinic, &case).await;
    assert_eq!(clinic.get(&path).await["checkout_url"], Value::Null);
}

#[tokio::test]
async fn a_vendor_is_connected_by_all_that_it_needs_and_nothing_that_it_does_not_know() {
    let clinic = Clinic::new().await;
    let longest = "k".repeat(4096);
    for (vendor, body, field) in [
        ("stripe", json!({ "fields": { "secret_key": longest } }), ""),
        (
            "stripe",
            json!({ "fields": { "secret_key": format!("{longest}k") } }),
            "fields.secret_key",
        ),
        ("stripe", json!({ "fields": {} }), "fields.secret_key"),
        (
            "stripe",
            json!({ "fields": { "secret_key": " " } }),
            "fields.secret_key",
        ),
        (
            "stripe",
            json!({ "inbound": { "public_url": "https://pay.example.org" } }),
            "inbound.webhook_secret",
        ),
        (
            "stripe",
            json!({ "oauth": { "refresh_token": "r" } }),
            "oauth",
        ),
        ("xero", json!({ "oauth": {} }), "oauth.refresh_token"),
        (
            "xero",
            json!({ "oauth": { "refresh_token": "r", "more": "x" } }),
            "oauth.more",
        ),
        ("xero", json!({ "oauth": { "refresh_token": "r" } }), ""),
        // Settings of some accounts only are let through.
        (
            "stripe",
            json!({ "fields": { "secret_key": "sk_test_1", "more": "x" } }),
            "",
        ),
        ("slack", json!({ "inbound": {} }), "inbound"),
    ] {
        let path = format!("/v1/integrations/{vendor}");
        let before = clinic.rows().await;
        let put = clinic.call("PUT", &path, &body).await;
        if field.is_empty() {
            put.expect(200);
            continue;
        }
        assert_eq!(put.expect(422)["field"], field, "{vendor} {body}");
        unchanged(&before, &clinic.rows().await, "refused");
    }
    for path in ["/v1/integrations/nobody", "/v1/integrations/stripe2"] {
        clinic.call("GET", path, &Value::Null).await.expect(404);
        clinic.call("PUT", path, &json!({})).await.expect(404);
    }
    // Slack is heard nowhere; PayPal is, and has no secret yet.
    for vendor in ["slack", "paypal"] {
        let path = format!("/v1/integrations/{vendor}/inbound/former");
        clinic.call("DELETE", &path, &Value::Null).await.expect(404);
    }
}

/// A former secret may still sign webhooks: the same again must not take its place.
#[tokio::test]
async fn a_secret_that_is_written_again_as_it_is_leaves_no_trace() {
    let clinic = Clinic::new().await;
    let put = async |secret: &str| {
        let body = json!({ "inbound": { "webhook_secret": secret } });
        let path = "/v1/integrations/stripe";
        clinic.call("PUT", path, &body).await.expect(200);
        let rows = clinic.rows().await;
        let noted = rows.values().map(Value::to_string);
        noted
            .filter(|row| row.contains("integration_changed stripe"))
            .count()
    };
    let mut noted = vec![];
    for secret in ["whsec_1", "whsec_1", "whsec_2", "whsec_2", "whsec_1"] {
        noted.push(put(secret).await);
    }
    assert_eq!(noted, [1, 1, 2, 2, 3]);
}
