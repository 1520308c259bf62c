//! Mollie as its contract says: id-only webhooks, mandates from first payments, refunds that
//! take time, chargebacks that leave the payment `paid`.

use crate::common::{Answer, Bench};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};

async fn call(bench: &Bench, method: &str, path: &str, key: &str, body: Option<Value>) -> Answer {
    let mut headers = vec![("authorization", "Bearer test_demo")];
    if !key.is_empty() {
        headers.push(("idempotency-key", key));
    }
    let text = body.map_or(String::new(), |body| body.to_string());
    if !text.is_empty() {
        headers.push(("content-type", "application/json"));
    }
    bench
        .call(method, &format!("/mollie/v2/{path}"), &headers, &text)
        .await
}

async fn meridian(bench: &Bench) -> String {
    bench
        .control(
            "twilio/inbound",
            json!({"from": "+61400000006", "body": "x"}),
        )
        .await
        .ok();
    let url = bench.sandbox.webhooks()[0]["url"]
        .as_str()
        .unwrap()
        .replace("twilio", "mollie");
    bench.taken().await;
    url
}

fn ask(url: &str) -> Value {
    json!({"description": "Invoice 7", "amount": {"currency": "EUR", "value": "150.00"},
        "redirectUrl": "https://clinic.test/done", "webhookUrl": url,
        "metadata": {"reference": "ref-1"}})
}

#[tokio::test]
async fn a_payment_is_paid_refunded_and_charged_back_by_id_only_webhooks() {
    let bench = Bench::start().await;
    let url = meridian(&bench).await;
    let payment = call(&bench, "POST", "payments", "k1", Some(ask(&url)))
        .await
        .ok();
    let id = payment["id"].as_str().unwrap();
    let again = call(&bench, "POST", "payments", "k1", Some(ask(&url)))
        .await
        .ok();
    assert_eq!(again["id"], *id);
    let page = payment["_links"]["checkout"]["href"].as_str().unwrap();
    let path = page.split_once("/mollie/").unwrap().1;
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let done = bench
        .call("POST", &format!("/mollie/{path}"), &form, "outcome=paid")
        .await;
    assert_eq!(done.headers["location"], "https://clinic.test/done");
    let taken = bench.taken().await;
    assert_eq!(taken[0].body, format!("id={id}"));
    assert_eq!(
        call(&bench, "GET", &format!("payments/{id}"), "", None)
            .await
            .ok()["status"],
        "paid"
    );

    let part = json!({"amount": {"currency": "EUR", "value": "60.00"}, "description": "R",
        "metadata": null});
    let refunds = format!("payments/{id}/refunds");
    let refund = call(&bench, "POST", &refunds, "r1", Some(part.clone()))
        .await
        .ok();
    assert_eq!(refund["status"], "pending");
    let over = json!({"amount": {"currency": "EUR", "value": "90.01"}});
    assert_eq!(
        call(&bench, "POST", &refunds, "r2", Some(over))
            .await
            .status,
        422
    );
    bench.taken().await;
    bench.advance(2 * 3_600_000).await;
    assert_eq!(bench.taken().await.len(), 1);
    bench
        .control(&format!("mollie/dispute/{id}"), json!({"amount": 4000}))
        .await
        .ok();
    assert_eq!(bench.taken().await[0].body, format!("id={id}"));
    let embed = format!("payments/{id}?embed=refunds,chargebacks");
    let seen = call(&bench, "GET", &embed, "", None).await.ok();
    assert_eq!(seen["status"], "paid");
    assert_eq!(seen["amountRemaining"]["value"], "90.00");
    assert_eq!(seen["amountChargedBack"]["value"], "40.00");
    assert_eq!(seen["_embedded"]["refunds"][0]["status"], "refunded");
    assert_eq!(
        seen["_embedded"]["chargebacks"][0]["amount"]["value"],
        "40.00"
    );

    // A key is forgotten after an hour; then the same refund is made again.
    let again = call(&bench, "POST", &refunds, "r1", Some(part)).await.ok();
    assert_ne!(again["id"], refund["id"]);
}

#[tokio::test]
async fn a_first_payment_leaves_a_mandate_for_recurring_ones() {
    let bench = Bench::start().await;
    let url = meridian(&bench).await;
    let customer = call(&bench, "POST", "customers", "", Some(json!({"name": "A"})))
        .await
        .ok();
    let customer = customer["id"].as_str().unwrap();
    let mut recurring = ask(&url);
    recurring["sequenceType"] = json!("recurring");
    recurring["customerId"] = json!(customer);
    recurring.as_object_mut().unwrap().remove("redirectUrl");
    let none = call(&bench, "POST", "payments", "", Some(recurring.clone())).await;
    assert_eq!(none.json()["field"], "mandateId");

    let mut first = ask(&url);
    first["sequenceType"] = json!("first");
    first["customerId"] = json!(customer);
    let first = call(&bench, "POST", "payments", "", Some(first)).await.ok();
    let id = first["id"].as_str().unwrap();
    bench
        .control(&format!("mollie/pay/{id}"), json!({"outcome": "paid"}))
        .await
        .ok();
    let mandates = call(
        &bench,
        "GET",
        &format!("customers/{customer}/mandates"),
        "",
        None,
    )
    .await
    .ok();
    let mandate = &mandates["_embedded"]["mandates"][0];
    assert_eq!(mandate["status"], "valid");

    let paid = call(&bench, "POST", "payments", "", Some(recurring.clone()))
        .await
        .ok();
    assert_eq!(paid["status"], "pending");
    bench.taken().await;
    let path = format!("payments/{}", paid["id"].as_str().unwrap());
    assert_eq!(
        call(&bench, "GET", &path, "", None).await.ok()["status"],
        "paid"
    );

    let turn = format!("mollie/methods/{}", mandate["id"].as_str().unwrap());
    bench
        .control(&turn, json!({"decline": "insufficient_funds"}))
        .await
        .ok();
    let failed = call(&bench, "POST", "payments", "", Some(recurring))
        .await
        .ok();
    let path = format!("payments/{}", failed["id"].as_str().unwrap());
    let failed = call(&bench, "GET", &path, "", None).await.ok();
    assert_eq!(failed["statusReason"]["code"], "insufficient_funds");
}

