//! Refunds: previewed, executed once, confirmed, mirrored from the gateway's dashboard.

use crate::clinic::*;
use crate::contracts::alone;
use crate::setup::secret;
use meridian_stack::{Stack, unique};
use serde_json::{Value, json};

/// A paid invoice of 60.00: its case.
fn paid(stack: &Stack) -> String {
    let patient = patient(stack);
    keep_card(stack, &patient, "pm_card_visa");
    let case = id(&invoice(stack, &patient, "saved_method", "stripe"));
    stack.quiet();
    assert_eq!(read_invoice(stack, &case)["status"], "paid");
    case
}

fn refunds_sent(stack: &Stack, case: &str) -> Vec<Value> {
    let sent = |call: &Value| {
        call["method"] == "POST"
            && call["path"]
                .as_str()
                .is_some_and(|path| path.ends_with("/v1/refunds"))
            && call.to_string().contains(case)
    };
    stack.calls("stripe").into_iter().filter(sent).collect()
}

#[test]
fn a_refund_is_previewed_then_executed_and_everybody_hears_of_it_once() {
    let (stack, _alone) = alone();
    let case = paid(stack);
    let wanted = json!({ "invoice": case, "amount": { "amount": "22.50", "currency": "EUR" } });
    let preview = stack.post("/v1/refunds?preview=true", &wanted).expect(200);
    assert_eq!(
        preview["parts"][0]["amount"]["amount"], "22.50",
        "{preview}"
    );
    assert!(refunds_sent(stack, &case).is_empty());

    stack.post("/v1/refunds", &wanted).expect(202);
    stack.quiet();
    let invoice = read_invoice(stack, &case);
    assert_eq!(invoice["refunded"]["amount"], "22.50", "{invoice}");
    assert_eq!(invoice["refundable"]["amount"], "37.50");
    assert_eq!(refunds_sent(stack, &case).len(), 1);
    books_hold(stack, &case);
    let receipts = invoice["receipts"].as_array().expect("receipts");
    assert_eq!(receipts.len(), 2, "{invoice}");
    let number = receipts.iter().find_map(|r| {
        r["number"]
            .as_str()
            .filter(|number| number.matches('-').count() == 2)
    });
    let number = number.expect("the receipt of the refund");
    assert_eq!(messages(stack, "mailgun", number).len(), 1);
    let credit = stack.calls("xero").into_iter().filter(|call| {
        call["path"]
            .as_str()
            .is_some_and(|path| path.contains("/CreditNotes"))
            && call
                .to_string()
                .contains(invoice["number"].as_str().unwrap())
    });
    assert!(credit.count() >= 1);
}

#[test]
fn a_refund_made_in_the_gateways_dashboard_is_mirrored_and_nothing_is_sent_back() {
    let (stack, _alone) = alone();
    let case = paid(stack);
    let intent = read_invoice(stack, &case)["payments"][0]["gateway_ref"]
        .as_str()
        .expect("the gateway's id")
        .to_owned();
    stack.at_vendor(
        "stripe",
        &format!("refund/{intent}"),
        &json!({ "amount": 2000 }),
    );
    stack.quiet();
    let invoice = read_invoice(stack, &case);
    assert_eq!(invoice["refunded"]["amount"], "20.00", "{invoice}");
    assert!(refunds_sent(stack, &case).is_empty());
    books_hold(stack, &case);
}

#[test]
fn of_two_refunds_of_more_than_half_at_once_one_is_accepted() {
    let (stack, _alone) = alone();
    let case = paid(stack);
    let wanted = json!({ "invoice": case, "amount": { "amount": "36.00", "currency": "EUR" } });
    let both: Vec<_> = std::thread::scope(|scope| {
        let one = || stack.post_as("/v1/refunds", &wanted, &unique("refund"));
        let running: Vec<_> = (0..2).map(|_| scope.spawn(one)).collect();
        running
            .into_iter()
            .map(|one| one.join().expect("an answer"))
            .collect()
    });
    let refused: Vec<_> = both.iter().filter(|answer| answer.status == 409).collect();
    assert_eq!(refused.len(), 1, "{both:?}");
    assert_eq!(
        refused[0].json()["refundable"]["amount"],
        "24.00",
        "{}",
        refused[0].text
    );
    stack.quiet();
    assert_eq!(read_invoice(stack, &case)["refunded"]["amount"], "36.00");
    assert_eq!(refunds_sent(stack, &case).len(), 1);
    books_hold(stack, &case);
}

#[test]
fn a_repeated_request_for_a_refund_is_not_a_second_one() {
    let (stack, _alone) = alone();
    let case = paid(stack);
    let wanted = json!({ "invoice": case, "amount": { "amount": "40.00", "currency": "EUR" } });
    let key = unique("refund");
    let first = stack.post_as("/v1/refunds", &wanted, &key);
    let again = stack.post_as("/v1/refunds", &wanted, &key);
    assert_eq!(first.status, 202, "{}", first.text);
    assert_eq!((first.status, first.text), (again.status, again.text));
    stack.quiet();
    assert_eq!(refunds_sent(stack, &case).len(), 1);
}

/// Stripe's key as the clinic has it configured, from now on.
fn keyed(stack: &Stack, key: &Value) {
    let fields = json!({ "fields": { "secret_key": key } });
    let put = stack.call("PUT", "/v1/integrations/stripe", &fields, &unique("key"));
    assert_eq!(put.status, 200, "{}", put.text);
    stack.control("DELETE", "instances", &Value::Null);
}

#[test]
fn refunds_that_wait_for_a_gateways_key_go_out_together_once_it_is_accepted() {
    let (stack, _alone) = alone();
    let cases = [paid(stack), paid(stack)];
    let own = secret(stack, "meridian/demo/gateway/stripe");
    keyed(stack, &json!("sk_test_revoked"));
    for case in &cases {
        let wanted = json!({ "invoice": case });
        stack.post("/v1/refunds", &wanted).expect(202);
        stack.quiet();
        // Their next tries are not due at the same moment.
        stack.advance(60);
    }
    let refunded = |case: &String| read_invoice(stack, case)["refunded"]["amount"].clone();
    let before = cases.each_ref().map(refunded);
    keyed(stack, &own["secret_key"]);
    stack.advance(1800);
    stack.quiet();
    assert_eq!(before, ["0.00", "0.00"]);
    for case in &cases {
        assert_eq!(refunded(case), "60.00");
        books_hold(stack, case);
    }
}
