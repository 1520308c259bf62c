//! What goes on after it seemed to have ended: a second approval, a debit that is collected again,
//! a page that nobody used, a refund that another one overtook, an outage.

use crate::clinic::*;
use crate::contracts::alone;
use crate::post::{HeldBack, deliver, now};
use meridian_stack::{Stack, unique};
use serde_json::{Value, json};

const DAY: i64 = 86_400;

fn payment_at(stack: &Stack, case: &str) -> String {
    let read = read_invoice(stack, case);
    let found = read["payments"][0]["gateway_ref"].as_str();
    found
        .unwrap_or_else(|| panic!("no payment at the gateway: {read}"))
        .to_owned()
}

/// Calls that would take money, as the vendor got them.
fn taken(stack: &Stack, vendor: &str, part: &str) -> usize {
    let asks = |call: &&Value| {
        let path = call["path"].as_str().unwrap_or_default();
        call["method"] == "POST" && path.contains(part)
    };
    stack.calls(vendor).iter().filter(asks).count()
}

#[test]
fn who_was_declined_at_paypal_and_approves_another_way_to_pay_has_paid() {
    let (stack, _alone) = alone();
    let case = id(&invoice(stack, &patient(stack), "checkout", "paypal"));
    let page = checkout(stack, &case);
    let order = page.split_once("token=").expect("an order").1.to_owned();
    let approve = |outcome: &str| {
        stack.at_vendor(
            "paypal",
            &format!("pay/{order}"),
            &json!({ "outcome": outcome }),
        );
        stack.quiet();
        read_invoice(stack, &case)
    };
    let declined = approve("declined");
    assert_eq!(declined["payments"][0]["state"], "declined", "{declined}");
    assert_eq!(declined["checkout_url"], json!(page), "{declined}");
    let paid = approve("paid");
    assert_eq!(paid["status"], "paid", "{paid}");
    assert_eq!(paid["payments"].as_array().map(Vec::len), Some(1), "{paid}");
    books_hold(stack, &case);
}

#[test]
fn a_debit_that_staff_collect_again_at_the_gateway_is_not_charged_again_by_us() {
    let (stack, _alone) = alone();
    let patient = patient(stack);
    let first = id(&invoice(stack, &patient, "checkout", "gocardless"));
    pay_on_page(stack, "gocardless", &checkout(stack, &first));
    stack.quiet();
    stack.advance(6 * DAY);
    let case = id(&invoice(stack, &patient, "saved_method", "gocardless"));
    stack.quiet();
    let payment = payment_at(stack, &case);
    stack.at_vendor(
        "gocardless",
        &format!("fail/{payment}"),
        &json!({ "cause": "insufficient_funds" }),
    );
    stack.quiet();
    let declined = read_invoice(stack, &case);
    assert_eq!(declined["payments"][0]["state"], "declined", "{declined}");
    let before = taken(stack, "gocardless", "/payments");

    let retry = format!(
        "{}/gocardless/payments/{payment}/actions/retry",
        stack.vendors
    );
    let headers = [
        ("authorization", "Bearer sandbox_demo"),
        ("gocardless-version", "2015-07-06"),
        ("content-type", "application/json"),
    ];
    stack.send("POST", &retry, &headers, b"{}").expect(200);
    stack.quiet();
    let again = read_invoice(stack, &case);
    assert_eq!(again["payments"][0]["state"], "pending", "{again}");
    stack.advance(20 * DAY);
    stack.quiet();
    let paid = read_invoice(stack, &case);
    assert_eq!(paid["status"], "paid", "{paid}");
    assert_eq!(paid["payments"].as_array().map(Vec::len), Some(1), "{paid}");
    // The retry at the gateway was the only further debit.
    assert_eq!(taken(stack, "gocardless", "/payments"), before, "{paid}");
    books_hold(stack, &case);
}

#[test]
fn an_invoice_whose_page_was_abandoned_can_be_paid_another_way() {
    let (stack, _alone) = alone();
    for gateway in ["paypal", "gocardless"] {
        let patient = patient(stack);
        keep_card(stack, &patient, "pm_card_visa");
        let case = id(&invoice(stack, &patient, "checkout", gateway));
        checkout(stack, &case);
        stack.advance(9 * DAY);
        stack.quiet();
        let over = read_invoice(stack, &case);
        assert_eq!(over["payments"][0]["state"], "expired", "{gateway}: {over}");
        assert_eq!(over["checkout_url"], Value::Null, "{gateway}: {over}");
        let path = format!("/v1/invoices/{case}/charges");
        stack.post(&path, &json!({ "method": "saved" })).expect(202);
        stack.quiet();
        assert_eq!(read_invoice(stack, &case)["status"], "paid", "{gateway}");
        books_hold(stack, &case);
    }
}

