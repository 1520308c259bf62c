//! A method that a gateway keeps for a patient, as it is answered.

use crate::flows::patients::Kept;
use serde_json::{Value, json};

pub fn view(kept: &Kept) -> Value {
    let method = &kept.method;
    json!({
        "id": kept.id(),
        "default": kept.chosen,
        "later_charges": kept.later_charges,
        "gateway": method.gateway,
        "token": method.token,
        "customer": method.customer,
        "label": method.label,
    })
}
