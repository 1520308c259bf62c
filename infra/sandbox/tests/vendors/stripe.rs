//! Stripe as its contract says: checkout, saved cards, keys, refunds, disputes, signed events.

use crate::common::{Answer, Bench, kinds};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};

const SESSION: &str = "mode=payment&success_url=https%3A%2F%2Fclinic.test%2Fdone\
    &cancel_url=https%3A%2F%2Fclinic.test%2Fback&client_reference_id=ref-1\
    &line_items[0][quantity]=1&line_items[0][price_data][currency]=eur\
    &line_items[0][price_data][unit_amount]=15000\
    &line_items[0][price_data][product_data][name]=Invoice+7\
    &payment_intent_data[metadata][reference]=ref-1\
    &payment_intent_data[setup_future_usage]=off_session";

async fn post(bench: &Bench, path: &str, key: &str, body: &str) -> Answer {
    let mut headers = vec![
        ("authorization", "Bearer sk_test_demo"),
        ("stripe-version", "2023-08-16"),
        ("content-type", "application/x-www-form-urlencoded"),
    ];
    if !key.is_empty() {
        headers.push(("idempotency-key", key));
    }
    bench
        .call("POST", &format!("/stripe/v1/{path}"), &headers, body)
        .await
}

async fn get(bench: &Bench, path: &str) -> Answer {
    let headers = [
        ("authorization", "Bearer sk_test_demo"),
        ("stripe-version", "2023-08-16"),
    ];
    bench
        .call("GET", &format!("/stripe/v1/{path}"), &headers, "")
        .await
}

async fn paid_session(bench: &Bench) -> Value {
    let session = post(bench, "checkout/sessions", "", SESSION).await.ok();
    let id = session["id"].as_str().unwrap();
    bench
        .control(&format!("stripe/pay/{id}"), json!({"outcome": "paid"}))
        .await
        .ok();
    get(
        bench,
        &format!("checkout/sessions/{id}?expand[]=payment_intent.latest_charge"),
    )
    .await
    .ok()
}

#[tokio::test]
async fn a_checkout_is_clicked_through_and_its_events_are_signed() {
    let bench = Bench::start().await;
    let session = post(&bench, "checkout/sessions", "key-1", SESSION)
        .await
        .ok();
    assert_eq!(session["payment_intent"], Value::Null);
    assert_eq!(session["amount_total"], 15000);
    let url = session["url"].as_str().unwrap().to_string();
    let path = url.split_once("/stripe/").unwrap().1;
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let page = bench.call("GET", &format!("/stripe/{path}"), &[], "").await;
    assert!(page.text.contains("150.00 EUR"), "{}", page.text);
    let page = bench
        .call(
            "POST",
            &format!("/stripe/{path}"),
            &form,
            "outcome=declined",
        )
        .await;
    assert!(page.text.contains("declined. Try another"));
    let done = bench
        .call("POST", &format!("/stripe/{path}"), &form, "outcome=paid")
        .await;
    assert_eq!(done.status, 303);
    assert_eq!(done.headers["location"], "https://clinic.test/done");

    let taken = bench.taken().await;
    assert_eq!(
        kinds(&taken),
        [
            "customer.created",
            "payment_intent.created",
            "charge.failed",
            "payment_intent.payment_failed",
            "charge.succeeded",
            "payment_intent.succeeded",
            "payment_method.attached",
            "checkout.session.completed"
        ]
    );
    for one in &taken {
        assert_eq!(one.path, "/webhooks/demo/stripe");
        let proof = one.header("stripe-signature");
        let (at, signature) = proof.split_once(",v1=").unwrap();
        let signed = format!("{}.{}", at.strip_prefix("t=").unwrap(), one.body);
        let mac = Hmac::<sha2::Sha256>::new_from_slice(b"whsec_demo").unwrap();
        let expected = hex::encode(mac.chain_update(signed).finalize().into_bytes());
        assert_eq!(signature, expected);
    }
    let intent = &taken[5].json()["data"]["object"];
    assert_eq!(intent["metadata"]["reference"], "ref-1");
    let saved = intent["customer"].as_str().unwrap();
    let methods = get(
        &bench,
        &format!("customers/{saved}/payment_methods?type=card"),
    )
    .await
    .ok();
    assert_eq!(methods["data"].as_array().unwrap().len(), 1);
    let id = session["id"].as_str().unwrap();
    let by_intent = format!(
        "checkout/sessions?payment_intent={}",
        intent["id"].as_str().unwrap()
    );
    assert_eq!(get(&bench, &by_intent).await.ok()["data"][0]["id"], id);
    let expired = post(&bench, &format!("checkout/sessions/{id}/expire"), "", "").await;
    assert_eq!(expired.status, 400);
}

