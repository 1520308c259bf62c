//! A refund as it is answered: what was asked for, and what became of each part.

use crate::domain::case::{Case, Payment};
use crate::domain::decide::task_id;
use crate::domain::refund::{Refund, State};
use crate::flows::refunds::{PREVIEW, parts, together};
use crate::words::money::Money;
use serde_json::{Value, json};

/// A request for a refund, with what became of each part; `None` where the case has none of it.
pub fn view(case: &Case, request: &str) -> Option<Value> {
    let parts = parts(case, request);
    let state = together(case, request)?;
    let total = parts.iter().map(|(_, refund)| refund.amount.minor).sum();
    let found = |refund: &Refund| case.findings.get(&task_id(0, refund.n));
    let part = |(payment, refund): &(&Payment, &Refund)| {
        json!({
            "payment": payment.reference(&case.id),
            "gateway": payment.gateway,
            "gateway_ref": refund.id,
            "amount": refund.amount,
            "state": refund.state,
            "found": found(refund).map(|_| "not_refunded"),
        })
    };
    Some(json!({
        "id": request,
        "invoice": case.id,
        "amount": Money::new(total, case.currency),
        "state": state,
        "parts": parts.iter().map(part).collect::<Vec<_>>(),
        "reason": null,
    }))
}

/// How a refund would be taken, of the case as it would be after it.
pub fn preview(after: &Case) -> Value {
    let shown = view(after, PREVIEW).unwrap_or_default();
    let reserved = after.refunds().filter(|(_, r)| r.state.reserves());
    let going: i64 = reserved.map(|(_, r)| r.amount.minor).sum();
    json!({
        "invoice": after.id,
        "amount": shown["amount"],
        "parts": shown["parts"],
        "needs_approval": shown["state"] == json!(State::AwaitingApproval),
        "stays": Money::new(after.paid().minor - going, after.currency),
        "refundable_after": after.refundable(),
    })
}
