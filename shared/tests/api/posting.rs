//! What was reported meets the case, over AWS and scripted vendors in this process: nothing that was
//! proven is lost, nothing that was not is believed.

use crate::intake::queued;
use crate::permissions::unchanged;
use crate::stack::{Clinic, app};
use crate::vendors::{Heard, Said, answer, connect, heard, ok};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use futures::future::join_all;
use hmac::{Hmac, KeyInit, Mac};
use meridian::contract::body_hash;
use meridian::domain::case::Case;
use meridian::domain::dispute;
use meridian::flows::posting;
use meridian::io::clock;
use meridian::io::lambda::Fault;
use meridian::io::queue::Received;
use meridian::io::store::StoreError;
use meridian::words::ids;
use serde_json::{Value, json};

/// A delivery as intake hands it on, received so many seconds ago.
fn received(clinic: &Clinic, source: &str, body: &str, proven: bool, ago: i64) -> Received {
    Received {
        clinic: clinic.id.clone(),
        source: source.into(),
        proven,
        received_at: clock::now().as_second() - ago,
        url: format!("https://pay.example.test/webhooks/{}/{source}", clinic.id),
        headers: vec![],
        body: BASE64_STANDARD.encode(body),
        sha256: body_hash(body.as_bytes()),
        replays: None,
        again: false,
    }
}

fn event(id: &str, name: &str, object: &Value) -> String {
    let data = json!({ "object": object });
    let made = clock::now().as_second();
    json!({ "id": id, "object": "event", "type": name, "created": made, "data": data }).to_string()
}

/// A payment intent of Stripe.
fn intent(id: &str, reference: &str, status: &str, minor: i64, currency: &str) -> Value {
    json!({
        "id": id, "object": "payment_intent", "amount": minor, "currency": currency,
        "amount_received": if status == "succeeded" { minor } else { 0 }, "status": status,
        "customer": null, "payment_method": "pm_1", "payment_method_types": ["card"],
        "metadata": { "reference": reference }, "latest_charge": null, "last_payment_error": null,
    })
}

/// What Stripe lists: nothing but the payment itself.
fn knows(payment: Value) -> impl FnMut(&Heard) -> Said {
    move |heard| match heard.what.contains("/payment_intents/") {
        true => ok(payment.clone()),
        false => ok(json!({ "object": "list", "data": [], "has_more": false })),
    }
}

/// An invoice of 60.00 with a page open, at a clinic that is connected to Stripe.
async fn open() -> (Clinic, String, String) {
    let clinic = Clinic::new().await;
    connect(&clinic, "stripe", |_| Said::Cut).await;
    let (case, _) = clinic.asked_to_pay().await;
    let reference = ids::payment_reference(&case, 1);
    (clinic, case, reference)
}

async fn case_of(clinic: &Clinic, case: &str) -> Case {
    let read = clinic.app.case(&clinic.id, case).await.expect("a table");
    read.expect("a case")
}

async fn posted(clinic: &Clinic, received: &Received) {
    let posted = Box::pin(posting::post(&clinic.app, received)).await;
    posted.expect("it is posted");
}

async fn event_row(clinic: &Clinic, source: &str, id: &str) -> Option<Value> {
    let place = format!("{}#event#{source}#{id} event", clinic.id);
    clinic.rows().await.get(&place).cloned()
}

async fn listed(clinic: &Clinic, state: &str) -> Vec<Value> {
    let page = clinic.get(&format!("/v1/events?state={state}")).await;
    page["events"].as_array().cloned().unwrap_or_default()
}

async fn tasks(clinic: &Clinic, alert: &str) -> Vec<Value> {
    let page = clinic.get("/v1/tasks").await;
    let all = page["tasks"].as_array().cloned().unwrap_or_default();
    all.into_iter()
        .filter(|task| task["alert"] == alert)
        .collect()
}

