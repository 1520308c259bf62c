//! How QuickBooks signs: one code over the whole body.

use crate::contract::*;

pub static DOORS: &[&Door] = &[&DOOR];

pub static DOOR: Door = Door {
    source: "quickbooks",
    vendor: "quickbooks",
    proofs: &[Proof::Hmac(Code {
        given: Given::Header("intuit-signature"),
        secret: "verifier_token",
        key: KeyBytes::Text,
        algorithm: Algorithm::Sha256,
        signed: body_in_base64,
        tolerance: None,
    })],
    keeps: &[],
    refused: 401,
    answer: ok,
    challenge: None,
};
