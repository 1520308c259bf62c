//! Notices that nobody proved: a gateway is asked under the clinic's key only of what is the
//! clinic's, and once for all notices that came before.

use crate::stack::*;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use futures::future::join_all;
use meridian::contract::body_hash;
use meridian::flows::posting;
use meridian::io::queue::Received;
use meridian::io::store::{Row, Write, Written};
use meridian::records::alias;
use meridian::words::ids;
use serde_json::{Value, json};

async fn clinic() -> Clinic {
    let clinic = Clinic::new().await;
    let own = format!("meridian/{}", clinic.id);
    let key = json!({ "api_key": "test_demo" });
    secret(&format!("{own}/gateway/mollie"), key).await;
    secret(&format!("{own}/inbound/mollie"), json!({})).await;
    clinic
}

/// A payment of the clinic's at Mollie, and what it says of it.
async fn known(clinic: &Clinic, said: &[Said]) -> String {
    let id = format!("tr_{}", ids::random());
    let row = Row::new(alias::pk(&clinic.id, "mollie", &id), "ref").text("case", ids::random());
    let written = clinic.app.store.transact(&[Write::Put(row)]).await;
    assert_eq!(written.expect("a table"), Written::Done);
    vendors().script(&format!("/v2/payments/{id}"), said);
    id
}

fn open(id: &str) -> Said {
    let body = json!({
        "resource": "payment", "id": id, "mode": "test",
        "createdAt": "2026-03-14T10:00:00+00:00",
        "amount": { "currency": "EUR", "value": "100.00" }, "status": "open",
        "description": "Invoice", "profileId": "pfl_1", "method": null,
        "sequenceType": "oneoff", "metadata": Value::Null,
        "expiresAt": "2026-03-14T10:15:00+00:00", "_links": {},
    });
    Said::Whole(200, body.to_string().into_bytes())
}

/// A notice of this id that came so many seconds from now.
fn notice(clinic: &Clinic, id: &str, in_seconds: i64) -> Received {
    let body = format!("id={id}");
    Received {
        clinic: clinic.id.clone(),
        source: "mollie".into(),
        proven: false,
        received_at: meridian::io::clock::now().as_second() + in_seconds,
        url: String::new(),
        headers: vec![],
        sha256: body_hash(body.as_bytes()),
        body: BASE64_STANDARD.encode(body),
        replays: None,
        again: false,
    }
}

fn asked(id: &str) -> usize {
    vendors().asked(&format!("/v2/payments/{id}"))
}

#[tokio::test]
async fn of_a_payment_that_is_not_the_clinics_no_gateway_is_asked() {
    let _still = still().await;
    let clinic = clinic().await;
    for _ in 0..20 {
        let id = format!("tr_{}", ids::random());
        Box::pin(posting::post(&clinic.app, &notice(&clinic, &id, -5)))
            .await
            .expect("it is nobody's");
        assert_eq!(asked(&id), 0, "{id}");
    }
}

#[tokio::test]
async fn many_notices_of_a_few_payments_make_one_look_up_each() {
    let _still = still().await;
    let clinic = clinic().await;
    let mut ids = vec![];
    for _ in 0..5 {
        let id = known(&clinic, &[]).await;
        vendors().script(&format!("/v2/payments/{id}"), &[open(&id)]);
        ids.push(id);
    }
    let notices: Vec<_> = (0..50).map(|n| notice(&clinic, &ids[n % 5], -5)).collect();
    let other = app();
    let posts = notices.iter().enumerate().map(|(n, notice)| {
        let app = if n % 2 == 0 { &clinic.app } else { &other };
        Box::pin(posting::post(app, notice))
    });
    for posted in join_all(posts).await {
        posted.expect("posted");
    }
    for id in &ids {
        assert_eq!(asked(id), 1, "{id}");
    }
    // What came after that look-up may tell of something newer.
    Box::pin(posting::post(&clinic.app, &notice(&clinic, &ids[0], 5)))
        .await
        .expect("posted");
    assert_eq!(asked(&ids[0]), 2);
}

#[tokio::test]
async fn a_look_up_that_failed_is_made_again_for_the_next_notice() {
    let _still = still().await;
    let clinic = clinic().await;
    let id = known(&clinic, &[]).await;
    let said = [Said::Whole(503, b"{}".to_vec()), open(&id)];
    vendors().script(&format!("/v2/payments/{id}"), &said);
    let notice = notice(&clinic, &id, -5);
    let first = Box::pin(posting::post(&clinic.app, &notice)).await;
    assert!(first.is_err(), "it goes back to its queue");
    Box::pin(posting::post(&clinic.app, &notice))
        .await
        .expect("posted");
    Box::pin(posting::post(&clinic.app, &notice))
        .await
        .expect("posted");
    assert_eq!(asked(&id), 2);
}

#[tokio::test]
async fn a_payment_that_is_known_a_little_later_is_looked_at_once_more() {
    let alone = alone().await;
    let clinic = clinic().await;
    let id = format!("tr_{}", ids::random());
    Box::pin(posting::post(&clinic.app, &notice(&clinic, &id, -5)))
        .await
        .expect("nobody knows it yet");
    // The call that opened its page was still on its way.
    let row = Row::new(alias::pk(&clinic.id, "mollie", &id), "ref").text("case", ids::random());
    let written = clinic.app.store.transact(&[Write::Put(row)]).await;
    assert_eq!(written.expect("a table"), Written::Done);
    vendors().script(&format!("/v2/payments/{id}"), &[open(&id)]);
    pass(600, &alone);
    let again = queued("unproven", &clinic.id).await;
    assert_eq!(again.len(), 1, "it waits for a second look: {again:?}");
    let again: Received = serde_json::from_value(again[0].clone()).expect("a notice");
    Box::pin(posting::post(&clinic.app, &again))
        .await
        .expect("posted");
    assert_eq!(asked(&id), 1);
    let strange = notice(&clinic, &format!("tr_{}", ids::random()), -5);
    Box::pin(posting::post(&clinic.app, &strange))
        .await
        .expect("nobody's");
    pass(600, &alone);
    let mut again = queued("unproven", &clinic.id).await;
    let again = again.pop().expect("a second look");
    let again: Received = serde_json::from_value(again).expect("a notice");
    Box::pin(posting::post(&clinic.app, &again))
        .await
        .expect("nobody's");
    pass(600, &alone);
    let more = queued("unproven", &clinic.id).await;
    assert!(more.is_empty(), "there is no third: {more:?}");
}