#[tokio::test]
async fn what_is_wrong_is_named_and_open_payments_expire() {
    let bench = Bench::start().await;
    let url = meridian(&bench).await;
    let change = |name: &str, value: Value| {
        let mut ask = ask(&url);
        ask[name] = value;
        ask
    };
    for (body, field) in [
        (
            change("amount", json!({"currency": "EUR", "value": "150"})),
            "amount",
        ),
        (
            change("amount", json!({"currency": "EUR", "value": 150})),
            "amount.value",
        ),
        (
            change("amount", json!({"currency": "JPY", "value": "1.00"})),
            "amount",
        ),
        (
            change("amount", json!({"currency": "XYZ", "value": "1.00"})),
            "amount.currency",
        ),
        (change("description", Value::Null), "description"),
        (change("redirect", json!("x")), "redirect"),
        (change("sequenceType", json!("first")), "customerId"),
    ] {
        let answer = call(&bench, "POST", "payments", "", Some(body)).await;
        assert_eq!(
            (answer.status, answer.json()["field"].clone()),
            (422, json!(field))
        );
    }
    let headers = [("authorization", "Bearer live_demo")];
    assert_eq!(
        bench
            .call("GET", "/mollie/v2/payments", &headers, "")
            .await
            .status,
        401
    );
    assert_eq!(
        call(&bench, "GET", "payments/tr_none", "", None)
            .await
            .status,
        404
    );

    let event = json!({"account": "test_demo", "url": url, "secret": "mollie-demo-secret"});
    bench.control("mollie/endpoints", event).await.ok();
    call(&bench, "POST", "payments", "", Some(ask(&url)))
        .await
        .ok();
    bench.advance(15 * 60_000).await;
    let taken = bench.taken().await;
    assert_eq!(taken.len(), 2);
    assert_eq!(taken[1].json()["type"], "payment.expired");
    let mac = Hmac::<sha2::Sha256>::new_from_slice(b"mollie-demo-secret").unwrap();
    let proof = hex::encode(mac.chain_update(&taken[1].body).finalize().into_bytes());
    assert_eq!(
        taken[1].header("x-mollie-signature"),
        format!("sha256={proof}")
    );
}

#[tokio::test]
async fn refunds_and_chargebacks_are_listed_and_events_may_come_without_their_entity() {
    let bench = Bench::start().await;
    let url = meridian(&bench).await;
    let event = json!({"account": "test_demo", "url": url, "secret": "mollie-demo-secret"});
    bench.control("mollie/endpoints", event).await.ok();
    bench
        .control("mollie/knobs", json!({"embedded": false}))
        .await
        .ok();
    let payment = call(&bench, "POST", "payments", "", Some(ask(&url)))
        .await
        .ok();
    let id = payment["id"].as_str().unwrap();
    bench
        .control(&format!("mollie/pay/{id}"), json!({}))
        .await
        .ok();
    let paid = call(&bench, "GET", &format!("payments/{id}"), "", None)
        .await
        .ok();
    assert_eq!(paid["details"]["cardNumber"], "4242");
    let refund = bench
        .control(&format!("mollie/refund/{id}"), json!({"amount": 1000}))
        .await
        .ok();
    let back = bench
        .control(&format!("mollie/fail/{id}"), json!({"cause": "MS02"}))
        .await
        .ok();
    assert_eq!(back["reason"]["code"], "MS02");
    let signed: Vec<_> = bench
        .taken()
        .await
        .iter()
        .filter(|one| !one.header("x-mollie-signature").is_empty())
        .map(|one| one.json())
        .collect();
    assert_eq!(signed.len(), 3);
    assert!(signed.iter().all(|event| event["_embedded"].is_null()));

    let from = format!("refunds?from={}&limit=1", refund["id"].as_str().unwrap());
    let list = call(&bench, "GET", &from, "", None).await.ok();
    assert_eq!(list["_embedded"]["refunds"][0]["id"], refund["id"]);
    assert_eq!(list["_embedded"]["refunds"][0]["paymentId"], id);
    let list = call(&bench, "GET", "chargebacks?embed=payment", "", None)
        .await
        .ok();
    let shown = &list["_embedded"]["chargebacks"][0];
    assert_eq!(
        (&shown["id"], &shown["_embedded"]["payment"]["id"]),
        (&back["id"], &payment["id"])
    );
    let wrong = call(&bench, "GET", "refunds?embed=captures", "", None).await;
    assert_eq!(wrong.status, 400);
}
