//! What signs messages by a key whose certificate chains to a root.

use crate::wire::{Call, Reply};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};

pub struct Signer {
    /// Where its certificates are fetched.
    pub address: &'static str,
    /// PKCS #8, DER.
    pub key: &'static [u8],
    /// The certificates as PEM: the signer's own, and the root's.
    pub own: &'static str,
    pub root: &'static str,
}

impl Signer {
    /// Answers who fetches certificates: the signer's own, then the root's.
    pub fn fetched(&self, call: &Call) -> Reply {
        let chain = format!("{}{}", self.own, self.root);
        match self.address.ends_with(&call.path) {
            true => Reply::of(200, "application/x-pem-file", chain),
            false => Reply::of(404, "text/plain", ""),
        }
    }

    /// RSA with SHA-256 (PKCS #1), in Base64.
    pub fn sign(&self, message: &[u8]) -> String {
        let key = RsaKeyPair::from_pkcs8(self.key).expect("the test key was made by openssl");
        let mut proof = vec![0; key.public().modulus_len()];
        let signed = key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut proof);
        signed.expect("signing needs nothing but memory");
        BASE64.encode(proof)
    }
}
