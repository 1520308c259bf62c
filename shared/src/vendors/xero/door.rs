//! How Xero signs: one code over the whole body. Nothing but the status may be in an answer.

use crate::contract::*;

pub static DOORS: &[&Door] = &[&DOOR];

pub static DOOR: Door = Door {
    source: "xero",
    vendor: "xero",
    proofs: &[Proof::Hmac(Code {
        given: Given::Header("x-xero-signature"),
        secret: "webhook_key",
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
