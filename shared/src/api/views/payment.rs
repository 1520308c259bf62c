//! A payment as it is answered.

use crate::domain::case::{Case, Payment};
use crate::domain::decide::task_id;
use serde_json::{Value, json};

pub fn view(case: &Case, payment: &Payment) -> Value {
    let kept = payment.method.as_ref().map(|method| &method.label);
    json!({
        "id": payment.reference(&case.id),
        "invoice": case.id,
        "gateway": payment.gateway,
        "gateway_ref": payment.capture,
        "amount": payment.amount,
        "state": payment.state,
        "method": payment.paid_with.as_ref().or(kept),
        "decline": payment.decline,
        "refunded": payment.refunded(),
        "refundable": payment.refundable(),
        "checkout_url": payment.open_page().map(|page| &page.url),
        "found": case.findings.get(&task_id(payment.n, None)).map(|_| "not_paid"),
    })
}
