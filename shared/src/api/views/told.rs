//! One thing of a payment's story as it is answered.

use crate::flows::story::{Kind, Told};
use serde_json::{Value, json};

pub fn view(told: &Told) -> Value {
    let kind = match told.kind {
        Kind::Event => "event",
        Kind::Entry => "entry",
        Kind::Note => "note",
        Kind::Delivery => "delivery",
        Kind::Planned => "planned",
    };
    json!({ "at": told.at, "kind": kind, "text": told.text, "cause": told.cause })
}