#[test]
fn a_page_that_another_way_to_pay_took_the_place_of_brings_nothing_any_more() {
    let (stack, _alone) = alone();
    for gateway in stack.gateways.iter().map(String::as_str) {
        let patient = patient(stack);
        keep_card(stack, &patient, "pm_card_visa");
        let case = id(&invoice(stack, &patient, "checkout", gateway));
        let page = checkout(stack, &case);
        let visit = |outcome: &str| {
            let form = [("content-type", "application/x-www-form-urlencoded")];
            let chosen = format!("outcome={outcome}");
            stack.send("POST", &page, &form, chosen.as_bytes()).status
        };
        if gateway == "stripe" {
            visit("declined");
            stack.quiet();
            let declined = read_invoice(stack, &case);
            assert_eq!(declined["payments"][0]["state"], "declined", "{declined}");
        }
        let path = format!("/v1/invoices/{case}/charges");
        stack.post(&path, &json!({ "method": "saved" })).expect(202);
        stack.quiet();
        let paid = read_invoice(stack, &case);
        assert_eq!(paid["status"], "paid", "{gateway}: {paid}");
        assert_eq!(paid["checkout_url"], Value::Null, "{gateway}: {paid}");
        // The payer's old tab: where the page is still there, what is approved is not taken.
        let status = visit("paid");
        let ends = !["paypal", "authorizenet"].contains(&gateway);
        assert_eq!(status >= 400, ends, "{gateway}: {status}");
        stack.quiet();
        let after = read_invoice(stack, &case);
        // Where a page takes the money itself and cannot be ended, that goes back once, by itself.
        let (back, times) = match gateway {
            "authorizenet" => ("60.00", 1),
            _ => ("0.00", 0),
        };
        assert_eq!(after["refunded"]["amount"], back, "{gateway}: {after}");
        let refunds = after["refunds"].as_array().map(Vec::len);
        assert_eq!(refunds, Some(times), "{gateway}: {after}");
        assert_eq!(after["status"], "paid", "{gateway}: {after}");
        books_hold(stack, &case);
        let mails = messages(stack, "mailgun", "did not go through");
        let number = after["number"].as_str().expect("a number");
        let failed = mails
            .iter()
            .filter(|mail| mail.to_string().contains(number));
        assert_eq!(
            failed.count(),
            0,
            "{gateway}: nobody hears of a decline that is over"
        );
    }
}

#[test]
fn a_refund_that_another_one_in_the_dashboard_overtook_is_built_anew_and_made_once() {
    let (stack, _alone) = alone();
    let case = id(&invoice(stack, &patient(stack), "checkout", "gocardless"));
    pay_on_page(stack, "gocardless", &checkout(stack, &case));
    stack.quiet();
    stack.advance(6 * DAY);
    stack.quiet();
    let payment = payment_at(stack, &case);
    {
        // Nobody tells us of it before our own is sent.
        let _held = HeldBack::at(stack, &["gocardless"]);
        stack.at_vendor(
            "gocardless",
            &format!("refund/{payment}"),
            &json!({ "amount": 700 }),
        );
        let amount = json!({ "amount": "20.00", "currency": "EUR" });
        let wanted = json!({ "invoice": case, "amount": amount });
        stack.post("/v1/refunds", &wanted).expect(202);
        stack.quiet();
    }
    stack.advance(600);
    stack.quiet();
    let read = read_invoice(stack, &case);
    let mut amounts: Vec<_> = read["refunds"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|refund| refund["amount"]["amount"].clone())
        .collect();
    amounts.sort_by_key(Value::to_string);
    assert_eq!(amounts, [json!("20.00"), json!("7.00")], "{read}");
    assert_eq!(read["refundable"]["amount"], "33.00", "{read}");
    let made = stack.calls("gocardless").into_iter().filter(|call| {
        let path = call["path"].as_str().unwrap_or_default();
        let body = call["body"].as_str().unwrap_or_default();
        let ours = call["method"] == "POST" && path.ends_with("/refunds") && call["status"] == 201;
        ours && body.contains(&payment)
    });
    assert_eq!(made.count(), 1, "GoCardless made ours once");
    books_hold(stack, &case);
}

#[test]
fn an_outage_of_the_table_puts_no_webhook_aside() {
    let (stack, _alone) = alone();
    let patient = patient(stack);
    keep_card(stack, &patient, "pm_card_visa");
    let case = id(&invoice(stack, &patient, "saved_method", "stripe"));
    stack.quiet();
    let payment = payment_at(stack, &case);
    let quarantined = || {
        let all = stack.get("/v1/events?state=quarantined&limit=100");
        all.expect(200)["events"].as_array().map_or(0, Vec::len)
    };
    let before = quarantined();
    stack.faults(&json!({ "aws": [
        { "function": "payment-posting", "operation": "TransactWriteItems", "action": "throttle" },
    ] }));
    let part = json!({ "amount": 700 });
    stack.at_vendor("stripe", &format!("refund/{payment}"), &part);
    // Longer than a few deliveries of a message take.
    for _ in 0..6 {
        stack.advance(400);
    }
    stack.faults(&json!({}));
    let meanwhile = read_invoice(stack, &case);
    assert_eq!(meanwhile["refunded"]["amount"], "0.00", "{meanwhile}");
    stack.advance(800);
    stack.quiet();
    let read = read_invoice(stack, &case);
    assert_eq!(read["refunded"]["amount"], "7.00", "{read}");
    assert_eq!(quarantined(), before);
    books_hold(stack, &case);
}

