//! A completed session is billed and paid; a failure is told at once; staff charge a walk-in.

use crate::clinic::*;
use crate::contracts::alone;
use meridian_stack::unique;
use serde_json::json;

#[test]
fn a_completed_session_charges_the_card_on_file_and_the_patient_has_one_receipt_everywhere() {
    let (stack, _alone) = alone();
    let patient = patient(stack);
    keep_card(stack, &patient, "pm_card_visa");
    let appointment = unique("A");
    let body = json!({
        "id": appointment,
        "patient": patient,
        "starts_at": "2026-11-20T09:00:00Z",
        "lines": lines(),
    });
    let made = stack.post("/v1/appointments", &body);
    assert!(matches!(made.status, 200 | 201), "{}", made.text);
    let path = format!("/v1/appointments/{appointment}/complete");
    let completed = stack.post(&path, &json!({})).expect(202);
    // A second system reports the same completion.
    stack.post(&path, &json!({})).expect(202);
    stack.quiet();

    let case = completed["invoice"]
        .as_str()
        .expect("the invoice's id")
        .to_owned();
    let invoice = read_invoice(stack, &case);
    assert_eq!(invoice["status"], "paid", "{invoice}");
    let listed = stack.get(&format!("/v1/invoices?appointment={appointment}"));
    assert_eq!(listed.expect(200)["invoices"][0]["id"], case);
    assert_eq!(invoice["tax"]["amount"], "5.45");
    assert_eq!(invoice["total"]["amount"], "60.00");
    books_hold(stack, &case);
    let charges: Vec<_> = stack
        .calls("stripe")
        .into_iter()
        .filter(|call| {
            call["method"] == "POST"
                && call["path"]
                    .as_str()
                    .is_some_and(|p| p.ends_with("/v1/payment_intents"))
                && call.to_string().contains(&case)
        })
        .collect();
    assert_eq!(charges.len(), 1, "{charges:?}");

    let receipt = &invoice["receipts"][0];
    let number = receipt["number"].as_str().expect("a receipt");
    assert_eq!(messages(stack, "mailgun", number).len(), 1);
    assert_eq!(messages(stack, "twilio", number).len(), 1);
    assert_eq!(
        messages(stack, "slack", invoice["number"].as_str().unwrap()).len(),
        1
    );
    let page = stack.send("GET", receipt["url"].as_str().unwrap(), &[], b"");
    assert_eq!(page.status, 200);
    assert!(page.text.contains(number) && page.text.contains("Initial visit"));
    let again = stack.send("GET", receipt["url"].as_str().unwrap(), &[], b"");
    assert_eq!(page.text, again.text);
    // The invoice's page names it too.
    let page = stack.send("GET", invoice["page_url"].as_str().unwrap(), &[], b"");
    assert!(page.text.contains(number), "{}", page.text);
    // Nobody but the receipt's page names the service.
    for vendor in stack.gateways.iter().chain(&stack.systems) {
        for call in stack.calls(vendor) {
            assert!(
                !call.to_string().contains("Initial visit"),
                "{vendor}: {call}"
            );
        }
    }
}

#[test]
fn an_invoice_without_a_card_opens_the_gateways_page_and_is_paid_there() {
    let (stack, _alone) = alone();
    for gateway in stack.gateways.iter().map(String::as_str) {
        let patient = patient(stack);
        let invoice = invoice(stack, &patient, "checkout", gateway);
        let case = id(&invoice);
        assert_eq!(invoice["status"], "open");
        let page = checkout(stack, &case);
        // What the patient is sent is ours, and leads there when they press Pay.
        let ours = mailed_page(stack, invoice["number"].as_str().expect("a number"));
        let shown = stack.send("GET", &ours, &[], b"");
        assert!(
            shown.status == 200 && shown.text.contains("Pay <"),
            "{}",
            shown.text
        );
        // Where what leads there holds for minutes, each press asks for it anew.
        let place = |page: &str| page.split("payment?token=").next().map(String::from);
        assert_eq!(place(&led_to(stack, &ours)), place(&page), "{gateway}");
        pay_on_page(stack, gateway, &page);
        stack.quiet();
        if gateway == "gocardless" {
            // A debit takes its days.
            assert_eq!(read_invoice(stack, &case)["status"], "open");
            stack.advance(6 * 86_400);
            stack.quiet();
        }
        let paid = read_invoice(stack, &case);
        assert_eq!(paid["status"], "paid", "{gateway}: {paid}");
        books_hold(stack, &case);
        let number = paid["receipts"][0]["number"].as_str().expect("a receipt");
        assert_eq!(messages(stack, "mailgun", number).len(), 1, "{gateway}");
    }
}

