//! JSON web signatures by RS256: detached ones over a body (RFC 7515, appendix F), and what an
//! assertion is signed with.

use super::door::JwsPart;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, RsaKeyPair, RsaPublicKeyComponents};
use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::pem::PemObject;
use serde_json::Value;

/// A private RSA key of its PEM (PKCS#8 or PKCS#1); the complaint holds nothing of it.
pub fn private_key(pem: &str) -> Result<RsaKeyPair, &'static str> {
    let der = PrivateKeyDer::from_pem_slice(pem.as_bytes());
    let key = match der.map_err(|_| "it is no private key as PEM")? {
        PrivateKeyDer::Pkcs8(der) => RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()),
        PrivateKeyDer::Pkcs1(der) => RsaKeyPair::from_der(der.secret_pkcs1_der()),
        _ => return Err("it is no RSA key"),
    };
    key.map_err(|_| "it is no RSA key of 2048 to 4096 bits that can sign")
}

/// Whether one of these signatures over the body is by one of the keys of a JWK set.
pub fn holds(parts: &[JwsPart], body: &[u8], keys: &str) -> bool {
    let (body, keys) = (BASE64_URL_SAFE_NO_PAD.encode(body), jwk_set(keys));
    parts.iter().any(|part| {
        let message = format!("{}.{body}", part.protected);
        let by = |key: &RsaPublicKeyComponents<Vec<u8>>| {
            let message = message.as_bytes();
            let verified = key.verify(&RSA_PKCS1_2048_8192_SHA256, message, &part.signature);
            verified.is_ok()
        };
        is_rs256(&part.protected) && keys.iter().any(by)
    })
}

/// An algorithm that the header chooses is no proof, nor is one with a rule that we do not know.
fn is_rs256(protected: &str) -> bool {
    let text = BASE64_URL_SAFE_NO_PAD.decode(protected).ok();
    let head = text.and_then(|text| serde_json::from_slice::<Value>(&text).ok());
    head.is_some_and(|head| head["alg"] == "RS256" && head["crit"].is_null())
}

