//! How Adyen signs: each item of a batch carries a code over eight of its values. Nothing else of an
//! item is proven.

use crate::contract::*;
use serde_json::Value;

pub static DOORS: &[&Door] = &[&DOOR];

pub static DOOR: Door = Door {
    source: "adyen",
    vendor: "adyen",
    proofs: &[Proof::EachItem(Code {
        given: Given::Body,
        secret: "hmac_key",
        key: KeyBytes::Hex,
        algorithm: Algorithm::Sha256,
        signed,
        tolerance: None,
    })],
    keeps: &[],
    refused: 401,
    // Older accounts want the word; a 2xx is enough for the others.
    answer: |_, _| Answer::of(200, "[accepted]"),
    challenge: None,
};

const COVERED: [&str; 8] = [
    "/pspReference",
    "/originalReference",
    "/merchantAccountCode",
    "/merchantReference",
    "/amount/value",
    "/amount/currency",
    "/eventCode",
    "/success",
];

/// The items of a batch, in their order; one that cannot be read keeps its place.
pub fn items(body: &[u8]) -> Vec<Value> {
    let whole: Value = serde_json::from_slice(body).unwrap_or_default();
    let all = whole["notificationItems"].as_array().into_iter().flatten();
    all.map(|item| item["NotificationRequestItem"].clone())
        .collect()
}

/// The values as they stand, parted by colons; one that is missing is empty.
fn signed(delivery: &Delivery, _: &str) -> Vec<Signed> {
    let one = |item: Value| {
        let text = |place: &str| match item.pointer(place) {
            Some(Value::String(text)) => text.clone(),
            Some(Value::Number(number)) => number.to_string(),
            _ => String::new(),
        };
        let code = from_base64(&text("/additionalData/hmacSignature"));
        Signed {
            codes: code.into_iter().collect(),
            message: COVERED.map(text).join(":").into_bytes(),
            at: None,
        }
    };
    items(&delivery.body).into_iter().map(one).collect()
}
