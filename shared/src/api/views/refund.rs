//! A refund as it is answered: what was asked for, and what became of each part.

use crate::domain::case::{Case, Payment};
use crate::domain::decide::task_id;
use crate::domain::refund::{Refund, State};
use crate::words::money::Money;
use serde_json::{Value, json};

/// A request for a refund, with what became of each part; `None` where the case has none of it.
pub fn view(case: &Case, request: &str) -> Option<Value> {
    let of_request = |r: &Refund| r.request.as_deref() == Some(request);
    let mut parts: Vec<_> = case
        .refunds()
        .filter(|(_, refund)| of_request(refund))
        .collect();
    parts.sort_by_key(|(_, refund)| refund.n);
    let states: Vec<_> = parts.iter().map(|(_, refund)| refund.state).collect();
    let state = together(&states)?;
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

/// The state of several parts together: under way while one is, failed if one failed.
fn together(states: &[State]) -> Option<State> {
    let order = [
        State::AwaitingApproval,
        State::Unknown,
        State::Executing,
        State::Requested,
        State::Failed,
        State::Succeeded,
    ];
    order.into_iter().find(|state| states.contains(state))
}