#[tokio::test]
async fn a_key_answers_the_same_until_a_day_has_passed() {
    let bench = Bench::start().await;
    let body = "amount=15000&currency=eur&confirm=true&payment_method_types[]=card&payment_method=pm_card_visa";
    let first = post(&bench, "payment_intents", "k", body).await.ok();
    let again = post(&bench, "payment_intents", "k", body).await;
    assert_eq!(again.headers["idempotent-replayed"], "true");
    assert_eq!(again.ok()["id"], first["id"]);
    let other = post(
        &bench,
        "payment_intents",
        "k",
        &body.replace("15000", "15001"),
    )
    .await;
    assert_eq!(
        (other.status, other.json()["error"]["type"].clone()),
        (400, json!("idempotency_error"))
    );
    bench.advance(24 * 3_600_000).await;
    assert_ne!(
        post(&bench, "payment_intents", "k", body).await.ok()["id"],
        first["id"]
    );

    // A decline is an answer like any other: the key keeps it.
    let body = "amount=900&currency=eur&confirm=true&payment_method_types[]=card&payment_method=pm_card_chargeDeclined";
    let declined = post(&bench, "payment_intents", "d", body).await;
    assert_eq!(declined.status, 402);
    let error = declined.json()["error"].clone();
    assert_eq!(error["decline_code"], "generic_decline");
    assert_eq!(error["payment_intent"]["status"], "requires_payment_method");
    let again = post(&bench, "payment_intents", "d", body).await;
    assert_eq!(
        again.json()["error"]["payment_intent"]["id"],
        error["payment_intent"]["id"]
    );
}

#[tokio::test]
async fn what_is_wrong_is_named() {
    let bench = Bench::start().await;
    let cases = [
        ("currency=eur", "parameter_missing", "amount"),
        (
            "amount=ten&currency=eur",
            "parameter_invalid_integer",
            "amount",
        ),
        (
            "amount=900&currency=eur&colour=red",
            "parameter_unknown",
            "colour",
        ),
        ("amount=900&currency=xyz", "", "currency"),
        ("amount=49&currency=eur", "amount_too_small", "amount"),
        (
            "amount=900&currency=eur&payment_method=pm_nothing",
            "resource_missing",
            "PaymentMethod",
        ),
        ("amount=900&currency=eur&confirm=yes", "", "confirm"),
    ];
    for (body, code, param) in cases {
        let answer = post(&bench, "payment_intents", "same", body).await;
        let error = answer.json()["error"].clone();
        assert_eq!(answer.status, 400, "{body}");
        assert_eq!(
            error["code"].as_str().unwrap_or(""),
            code,
            "{body}: {error}"
        );
        assert_eq!(error["param"], param, "{body}: {error}");
    }
    let nested = SESSION.replace("[unit_amount]", "[unit_amonut]");
    let error = post(&bench, "checkout/sessions", "", &nested).await.json()["error"].clone();
    let param = error["param"].as_str().unwrap();
    assert!(
        param.starts_with("line_items[0][price_data][unit_am"),
        "{param}"
    );

    let path = "/stripe/v1/payment_intents";
    let version = ("stripe-version", "2023-08-16");
    let key = ("authorization", "Bearer sk_test_demo");
    assert_eq!(bench.call("GET", path, &[version], "").await.status, 401);
    let live = [version, ("authorization", "Bearer sk_live_x")];
    assert_eq!(bench.call("GET", path, &live, "").await.status, 401);
    assert_eq!(
        bench
            .call("GET", path, &[key, ("stripe-version", "2020-01-01")], "")
            .await
            .status,
        400
    );
    assert_eq!(bench.call("GET", path, &[key], "").await.status, 400);
    let other = [version, ("authorization", "Bearer sk_test_other")];
    let mine = post(&bench, "customers", "", "name=A").await.ok();
    let theirs = format!("/stripe/v1/customers/{}", mine["id"].as_str().unwrap());
    assert_eq!(bench.call("GET", &theirs, &other, "").await.status, 404);
}