#[test]
fn a_page_that_ran_out_is_opened_anew_and_who_pays_on_two_of_them_pays_once() {
    let (stack, _alone) = alone();
    let gateway = "authorizenet";
    let patient = patient(stack);
    let made = invoice(stack, &patient, "checkout", gateway);
    let case = id(&made);
    let first = checkout(stack, &case);
    let ours = mailed_page(stack, made["number"].as_str().expect("a number"));
    // A quarter of an hour later the first one leads nowhere; ours does.
    stack.advance(16 * 60);
    let pages = [led_to(stack, &ours), led_to(stack, &ours)];
    assert!(!pages.contains(&first));
    for page in &pages {
        pay_on_page(stack, gateway, page);
    }
    stack.quiet();
    let paid = read_invoice(stack, &case);
    let stands = (&paid["status"], &paid["refunded"]["amount"]);
    assert_eq!(stands, (&json!("paid"), &json!("0.00")), "{paid}");
    assert_eq!(paid["payments"].as_array().map(Vec::len), Some(1), "{paid}");
    books_hold(stack, &case);
    let shown = stack.send("GET", &ours, &[], b"");
    assert!(!shown.text.contains("Pay <"), "{}", shown.text);
}

#[test]
fn a_method_kept_on_the_page_is_charged_for_the_next_invoice() {
    let (stack, _alone) = alone();
    for gateway in stack.gateways.iter().map(String::as_str) {
        let patient = patient(stack);
        let first = id(&invoice(stack, &patient, "checkout", gateway));
        pay_on_page(stack, gateway, &checkout(stack, &first));
        stack.quiet();
        let next = id(&invoice(stack, &patient, "saved_method", gateway));
        stack.quiet();
        if gateway == "gocardless" {
            stack.advance(6 * 86_400);
            stack.quiet();
        }
        let read = read_invoice(stack, &next);
        assert_eq!(read["status"], "paid", "{gateway}: {read}");
        assert!(read["checkout_url"].is_null(), "{gateway}: {read}");
    }
}

#[test]
fn a_declined_charge_tells_patient_and_staff_at_once_and_is_tried_again_on_its_day() {
    let (stack, _alone) = alone();
    let patient = patient(stack);
    keep_card(stack, &patient, "pm_card_insufficient_funds");
    let told = || ["mailgun", "twilio"].map(|to| messages(stack, to, "did not go through").len());
    let before = told();
    let made = invoice(stack, &patient, "saved_method", "stripe");
    let (case, number) = (id(&made), made["number"].as_str().unwrap().to_owned());
    stack.quiet();
    let read = read_invoice(stack, &case);
    assert_eq!(read["status"], "open");
    assert_eq!(read["payments"][0]["state"], "declined", "{read}");
    assert_eq!(told(), before.map(|count| count + 1));
    assert_eq!(messages(stack, "slack", &number).len(), 1);
    // Since then the account was topped up.
    keep_card(stack, &patient, "pm_card_visa");
    stack.advance(3 * 86_400 + 60);
    stack.quiet();
    let read = read_invoice(stack, &case);
    assert_eq!(read["payments"].as_array().map(Vec::len), Some(2), "{read}");
    books_hold(stack, &case);
}

#[test]
fn staff_charge_a_walk_in_without_an_appointment_or_a_patient() {
    let (stack, _alone) = alone();
    let charged = stack
        .post("/v1/charges", &json!({ "lines": lines() }))
        .expect(202);
    let case = charged["invoice"]
        .as_str()
        .or(charged["case"].as_str())
        .expect("its invoice");
    let page = checkout(stack, case);
    pay_on_page(stack, "stripe", &page);
    stack.quiet();
    assert_eq!(read_invoice(stack, case)["status"], "paid");
    books_hold(stack, case);
}

#[test]
fn the_same_request_gets_the_same_answer_and_another_one_under_its_key_is_refused() {
    let (stack, _alone) = alone();
    let (key, patient) = (unique("once"), patient(stack));
    let body = json!({ "patient": patient, "collect": "later", "lines": lines() });
    let first = stack.post_as("/v1/invoices", &body, &key);
    let again = stack.post_as("/v1/invoices", &body, &key);
    assert_eq!((first.status, &first.text), (again.status, &again.text));
    assert_eq!(first.status, 201);
    let other = json!({ "patient": patient, "collect": "checkout", "lines": lines() });
    let refused = stack.post_as("/v1/invoices", &other, &key);
    assert_eq!(refused.status, 422, "{}", refused.text);
    assert_eq!(
        refused.header("content-type"),
        Some("application/problem+json")
    );
}

#[test]
fn a_completed_session_whose_message_was_lost_is_invoiced_within_minutes() {
    let (stack, _alone) = alone();
    let patient = patient(stack);
    let appointment = unique("A");
    let body = json!({
        "id": appointment,
        "patient": patient,
        "starts_at": "2026-11-20T09:00:00Z",
        "lines": lines(),
    });
    let made = stack.post("/v1/appointments", &body);
    assert!(matches!(made.status, 200 | 201), "{}", made.text);
    stack.faults(&json!({ "aws": [
        { "function": "clinic-api", "operation": "SendMessage", "action": "throttle" },
    ] }));
    let path = format!("/v1/appointments/{appointment}/complete");
    let completed = stack.post(&path, &json!({})).expect(202);
    stack.faults(&json!({}));
    let case = completed["invoice"].as_str().expect("the invoice's id");
    assert_eq!(stack.get(&format!("/v1/invoices/{case}")).status, 404);
    stack.advance(120);
    stack.quiet();
    assert_eq!(read_invoice(stack, case)["status"], "open");
}
