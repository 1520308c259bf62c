//! How GoCardless signs: a code in hex over the whole body. A proof that does not hold is answered 498,
//! by which it tells a wrong secret from a fault.

use crate::contract::*;

pub static DOORS: &[&Door] = &[&DOOR];

pub static DOOR: Door = Door {
    source: "gocardless",
    vendor: "gocardless",
    proofs: &[Proof::Hmac(Code {
        given: Given::Header("webhook-signature"),
        secret: "webhook_secret",
        key: KeyBytes::Text,
        algorithm: Algorithm::Sha256,
        signed: body_in_hex,
        tolerance: None,
    })],
    keeps: &[],
    refused: 498,
    answer: |_, _| Answer::of(204, ""),
    challenge: None,
};