#[tokio::test]
async fn refunds_never_exceed_the_charge() {
    let bench = Bench::start().await;
    let session = paid_session(&bench).await;
    let intent = session["payment_intent"]["id"].as_str().unwrap();
    let part = format!("payment_intent={intent}&amount=6000&metadata[reference]=r1");
    let refund = post(&bench, "refunds", "r1", &part).await.ok();
    assert_eq!(
        (refund["status"].clone(), refund["amount"].clone()),
        (json!("succeeded"), json!(6000))
    );
    let too_much = post(
        &bench,
        "refunds",
        "r2",
        &format!("payment_intent={intent}&amount=9001"),
    )
    .await;
    assert_eq!(too_much.status, 400);
    bench.taken().await;
    let dashboard = format!("stripe/refund/{intent}");
    assert_eq!(
        bench
            .control(&dashboard, json!({"amount": 9001}))
            .await
            .status,
        422
    );
    bench.control(&dashboard, json!({})).await.ok();
    let taken = bench.taken().await;
    assert_eq!(kinds(&taken), ["charge.refunded", "refund.created"]);
    assert_eq!(taken[0].json()["data"]["object"]["amount_refunded"], 15000);
    let done = post(&bench, "refunds", "r3", &format!("payment_intent={intent}")).await;
    assert_eq!(done.json()["error"]["code"], "charge_already_refunded");
    let all = get(&bench, &format!("refunds?payment_intent={intent}"))
        .await
        .ok();
    assert_eq!(all["data"].as_array().unwrap().len(), 2);
    let path = format!("payment_intents/{intent}?expand[]=latest_charge.refunds");
    let shown = get(&bench, &path).await.ok()["latest_charge"]["refunds"].clone();
    assert_eq!(shown["data"].as_array().unwrap().len(), 2);
    let id = refund["id"].as_str().unwrap();
    bench
        .control(&format!("stripe/fail/{id}"), json!({}))
        .await
        .ok();
    assert_eq!(
        get(&bench, &format!("refunds/{id}")).await.ok()["status"],
        "failed"
    );
    post(
        &bench,
        "refunds",
        "r4",
        &format!("payment_intent={intent}&amount=6000"),
    )
    .await
    .ok();
}

