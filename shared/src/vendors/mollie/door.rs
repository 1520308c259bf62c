//! How Mollie signs, where signed webhooks are set up; classic ones carry an id and no proof.

use crate::contract::*;

pub static DOORS: &[&Door] = &[&DOOR];

pub static DOOR: Door = Door {
    source: "mollie",
    vendor: "mollie",
    proofs: &[SIGNED, Proof::FetchBack],
    keeps: &[],
    refused: 401,
    answer: ok,
    challenge: None,
};

/// Hex over the whole body, with or without `sha256=`; two of them while a secret is rotated.
/// Source: the official PHP client library.
const SIGNED: Proof = Proof::Hmac(Code {
    given: Given::Header("x-mollie-signature"),
    secret: "webhook_secret",
    key: KeyBytes::Text,
    algorithm: Algorithm::Sha256,
    signed: body_in_hex,
    tolerance: None,
});
