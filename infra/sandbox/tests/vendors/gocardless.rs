//! GoCardless as its contract says: the authorisation page, days until money is there, late
//! failures, refunds with their confirmation, signed batches of events.

use crate::common::{Answer, Bench, Taken};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};

const DAY: i64 = 86_400_000;

async fn call(bench: &Bench, method: &str, path: &str, key: &str, body: Option<Value>) -> Answer {
    let mut headers = vec![
        ("authorization", "Bearer sandbox_demo"),
        ("gocardless-version", "2015-07-06"),
    ];
    if !key.is_empty() {
        headers.push(("idempotency-key", key));
    }
    let text = body.map_or(String::new(), |body| body.to_string());
    if !text.is_empty() {
        headers.push(("content-type", "application/json"));
    }
    bench
        .call(method, &format!("/gocardless/{path}"), &headers, &text)
        .await
}

/// `resource.action cause` of every event taken.
fn told(taken: &[Taken]) -> Vec<String> {
    let events = taken
        .iter()
        .flat_map(|one| one.json()["events"].as_array().unwrap().clone());
    events
        .map(|event| {
            let text = |value: &Value| value.as_str().unwrap_or("").to_string();
            let cause = text(&event["details"]["cause"]);
            format!(
                "{}.{} {cause}",
                text(&event["resource_type"]),
                text(&event["action"])
            )
        })
        .collect()
}

async fn mandate(bench: &Bench) -> String {
    let ask = json!({"billing_requests": {"mandate_request": {"scheme": "sepa_core"}}});
    let request = call(bench, "POST", "billing_requests", "", Some(ask))
        .await
        .ok();
    let request = request["billing_requests"]["id"].clone();
    let ask = json!({"billing_request_flows": {"redirect_uri": "https://clinic.test/done",
        "links": {"billing_request": request}}});
    let flow = call(bench, "POST", "billing_request_flows", "", Some(ask))
        .await
        .ok();
    let again = format!(
        "billing_request_flows/{}/actions/initialise",
        flow["billing_request_flows"]["id"].as_str().unwrap()
    );
    let again = call(bench, "POST", &again, "", None).await.ok()["billing_request_flows"].clone();
    assert_eq!(
        again["authorisation_url"],
        flow["billing_request_flows"]["authorisation_url"]
    );
    let url = flow["billing_request_flows"]["authorisation_url"]
        .as_str()
        .unwrap()
        .to_string();
    let path = format!("/gocardless/{}", url.split_once("/gocardless/").unwrap().1);
    let page = bench.call("GET", &path, &[], "").await;
    assert!(page.text.contains("Authorise"), "{}", page.text);
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let done = bench.call("POST", &path, &form, "outcome=paid").await;
    let back = done.headers["location"].to_str().unwrap();
    assert!(
        back.starts_with("https://clinic.test/done?outcome=success"),
        "{back}"
    );
    let path = format!("billing_requests/{}", request.as_str().unwrap());
    let request = call(bench, "GET", &path, "", None).await.ok()["billing_requests"].clone();
    assert_eq!(request["status"], "fulfilled");
    let bank = &request["resources"]["customer_bank_account"];
    assert_eq!(bank["account_number_ending"], "11");
    request["links"]["mandate_request_mandate"]
        .as_str()
        .unwrap()
        .to_string()
}

fn ask(mandate: &str) -> Value {
    json!({"payments": {"amount": 15000, "currency": "EUR", "links": {"mandate": mandate},
        "metadata": {"reference": "ref-1"}}})
}