#[tokio::test]
async fn the_same_event_many_times_at_once_is_one_entry() {
    let (clinic, case, reference) = open().await;
    let paid = intent("pi_1", &reference, "succeeded", 6000, "eur");
    // An id that nobody knows yet is looked up.
    connect(&clinic, "stripe", knows(paid.clone())).await;
    let body = event("evt_1", "payment_intent.succeeded", &paid);
    let received = received(&clinic, "stripe", &body, true, 0);
    let before = case_of(&clinic, &case).await.entries;
    let houses: Vec<_> = (0..6).map(|_| app()).collect();
    let all = houses
        .iter()
        .map(|app| Box::pin(posting::post(app, &received)));
    for ended in join_all(all).await {
        ended.expect("it is posted");
    }
    let after = case_of(&clinic, &case).await;
    assert_eq!((after.paid().minor, after.entries), (6000, before + 1));
    let journal = clinic.rows().await;
    let entries = journal.keys().filter(|place| place.contains(" journal#"));
    assert_eq!(entries.count() as u64, after.entries);
}

#[tokio::test]
async fn bytes_that_changed_on_the_way_are_not_posted() {
    let (clinic, _, reference) = open().await;
    let paid = intent("pi_1", &reference, "succeeded", 6000, "eur");
    let body = event("evt_1", "payment_intent.succeeded", &paid);
    let mut changed = received(&clinic, "stripe", &body, true, 0);
    changed.sha256 = body_hash(b"other bytes");
    let before = clinic.rows().await;
    let refused = Box::pin(posting::post(&clinic.app, &changed)).await;
    refused.expect_err("another hash");
    unchanged(&before, &clinic.rows().await, "changed bytes");
}

#[tokio::test]
async fn what_is_proven_and_cannot_be_read_is_kept_whole_and_replayed_as_proven() {
    for body in [
        "<html>".to_owned(),
        event("evt_1", "payment_intent.succeeded", &json!({ "id": 7 })),
        format!("{{{}", "x".repeat(600_000)),
    ] {
        let (clinic, _, _) = open().await;
        posted(&clinic, &received(&clinic, "stripe", &body, true, 0)).await;
        let kept = listed(&clinic, "quarantined").await;
        assert_eq!(kept.len(), 1, "{kept:?}");
        let rows = clinic.rows().await;
        assert!(!format!("{rows:?}").contains("xxxxxxxx"), "it is sealed");
        let id = kept[0]["vendor_event_id"].as_str().expect("an id");
        let path = format!("/v1/events/stripe:{id}/replay");
        clinic.post(&path, Value::Null).await.expect(202);
        let queued = queued(&clinic);
        let again = queued.last().expect("a message");
        assert_eq!(again.body, BASE64_STANDARD.encode(&body));
        assert!(
            again.proven && again.replays.as_deref() == Some(id),
            "{again:?}"
        );
        // It cannot be read this time either: it is there still.
        posted(&clinic, again).await;
        assert_eq!(listed(&clinic, "quarantined").await.len(), 1);
    }
}

#[tokio::test]
async fn what_nobody_stands_for_and_cannot_be_read_leaves_nothing() {
    let (clinic, _, _) = open().await;
    let before = clinic.rows().await;
    for body in ["<html>", "{\"id\":7}", "id=", "a=1"] {
        for source in ["stripe", "mollie"] {
            posted(&clinic, &received(&clinic, source, body, false, 0)).await;
        }
    }
    unchanged(&before, &clinic.rows().await, "unproven bytes");
}

#[tokio::test]
async fn unproven_bytes_are_a_hint_and_the_gateway_is_asked() {
    let (clinic, case, reference) = open().await;
    let waits = intent("pi_1", &reference, "requires_payment_method", 6000, "eur");
    answer(&clinic, knows(waits));
    let claimed = intent("pi_1", &reference, "succeeded", 6000, "eur");
    let body = event("evt_1", "payment_intent.succeeded", &claimed);
    posted(&clinic, &received(&clinic, "stripe", &body, false, 0)).await;
    assert!(!heard(&clinic).is_empty(), "Stripe is asked");
    assert_eq!(case_of(&clinic, &case).await.paid().minor, 0);
    assert_eq!(event_row(&clinic, "stripe", "evt_1").await, None);
    // What the gateway says then counts.
    let paid = intent("pi_1", &reference, "succeeded", 6000, "eur");
    answer(&clinic, knows(paid));
    posted(&clinic, &received(&clinic, "stripe", &body, false, 0)).await;
    assert_eq!(case_of(&clinic, &case).await.paid().minor, 6000);
}

