//! A visit that nobody tells of: it is found at Cliniko, billed by its type, paid, refunded in part,
//! and stands in the books; and one that is called off here, and so there.

use crate::clinic::*;
use crate::contracts::alone;
use meridian_stack::{Stack, unique};
use serde_json::{Value, json};

fn eur(amount: &str) -> Value {
    json!({ "amount": amount, "currency": "EUR" })
}

/// Time passes until Cliniko was asked again.
fn polled(stack: &Stack) {
    for _ in 0..2 {
        stack.advance(60);
        stack.quiet();
    }
}

fn connected(stack: &Stack) {
    let fields = json!({ "api_key": "demo-au1", "contact_email": "front@example.test" });
    let connect = json!({ "fields": fields });
    let put = stack.call("PUT", "/v1/integrations/cliniko", &connect, &unique("key"));
    assert_eq!(put.expect(200)["connected"], true);
}

/// Nobody is connected any more: what is asked each minute would slow the stories that follow.
fn disconnected(stack: &Stack) {
    let authorization = "AWS4-HMAC-SHA256 Credential=test/20261121/us-east-1/secretsmanager/\
                         aws4_request, SignedHeaders=host, Signature=0";
    let headers = [
        ("content-type", "application/x-amz-json-1.1"),
        ("x-amz-target", "secretsmanager.DeleteSecret"),
        ("authorization", authorization),
    ];
    let id = format!("meridian/{}/system/cliniko", stack.clinic);
    let gone = json!({ "SecretId": id, "ForceDeleteWithoutRecovery": true }).to_string();
    stack
        .send("POST", &stack.aws, &headers, gone.as_bytes())
        .expect(200);
    // Functions remember a secret for five minutes.
    for _ in 0..7 {
        stack.advance(60);
        stack.quiet();
    }
}

#[test]
fn a_visit_that_is_found_at_cliniko_is_billed_by_its_type_paid_refunded_and_in_the_books() {
    let (stack, _alone) = alone();
    connected(stack);
    let new = json!({
        "id": "2", "name": "Follow-up, 30 minutes", "label": "Appointment", "price": eur("60.00"),
        "tax_rate": "10",
    });
    stack.post("/v1/appointment-types", &new).expect(201);
    let who = json!({
        "first_name": "Juniper", "last_name": "Vale", "email": "juniper@example.test",
    });
    let ask = json!({ "starts_at": "2031-01-02T09:00:00Z", "type": "2", "patient": who });
    let there = stack.at_vendor("cliniko", "book", &ask);
    let visit = id(&there);
    polled(stack);
    let booked = stack.get(&format!("/v1/appointments/{visit}")).expect(200);
    assert_eq!(
        (&booked["state"], &booked["total"]),
        (&json!("booked"), &eur("60.00"))
    );
    stack.at_vendor("cliniko", &format!("arrive/{visit}"), &json!({}));
    polled(stack);
    let done = stack.get(&format!("/v1/appointments/{visit}")).expect(200);
    let case = done["invoice"]
        .as_str()
        .unwrap_or_else(|| panic!("no invoice: {done}"));
    pay_on_page(stack, "stripe", &checkout(stack, case));
    stack.quiet();
    let paid = read_invoice(stack, case);
    assert_eq!(
        (&paid["status"], &paid["total"]),
        (&json!("paid"), &eur("60.00")),
        "{paid}"
    );
    let part = json!({ "invoice": case, "amount": eur("22.00") });
    stack.post("/v1/refunds", &part).expect(202);
    stack.quiet();
    let refunded = read_invoice(stack, case);
    assert_eq!(refunded["refunded"], eur("22.00"), "{refunded}");
    books_hold(stack, case);
    stack.advance(300);
    stack.quiet();
    let told = stack
        .get(&format!("/v1/deliveries?case={case}"))
        .expect(200);
    let told = told["deliveries"].as_array().expect("deliveries").iter();
    let filed = told.filter(|one| one["system"] == "xero" && one["state"] == "done");
    assert!(filed.count() >= 3, "an invoice, a payment and a refund");
    let number = paid["number"].as_str().expect("a number");
    let there = stack.at_vendor("xero", &format!("invoice/{number}"), &json!({}));
    assert_eq!(there["filed"], 1, "{there}");
    // It was read once, and told of nothing else.
    let shown = stack.get("/v1/integrations/cliniko").expect(200);
    assert!(shown["polls"][0]["read_until"].is_string(), "{shown}");
    let tasks = stack.get("/v1/tasks").expect(200).to_string();
    assert!(
        !tasks.contains(&visit) && !tasks.contains("Cliniko"),
        "{tasks}"
    );
    disconnected(stack);
}

/// What was sent to call it off.
fn sent(stack: &Stack, visit: &str) -> Vec<Value> {
    let path = format!("/v1/individual_appointments/{visit}/cancel");
    let all = stack.calls("cliniko").into_iter();
    all.filter(|call| call["method"] == "PATCH" && call["path"] == path)
        .collect()
}

#[test]
fn a_visit_that_is_called_off_here_is_called_off_at_cliniko_once_though_the_reply_is_lost() {
    let (stack, _alone) = alone();
    connected(stack);
    let who = json!({ "first_name": "Juniper", "last_name": "Vale" });
    let ask = json!({ "starts_at": "2031-02-03T09:00:00Z", "type": "1", "patient": who });
    let (ours, theirs) = (
        id(&stack.at_vendor("cliniko", "book", &ask)),
        id(&stack.at_vendor("cliniko", "book", &ask)),
    );
    polled(stack);
    stack.faults(&json!({ "vendors": [
        { "vendor": "cliniko", "method": "PATCH", "action": "cut_after", "times": 1 },
    ] }));
    let cancel = format!("/v1/appointments/{ours}/cancel");
    stack.post(&cancel, &json!({ "by": "patient" })).expect(200);
    stack.at_vendor("cliniko", &format!("cancel/{theirs}"), &json!({}));
    stack.quiet();
    for _ in 0..3 {
        polled(stack);
    }
    stack.faults(&json!({}));
    assert_eq!(sent(stack, &ours).len(), 1);
    assert!(sent(stack, &theirs).is_empty(), "it said so itself");
    let told = stack.get("/v1/deliveries?system=cliniko").expect(200);
    let told = told["deliveries"].as_array().expect("a list");
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0]["state"], "done", "{told:?}");
    for visit in [&ours, &theirs] {
        let stands = stack.get(&format!("/v1/appointments/{visit}")).expect(200);
        assert_eq!(stands["state"], "cancelled", "{stands}");
    }
    let tasks = stack.get("/v1/tasks").expect(200).to_string();
    assert!(
        !tasks.contains(&ours) && !tasks.contains("Cliniko"),
        "{tasks}"
    );
    disconnected(stack);
}
