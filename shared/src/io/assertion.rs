//! What an account states about itself to be given a token, signed by RS256 (RFC 7515, RFC 7523).

use crate::contract::{Assertion, Trouble, jws};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::RSA_PKCS1_SHA256;
use serde_json::json;

/// The assertion as it is sent. A complaint about its key holds nothing of the key.
pub fn signed(assertion: &Assertion) -> Result<String, Trouble> {
    let refused = |why: &str| Trouble::Credentials(format!("the account's private key: {why}"));
    let key = jws::private_key(&assertion.key).map_err(refused)?;
    let mut head = json!({"alg": "RS256", "typ": "JWT"});
    if !assertion.key_id.is_empty() {
        head["kid"] = assertion.key_id.as_str().into();
    }
    let coded = |part: String| BASE64_URL_SAFE_NO_PAD.encode(part);
    let (head, claims) = (coded(head.to_string()), coded(assertion.claims.to_string()));
    let message = format!("{head}.{claims}");
    let mut signature = vec![0; key.public().modulus_len()];
    let random = SystemRandom::new();
    key.sign(
        &RSA_PKCS1_SHA256,
        &random,
        message.as_bytes(),
        &mut signature,
    )
    .map_err(|_| refused("it does not sign"))?;
    let signature = BASE64_URL_SAFE_NO_PAD.encode(signature);
    Ok(format!("{message}.{signature}"))
}
