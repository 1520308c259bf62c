//! PayPal as its contract says: approval is not payment, kept wallets, refunds with their keys,
//! webhooks proven by certificate, IPN given back byte for byte.

use crate::common::{Answer, Bench, Taken, basic};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};
use std::time::Duration;

async fn token(bench: &Bench) -> String {
    let auth = basic("demo-client", "demo-secret");
    let form = ("content-type", "application/x-www-form-urlencoded");
    let headers = [("authorization", auth.as_str()), form];
    let grant = "grant_type=client_credentials";
    let token = bench
        .call("POST", "/paypal/v1/oauth2/token", &headers, grant)
        .await
        .ok();
    format!("Bearer {}", token["access_token"].as_str().unwrap())
}

async fn call(bench: &Bench, method: &str, path: &str, key: &str, body: Value) -> Answer {
    let token = token(bench).await;
    let mut headers = vec![
        ("authorization", token.as_str()),
        ("prefer", "return=representation"),
    ];
    if !key.is_empty() {
        headers.push(("paypal-request-id", key));
    }
    let text = if body.is_null() {
        String::new()
    } else {
        body.to_string()
    };
    if !text.is_empty() {
        headers.push(("content-type", "application/json"));
    }
    bench
        .call(method, &format!("/paypal/{path}"), &headers, &text)
        .await
}

fn events(taken: &[Taken]) -> Vec<String> {
    let name = |one: &Taken| one.json()["event_type"].as_str().unwrap_or("").to_string();
    taken.iter().map(name).collect()
}

fn order(reference: &str) -> Value {
    json!({"intent": "CAPTURE",
        "purchase_units": [{"amount": {"currency_code": "EUR", "value": "150.00"},
            "custom_id": reference, "invoice_id": reference, "description": "Invoice 7"}],
        "payment_source": {"paypal": {
            "attributes": {"vault": {"store_in_vault": "ON_SUCCESS", "usage_type": "MERCHANT"}},
            "experience_context": {"return_url": "https://clinic.test/done?a=1",
                "cancel_url": "https://clinic.test/back"}}}})
}

async fn captured(bench: &Bench, reference: &str, outcome: &str) -> Value {
    let created = call(
        bench,
        "POST",
        "v2/checkout/orders",
        reference,
        order(reference),
    )
    .await
    .ok();
    let id = created["id"].as_str().unwrap();
    bench
        .control(&format!("paypal/pay/{id}"), json!({"outcome": outcome}))
        .await
        .ok();
    let path = format!("v2/checkout/orders/{id}/capture");
    call(bench, "POST", &path, &format!("c-{reference}"), json!({}))
        .await
        .ok()
}

#[tokio::test]
async fn an_order_is_approved_and_captured_once() {
    let bench = Bench::start().await;
    let created = call(&bench, "POST", "v2/checkout/orders", "k", order("ref-1")).await;
    assert_eq!(created.status, 201);
    let created = created.json();
    let id = created["id"].as_str().unwrap();
    let again = call(&bench, "POST", "v2/checkout/orders", "k", order("ref-1")).await;
    assert_eq!((again.status, &again.json()["id"]), (200, &created["id"]));
    let capture = format!("v2/checkout/orders/{id}/capture");
    let early = call(&bench, "POST", &capture, "c", json!({})).await;
    assert_eq!(early.json()["details"][0]["issue"], "ORDER_NOT_APPROVED");

    let action = created["links"]
        .as_array()
        .unwrap()
        .iter()
        .find(|l| l["rel"] == "payer-action");
    let page = action.unwrap()["href"].as_str().unwrap();
    let path = format!("/paypal/{}", page.split_once("/paypal/").unwrap().1);
    assert!(
        bench
            .call("GET", &path, &[], "")
            .await
            .text
            .contains("150.00 EUR")
    );
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let done = bench.call("POST", &path, &form, "outcome=paid").await;
    let back = done.headers["location"].to_str().unwrap();
    assert!(
        back.starts_with(&format!("https://clinic.test/done?a=1&token={id}")),
        "{back}"
    );
    assert_eq!(events(&bench.taken().await), ["CHECKOUT.ORDER.APPROVED"]);

    let paid = call(&bench, "POST", &capture, "c", json!({})).await.ok();
    assert_eq!(paid["status"], "COMPLETED");
    let payment = &paid["purchase_units"][0]["payments"]["captures"][0];
    assert_eq!(
        (&payment["status"], &payment["custom_id"]),
        (&json!("COMPLETED"), &json!("ref-1"))
    );
    let told = [
        "VAULT.PAYMENT-TOKEN.CREATED",
        "PAYMENT.CAPTURE.COMPLETED",
        "CHECKOUT.ORDER.COMPLETED",
    ];
    assert_eq!(events(&bench.taken().await), told);
    let twice = call(&bench, "POST", &capture, "other", json!({})).await;
    assert_eq!(
        twice.json()["details"][0]["issue"],
        "ORDER_ALREADY_CAPTURED"
    );
    assert_eq!(
        call(&bench, "POST", &capture, "c", json!({})).await.status,
        200
    );
}

