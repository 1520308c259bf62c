//! How Stripe signs: the `Stripe-Signature` header, codes over the time, a dot and the body.

use crate::contract::*;

pub static DOORS: &[&Door] = &[&DOOR];

pub static DOOR: Door = Door {
    source: "stripe",
    vendor: "stripe",
    proofs: &[Proof::Hmac(Code {
        given: Given::Header("stripe-signature"),
        secret: "webhook_secret",
        key: KeyBytes::Text,
        algorithm: Algorithm::Sha256,
        signed,
        tolerance: Some(300),
    })],
    keeps: &[],
    refused: 401,
    answer: ok,
    challenge: None,
};

/// `t=1492774577,v1=5257a8…,v1=…`: each code covers the time, a dot and the body. From memory of
/// Stripe's guide: unverified.
fn signed(delivery: &Delivery, header: &str) -> Vec<Signed> {
    let fields = |name: &'static str| {
        let pairs = header.split(',').map(str::trim);
        pairs.filter_map(move |pair| pair.strip_prefix(name))
    };
    let codes: Vec<_> = fields("v1=").filter_map(from_hex).collect();
    let time = fields("t=").next();
    let at = time.and_then(|time| time.parse().ok());
    let (Some(time), Some(at), false) = (time, at, codes.is_empty()) else {
        return vec![];
    };
    vec![Signed {
        codes,
        message: [time.as_bytes(), b".", &delivery.body].concat(),
        at: Some(at),
    }]
}