#[tokio::test]
async fn an_ipn_that_paypal_disowns_has_no_effect() {
    let (clinic, case, reference) = open().await;
    let wanted = json!({
        "fields": { "client_id": clinic.id, "client_secret": "secret" },
        "inbound": { "webhook_id": "WH-1", "receiver_email": "clinic@example.test" },
    });
    let put = clinic.call("PUT", "/v1/integrations/paypal", &wanted).await;
    put.expect(200);
    answer(&clinic, |_| ok(json!("INVALID")));
    let before = clinic.rows().await;
    let body = format!(
        "payment_status=Completed&txn_id=T1&mc_gross=60.00&mc_currency=EUR&custom={reference}\
         &invoice={reference}&receiver_email=clinic%40example.test&memo={}",
        clinic.id
    );
    let arrived = received(&clinic, "paypal-ipn", &body, false, 0);
    // The verdict is no word that PayPal has: asked again later, and nothing believed.
    let _ = Box::pin(posting::post(&clinic.app, &arrived)).await;
    assert_eq!(heard(&clinic).len(), 1);
    unchanged(&before, &clinic.rows().await, "a disowned notification");
    assert_eq!(case_of(&clinic, &case).await.paid().minor, 0);
}

#[tokio::test]
async fn a_success_that_cannot_be_true_is_kept_and_told_and_pays_nothing() {
    let (clinic, case, reference) = open().await;
    let other = intent("pi_1", &reference, "succeeded", 6000, "usd");
    answer(&clinic, knows(other.clone()));
    let body = event("evt_1", "payment_intent.succeeded", &other);
    let arrived = received(&clinic, "stripe", &body, true, 0);
    posted(&clinic, &arrived).await;
    assert_eq!(case_of(&clinic, &case).await.paid().minor, 0);
    assert_eq!(listed(&clinic, "contradiction").await.len(), 1);
    assert_eq!(tasks(&clinic, "contradiction").await.len(), 1);
    posted(&clinic, &arrived).await;
    assert_eq!(tasks(&clinic, "contradiction").await.len(), 1, "once");
}

#[tokio::test]
async fn what_no_case_takes_waits_and_is_a_persons_after_a_day() {
    let (clinic, _, _) = open().await;
    let stranger = ids::payment_reference(&ids::random(), 1);
    let paid = intent("pi_9", &stranger, "succeeded", 6000, "eur");
    answer(&clinic, knows(paid.clone()));
    let body = event("evt_9", "payment_intent.succeeded", &paid);
    posted(&clinic, &received(&clinic, "stripe", &body, true, 0)).await;
    let row = event_row(&clinic, "stripe", "evt_9").await.expect("a row");
    assert_eq!(row["state"]["S"], "waiting");
    assert!(row["due_at"]["N"].is_string(), "it is tried again");
    assert!(tasks(&clinic, "charge_without_invoice").await.is_empty());
    let (clinic, _, _) = open().await;
    answer(&clinic, knows(paid.clone()));
    posted(&clinic, &received(&clinic, "stripe", &body, true, 86_401)).await;
    assert_eq!(tasks(&clinic, "charge_without_invoice").await.len(), 1);
}

#[tokio::test]
async fn a_gateway_that_is_out_of_reach_leaves_what_it_must_explain_waiting() {
    let (clinic, case, _) = open().await;
    // A refund of a payment that nobody told of implies one: it is looked up first.
    let refund = json!({
        "id": "re_9", "object": "refund", "amount": 500, "currency": "eur", "status": "succeeded",
        "payment_intent": "pi_1", "charge": null,
        "metadata": { "reference": ids::payment_reference(&case, 1) },
    });
    let body = event("evt_1", "refund.updated", &refund);
    let before = case_of(&clinic, &case).await;
    let _ = Box::pin(posting::post(
        &clinic.app,
        &received(&clinic, "stripe", &body, true, 0),
    ))
    .await;
    assert_eq!(case_of(&clinic, &case).await.payments, before.payments);
    let row = event_row(&clinic, "stripe", "evt_1").await.expect("a row");
    assert_eq!(row["state"]["S"], "waiting", "{row}");
    // Once it can be asked, the payment counts, and the refund that it does not mention as well.
    let paid = intent(
        "pi_1",
        &ids::payment_reference(&case, 1),
        "succeeded",
        6000,
        "eur",
    );
    answer(&clinic, knows(paid));
    let pk = format!("{}#event#stripe#evt_1", clinic.id);
    let row = clinic.app.store.get(&pk, "event").await;
    let row = row.expect("a table").expect("a row");
    posting::post_again(&clinic.app, &row)
        .await
        .expect("it is posted");
    let after = case_of(&clinic, &case).await;
    assert_eq!(
        (after.paid().minor, after.refunded().minor),
        (6000, 500),
        "{after:?}"
    );
}

