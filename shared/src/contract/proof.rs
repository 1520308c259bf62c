//! Whether a webhook's proof holds. Only what passed here is read as the vendor's own word.

use super::door::{
    Algorithm, CertificateSigned, Code, Delivery, Door, Given, KeyBytes, Proof, Signed,
    from_base64, from_hex,
};
use super::jws;
use super::vendor::Account;
use hmac::{Hmac, KeyInit, Mac};
use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha512};
use subtle::ConstantTimeEq;

/// Why a delivery was not accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The header that carries the proof is missing or malformed.
    NoProof,
    /// The proof is another one than ours would be.
    Forged,
    /// The signed time is outside of the vendor's window.
    Stale,
    /// The proof cannot be checked just now: the vendor should send again.
    Later(String),
}

/// What is left to do after the local part of a proof.
pub enum Outcome {
    /// Nothing: the vendor sent it.
    Proven,
    /// Which items of the batch hold, in their order; at least one does.
    Items(Vec<bool>),
    /// Fetch this certificate, then [`prove_certificate`].
    NeedsCertificate(CertificateSigned),
    /// Posting asks the vendor.
    NeedsVendor,
}

/// The proof that applies to this delivery.
pub fn proof_of(door: &Door, delivery: &Delivery) -> Option<&'static Proof> {
    let has = |header| delivery.header(header).is_some();
    door.proofs.iter().find(|proof| match proof {
        Proof::Hmac(code) | Proof::EachItem(code) => match code.given {
            Given::Header(header) => has(header),
            Given::Body => true,
        },
        Proof::Jws { header, .. } | Proof::Certificate { header, .. } => has(header),
        Proof::Basic { .. } => has("authorization"),
        Proof::Digest { .. } | Proof::Postback | Proof::FetchBack => true,
    })
}

/// The part of a proof that needs no call.
pub fn prove(door: &Door, delivery: &Delivery, account: &Account) -> Result<Outcome, Refused> {
    match proof_of(door, delivery).ok_or(Refused::NoProof)? {
        Proof::Hmac(code) => code.prove(delivery, account),
        Proof::EachItem(code) => code.prove_each(delivery, account),
        Proof::Digest {
            algorithm,
            secret,
            signed,
        } => {
            let signed = signed(delivery, account).ok_or(Refused::NoProof)?;
            let digest = digest(*algorithm, &signed.message);
            let same = |code: &Vec<u8>| bool::from(code.as_slice().ct_eq(&digest));
            held(!account.secret(secret).is_empty() && signed.codes.iter().any(same))
        }
        Proof::Basic { user, pass } => {
            let given = delivery.header("authorization").unwrap_or_default();
            let coded = given.strip_prefix("Basic ").ok_or(Refused::NoProof)?;
            let given = from_base64(coded).ok_or(Refused::NoProof)?;
            let (user, pass) = (account.secret(user), account.secret(pass));
            let known = format!("{user}:{pass}");
            held(!pass.is_empty() && bool::from(known.as_bytes().ct_eq(&given)))
        }
        Proof::Jws {
            header,
            keys,
            signed,
        } => {
            let parts = signed(delivery, delivery.header(header).unwrap_or_default());
            match parts.is_empty() {
                true => Err(Refused::NoProof),
                false => held(jws::holds(&parts, &delivery.body, account.secret(keys))),
            }
        }
        Proof::Certificate {
            host, path, signed, ..
        } => {
            let signed = signed(delivery, account).ok_or(Refused::NoProof)?;
            match is_at(&signed.certificate_url, host, path) {
                true => Ok(Outcome::NeedsCertificate(signed)),
                false => Err(Refused::Forged),
            }
        }
        Proof::Postback | Proof::FetchBack => Ok(Outcome::NeedsVendor),
    }
}

fn held(holds: bool) -> Result<Outcome, Refused> {
    match holds {
        true => Ok(Outcome::Proven),
        false => Err(Refused::Forged),
    }
}

impl Code {
    fn signed(&self, delivery: &Delivery) -> Result<Vec<Signed>, Refused> {
        let value = match self.given {
            Given::Header(header) => delivery.header(header).ok_or(Refused::NoProof)?,
            Given::Body => "",
        };
        let signed = (self.signed)(delivery, value);
        match signed.is_empty() {
            true => Err(Refused::NoProof),
            false => Ok(signed),
        }
    }