#[tokio::test]
async fn a_debit_takes_days_and_its_events_are_signed() {
    let bench = Bench::start().await;
    let mandate = mandate(&bench).await;
    let payment = call(&bench, "POST", "payments", "k", Some(ask(&mandate)))
        .await
        .ok();
    let id = payment["payments"]["id"].as_str().unwrap().to_string();
    let again = call(&bench, "POST", "payments", "k", Some(ask(&mandate))).await;
    let error = again.json()["error"].clone();
    assert_eq!(
        (again.status, &error["type"]),
        (409, &json!("invalid_state"))
    );
    assert_eq!(error["errors"][0]["reason"], "idempotent_creation_conflict");
    assert_eq!(error["errors"][0]["links"]["conflicting_resource_id"], id);

    let taken = bench.taken().await;
    for one in &taken {
        let mac = Hmac::<sha2::Sha256>::new_from_slice(b"gc-demo-secret").unwrap();
        let proof = hex::encode(mac.chain_update(&one.body).finalize().into_bytes());
        assert_eq!(one.header("webhook-signature"), proof);
    }
    assert!(told(&taken).contains(&"payments.created payment_created".to_string()));
    let created = taken.last().unwrap().json()["events"][0].clone();
    assert_eq!(created["links"]["payment"], id);
    assert_eq!(created["resource_metadata"]["reference"], "ref-1");

    bench.advance(6 * DAY).await;
    let days = [
        "mandates.active mandate_activated",
        "payments.submitted payment_submitted",
        "payments.confirmed payment_confirmed",
        "payments.paid_out payment_paid_out",
    ];
    let mut seen = told(&bench.taken().await);
    seen.sort();
    let mut days = days.to_vec();
    days.sort_unstable();
    assert_eq!(seen, days);
    bench
        .control(
            &format!("gocardless/fail/{id}"),
            json!({"cause": "refer_to_payer"}),
        )
        .await
        .ok();
    let late = [
        "payments.failed refer_to_payer",
        "payments.late_failure_settled late_failure_settled",
    ];
    assert_eq!(told(&bench.taken().await), late);
    let retried = call(
        &bench,
        "POST",
        &format!("payments/{id}/actions/retry"),
        "",
        None,
    )
    .await
    .ok();
    assert_eq!(retried["payments"]["status"], "pending_submission");
    let cancel = format!("payments/{id}/actions/cancel");
    assert_eq!(
        call(&bench, "POST", &cancel, "", None).await.ok()["payments"]["status"],
        "cancelled"
    );
    assert_eq!(call(&bench, "POST", &cancel, "", None).await.status, 422);
}