#[tokio::test]
async fn a_kept_wallet_is_charged_until_it_is_declined() {
    let bench = Bench::start().await;
    let paid = captured(&bench, "ref-1", "paid").await;
    let vault = paid["payment_source"]["paypal"]["attributes"]["vault"]["id"]
        .as_str()
        .unwrap();
    let charge = async |key: &str, reference: &str| {
        let mut ask = order(reference);
        ask["payment_source"] = json!({"paypal": {"vault_id": vault}});
        call(&bench, "POST", "v2/checkout/orders", key, ask).await
    };
    let keyless = charge("", "ref-2").await;
    assert_eq!(
        keyless.json()["details"][0]["issue"],
        "PAYPAL_REQUEST_ID_REQUIRED"
    );
    let charged = charge("v", "ref-2").await.ok();
    assert_eq!(charged["status"], "COMPLETED");
    let same = charge("w", "ref-2").await;
    assert_eq!(same.json()["details"][0]["issue"], "DUPLICATE_INVOICE_ID");
    let turn = json!({"decline": "insufficient_funds"});
    bench
        .control(&format!("paypal/methods/{vault}"), turn)
        .await
        .ok();
    let declined = charge("x", "ref-3").await;
    assert_eq!(
        declined.json()["details"][0]["issue"],
        "INSTRUMENT_DECLINED"
    );
}

#[tokio::test]
async fn refunds_keep_their_key_and_their_limits() {
    let bench = Bench::start().await;
    let paid = captured(&bench, "ref-1", "paid").await;
    let id = paid["purchase_units"][0]["payments"]["captures"][0]["id"]
        .as_str()
        .unwrap();
    let path = format!("v2/payments/captures/{id}/refund");
    let part = |value: &str| json!({"amount": {"currency_code": "EUR", "value": value}});
    let first = call(&bench, "POST", &path, "r1", part("60")).await.ok();
    assert_eq!(
        (&first["status"], &first["amount"]["value"]),
        (&json!("COMPLETED"), &json!("60.00"))
    );
    bench.advance(44 * 86_400_000).await;
    let again = call(&bench, "POST", &path, "r1", part("60")).await.ok();
    assert_eq!(again["id"], first["id"]);
    let issue = |answer: Answer| answer.json()["details"][0]["issue"].clone();
    assert_eq!(
        issue(call(&bench, "POST", &path, "r2", part("90.01")).await),
        "REFUND_AMOUNT_EXCEEDED"
    );
    assert_eq!(
        issue(call(&bench, "POST", &path, "r2", part("1.001")).await),
        "DECIMAL_PRECISION"
    );
    bench.taken().await;
    bench
        .control(&format!("paypal/refund/{id}"), json!({"amount": 4000}))
        .await
        .ok();
    let taken = bench.taken().await;
    assert_eq!(events(&taken), ["PAYMENT.CAPTURE.REFUNDED"]);
    let up = taken[0].json()["resource"]["links"][1].clone();
    assert!(up["rel"] == "up" && up["href"].as_str().unwrap().ends_with(id));
    call(&bench, "POST", &path, "r3", json!({})).await.ok();
    let capture = call(
        &bench,
        "GET",
        &format!("v2/payments/captures/{id}"),
        "",
        Value::Null,
    )
    .await;
    assert_eq!(capture.ok()["status"], "REFUNDED");
    assert_eq!(
        issue(call(&bench, "POST", &path, "r4", json!({})).await),
        "CAPTURE_FULLY_REFUNDED"
    );
    bench.taken().await;
    let refund = first["id"].as_str().unwrap();
    bench
        .control(&format!("paypal/fail/{refund}"), json!({}))
        .await
        .ok();
    assert_eq!(events(&bench.taken().await), ["PAYMENT.REFUND.FAILED"]);
}