#[tokio::test]
async fn an_outage_puts_nothing_aside_and_poison_is_put_aside_after_some_tries() {
    let corrupt = || Fault::Failed(StoreError::Corrupt("a row".into()).into());
    let outage = || Fault::Failed(StoreError::Unavailable("DynamoDB".into()).into());
    let other = || Fault::Failed("a vendor is away".into());
    type Made = fn() -> Fault;
    let never: [Made; 2] = [outage, other];
    let late: [Made; 3] = [corrupt, || Fault::Panicked, || Fault::TakenTooOften];
    let (clinic, _, _) = open().await;
    let arrived = received(&clinic, "stripe", "<html>", true, 0);
    let before = clinic.rows().await;
    for fault in never {
        for times in [1, 4, 99] {
            let kept = posting::not_posted(&clinic.app, &arrived, fault(), times).await;
            kept.expect_err("it goes back to the queue");
        }
    }
    for fault in late {
        for times in [1, 3] {
            let kept = posting::not_posted(&clinic.app, &arrived, fault(), times).await;
            kept.expect_err("it is tried again first");
        }
    }
    unchanged(&before, &clinic.rows().await, "what may still be posted");
    for fault in late {
        let (clinic, _, _) = open().await;
        let arrived = received(&clinic, "stripe", "<html>", true, 0);
        posting::not_posted(&clinic.app, &arrived, fault(), 4)
            .await
            .expect("it is put aside");
        assert_eq!(listed(&clinic, "quarantined").await.len(), 1);
    }
}

#[tokio::test]
async fn what_was_put_aside_unproven_is_replayed_unproven() {
    let (clinic, _, _) = open().await;
    connect(&clinic, "mollie", |_| Said::Cut).await;
    for (source, proven) in [("mollie", false), ("stripe", true)] {
        let arrived = received(&clinic, source, "id=tr_1", proven, 0);
        let fault = Fault::Panicked;
        posting::not_posted(&clinic.app, &arrived, fault, 4)
            .await
            .expect("it is put aside");
        let kept = clinic
            .get(&format!("/v1/events?source={source}&state=quarantined"))
            .await;
        let id = kept["events"][0]["vendor_event_id"]
            .as_str()
            .expect("an id");
        let path = format!("/v1/events/{source}:{id}/replay");
        clinic.post(&path, Value::Null).await.expect(202);
        let queued = queued(&clinic);
        let again = queued.last().expect("a message");
        assert_eq!((again.source.as_str(), again.proven), (source, proven));
    }
}

#[tokio::test]
async fn what_was_put_aside_as_a_whole_is_over_once_its_items_are_posted() {
    let (clinic, _, _) = open().await;
    let body = event("evt_9", "customer.created", &json!({ "id": "cus_1" }));
    let arrived = received(&clinic, "stripe", &body, true, 0);
    posting::not_posted(&clinic.app, &arrived, Fault::Panicked, 4)
        .await
        .expect("it is put aside");
    let kept = listed(&clinic, "quarantined").await;
    let id = kept[0]["vendor_event_id"].as_str().expect("an id");
    let path = format!("/v1/events/stripe:{id}/replay");
    clinic.post(&path, Value::Null).await.expect(202);
    let queued = queued(&clinic);
    posted(&clinic, queued.last().expect("a message")).await;
    assert_eq!(listed(&clinic, "waiting").await, Vec::<Value>::new());
    let over = listed(&clinic, "superseded").await;
    assert_eq!(over[0]["vendor_event_id"], id);
    assert_eq!(listed(&clinic, "ignored").await.len(), 1, "its item");
}

// ---- methods that end and come back -------------------------------------------------------------

/// What GoCardless says of a mandate, made so many seconds after the test's beginning.
fn of_mandate(id: &str, action: &str, begun: i64, after: i64) -> String {
    let at = jiff::Timestamp::from_second(begun + after).expect("a time");
    let event = json!({
        "id": id, "created_at": at.to_string(), "resource_type": "mandates", "action": action,
        "links": { "mandate": "MD0001" }, "metadata": {},
        "details": { "origin": "bank", "cause": "bank_account_closed", "description": "x" },
    });
    json!({ "events": [event] }).to_string()
}