#[test]
fn a_stranger_who_writes_our_reference_on_a_payment_pays_and_refunds_nothing_of_ours() {
    let (stack, _alone) = alone();
    let case = id(&invoice(stack, &patient(stack), "checkout", "stripe"));
    checkout(stack, &case);
    let form = [
        ("authorization", "Bearer sk_test_demo"),
        ("stripe-version", "2023-08-16"),
        ("content-type", "application/x-www-form-urlencoded"),
    ];
    let at_stripe = |path: &str, body: &str| {
        let url = format!("{}/stripe/v1/{path}", stack.vendors);
        stack.send("POST", &url, &form, body.as_bytes()).expect(200)
    };
    let body = format!(
        "amount=100&currency=eur&confirm=true&payment_method=pm_card_visa&off_session=true&payment_method_types%5B%5D=card&\
         metadata%5Breference%5D={case}-p1"
    );
    let theirs = id(&at_stripe("payment_intents", &body));
    stack.quiet();
    at_stripe("refunds", &format!("payment_intent={theirs}"));
    stack.quiet();
    stack.advance(120);
    stack.quiet();
    let read = read_invoice(stack, &case);
    assert_eq!(read["status"], "open", "{read}");
    assert_eq!(read["receipts"].as_array().map_or(0, Vec::len), 0, "{read}");
    assert_eq!(read["refunds"].as_array().map_or(0, Vec::len), 0, "{read}");
    books_hold(stack, &case);
}

#[test]
fn a_payment_that_belongs_to_no_invoice_is_one_task_however_many_events_tell_of_it() {
    let (stack, _alone) = alone();
    let tasks = || {
        let all = stack.get("/v1/tasks?limit=100").expect(200)["tasks"].clone();
        let all = all.as_array().cloned().unwrap_or_default();
        let raise_unmatched = |task: &Value| task["alert"] == "charge_without_invoice";
        all.into_iter().filter(raise_unmatched).collect::<Vec<_>>()
    };
    let before = tasks().len();
    let form = [
        ("authorization", "Bearer sk_test_demo"),
        ("stripe-version", "2023-08-16"),
        ("content-type", "application/x-www-form-urlencoded"),
    ];
    let body = "amount=2500&currency=eur&confirm=true&payment_method=pm_card_visa&\
                off_session=true&payment_method_types%5B%5D=card";
    let url = format!("{}/stripe/v1/payment_intents", stack.vendors);
    let theirs = id(&stack.send("POST", &url, &form, body.as_bytes()).expect(200));
    stack.quiet();
    // A day long its invoice may still come.
    stack.advance(2 * DAY);
    stack.quiet();
    let told = stack.get(&format!("/v1/events?gateway_ref={theirs}&limit=100"));
    let told = told.expect(200)["events"].as_array().map_or(0, Vec::len);
    assert!(told > 1, "only {told} events told of it");
    let now = tasks();
    assert_eq!(now.len(), before + 1, "{now:?}");
    let task = &now[0];
    let path = format!(
        "/v1/tasks/{}/{}/done",
        task["case"].as_str().expect("an owner"),
        task["id"].as_str().expect("an id")
    );
    stack.post(&path, &json!({})).expect(200);
    assert_eq!(tasks().len(), before);
}

#[test]
fn one_unreadable_item_of_a_batch_does_not_hold_up_the_others() {
    let (stack, _alone) = alone();
    let case = id(&invoice(stack, &patient(stack), "checkout", "gocardless"));
    pay_on_page(stack, "gocardless", &checkout(stack, &case));
    stack.quiet();
    let payment = payment_at(stack, &case);
    let held = HeldBack::at(stack, &["gocardless"]);
    stack.at_vendor("gocardless", &format!("settle/{payment}"), &json!({}));
    let told = held.of("gocardless");
    drop(held);
    let confirmed = told
        .iter()
        .find(|webhook| webhook.event.contains("confirmed"));
    let confirmed = confirmed.unwrap_or_else(|| panic!("not told: {told:?}"));
    let mut batch: Value = serde_json::from_slice(&confirmed.body).expect("JSON");
    let strange = json!({
        "id": unique("EV"),
        "created_at": "2026-11-25T10:00:00.000Z",
        "resource_type": "refunds",
        "action": "paid",
        "links": { "refund": 7 },
    });
    batch["events"]
        .as_array_mut()
        .expect("events")
        .insert(0, strange);
    let mut webhook = confirmed.clone();
    webhook.body = batch.to_string().into_bytes();
    let webhook = crate::post::signed("gocardless", "gc-demo-secret", now(stack), &webhook);
    assert!(deliver(stack, &webhook).status < 300);
    stack.quiet();
    assert_eq!(read_invoice(stack, &case)["status"], "paid");
    let aside = stack.get("/v1/events?state=quarantined&source=gocardless&limit=100");
    assert!(
        !aside.expect(200)["events"]
            .as_array()
            .is_none_or(Vec::is_empty)
    );
    books_hold(stack, &case);
}