    /// One way to read it that holds is enough.
    fn prove(&self, delivery: &Delivery, account: &Account) -> Result<Outcome, Refused> {
        let signed = self.signed(delivery)?;
        let checked = signed
            .iter()
            .map(|signed| self.check(signed, delivery, account));
        let best = checked.reduce(|best, next| best.or(next));
        best.unwrap_or(Err(Refused::NoProof))
            .map(|()| Outcome::Proven)
    }

    fn prove_each(&self, delivery: &Delivery, account: &Account) -> Result<Outcome, Refused> {
        let signed = self.signed(delivery)?;
        let holds = |signed: &Signed| self.check(signed, delivery, account).is_ok();
        let held: Vec<bool> = signed.iter().map(holds).collect();
        match held.contains(&true) {
            true => Ok(Outcome::Items(held)),
            false => Err(Refused::Forged),
        }
    }

    fn check(
        &self,
        signed: &Signed,
        delivery: &Delivery,
        account: &Account,
    ) -> Result<(), Refused> {
        let secret = account.secret(self.secret);
        let mut keys = self
            .key
            .of(secret)
            .into_iter()
            .filter(|key| !key.is_empty());
        if secret.is_empty() || !keys.any(|key| coded(self.algorithm, &key, signed)) {
            return Err(Refused::Forged);
        }
        match (signed.at, self.tolerance) {
            (Some(at), Some(window)) if delivery.received_at.abs_diff(at) > window as u64 => {
                Err(Refused::Stale)
            }
            (None, Some(_)) => Err(Refused::NoProof),
            _ => Ok(()),
        }
    }
}

impl KeyBytes {
    fn of(self, secret: &str) -> Vec<Vec<u8>> {
        let text = || secret.as_bytes().to_vec();
        match self {
            Self::Text => vec![text()],
            Self::Hex => from_hex(secret).into_iter().collect(),
            Self::Base64 => from_base64(secret).into_iter().collect(),
            Self::TextOrHex => [text()].into_iter().chain(from_hex(secret)).collect(),
            Self::Sha1 => vec![digest(Algorithm::Sha1, secret.as_bytes())],
        }
    }
}

fn coded(algorithm: Algorithm, key: &[u8], signed: &Signed) -> bool {
    fn check<M: Mac + KeyInit>(key: &[u8], signed: &Signed) -> bool {
        signed.codes.iter().any(|code| {
            <M as KeyInit>::new_from_slice(key)
                .is_ok_and(|mac| mac.chain_update(&signed.message).verify_slice(code).is_ok())
        })
    }
    match algorithm {
        Algorithm::Md5 => check::<Hmac<Md5>>(key, signed),
        Algorithm::Sha1 => check::<Hmac<Sha1>>(key, signed),
        Algorithm::Sha256 => check::<Hmac<Sha256>>(key, signed),
        Algorithm::Sha512 => check::<Hmac<Sha512>>(key, signed),
    }
}

fn digest(algorithm: Algorithm, message: &[u8]) -> Vec<u8> {
    match algorithm {
        Algorithm::Md5 => Md5::digest(message).to_vec(),
        Algorithm::Sha1 => Sha1::digest(message).to_vec(),
        Algorithm::Sha256 => Sha256::digest(message).to_vec(),
        Algorithm::Sha512 => Sha512::digest(message).to_vec(),
    }
}

/// Whether a URL is https and no more than a name below this path, at this host or below it.
fn is_at(address: &str, host: &str, path: &str) -> bool {
    let plain = |name: &str| {
        let letters = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        letters && !name.is_empty()
    };
    url::Url::parse(address).is_ok_and(|url| {
        let at = url.host_str().unwrap_or_default();
        url.scheme() == "https"
            && url.port().is_none()
            && url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none()
            && url.path().strip_prefix(path).is_some_and(plain)
            && (at == host || at.strip_suffix(host).is_some_and(|sub| sub.ends_with('.')))
    })
}

/// Whether a fetched certificate (PEM, leaf first) is the vendor's: its chain must lead to a root
/// and be valid at the delivery's time, and it must be for one of the vendor's names.
pub fn is_certified(
    signed: &CertificateSigned,
    pem: &[u8],
    roots: &[rustls_pki_types::TrustAnchor],
    at: i64,
) -> Result<(), Refused> {
    with_leaf(signed, pem, roots, at, |_| Ok(()))
}

/// As [`is_certified`], and that the certificate's key has signed.
pub fn prove_certificate(
    signed: &CertificateSigned,
    pem: &[u8],
    roots: &[rustls_pki_types::TrustAnchor],
    at: i64,
) -> Result<(), Refused> {
    with_leaf(signed, pem, roots, at, |leaf| {
        leaf.verify_signature(
            webpki::ring::RSA_PKCS1_2048_8192_SHA256,
            &signed.message,
            &signed.signature,
        )
        .map_err(|_| Refused::Forged)
    })
}