#[tokio::test]
async fn refunds_need_their_confirmation() {
    let bench = Bench::start().await;
    let mandate = mandate(&bench).await;
    let payment = call(&bench, "POST", "payments", "", Some(ask(&mandate)))
        .await
        .ok();
    let id = payment["payments"]["id"].as_str().unwrap();
    let refund = async |key: &str, total: Value| {
        let ask = json!({"refunds": {"amount": 6000, "total_amount_confirmation": total,
            "links": {"payment": id}, "metadata": {"reference": "r"}}});
        call(&bench, "POST", "refunds", key, Some(ask)).await
    };
    let reason = |answer: Answer| answer.json()["error"]["errors"][0]["reason"].clone();
    let early = refund("", json!(6000)).await;
    assert_eq!(reason(early), "refund_payment_invalid_state");
    bench
        .control(&format!("gocardless/settle/{id}"), json!({}))
        .await
        .ok();
    for wrong in [Value::Null, json!(5999)] {
        let answer = refund("", wrong).await;
        assert_eq!(reason(answer), "total_amount_confirmation_invalid");
    }
    let first = refund("r1", json!(6000)).await.ok();
    bench
        .control(&format!("gocardless/refund/{id}"), json!({"amount": 1000}))
        .await
        .ok();
    let second = refund("r2", json!(12000)).await;
    assert_eq!(reason(second), "total_amount_confirmation_invalid");
    refund("r2", json!(13000)).await.ok();
    let over = refund("r3", json!(19000)).await;
    assert_eq!(over.json()["error"]["type"], "validation_failed");
    bench.taken().await;
    let first = first["refunds"]["id"].as_str().unwrap();
    bench
        .control(&format!("gocardless/fail/{first}"), json!({}))
        .await
        .ok();
    assert_eq!(
        told(&bench.taken().await),
        ["refunds.bounced refund_failed"]
    );
    let paid = call(&bench, "GET", &format!("payments/{id}"), "", None)
        .await
        .ok();
    assert_eq!(paid["payments"]["amount_refunded"], 7000);
    let listed = call(&bench, "GET", &format!("refunds?payment={id}"), "", None)
        .await
        .ok();
    assert_eq!(listed["refunds"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn mandates_end_and_banks_refuse() {
    let bench = Bench::start().await;
    let mandate = mandate(&bench).await;
    let turn = json!({"decline": "insufficient_funds"});
    bench
        .control(&format!("gocardless/methods/{mandate}"), turn)
        .await
        .ok();
    let payment = call(&bench, "POST", "payments", "", Some(ask(&mandate)))
        .await
        .ok();
    bench.taken().await;
    bench.advance(4 * DAY).await;
    let seen = told(&bench.taken().await);
    assert!(
        seen.contains(&"payments.failed insufficient_funds".to_string()),
        "{seen:?}"
    );
    let id = payment["payments"]["id"].as_str().unwrap();
    let path = format!("payments?mandate={mandate}&status=failed");
    let list = call(&bench, "GET", &path, "", None).await;
    assert_eq!(list.ok()["payments"][0]["id"], id);
    bench
        .control(&format!("gocardless/mandates/{mandate}/cancel"), json!({}))
        .await
        .ok();
    let late = call(&bench, "POST", "payments", "", Some(ask(&mandate))).await;
    assert_eq!(
        late.json()["error"]["errors"][0]["reason"],
        "mandate_is_inactive"
    );
}

#[tokio::test]
async fn what_is_wrong_is_named() {
    let bench = Bench::start().await;
    let mandate = mandate(&bench).await;
    let change = |name: &str, value: Value| {
        let mut ask = ask(&mandate);
        ask["payments"][name] = value;
        ask
    };
    for (body, pointer) in [
        (change("amount", json!("15000")), "/payments/amount"),
        (change("amount", json!(0)), "/payments/amount"),
        (change("currency", json!("GBP")), "/payments/currency"),
        (change("colour", json!("red")), "/payments/colour"),
        (change("links", json!({})), "/payments/links/mandate"),
        (
            change("metadata", json!({"a": "1", "b": "2", "c": "3", "d": "4"})),
            "/payments/metadata",
        ),
        (change("metadata", json!({"a": 1})), "/payments/metadata"),
    ] {
        let answer = call(&bench, "POST", "payments", "same", Some(body)).await;
        let error = answer.json()["error"].clone();
        assert_eq!(
            (answer.status, &error["errors"][0]["request_pointer"]),
            (422, &json!(pointer))
        );
    }
    let path = "/gocardless/payments";
    let token = ("authorization", "Bearer sandbox_demo");
    let version = ("gocardless-version", "2015-07-06");
    assert_eq!(bench.call("GET", path, &[token], "").await.status, 400);
    assert_eq!(bench.call("GET", path, &[version], "").await.status, 401);
    assert_eq!(
        call(&bench, "GET", "payments?colour=red", "", None)
            .await
            .status,
        400
    );
    assert_eq!(
        call(&bench, "GET", "payments/PM1", "", None).await.status,
        404
    );
}

#[tokio::test]
async fn staff_collect_again_and_mandates_come_and_go() {
    let bench = Bench::start().await;
    let mandate = mandate(&bench).await;
    let payment = call(&bench, "POST", "payments", "", Some(ask(&mandate)))
        .await
        .ok();
    let id = payment["payments"]["id"].as_str().unwrap();
    let early = bench
        .control(&format!("gocardless/retry/{id}"), json!({}))
        .await;
    assert_eq!(early.status, 422);
    bench
        .control(&format!("gocardless/fail/{id}"), json!({}))
        .await
        .ok();
    bench.taken().await;
    for step in [
        format!("retry/{id}"),
        format!("mandates/{mandate}/expire"),
        format!("mandates/{mandate}/reinstate"),
    ] {
        bench
            .control(&format!("gocardless/{step}"), json!({}))
            .await
            .ok();
    }
    let said = [
        "payments.resubmission_requested payment_retried",
        "mandates.expired mandate_expired",
        "mandates.reinstated mandate_reinstated",
    ];
    assert_eq!(told(&bench.taken().await), said);
}

#[tokio::test]
async fn events_may_carry_ids_alone() {
    let bench = Bench::start().await;
    let mandate = mandate(&bench).await;
    bench.taken().await;
    bench
        .control("gocardless/knobs", json!({"resource_metadata": false}))
        .await
        .ok();
    call(&bench, "POST", "payments", "", Some(ask(&mandate)))
        .await
        .ok();
    let event = bench.taken().await[0].json()["events"][0].clone();
    assert_eq!(event["action"], "created");
    assert!(event.get("resource_metadata").is_none(), "{event}");
}

#[tokio::test]
async fn a_billing_request_can_be_cancelled_by_staff() {
    let bench = Bench::start().await;
    let ask = json!({"billing_requests": {"mandate_request": {"scheme": "sepa_core"}}});
    let request = call(&bench, "POST", "billing_requests", "", Some(ask))
        .await
        .ok();
    let id = request["billing_requests"]["id"].as_str().unwrap();
    bench.taken().await;
    let gone = bench
        .control(&format!("gocardless/cancel/{id}"), json!({}))
        .await
        .ok();
    assert_eq!(gone["status"], "cancelled");
    let said = ["billing_requests.cancelled billing_request_cancelled"];
    assert_eq!(told(&bench.taken().await), said);
}
