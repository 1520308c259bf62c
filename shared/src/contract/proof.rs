//! Whether a webhook's proof holds. Only what passed here is read as the vendor's own word.

use super::inbound::{Algorithm, CertificateSigned, Delivery, Inbound, Proof, Signed};
use super::vendor::Account;
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::Sha256;

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
    /// Fetch this certificate, then [`prove_certificate`].
    NeedsCertificate(CertificateSigned),
    /// Posting asks the vendor.
    NeedsVendor,
}

/// The proof that applies to this delivery.
pub fn proof_of<'a>(inbound: &'a Inbound, delivery: &Delivery) -> Option<&'a Proof> {
    inbound.proofs.iter().find(|proof| match proof {
        Proof::Hmac { header, .. } | Proof::Certificate { header, .. } => {
            delivery.header(header).is_some()
        }
        Proof::Postback { .. } | Proof::FetchBack => true,
    })
}

/// The part of a proof that needs no call.
pub fn prove(
    inbound: &Inbound,
    delivery: &Delivery,
    account: &Account,
) -> Result<Outcome, Refused> {
    match proof_of(inbound, delivery).ok_or(Refused::NoProof)? {
        Proof::Hmac {
            header,
            secret,
            algorithm,
            signed,
            tolerance,
        } => {
            let value = delivery.header(header).ok_or(Refused::NoProof)?;
            let signed = signed(delivery, value).ok_or(Refused::NoProof)?;
            let secret = account.secret(secret);
            if secret.is_empty() || !holds(*algorithm, secret.as_bytes(), &signed) {
                return Err(Refused::Forged);
            }
            match (signed.at, tolerance) {
                (Some(at), Some(window)) if delivery.received_at.abs_diff(at) > *window as u64 => {
                    Err(Refused::Stale)
                }
                (None, Some(_)) => Err(Refused::NoProof),
                _ => Ok(Outcome::Proven),
            }
        }
        Proof::Certificate {
            host, path, signed, ..
        } => {
            let signed = signed(delivery, account).ok_or(Refused::NoProof)?;
            if is_at(&signed.certificate_url, host, path) {
                Ok(Outcome::NeedsCertificate(signed))
            } else {
                Err(Refused::Forged)
            }
        }
        Proof::Postback { .. } | Proof::FetchBack => Ok(Outcome::NeedsVendor),
    }
}

fn holds(algorithm: Algorithm, secret: &[u8], signed: &Signed) -> bool {
    fn check<M: Mac + KeyInit>(secret: &[u8], signed: &Signed) -> bool {
        signed.codes.iter().any(|code| {
            <M as KeyInit>::new_from_slice(secret)
                .is_ok_and(|mac| mac.chain_update(&signed.message).verify_slice(code).is_ok())
        })
    }
    match algorithm {
        Algorithm::Sha1 => check::<Hmac<Sha1>>(secret, signed),
        Algorithm::Sha256 => check::<Hmac<Sha256>>(secret, signed),
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
    use crate::contract::from_hex;

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

    /// A webhook that is signed so many seconds off, under this secret.
    fn proves(off: i64, key: &str, secret: &str, tolerance: Option<i64>) -> Result<bool, Refused> {
        fn signed(delivery: &Delivery, value: &str) -> Option<Signed> {
            Some(Signed {
                codes: value.split(' ').filter_map(from_hex).collect(),
                message: delivery.body.clone(),
                at: delivery.query.parse().ok(),
            })
        }
        let inbound = |tolerance| -> &'static Inbound {
            let proofs = vec![Proof::Hmac {
                header: "x-code",
                secret: "secret",
                algorithm: Algorithm::Sha256,
                signed,
                tolerance,
            }];
            Box::leak(Box::new(Inbound {
                source: "x",
                vendor: crate::vendors::GATEWAYS[0].vendor,
                proofs: Box::leak(proofs.into_boxed_slice()),
                read: |_| Ok(vec![]),
                refused: 401,
                accepted: (200, ""),
            }))
        };
        let mac = <Hmac<Sha256> as KeyInit>::new_from_slice(key.as_bytes());
        let mac = mac.expect("any length is a key").chain_update(b"{}");
        let code = hex::encode(mac.finalize().into_bytes());
        let delivery = Delivery {
            headers: vec![("X-Code".into(), format!("00 {code}"))],
            query: (1000 + off).to_string(),
            body: b"{}".to_vec(),
            url: String::new(),
            received_at: 1000,
        };
        let fields = [("secret".to_owned(), secret.to_owned())].into();
        let account = Account::load(&[], fields).expect("an account");
        prove(inbound(tolerance), &delivery, &account)
            .map(|outcome| matches!(outcome, Outcome::Proven))
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
}