fn with_leaf(
    signed: &CertificateSigned,
    pem: &[u8],
    roots: &[rustls_pki_types::TrustAnchor],
    at: i64,
    then: impl Fn(&webpki::EndEntityCert) -> Result<(), Refused>,
) -> Result<(), Refused> {
    use rustls_pki_types::pem::PemObject;
    use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let chain = chain.map_err(|why| Refused::Later(format!("the certificate is no PEM: {why}")))?;
    let [leaf, between @ ..] = chain.as_slice() else {
        return Err(Refused::Later("the certificate is empty".into()));
    };
    let leaf = webpki::EndEntityCert::try_from(leaf).map_err(|_| Refused::Forged)?;
    let time = UnixTime::since_unix_epoch(std::time::Duration::from_secs(at.max(0) as u64));
    leaf.verify_for_usage(
        webpki::ALL_VERIFICATION_ALGS,
        roots,
        between,
        time,
        webpki::KeyUsage::server_auth(),
        None,
        None,
    )
    .map_err(|_| Refused::Forged)?;
    let is_for = |name: &&str| {
        ServerName::try_from(*name)
            .is_ok_and(|name| leaf.verify_is_valid_for_subject_name(&name).is_ok())
    };
    match signed.names.iter().any(is_for) {
        true => then(&leaf),
        false => Err(Refused::Forged),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::{body_in_hex, ok};

    #[test]
    fn a_certificate_lies_by_name_below_one_path_of_one_host() {
        let at = |address: &str| is_at(address, "vendor.example", "/certs/");
        for address in [
            "https://vendor.example/certs/CERT-1",
            "https://api.vendor.example/certs/a",
            "https://a.b.vendor.example:443/certs/7",
        ] {
            assert!(at(address), "{address}");
        }
        for address in [
            "",
            "vendor.example/certs/CERT-1",
            "http://vendor.example/certs/CERT-1",
            "ftp://vendor.example/certs/CERT-1",
            "https://vendor.example:8443/certs/CERT-1",
            "https://user@vendor.example/certs/CERT-1",
            "https://:word@vendor.example/certs/CERT-1",
            "https://vendor.example/certs/CERT-1?a=b",
            "https://vendor.example/certs/CERT-1#a",
            "https://vendor.example/certs/",
            "https://vendor.example/certs",
            "https://vendor.example/certs/a/b",
            "https://vendor.example/certs/a.pem",
            "https://vendor.example/certs/a%2fb",
            "https://vendor.example/certs/a_b",
            "https://vendor.example/certs/../x",
            "https://vendor.example/other/CERT-1",
            "https://vendor.example/x/certs/CERT-1",
            "https://evilvendor.example/certs/CERT-1",
            "https://vendor.example.test/certs/CERT-1",
            "https://example/certs/CERT-1",
        ] {
            assert!(!at(address), "{address}");
        }
    }

    /// A door with this one proof.
    fn door(proof: Proof) -> Door {
        Door {
            source: "x",
            vendor: "x",
            proofs: Box::leak(vec![proof].into_boxed_slice()),
            keeps: &[],
            refused: 401,
            answer: ok,
            challenge: None,
        }
    }

    fn delivery(headers: &[(&str, &str)], body: &[u8]) -> Delivery {
        let headers = headers.iter().map(|(n, v)| ((*n).into(), (*v).into()));
        Delivery {
            method: "POST".into(),
            headers: headers.collect(),
            body: body.into(),
            url: "https://x.example/?at=1000".into(),
            received_at: 1000,
        }
    }

    fn account(fields: &[(&str, &str)]) -> Account {
        let fields = fields.iter().map(|(n, v)| ((*n).into(), (*v).into()));
        Account::load(&[], fields.collect()).expect("an account")
    }

    fn code(algorithm: Algorithm, key: KeyBytes) -> Code {
        Code {
            given: Given::Header("x-code"),
            secret: "secret",
            key,
            algorithm,
            signed: body_in_hex,
            tolerance: None,
        }
    }

    fn sign<M: Mac + KeyInit>(key: &[u8], message: &[u8]) -> Vec<u8> {
        let mac = <M as KeyInit>::new_from_slice(key).expect("any length is a key");
        let code = mac.chain_update(message).finalize();
        code.into_bytes().to_vec()
    }

    fn is_proven(door: &Door, delivery: &Delivery, account: &Account) -> Result<bool, Refused> {
        prove(door, delivery, account).map(|outcome| matches!(outcome, Outcome::Proven))
    }

    /// A webhook that is signed so many seconds off, under this secret.
    fn proves(off: i64, key: &str, secret: &str, tolerance: Option<i64>) -> Result<bool, Refused> {
        fn signed(delivery: &Delivery, value: &str) -> Vec<Signed> {
            vec![Signed {
                codes: value.split(' ').filter_map(from_hex).collect(),
                message: delivery.body.clone(),
                at: delivery.query("at").and_then(|at| at.parse().ok()),
            }]
        }
        let door = door(Proof::Hmac(Code {
            signed,
            tolerance,
            ..code(Algorithm::Sha256, KeyBytes::Text)
        }));
        let code = hex::encode(sign::<Hmac<Sha256>>(key.as_bytes(), b"{}"));
        let mut delivery = delivery(&[("X-Code", &format!("00 {code}"))], b"{}");
        delivery.url = format!("https://x.example/?at={}", 1000 + off);
        is_proven(&door, &delivery, &account(&[("secret", secret)]))
    }

    #[test]
    fn a_signed_time_may_be_off_by_its_window_to_both_sides_and_not_a_second_more() {
        for (off, held) in [
            (0, Ok(true)),
            (300, Ok(true)),
            (-300, Ok(true)),
            (301, Err(Refused::Stale)),
            (-301, Err(Refused::Stale)),
        ] {
            assert_eq!(proves(off, "k", "k", Some(300)), held, "{off}");
            assert_eq!(proves(off, "k", "k", None), Ok(true), "{off}: no window");
            let forged = Err(Refused::Forged);
            assert_eq!(proves(off, "other", "k", Some(300)), forged, "{off}");
            assert_eq!(proves(off, "", "", Some(300)), forged, "{off}: no secret");
        }
    }

    #[test]
    fn a_key_is_what_its_text_spells_and_nothing_else_of_the_same_letters() {
        let (text, body) = ("00ff10", b"{}".as_slice());
        let hex = from_hex(text).expect("hex");
        let codes = [
            (KeyBytes::Text, vec![text.as_bytes().to_vec()]),
            (KeyBytes::Hex, vec![hex.clone()]),
            (KeyBytes::TextOrHex, vec![text.as_bytes().to_vec(), hex]),
            (KeyBytes::Base64, vec![from_base64("AP8Q").expect("base64")]),
            (KeyBytes::Sha1, vec![Sha1::digest(text).to_vec()]),
        ];
        for (key, hold) in &codes {
            let door = door(Proof::Hmac(code(Algorithm::Sha512, *key)));
            let secret = if *key == KeyBytes::Base64 {
                "AP8Q"
            } else {
                text
            };
            for (_, others) in &codes {
                for bytes in others {
                    let made = hex::encode(sign::<Hmac<Sha512>>(bytes, body));
                    let delivery = delivery(&[("x-code", &format!("sha512={made}"))], body);
                    let proven = is_proven(&door, &delivery, &account(&[("secret", secret)]));
                    assert_eq!(proven.is_ok(), hold.contains(bytes), "{key:?}");
                }
            }
        }
        // What spells nothing proves nothing, not even under an empty key.
        let door = door(Proof::Hmac(code(Algorithm::Sha256, KeyBytes::Hex)));
        let empty = hex::encode(sign::<Hmac<Sha256>>(b"", body));
        let odd = is_proven(
            &door,
            &delivery(&[("x-code", &empty)], body),
            &account(&[("secret", "no hex")]),
        );
        assert_eq!(odd, Err(Refused::Forged));
    }

    #[test]
    fn each_hash_is_the_one_that_is_named() {
        let body = b"body".as_slice();
        let made = [
            (Algorithm::Md5, sign::<Hmac<Md5>>(b"k", body)),
            (Algorithm::Sha1, sign::<Hmac<Sha1>>(b"k", body)),
            (Algorithm::Sha256, sign::<Hmac<Sha256>>(b"k", body)),
            (Algorithm::Sha512, sign::<Hmac<Sha512>>(b"k", body)),
        ];
        for (algorithm, _) in &made {
            let door = door(Proof::Hmac(code(*algorithm, KeyBytes::Text)));
            for (of, made) in &made {
                let delivery = delivery(&[("x-code", &hex::encode(made))], body);
                let proven = is_proven(&door, &delivery, &account(&[("secret", "k")]));
                assert_eq!(proven.is_ok(), of == algorithm, "{of:?} as {algorithm:?}");
            }
        }
        let known = [
            (Algorithm::Md5, "900150983cd24fb0d6963f7d28e17f72"),
            (Algorithm::Sha1, "a9993e364706816aba3e25717850c26c9cd0d89d"),
        ];
        for (algorithm, of_abc) in known {
            assert_eq!(hex::encode(digest(algorithm, b"abc")), of_abc);
        }
    }

    #[test]
    fn of_a_batch_those_items_are_told_that_hold_and_none_is_a_forgery() {
        fn signed(delivery: &Delivery, _: &str) -> Vec<Signed> {
            let items = delivery.body.split(|byte| *byte == b' ');
            let signed = items.map(|item| Signed {
                codes: vec![item[1..].to_vec()],
                message: item[..1].to_vec(),
                at: None,
            });
            signed.collect()
        }
        let door = door(Proof::EachItem(Code {
            given: Given::Body,
            signed,
            ..code(Algorithm::Md5, KeyBytes::Text)
        }));
        // A code that holds no blank, so that the batch is parted where it should be.
        let key = (0..).map(|n| format!("k{n}")).find(|key| {
            let code = sign::<Hmac<Md5>>(key.as_bytes(), b"a");
            !code.contains(&b' ')
        });
        let key = key.expect("a key");
        let good = [b"a".to_vec(), sign::<Hmac<Md5>>(key.as_bytes(), b"a")].concat();
        let batch = [b"bno".to_vec(), good, b"cno".to_vec()].join(&b' ');
        let account = account(&[("secret", &key)]);
        match prove(&door, &delivery(&[], &batch), &account) {
            Ok(Outcome::Items(held)) => assert_eq!(held, [false, true, false]),
            _ => panic!("an item holds"),
        }
        let forged = prove(&door, &delivery(&[], b"bno cno"), &account);
        assert!(matches!(forged, Err(Refused::Forged)));
    }

    #[test]
    fn a_user_and_password_hold_only_whole_and_only_where_there_is_one() {
        use base64::Engine;
        let door = door(Proof::Basic {
            user: "user",
            pass: "pass",
        });
        let with = |given: &str, pass: &str| {
            let coded = base64::prelude::BASE64_STANDARD.encode(given);
            let delivery = delivery(&[("Authorization", &format!("Basic {coded}"))], b"{}");
            is_proven(&door, &delivery, &account(&[("user", "u"), ("pass", pass)]))
        };
        assert_eq!(with("u:p", "p"), Ok(true));
        for (given, pass) in [
            ("u:", ""),
            ("u:q", "p"),
            ("u:p ", "p"),
            ("u", "p"),
            ("", "p"),
        ] {
            assert_eq!(with(given, pass), Err(Refused::Forged), "{given:?}");
        }
        for odd in ["Bearer x", "Basic", "Basic !"] {
            let delivery = delivery(&[("authorization", odd)], b"{}");
            let end = is_proven(&door, &delivery, &account(&[("user", "u"), ("pass", "p")]));
            assert_eq!(end, Err(Refused::NoProof), "{odd}");
        }
        let bare = is_proven(&door, &delivery(&[], b"{}"), &account(&[("pass", "p")]));
        assert_eq!(bare, Err(Refused::NoProof));
    }

    #[test]
    fn a_digest_covers_the_secret_that_stands_among_its_fields() {
        fn signed(delivery: &Delivery, account: &Account) -> Option<Signed> {
            let body = String::from_utf8_lossy(&delivery.body);
            let (fields, code) = body.split_once('|')?;
            Some(Signed {
                codes: vec![from_hex(code)?],
                message: format!("{fields}{}", account.secret("secret")).into_bytes(),
                at: None,
            })
        }
        let door = door(Proof::Digest {
            algorithm: Algorithm::Md5,
            secret: "secret",
            signed,
        });
        let code =
            |secret: &str| hex::encode(digest(Algorithm::Md5, format!("a{secret}").as_bytes()));
        let with = |fields: &str, signed: &str, secret: &str| {
            let body = format!("{fields}|{}", code(signed));
            is_proven(
                &door,
                &delivery(&[], body.as_bytes()),
                &account(&[("secret", secret)]),
            )
        };
        assert_eq!(with("a", "s", "s"), Ok(true));
        assert_eq!(with("b", "s", "s"), Err(Refused::Forged));
        assert_eq!(with("a", "t", "s"), Err(Refused::Forged));
        assert_eq!(with("a", "", ""), Err(Refused::Forged), "no secret");
    }
}
