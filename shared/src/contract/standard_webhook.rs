//! Standard Webhooks as their sender makes them: which text is a key, and what a message is signed
//! with. Facts: github.com/standard-webhooks/standard-webhooks, spec/standard-webhooks.md, 1.0.0.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// The header of a message's id, which stays the same over its repeats.
pub const ID: &str = "webhook-id";
/// The header of the second of the epoch in which it is sent.
pub const TIMESTAMP: &str = "webhook-timestamp";
/// The header of its signatures, a blank between two.
pub const SIGNATURE: &str = "webhook-signature";

const PREFIX: &str = "whsec_";
/// The least and the most that a key may have, in bytes.
const LENGTHS: std::ops::RangeInclusive<usize> = 24..=64;

/// The bytes that `whsec_…` spells; `None` where it is no key of 24 to 64 bytes.
pub fn key(text: &str) -> Option<Vec<u8>> {
    let bytes = BASE64_STANDARD.decode(text.strip_prefix(PREFIX)?).ok()?;
    LENGTHS.contains(&bytes.len()).then_some(bytes)
}

/// Why a text is no key, for who typed it.
pub fn misfit(text: &str) -> Option<String> {
    let why = "whsec_ and the base64 of 24 to 64 random bytes, as `openssl rand -base64 32` makes \
               them";
    key(text).is_none().then(|| why.into())
}

/// The header's value: one signature for each key. `None` where there is none, or one is no key.
pub fn signatures(keys: &[&str], id: &str, second: i64, body: &str) -> Option<String> {
    let signed = format!("{id}.{second}.{body}");
    let one = |text: &&str| {
        let mac = Hmac::<Sha256>::new_from_slice(&key(text)?).ok()?;
        let code = mac.chain_update(&signed).finalize().into_bytes();
        Some(format!("v1,{}", BASE64_STANDARD.encode(code)))
    };
    let all = keys.iter().map(one).collect::<Option<Vec<_>>>()?;
    (!all.is_empty()).then(|| all.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_its_prefix_and_the_base64_of_24_to_64_bytes() {
        let of = |length: usize| format!("whsec_{}", BASE64_STANDARD.encode(vec![7; length]));
        for (length, fits) in [(0, false), (23, false), (24, true), (64, true), (65, false)] {
            assert_eq!(key(&of(length)).is_some(), fits, "{length}");
            assert_eq!(misfit(&of(length)).is_none(), fits, "{length}");
        }
        assert_eq!(key(&of(32)), Some(vec![7; 32]));
        for odd in [
            of(32).replace("whsec_", ""),
            of(32).replace("whsec_", "whsk_"),
            format!("{} ", of(32)),
            of(32).trim_end_matches('=').into(),
            "whsec_not base64".into(),
        ] {
            assert_eq!(key(&odd), None, "{odd:?}");
        }
    }

    /// The sum is made here a second time, of the text alone.
    #[test]
    fn a_message_is_signed_over_its_id_its_second_and_its_bytes_by_every_key() {
        let (first, second) = ([1; 24], [2; 32]);
        let text = |bytes: &[u8]| format!("whsec_{}", BASE64_STANDARD.encode(bytes));
        let code = |bytes: &[u8]| {
            let mac = Hmac::<Sha256>::new_from_slice(bytes).expect("any length");
            let mac = mac.chain_update(b"msg_1.1700000000.{\"a\":1}");
            format!("v1,{}", BASE64_STANDARD.encode(mac.finalize().into_bytes()))
        };
        let keys = [text(&first), text(&second)];
        let keys: Vec<_> = keys.iter().map(String::as_str).collect();
        let signed = |keys: &[&str]| signatures(keys, "msg_1", 1_700_000_000, "{\"a\":1}");
        assert_eq!(signed(&keys[..1]), Some(code(&first)));
        let both = format!("{} {}", code(&first), code(&second));
        assert_eq!(signed(&keys), Some(both));
        assert_eq!(signed(&[]), None);
        assert_eq!(signed(&[keys[0], "whsec_short"]), None);
    }
}