#[tokio::test]
async fn of_two_words_on_a_method_the_newer_counts_whichever_comes_last() {
    let (ended, active) = (("EV1", "cancelled", 1), ("EV2", "reinstated", 2));
    let (again, still) = (("EV3", "failed", 3), ("EV0", "active", 0));
    for (order, usable) in [
        (vec![ended, active], true),
        (vec![active, ended], true),
        (vec![ended, active, again], false),
        (vec![again, active, ended], false),
        (vec![active, again, ended], false),
        (vec![again, still], false),
        (vec![still, ended], false),
    ] {
        let clinic = Clinic::new().await;
        connect(&clinic, "gocardless", |_| Said::Cut).await;
        let patient = clinic.patient().await;
        let kept = json!({ "gateway": "gocardless", "token": "MD0001", "label": "Bank account" });
        let path = format!("/v1/patients/{patient}/payment-methods");
        clinic.post(&path, kept).await.expect(201);
        let begun = clock::now().as_second();
        for (id, action, after) in &order {
            let body = of_mandate(id, action, begun, *after);
            posted(&clinic, &received(&clinic, "gocardless", &body, true, 0)).await;
            assert!(event_row(&clinic, "gocardless", id).await.is_some());
        }
        let methods = clinic.get(&path).await;
        let shown = methods["payment_methods"].as_array().expect("methods");
        assert_eq!(shown.len() == 1, usable, "{order:?}: {methods}");
    }
}

const ITEMS_KEY: &str = "44782def547aaa06c910c43932b1eb0c71fc68d9d0c057550c48ec2acf6ba056";

/// A batch of one item that Adyen signed, of this day of March, about the payment `PSP0` or the
/// dispute `DSP1` under it.
fn item(event: &str, reference: &str, day: u32) -> String {
    let (psp, original) = match event {
        "AUTHORISATION" => ("PSP0", ""),
        _ => ("DSP1", "PSP0"),
    };
    let signed = format!("{psp}:{original}:Wattle:{reference}:6000:EUR:{event}:true");
    let key = hex::decode(ITEMS_KEY).expect("a key");
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(&key).expect("a key");
    mac.update(signed.as_bytes());
    let code = BASE64_STANDARD.encode(mac.finalize().into_bytes());
    let item = json!({
        "eventCode": event, "success": "true", "pspReference": psp, "originalReference": original,
        "merchantAccountCode": "Wattle", "merchantReference": reference,
        "amount": { "value": 6000, "currency": "EUR" },
        "eventDate": format!("2026-03-{day:02}T10:00:00Z"),
        "additionalData": { "hmacSignature": code },
    });
    json!({ "live": "false", "notificationItems": [{ "NotificationRequestItem": item }] })
        .to_string()
}

#[tokio::test]
async fn an_older_word_of_a_gateway_that_is_asked_nothing_is_kept_as_one_and_waits_for_nothing() {
    let clinic = Clinic::new().await;
    connect(&clinic, "adyen", |_| Said::Cut).await;
    let key = json!({ "inbound": { "hmac_key": ITEMS_KEY } });
    let path = "/v1/integrations/adyen";
    clinic.call("PUT", path, &key).await.expect(200);
    let case = clinic.invoice(None).await;
    let page = json!({ "collect": "checkout", "gateway": "adyen" });
    let charges = format!("/v1/invoices/{case}/charges");
    clinic.post(&charges, page).await.expect(202);
    let reference = ids::payment_reference(&case, 1);
    for (event, day) in [
        ("AUTHORISATION", 1),
        ("CHARGEBACK_REVERSED", 18),
        ("SECOND_CHARGEBACK", 9),
    ] {
        let body = item(event, &reference, day);
        posted(&clinic, &received(&clinic, "adyen", &body, true, 0)).await;
    }
    let known = case_of(&clinic, &case).await;
    let payment = known.payment(1).expect("a payment");
    assert_eq!(payment.disputes[0].state, dispute::State::Won);
    let page = clinic.get("/v1/events?source=adyen").await;
    let all = page["events"].as_array().expect("a list").iter();
    let mut states: Vec<_> = all
        .map(|one| one["state"].as_str().expect("a state"))
        .collect();
    states.sort_unstable();
    assert_eq!(states, ["posted", "posted", "superseded"]);
}