#[tokio::test]
async fn echecks_disputes_and_reversals() {
    let bench = Bench::start().await;
    let paid = captured(&bench, "ref-1", "pending").await;
    let id = paid["id"].as_str().unwrap();
    bench.taken().await;
    bench
        .control(&format!("paypal/settle/{id}"), json!({}))
        .await
        .ok();
    bench
        .control(&format!("paypal/dispute/{id}"), json!({"amount": 4000}))
        .await
        .ok();
    bench
        .control(&format!("paypal/dispute/{id}/lost"), json!({}))
        .await
        .ok();
    let told = [
        "PAYMENT.CAPTURE.COMPLETED",
        "CUSTOMER.DISPUTE.CREATED",
        "PAYMENT.CAPTURE.REVERSED",
        "CUSTOMER.DISPUTE.RESOLVED",
    ];
    assert_eq!(events(&bench.taken().await), told);
    let created = call(&bench, "POST", "v2/checkout/orders", "d", order("ref-2"))
        .await
        .ok();
    let id = created["id"].as_str().unwrap();
    bench
        .control(&format!("paypal/pay/{id}"), json!({"outcome": "declined"}))
        .await
        .ok();
    let path = format!("v2/checkout/orders/{id}");
    let declined = call(&bench, "POST", &format!("{path}/capture"), "dc", json!({})).await;
    assert_eq!(
        declined.json()["details"][0]["issue"],
        "INSTRUMENT_DECLINED"
    );
    bench.advance(3 * 3_600_000).await;
    assert_eq!(
        call(&bench, "GET", &path, "", Value::Null).await.status,
        404
    );
}

#[tokio::test]
async fn webhooks_are_proven_by_a_certificate_under_the_root() {
    let bench = Bench::start().await;
    captured(&bench, "ref-1", "paid").await;
    let taken = bench.taken().await;
    let one = &taken[0];
    assert_eq!(one.path, "/webhooks/demo/paypal");
    let url = one.header("paypal-cert-url");
    let path = url.strip_prefix("https://api.sandbox.paypal.com").unwrap();
    let pem = bench
        .call("GET", &format!("/paypal{path}"), &[], "")
        .await
        .text;
    let der = |pem: &str| {
        let body = pem
            .lines()
            .skip(1)
            .take_while(|line| !line.starts_with("-----"));
        BASE64.decode(body.collect::<String>()).unwrap()
    };
    let (leaf, root) = (der(&pem).into(), der(&bench.sandbox.roots_pem()).into());
    let leaf = webpki::EndEntityCert::try_from(&leaf).unwrap();
    let anchor = webpki::anchor_from_trusted_cert(&root).unwrap();
    let at = Duration::from_millis(crate::common::START as u64);
    leaf.verify_for_usage(
        &[webpki::ring::RSA_PKCS1_2048_8192_SHA256],
        &[anchor],
        &[],
        rustls_pki_types::UnixTime::since_unix_epoch(at),
        webpki::KeyUsage::server_auth(),
        None,
        None,
    )
    .unwrap();
    let (id, time) = (
        one.header("paypal-transmission-id"),
        one.header("paypal-transmission-time"),
    );
    let signed = format!(
        "{id}|{time}|WH-DEMO|{}",
        crc32fast::hash(one.body.as_bytes())
    );
    let proof = BASE64
        .decode(one.header("paypal-transmission-sig"))
        .unwrap();
    let algorithm = webpki::ring::RSA_PKCS1_2048_8192_SHA256;
    leaf.verify_signature(algorithm, signed.as_bytes(), &proof)
        .unwrap();

    let ask = |event: &str| {
        format!(
            r#"{{"auth_algo":"SHA256withRSA","cert_url":"{url}","transmission_id":"{id}",
            "transmission_sig":"{}","transmission_time":"{time}","webhook_id":"WH-DEMO",
            "webhook_event":{event}}}"#,
            one.header("paypal-transmission-sig")
        )
    };
    let token = token(&bench).await;
    let headers = [
        ("authorization", token.as_str()),
        ("content-type", "application/json"),
    ];
    let path = "/paypal/v1/notifications/verify-webhook-signature";
    for (event, status) in [
        (one.body.clone(), "SUCCESS"),
        (format!("{{ {}", &one.body[1..]), "FAILURE"),
    ] {
        let answer = bench.call("POST", path, &headers, &ask(&event)).await.ok();
        assert_eq!(answer["verification_status"], status);
    }
}

