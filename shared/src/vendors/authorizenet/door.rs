//! How Authorize.Net signs: the whole body under a key that looks like hex and is used as its letters.

use crate::contract::*;

pub static DOORS: &[&Door] = &[&DOOR];

pub static DOOR: Door = Door {
    source: "authorizenet",
    vendor: "authorizenet",
    proofs: &[Proof::Hmac(Code {
        given: Given::Header("x-anet-signature"),
        secret: "signature_key",
        key: KeyBytes::Text,
        algorithm: Algorithm::Sha512,
        signed: body_in_hex,
        tolerance: None,
    })],
    keeps: &[],
    refused: 401,
    answer: ok,
    challenge: None,
};
