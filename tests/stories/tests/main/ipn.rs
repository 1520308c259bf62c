//! PayPal's older notification: unsigned, and believed once PayPal says that it sent it.

use crate::clinic::*;
use crate::contracts::alone;
use crate::post::{HeldBack, deliver};
use serde_json::json;

#[test]
fn a_refund_told_by_ipn_is_mirrored_and_a_forged_one_changes_nothing() {
    let (stack, _alone) = alone();
    let case = id(&invoice(stack, &patient(stack), "checkout", "paypal"));
    pay_on_page(stack, "paypal", &checkout(stack, &case));
    stack.quiet();
    let paid = read_invoice(stack, &case);
    assert_eq!(paid["status"], "paid", "{paid}");
    let capture = paid["payments"][0]["gateway_ref"].as_str().expect("an id");

    // From here on only the IPN tells of it.
    let held = HeldBack::at(stack, &["paypal"]);
    let amount = json!({ "amount": 1250 });
    let refund = stack.at_vendor("paypal", &format!("refund/{capture}"), &amount);
    stack.at_vendor("paypal", &format!("ipn/{}", id(&refund)), &json!({}));
    let told = held.of("paypal");
    let ipn = told
        .iter()
        .find(|webhook| webhook.url.ends_with("/paypal-ipn"))
        .unwrap_or_else(|| panic!("no IPN among {told:?}"));

    let mut forged = ipn.clone();
    let body = String::from_utf8(forged.body).expect("a form");
    assert!(body.contains("-12.50"), "{body}");
    forged.body = body.replace("-12.50", "-52.50").into_bytes();
    // Who sent it is asked later: the answer tells a forger nothing.
    assert_eq!(deliver(stack, &forged).status, 200);
    stack.quiet();
    assert_eq!(read_invoice(stack, &case), paid);

    assert_eq!(deliver(stack, ipn).status, 200);
    assert_eq!(deliver(stack, ipn).status, 200);
    stack.quiet();
    let read = read_invoice(stack, &case);
    assert_eq!(read["refunded"]["amount"], "12.50", "{read}");
    assert_eq!(read["refundable"]["amount"], "47.50");
    books_hold(stack, &case);
    // Mirrored, never sent.
    let sent = stack.calls("paypal");
    let refunds = sent.iter().filter(|call| {
        let path = call["path"].as_str().unwrap_or_default();
        path.contains(capture) && path.ends_with("/refund")
    });
    assert_eq!(refunds.count(), 0);
}
