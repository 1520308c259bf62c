//! Webhooks at the door: proven or refused, doubled and shuffled, kept when they cannot be read.

use crate::clinic::*;
use crate::contracts::alone;
use crate::post::{HeldBack, deliver, now, stripe_code};
use meridian_stack::{Answer, Stack, unique};
use serde_json::{Value, json};

fn post(stack: &Stack, source: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
    let url = format!("{}/webhooks/{}/{source}", stack.http, stack.clinic);
    stack.send("POST", &url, headers, body)
}

fn events(stack: &Stack, source: &str, id: &str) -> Vec<Value> {
    let found = stack
        .get(&format!("/v1/events?source={source}&vendor_event_id={id}"))
        .expect(200);
    found["events"]
        .as_array()
        .or(found.as_array())
        .cloned()
        .unwrap_or_default()
}

#[test]
fn a_webhook_without_its_proof_has_no_effect() {
    let (stack, _alone) = alone();
    let json = [("content-type", "application/json")];
    // Mollie's need none: what they name is fetched.
    let signed = |source: &&str| *source != "mollie";
    for source in stack.gateways.iter().map(String::as_str).filter(signed) {
        let answer = post(stack, source, &json, br#"{"id":"evt_forged"}"#);
        let refused = if source == "gocardless" { 498 } else { 401 };
        assert_eq!(answer.status, refused, "{source}: {}", answer.text);
        assert!(events(stack, source, "evt_forged").is_empty());
    }
    let forged = [
        ("stripe-signature", "t=1,v1=00"),
        ("content-type", "application/json"),
    ];
    assert_eq!(post(stack, "stripe", &forged, b"{}").status, 401);
}

#[test]
fn an_unknown_clinic_or_source_is_not_found() {
    let (stack, _alone) = alone();
    for path in [
        "/webhooks/nobody/stripe",
        "/webhooks/demo/nothing",
        "/webhooks/demo",
    ] {
        let answer = stack.send("POST", &format!("{}{path}", stack.http), &[], b"{}");
        assert_eq!(answer.status, 404, "{path}");
    }
}

#[test]
fn a_body_above_700_kib_is_refused() {
    let (stack, _alone) = alone();
    let large = vec![b'x'; 701 * 1024];
    assert_eq!(
        post(stack, "stripe", &[("content-type", "text/plain")], &large).status,
        413
    );
}

#[test]
fn mollie_is_always_answered_200_and_a_strange_id_changes_nothing() {
    let (stack, _alone) = alone();
    let form = [("content-type", "application/x-www-form-urlencoded")];
    assert_eq!(post(stack, "mollie", &form, b"id=tr_nobodys").status, 200);
    stack.quiet();
}

#[test]
fn every_webhook_delivered_twice_has_its_effect_once() {
    let (stack, _alone) = alone();
    stack.faults(&json!({ "vendors": [{ "vendor": "stripe", "action": "webhooks:duplicate" }] }));
    let patient = patient(stack);
    keep_card(stack, &patient, "pm_card_visa");
    let made = invoice(stack, &patient, "saved_method", "stripe");
    stack.quiet();
    stack.faults(&json!({}));
    let read = read_invoice(stack, &id(&made));
    assert_eq!(
        (&read["status"], &read["paid"]["amount"]),
        (&json!("paid"), &json!("60.00"))
    );
    let number = read["receipts"][0]["number"].as_str().expect("a receipt");
    assert_eq!(messages(stack, "mailgun", number).len(), 1);
    books_hold(stack, &id(&made));
}

#[test]
fn a_dispute_takes_the_money_and_a_won_one_gives_it_back() {
    let (stack, _alone) = alone();
    let patient = patient(stack);
    keep_card(stack, &patient, "pm_card_visa");
    let case = id(&invoice(stack, &patient, "saved_method", "stripe"));
    stack.quiet();
    let intent = read_invoice(stack, &case)["payments"][0]["gateway_ref"]
        .as_str()
        .unwrap()
        .to_owned();
    stack.at_vendor(
        "stripe",
        &format!("dispute/{intent}"),
        &json!({ "amount": 6000 }),
    );
    stack.quiet();
    let disputed = read_invoice(stack, &case);
    assert_eq!(disputed["refundable"]["amount"], "0.00", "{disputed}");
    stack.at_vendor("stripe", &format!("dispute/{intent}/won"), &json!({}));
    stack.quiet();
    assert_eq!(read_invoice(stack, &case)["refundable"]["amount"], "60.00");
    books_hold(stack, &case);
}

#[test]
fn a_debit_that_fails_late_makes_the_invoice_due_again() {
    let (stack, _alone) = alone();
    let patient = patient(stack);
    let case = id(&invoice(stack, &patient, "checkout", "gocardless"));
    let page = checkout(stack, &case);
    let flow = page
        .rsplit('/')
        .next()
        .unwrap()
        .split('?')
        .next()
        .unwrap()
        .to_owned();
    stack.at_vendor(
        "gocardless",
        &format!("pay/{flow}"),
        &json!({ "outcome": "paid" }),
    );
    stack.quiet();
    stack.advance(6 * 86_400);
    stack.quiet();
    let paid = read_invoice(stack, &case);
    assert_eq!(paid["status"], "paid", "{paid}");
    let payment = paid["payments"][0]["gateway_ref"]
        .as_str()
        .unwrap()
        .to_owned();
    stack.at_vendor("gocardless", &format!("fail/{payment}"), &json!({}));
    stack.quiet();
    let returned = read_invoice(stack, &case);
    assert_eq!(returned["payments"][0]["state"], "returned", "{returned}");
    assert_eq!(returned["due"]["amount"], "60.00");
    books_hold(stack, &case);
}

#[test]
fn a_debit_whose_failure_and_refund_come_before_its_success_is_asked_about() {
    let (stack, _alone) = alone();
    let case = id(&invoice(stack, &patient(stack), "checkout", "gocardless"));
    pay_on_page(stack, "gocardless", &checkout(stack, &case));
    stack.quiet();
    let under_way = read_invoice(stack, &case);
    let payment = under_way["payments"][0]["gateway_ref"].as_str();
    let payment = payment.unwrap_or_else(|| panic!("no payment: {under_way}"));

    // Collected, refunded in part from the dashboard, and failed late: nobody has told us yet.
    let held = HeldBack::at(stack, &["gocardless"]);
    let happens =
        |what: &str, how| stack.at_vendor("gocardless", &format!("{what}/{payment}"), &how);
    happens("settle", json!({}));
    happens("refund", json!({ "amount": 700 }));
    happens("fail", json!({}));
    let told = held.of("gocardless");
    let of = |event: &str| {
        let mut found = told.iter().filter(|webhook| webhook.event.contains(event));
        let found = found.next();
        found.unwrap_or_else(|| panic!("no {event} among {told:?}"))
    };
    assert_eq!(deliver(stack, of("payments.failed")).status, 204);
    stack.quiet();
    assert_eq!(deliver(stack, of("refunds.")).status, 204);
    stack.quiet();
    let end = read_invoice(stack, &case);
    assert_eq!(end["payments"][0]["state"], "returned", "{end}");
    assert_eq!(end["refunds"][0]["amount"]["amount"], "7.00", "{end}");
    assert_eq!(end["due"]["amount"], "60.00");

    // The rest comes late and changes nothing any more.
    assert_eq!(deliver(stack, of("payments.confirmed")).status, 204);
    stack.quiet();
    let later = read_invoice(stack, &case);
    assert_eq!(later["payments"], end["payments"]);
    books_hold(stack, &case);
}

#[test]
fn what_is_proven_and_cannot_be_read_is_quarantined() {
    let (stack, _alone) = alone();
    let id = unique("evt");
    let body =
        json!({ "id": id, "type": "payment_intent.succeeded", "data": { "object": { "id": 7 } } });
    let body = body.to_string();
    let at = now(stack);
    let signed = format!(
        "t={at},v1={}",
        stripe_code("whsec_demo", at, body.as_bytes())
    );
    let answer = post(
        stack,
        "stripe",
        &[("stripe-signature", &signed)],
        body.as_bytes(),
    );
    assert_eq!(answer.status, 200, "{}", answer.text);
    stack.quiet();
    let found = events(stack, "stripe", &id);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0]["state"], "quarantined", "{found:?}");
    // Tried again it is no clearer.
    let event = found[0]["id"].as_str().expect("an id");
    let replayed = stack.post(&format!("/v1/events/{event}/replay"), &json!({}));
    assert!(replayed.status < 300, "{}", replayed.text);
    stack.quiet();
    assert_eq!(events(stack, "stripe", &id)[0]["state"], "quarantined");
}