#[tokio::test]
async fn saved_cards_charge_off_session_and_can_turn_bad() {
    let bench = Bench::start().await;
    let session = paid_session(&bench).await;
    let intent = &session["payment_intent"];
    let customer = intent["customer"].as_str().unwrap();
    let method = intent["payment_method"].as_str().unwrap();
    let body = format!(
        "amount=5000&currency=eur&customer={customer}&payment_method={method}\
        &off_session=true&confirm=true&payment_method_types[]=card&metadata[reference]=again"
    );
    assert_eq!(
        post(&bench, "payment_intents", "a", &body).await.ok()["status"],
        "succeeded"
    );
    let without = body.replace(&format!("&customer={customer}"), "");
    assert_eq!(
        post(&bench, "payment_intents", "b", &without).await.status,
        400
    );
    let turn = json!({"decline": "insufficient_funds"});
    bench
        .control(&format!("stripe/methods/{method}"), turn)
        .await
        .ok();
    let declined = post(&bench, "payment_intents", "c", &body).await;
    assert_eq!(
        declined.json()["error"]["decline_code"],
        "insufficient_funds"
    );
    let query = "payment_intents/search?query=metadata%5B%27reference%27%5D%3A%27again%27";
    assert_eq!(
        get(&bench, query).await.ok()["data"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
}

#[tokio::test]
async fn disputes_open_and_close_and_slow_methods_end_later() {
    let bench = Bench::start().await;
    let intent = paid_session(&bench).await["payment_intent"]["id"]
        .as_str()
        .unwrap()
        .to_string();
    bench.taken().await;
    bench
        .control(&format!("stripe/dispute/{intent}"), json!({"amount": 4000}))
        .await
        .ok();
    bench
        .control(&format!("stripe/dispute/{intent}/won"), json!({}))
        .await
        .ok();
    let opened = ["charge.dispute.created", "charge.dispute.funds_withdrawn"];
    let won = ["charge.dispute.closed", "charge.dispute.funds_reinstated"];
    assert_eq!(kinds(&bench.taken().await), [opened, won].concat());

    let session = post(&bench, "checkout/sessions", "", SESSION).await.ok();
    let id = session["id"].as_str().unwrap();
    bench
        .control(&format!("stripe/pay/{id}"), json!({"outcome": "pending"}))
        .await
        .ok();
    assert_eq!(
        get(&bench, &format!("checkout/sessions/{id}")).await.ok()["payment_status"],
        "unpaid"
    );
    bench
        .control(&format!("stripe/settle/{id}"), json!({}))
        .await
        .ok();
    let last = kinds(&bench.taken().await).pop().unwrap();
    assert_eq!(last, "checkout.session.async_payment_succeeded");
    bench
        .control(&format!("stripe/fail/{id}"), json!({}))
        .await
        .ok();
    let taken = bench.taken().await;
    assert_eq!(
        taken.last().unwrap().json()["data"]["object"]["status"],
        "lost"
    );
}

#[tokio::test]
async fn an_open_checkout_expires_by_house_time() {
    let bench = Bench::start().await;
    let session = post(&bench, "checkout/sessions", "", SESSION).await.ok();
    assert_eq!(
        bench.sandbox.next_due(),
        Some(session["expires_at"].as_i64().unwrap() * 1000)
    );
    bench.advance(24 * 3_600_000 - 1).await;
    assert!(bench.taken().await.is_empty());
    bench.advance(1).await;
    assert_eq!(kinds(&bench.taken().await), ["checkout.session.expired"]);
}

#[tokio::test]
async fn a_call_that_acts_late_is_found_by_its_key() {
    let bench = Bench::start().await;
    let fault = |action: &str| vec![("stripe".to_string(), action.to_string())];
    bench.sandbox.set_faults(fault("act_late:5000"));
    let body = "amount=15000&currency=eur&confirm=true&payment_method_types[]=card&payment_method=pm_card_visa\
        &metadata[reference]=late";
    assert_eq!(
        post(&bench, "payment_intents", "late", body).await.status,
        504
    );
    assert_eq!(
        post(&bench, "payment_intents", "late", body).await.status,
        409
    );
    let none = get(&bench, "payment_intents").await.ok();
    assert!(none["data"].as_array().unwrap().is_empty());
    bench.advance(5000).await;
    let found = post(&bench, "payment_intents", "late", body).await;
    assert_eq!(found.headers["idempotent-replayed"], "true");
    assert_eq!(
        get(&bench, "payment_intents").await.ok()["data"]
            .as_array()
            .unwrap()
            .len(),
        1
    );

    bench.sandbox.set_faults(fault("conflict_in_flight"));
    post(&bench, "payment_intents", "twice", body).await.ok();
    assert_eq!(
        post(&bench, "payment_intents", "twice", body).await.status,
        409
    );
    assert_eq!(
        post(&bench, "payment_intents", "twice", body).await.status,
        200
    );

    bench.sandbox.set_faults(fault("search_lag:60000"));
    let all = get(&bench, "payment_intents").await.ok();
    assert!(all["data"].as_array().unwrap().is_empty());
    bench.advance(60_000).await;
    assert_eq!(
        get(&bench, "payment_intents").await.ok()["data"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
}

#[tokio::test]
async fn webhooks_are_repeated_shuffled_delayed_or_lost() {
    let bench = Bench::start().await;
    let fault = |action: &str| vec![("stripe".to_string(), action.to_string())];
    let pay = "amount=900&currency=eur&confirm=true&payment_method_types[]=card&payment_method=pm_card_visa";
    bench.house_answers(500);
    post(&bench, "payment_intents", "", pay).await.ok();
    assert_eq!(bench.taken().await.len(), 3);
    bench.house_answers(200);
    bench.advance(60_000).await;
    assert_eq!(bench.taken().await.len(), 3);
    bench.advance(24 * 3_600_000).await;
    assert!(bench.taken().await.is_empty());

    bench.sandbox.set_faults(fault("webhooks:duplicate"));
    post(&bench, "payment_intents", "", pay).await.ok();
    assert_eq!(bench.taken().await.len(), 6);

    bench.sandbox.set_faults(fault("webhooks:reorder"));
    post(&bench, "payment_intents", "", pay).await.ok();
    assert_eq!(kinds(&bench.taken().await)[0], "payment_intent.succeeded");

    bench.sandbox.set_faults(fault("webhooks:late:60000"));
    post(&bench, "payment_intents", "", pay).await.ok();
    assert!(bench.taken().await.is_empty());
    bench.advance(60_000).await;
    assert_eq!(bench.taken().await.len(), 3);

    bench.sandbox.set_faults(fault("webhooks:off"));
    post(&bench, "payment_intents", "", pay).await.ok();
    bench.advance(24 * 3_600_000).await;
    assert!(bench.taken().await.is_empty());
    let events = bench
        .call("GET", "/_sandbox/stripe/events", &[], "")
        .await
        .ok();
    let last = events.as_array().unwrap().last().unwrap()["id"].clone();
    bench
        .control(&format!("stripe/events/{last}/resend"), json!({}))
        .await
        .ok();
    assert_eq!(bench.taken().await.len(), 1);
    assert!(
        bench
            .sandbox
            .calls()
            .iter()
            .all(|call| call["vendor"] == "stripe")
    );
    bench.sandbox.reset();
    assert!(bench.sandbox.calls().is_empty() && bench.sandbox.next_due().is_none());
}

#[tokio::test]
async fn a_charge_by_the_dashboards_methods_needs_a_way_back_and_refuses_one_parameter() {
    let bench = Bench::start().await;
    let body = "amount=900&currency=eur&confirm=true&off_session=true&payment_method=pm_card_visa";
    let bare = post(&bench, "payment_intents", "", body).await;
    assert_eq!(
        (bare.status, bare.json()["error"]["param"].clone()),
        (400, json!("return_url"))
    );
    let stays = format!(
        "{body}&automatic_payment_methods[enabled]=true\
        &automatic_payment_methods[allow_redirects]=never"
    );
    post(&bench, "payment_intents", "", &stays).await.ok();
    let pair = format!("{stays}&error_on_requires_action=true");
    let refused = post(&bench, "payment_intents", "", &pair).await;
    assert_eq!(refused.json()["error"]["param"], "error_on_requires_action");
}

#[tokio::test]
async fn inquiries_returned_debits_and_payouts_are_told() {
    let bench = Bench::start().await;
    let intent = paid_session(&bench).await["payment_intent"]["id"].clone();
    let intent = intent.as_str().unwrap().to_string();
    bench.taken().await;
    let dispute = format!("stripe/dispute/{intent}");
    let inquiry = json!({"inquiry": true});
    let open = bench.control(&dispute, inquiry.clone()).await.ok();
    assert_eq!(open["status"], "warning_needs_response");
    bench
        .control(&format!("{dispute}/closed"), json!({}))
        .await
        .ok();
    bench.control(&dispute, inquiry).await.ok();
    bench
        .control(&format!("{dispute}/escalated"), json!({}))
        .await
        .ok();
    assert_eq!(
        kinds(&bench.taken().await),
        [
            "charge.dispute.created",
            "charge.dispute.closed",
            "charge.dispute.created",
            "charge.dispute.updated",
            "charge.dispute.funds_withdrawn",
        ]
    );
    let listed = format!("disputes?payment_intent={intent}&limit=100");
    let listed = get(&bench, &listed).await.ok();
    assert_eq!(listed["data"].as_array().unwrap().len(), 2);
    bench
        .control(&format!("{dispute}/won"), json!({}))
        .await
        .ok();
    bench.taken().await;
    let back = bench
        .control(&format!("stripe/fail/{intent}"), json!({}))
        .await
        .ok();
    assert_eq!(
        (&back["status"], &back["reason"]),
        (&json!("lost"), &json!("insufficient_funds"))
    );
    let path = format!(
        "disputes/{}?expand[]=payment_intent.latest_charge",
        back["id"].as_str().unwrap()
    );
    let shown = get(&bench, &path).await.ok();
    assert_eq!(shown["payment_intent"]["latest_charge"]["object"], "charge");
    bench.taken().await;
    let payout = json!({"amount": 8000, "failed": true});
    bench.control("stripe/payout", payout).await.ok();
    assert_eq!(
        kinds(&bench.taken().await),
        ["payout.paid", "payout.failed"]
    );
}

#[tokio::test]
async fn an_intent_is_confirmed_with_another_card_or_cancelled_and_a_detached_card_is_over() {
    let bench = Bench::start().await;
    let customer = post(&bench, "customers", "", "name=A").await.ok();
    let customer = customer["id"].as_str().unwrap();
    let ask = format!(
        "amount=900&currency=EUR&customer={customer}&payment_method_types[]=card\
        &setup_future_usage=off_session"
    );
    let open = post(&bench, "payment_intents", "", &ask).await.ok();
    let confirm = format!("payment_intents/{}/confirm", open["id"].as_str().unwrap());
    let cancel = confirm.replace("confirm", "cancel");
    let bare = post(&bench, &confirm, "", "").await.json();
    assert_eq!(bare["error"]["param"], "payment_method");
    let card = "payment_method=pm_card_authenticationRequired";
    let waits = post(&bench, &confirm, "", card).await.ok();
    assert_eq!(waits["status"], "requires_action");
    let visa = "payment_method=pm_card_visa";
    assert_eq!(post(&bench, &confirm, "", visa).await.status, 400);
    let over = post(&bench, &cancel, "", "").await.ok();
    assert_eq!(over["status"], "canceled");
    assert_eq!(post(&bench, &cancel, "", "").await.status, 400);

    let expired = format!("{ask}&confirm=true&payment_method=pm_card_chargeDeclinedExpiredCard");
    let refused = post(&bench, "payment_intents", "", &expired).await.json();
    assert_eq!(refused["error"]["code"], "expired_card");
    let id = refused["error"]["payment_intent"]["id"].as_str().unwrap();
    let other = "payment_method=pm_card_mastercard&expand[]=latest_charge";
    let confirm = format!("payment_intents/{id}/confirm");
    let paid = post(&bench, &confirm, "", other).await.ok();
    let details = &paid["latest_charge"]["payment_method_details"];
    assert_eq!(details["card"]["last4"], "4444");
    let kept = paid["payment_method"].as_str().unwrap();
    let detach = format!("payment_methods/{kept}/detach");
    let gone = post(&bench, &detach, "", "").await.ok();
    assert_eq!(gone["customer"], Value::Null);
    let again = format!("{ask}&confirm=true&payment_method={kept}");
    let again = post(&bench, "payment_intents", "", &again).await.json();
    assert_eq!(again["error"]["param"], "payment_method");
}

#[tokio::test]
async fn test_cards_decide_what_becomes_of_a_refund_and_whether_there_is_a_dispute() {
    let bench = Bench::start().await;
    let pay = async |card: &str| {
        let ask = "amount=900&currency=eur&confirm=true&payment_method_types[]=card";
        let ask = format!("{ask}&payment_method=pm_card_{card}");
        post(&bench, "payment_intents", "", &ask).await.ok()
    };
    let cards = [
        ("pendingRefund", "pending", "succeeded"),
        ("refundFail", "succeeded", "failed"),
    ];
    for (card, first, then) in cards {
        let charge = pay(card).await["latest_charge"].clone();
        let charge = charge.as_str().unwrap();
        let ask = format!("charge={charge}");
        let refund = post(&bench, "refunds", "", &ask).await.ok();
        assert_eq!(refund["status"], first);
        bench.advance(3 * 24 * 3_600_000).await;
        let path = format!("refunds/{}", refund["id"].as_str().unwrap());
        assert_eq!(get(&bench, &path).await.ok()["status"], then);
    }
    let disputed = pay("createDispute").await;
    let refund = format!("payment_intent={}", disputed["id"].as_str().unwrap());
    let refused = post(&bench, "refunds", "", &refund).await.json();
    assert_eq!(refused["error"]["code"], "charge_disputed");
}