fn jwk_set(text: &str) -> Vec<RsaPublicKeyComponents<Vec<u8>>> {
    let set: Value = serde_json::from_str(text).unwrap_or_default();
    let number = |key: &Value, name: &str| {
        let text = key[name].as_str()?;
        BASE64_URL_SAFE_NO_PAD.decode(text).ok()
    };
    let keys = set["keys"].as_array().into_iter().flatten();
    let components = |key: &Value| {
        let (n, e) = (number(key, "n")?, number(key, "e")?);
        Some(RsaPublicKeyComponents { n, e })
    };
    keys.filter_map(components).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    // Made with openssl for this test, by a key that was thrown away.
    const N: &str = concat!(
        "wIsQ_rrZAMgghOCPhWxTMzgUQiD3raSM2mgk8EqTuhswf8Wa6wluaW8uzmcGWHnyBwMp9fiA9qVpgjwFY2Xtc5tl",
        "I_9gToYZHMjFJPG2YLVgT0M6SNlMG8_vk_HZqt_nmk4--frYpCC5RNU1OLtDI6NQAfO3j-tvl29S-e_NQGLTTCvr",
        "HhNJqEQ20L2hJ26HEkBsV5TjqqhbCEHDxxqgSM9NWlG_CozSc1LllBfelc3s34LQvdMGJwqD95ysvj3JBw3btx-h",
        "gFMjr6Pud0cB6JCshUsgopf3M6kB3iLX0RvHSXOcH8yt4tuVPi3UFO-CikG_P6JGuKjywBIDIg8snQ",
    );
    const SIGNED: &str = concat!(
        "ktm7G9HzcNfm3DNtMRmYiDoySBtVhLiSrROCa75voehc_td1elJLd_fbwqbxz3ZZwDUXsB9NHPsBsRzzAWl0Mb5M",
        "RUn8yXCCyieOMRCNmNsN0COObi0jhCWAFfTuiD1KXeiyDPEVoxEQdCe9HXQbahX0xdX3lMX7Tgh8wk5vr2GxwQVk",
        "MKR3IB7fz-xFjkwMqmhPruRdzFWq94pXFf5DYFzwzxCbxSrH61TtyA2xb3RcMWqOiwZPEvOO8iDeuFiuVE4tMGLl",
        "iZ-kXtnAuh-kEzMuczZKM4-q8cYxvRcL8Ztk705BH6lqTqzfVw9RLpUZHL028BZvOkwpcjYU9oNofg",
    );
    const CRITICAL: &str = concat!(
        "f8SEFa5SZ1woIi4T2pGeXA-B4f5cDUmfArz4DYdV3EFcADqTC7G9b478r94UrKhzmrP1FQ5ohpPWBabj1xhr7O4g",
        "yfPT-XqSxTytyQlsEekCREVmu84vwwVfbAb5opVSU3KVFEM7Vn9szC29o3wY2E4BfUCdEQ2wyPvGQVIxQZrlei6T",
        "n0Psqs5cqcIcupx0X5A63dmRP2RFU01mj7V1N8k1QSpM5ge2QZ1eGjXfOivn8ewh1vp8ymmWRaamF5VoGQjaWc0P",
        "Z322_NXyLTjxdK6E962BHQfJUKGoP8AslwnaYvSBNhZO2e_g9dKkJDQcJiw6MvGkJQt3GgMPHWowfQ",
    );
    const UNNAMED: &str = concat!(
        "EXfVGJng4A-mD5HpGmaWTodmp15uQLz-hBs7gAlfLwnemNSe419fP7o-cXhh2M62Dm4R33xPXi3jCJO8-0PhIc-V",
        "oMzagtnP3wizOwgqf1Xw5up3rQzxbUFAt18FvEc-QkbKOhCOF4fEHLtwdjV8xBKaJW-kAg3_RWFFZp5UBlXm70KX",
        "WLRF5EJsb_URQxjwGR18hrmSnbBouXSlrNy6oqTwpUTtFH3T5FEmRabrb79ts-guywrlf0A1wammplk-bUTYrKIr",
        "hSMhZYSRpzfuszqYyj-Q7nA7u8pfAKRPTmM4QXeHCaNpesrOfkGHF37UOVvJ3DPRx1g2UrfOU7ekEw",
    );

    fn part(head: &Value, signature: &str) -> JwsPart {
        JwsPart {
            protected: BASE64_URL_SAFE_NO_PAD.encode(head.to_string()),
            signature: BASE64_URL_SAFE_NO_PAD.decode(signature).expect("base64"),
        }
    }

    #[test]
    fn only_rs256_by_a_known_key_over_these_bytes_holds() {
        let body = br#"{"id":"evt_1"}"#;
        let keys = json!({"keys": [{"kty": "RSA", "n": N, "e": "AQAB"}]}).to_string();
        let good = || part(&json!({"alg": "RS256"}), SIGNED);
        assert!(holds(&[good()], body, &keys));
        let odd = part(&json!({"alg": "RS256"}), UNNAMED);
        assert!(
            holds(&[odd, good()], body, &keys),
            "one that fits is enough"
        );
        assert!(!holds(&[good()], br#"{"id":"evt_2"}"#, &keys));
        for no_keys in [
            "",
            "{}",
            r#"{"keys":[]}"#,
            r#"{"keys":[{"n":"AQAB","e":"AQAB"}]}"#,
        ] {
            assert!(!holds(&[good()], body, no_keys), "{no_keys}");
        }
        // Both are signed soundly by the same key.
        let critical = part(&json!({"alg": "RS256", "crit": ["b64"]}), CRITICAL);
        let unnamed = part(&json!({"alg": "none"}), UNNAMED);
        assert!(!holds(&[critical, unnamed], body, &keys));
        assert!(!holds(&[], body, &keys));
    }
}