#[tokio::test]
async fn a_part_is_reversed_and_told_by_both_ways_under_one_id() {
    let bench = Bench::start().await;
    let paid = captured(&bench, "ref-1", "paid").await;
    let id = &paid["purchase_units"][0]["payments"]["captures"][0]["id"];
    let id = id.as_str().unwrap();
    bench.taken().await;
    let part = json!({"amount": 4000});
    let back = bench.control(&format!("paypal/fail/{id}"), part).await.ok();
    let reversal = back["id"].as_str().unwrap();
    let path = format!("paypal/ipn/{reversal}");
    bench.control(&path, json!({})).await.ok();
    let undone = json!({"status": "Canceled_Reversal", "parent": id, "amount": 4000});
    bench.control("paypal/ipn", undone).await.ok();
    let taken = bench.taken().await;
    let told = taken[0].json();
    assert_eq!(told["event_type"], "PAYMENT.CAPTURE.REVERSED");
    assert_eq!(told["resource"]["amount"]["value"], "40.00");
    for part in [
        format!("txn_id={reversal}"),
        format!("parent_txn_id={id}"),
        "payment_status=Reversed".into(),
        "mc_gross=-40.00".into(),
    ] {
        assert!(taken[1].body.contains(&part), "{part}");
    }
    assert!(taken[2].body.contains("payment_status=Canceled_Reversal"));

    let dispute = format!("paypal/dispute/{id}");
    bench.control(&dispute, json!({"amount": 5000})).await.ok();
    let lost = json!({"amount": 2500});
    let lost = bench.control(&format!("{dispute}/lost"), lost).await.ok();
    assert_eq!(lost["dispute_amount"]["value"], "50.00");
    assert_eq!(lost["dispute_outcome"]["amount_refunded"]["value"], "25.00");
    bench.taken().await;
    let payout = json!({"amount": 8000});
    bench.control("paypal/payout", payout).await.ok();
    let taken = bench.taken().await;
    assert_eq!(events(&taken), ["PAYMENT.PAYOUTSBATCH.SUCCESS"]);
}

#[tokio::test]
async fn ipn_is_verified_byte_for_byte() {
    let bench = Bench::start().await;
    let ask = json!({"invoice": "INV-7", "amount": 15000, "currency": "EUR"});
    bench.control("paypal/ipn", ask).await.ok();
    let taken = bench.taken().await;
    assert_eq!(taken[0].path, "/webhooks/demo/paypal-ipn");
    assert!(taken[0].body.contains("mc_gross=150.00") && taken[0].body.contains("Zo%EB"));
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let path = "/paypal/cgi-bin/webscr";
    let good = format!("cmd=_notify-validate&{}", taken[0].body);
    assert_eq!(
        bench.call("POST", path, &form, &good).await.text,
        "VERIFIED"
    );
    for bad in [
        good.replace("150.00", "150.01"),
        good.replace("%EB", "%eb"),
        taken[0].body.clone(),
    ] {
        assert_eq!(bench.call("POST", path, &form, &bad).await.text, "INVALID");
    }
}

#[tokio::test]
async fn what_is_wrong_is_named() {
    let bench = Bench::start().await;
    let change = |pointer: &str, value: Value| {
        let mut ask = order("ref-1");
        *ask.pointer_mut(pointer).unwrap() = value;
        ask
    };
    let amount = "/purchase_units/0/amount";
    for (body, status, issue) in [
        (
            change("/intent", Value::Null),
            400,
            "MISSING_REQUIRED_PARAMETER",
        ),
        (
            change("/intent", json!("BUY")),
            400,
            "INVALID_PARAMETER_VALUE",
        ),
        (
            change("/purchase_units", json!([])),
            400,
            "INVALID_PARAMETER_VALUE",
        ),
        (
            change(&format!("{amount}/value"), json!("1.234")),
            422,
            "DECIMAL_PRECISION",
        ),
        (
            change(&format!("{amount}/value"), json!("0")),
            422,
            "CANNOT_BE_ZERO_OR_NEGATIVE",
        ),
        (
            change(&format!("{amount}/value"), json!(150)),
            400,
            "INVALID_PARAMETER_VALUE",
        ),
        (
            change(amount, json!({"currency": "EUR", "value": "1"})),
            400,
            "INVALID_PARAMETER_SYNTAX",
        ),
        (
            change("/purchase_units/0/custom_id", json!("x".repeat(128))),
            400,
            "INVALID_STRING_LENGTH",
        ),
    ] {
        let answer = call(&bench, "POST", "v2/checkout/orders", "same", body).await;
        let found = answer.json();
        assert_eq!(
            (answer.status, &found["details"][0]["issue"]),
            (status, &json!(issue)),
            "{found}"
        );
    }
}

#[tokio::test]
async fn a_token_is_asked_for_and_ends() {
    let bench = Bench::start().await;
    let path = "/paypal/v2/checkout/orders/1";
    assert_eq!(bench.call("GET", path, &[], "").await.status, 401);
    let token = token(&bench).await;
    let headers = [("authorization", token.as_str())];
    assert_eq!(bench.call("GET", path, &headers, "").await.status, 404);
    bench.advance(9 * 3_600_000).await;
    assert_eq!(bench.call("GET", path, &headers, "").await.status, 401);
    let wrong = basic("demo-client", "other");
    let headers = [("authorization", wrong.as_str())];
    assert_eq!(
        bench
            .call("POST", "/paypal/v1/oauth2/token", &headers, "")
            .await
            .status,
        401
    );
}
