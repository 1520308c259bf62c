//! A dispute as it is answered.

use crate::domain::case::{Case, Payment};
use crate::domain::dispute::Dispute;
use serde_json::{Value, json};

pub fn view(case: &Case, payment: &Payment, dispute: &Dispute) -> Value {
    json!({
        "id": dispute.key(),
        "payment": payment.reference(&case.id),
        "gateway_ref": dispute.id,
        "amount": dispute.amount,
        "state": dispute.state,
    })
}
