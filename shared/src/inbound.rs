//! How a webhook proves its sender and how it is read. Only [`prove`] makes a [`Verified`].

use crate::domain::fact::{Fact, Kind, is_vendor_id};
use crate::vendor::{Account, Reply, Request, Trouble, Vendor};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use sha1::Sha1;
use sha2::{Digest, Sha256};

/// One source of webhooks: its path is `/webhooks/{clinic}/{source}`.
pub struct Inbound {
    pub source: &'static str,
    pub vendor: &'static Vendor,
    /// Tried in order; the first whose header is present decides. There is deliberately no "none".
    pub proofs: &'static [Proof],
    pub read: fn(&Verified) -> Result<Vec<Item>, Unreadable>,
    /// The status that the vendor wants for a proof that does not hold.
    pub refused: u16,
    /// The status and body that the vendor wants when it is accepted.
    pub accepted: (u16, &'static str),
}

pub enum Proof {
    /// A code over the body under a shared secret.
    Hmac {
        header: &'static str,
        secret: &'static str,
        algorithm: Algorithm,
        signed: fn(&Delivery, &str) -> Option<Signed>,
        /// Seconds that the signed time may be off; `None` where the vendor gives no window.
        tolerance: Option<i64>,
    },
    /// A signature by a certificate that the vendor serves from its own host.
    Certificate {
        header: &'static str,
        /// The certificate's host must be this or end in `.` and this.
        host: &'static str,
        /// How its path must begin; a name of letters, digits and dashes follows.
        path: &'static str,
        signed: fn(&Delivery, &Account) -> Option<CertificateSigned>,
    },
    /// Unsigned: posted back to the vendor, which says whether it sent it. Done in posting.
    Postback {
        ask: fn(&Delivery) -> Request,
        verdict: fn(&Reply) -> Result<bool, Trouble>,
    },
    /// Unsigned: the body is only a hint, and the object is fetched from the vendor. Done in posting.
    FetchBack,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    Sha1,
    Sha256,
}

/// The codes that a header carries, the bytes they cover, and when they were made (epoch seconds).
pub struct Signed {
    pub codes: Vec<Vec<u8>>,
    pub message: Vec<u8>,
    pub at: Option<i64>,
}

pub struct CertificateSigned {
    pub certificate_url: String,
    pub signature: Vec<u8>,
    pub message: Vec<u8>,
    /// The certificate must be for one of these names.
    pub names: &'static [&'static str],
}

/// A delivery as it came in.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub query: String,
    pub body: Vec<u8>,
    /// The address that the vendor was told, with query.
    pub url: String,
    /// Epoch seconds.
    pub received_at: i64,
}

impl Delivery {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(n, _)| n.eq_ignore_ascii_case(name))
            .map(|(_, v)| v.as_str())
    }
}

/// A delivery whose proof held, or whose reading is held back until posting has the proof.
pub struct Verified<'a> {
    pub delivery: &'a Delivery,
    pub account: &'a Account,
    /// Whether the bytes are proven to be the vendor's; else they are hints to be fetched.
    pub trusted: bool,
}

impl Verified<'_> {
    pub fn body(&self) -> &[u8] {
        &self.delivery.body
    }
}

/// One event of a delivery: its id at the vendor and what it says. A part that cannot be read does
/// not sink the others.
pub struct Item {
    /// The vendor's event id; `None` makes Meridian use a digest of the item.
    pub id: Option<String>,
    /// The vendor's name for it, for people.
    pub name: String,
    pub notice: Result<Notice, Unreadable>,
}

#[derive(Debug, PartialEq, Eq)]
pub enum Notice {
    Fact(Box<Fact>),
    /// Something about this payment changed: fetch it.
    Hint {
        payment: String,
    },
    /// A method that patients had kept is no longer chargeable.
    MethodGone {
        token: String,
        /// When, as the vendor says: of two notices the newer counts, whichever comes last.
        at: Option<Timestamp>,
    },
    /// A method that was not chargeable is again.
    MethodBack {
        token: String,
        at: Option<Timestamp>,
    },
    /// Known, and of no consequence to a case: only listed, under this kind.
    Ignored(Kind),
}

impl Item {
    /// The item with nothing in it under a name that cannot be one. Whatever a vendor's reader
    /// took for an id is held to the same rule here.
    pub fn checked(self) -> Self {
        let odd = |what: &str| Err(Unreadable(format!("{what} is no id")));
        let sound = self.id.as_deref().is_none_or(is_vendor_id);
        let notice = match self.notice {
            Ok(_) if !sound => odd("the event's"),
            Ok(Notice::Fact(fact)) => match fact.checked() {
                Ok(fact) => Ok(Notice::Fact(Box::new(fact))),
                Err(why) => Err(Unreadable(why)),
            },
            Ok(Notice::Hint { payment }) if !is_vendor_id(&payment) => odd("the payment's"),
            Ok(Notice::MethodGone { token, .. } | Notice::MethodBack { token, .. })
                if !is_vendor_id(&token) =>
            {
                odd("the method's")
            }
            other => other,
        };
        Self {
            // Kept under a digest instead.
            id: self.id.filter(|_| sound),
            name: match is_name(&self.name) {
                true => self.name,
                false => "event".into(),
            },
            notice,
        }
    }
}

/// What vendors call the types of their events.
fn is_name(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"._-:".contains(&b);
    (1..=100).contains(&name.len()) && name.bytes().all(plain)
}

/// Why a body or a part of it could not be read. Names the field, never what stood in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable(pub String);

impl From<crate::json::Unfit> for Unreadable {
    fn from(why: crate::json::Unfit) -> Self {
        Self(why.0)
    }
}

impl From<Trouble> for Unreadable {
    fn from(why: Trouble) -> Self {
        match why {
            Trouble::Unreadable(why) => Self(why),
            other => Self(other.to_string()),
        }
    }
}

/// What becomes of an event of a type that its reader does not know, the same at every vendor:
/// where the type's family speaks of money people look at it, any other is listed. Neither has an
/// effect.
pub fn unknown_type(name: &str, of_money: &[&str]) -> Result<Notice, Unreadable> {
    match of_money.iter().any(|family| name.starts_with(family)) {
        true => Err(Unreadable("an event about money of an unknown type".into())),
        false => Ok(Notice::Ignored(Kind::Other)),
    }
}

/// Why a delivery was not accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The header that carries the proof is missing or malformed.
    NoProof,
    Forged,
    Stale,
    /// The proof cannot be checked just now: the vendor should send again.
    Later(String),
}

/// What is left to do after the local part of a proof.
pub enum Outcome {
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

/// The id of an event whose vendor gives none: a digest of what makes it the same event again.
pub fn digest_id(parts: &[&str]) -> String {
    hex::encode(&crate::ids::digest(parts)[..16])
}

/// SHA-256 of a body in hex, compared at both ends of the queue.
pub fn body_hash(body: &[u8]) -> String {
    hex::encode(Sha256::digest(body))
}

/// Hex or base64 of a code, as headers carry them.
pub fn from_hex(text: &str) -> Option<Vec<u8>> {
    hex::decode(text.trim()).ok()
}

pub fn from_base64(text: &str) -> Option<Vec<u8>> {
    BASE64_STANDARD.decode(text.trim()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

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

    #[test]
    fn what_a_vendor_calls_an_event_is_a_short_plain_name() {
        let longest = "x".repeat(100);
        for name in ["x", "a.b_c-d:E7", longest.as_str()] {
            assert!(is_name(name), "{name}");
        }
        let longer = "x".repeat(101);
        for name in ["", " ", "a b", "a/b", "a#b", "é", "a\n", longer.as_str()] {
            assert!(!is_name(name), "{name}");
        }
    }

    #[test]
    fn nothing_of_an_event_stands_under_a_name_that_cannot_be_an_id() {
        let token = |token: &str| token.to_owned();
        for (odd, sound) in [("", false), ("a b", false), ("x_1", true)] {
            for notice in [
                Notice::Hint {
                    payment: token(odd),
                },
                Notice::MethodGone {
                    token: token(odd),
                    at: None,
                },
                Notice::MethodBack {
                    token: token(odd),
                    at: None,
                },
            ] {
                let told = format!("{notice:?}");
                let item = Item {
                    id: Some("evt_1".into()),
                    name: "x".into(),
                    notice: Ok(notice),
                };
                let checked = item.checked();
                assert_eq!(checked.notice.is_ok(), sound, "{told}");
                assert_eq!(checked.id.as_deref(), Some("evt_1"), "{told}");
            }
            let item = Item {
                id: Some(odd.into()),
                name: odd.into(),
                notice: Ok(Notice::Ignored(Kind::Other)),
            };
            let checked = item.checked();
            assert_eq!(checked.notice.is_ok(), sound, "{odd:?}");
            assert_eq!(checked.id.is_some(), sound, "{odd:?}");
            assert_eq!(checked.name, if sound { odd } else { "event" });
        }
        // One without an id gets a digest; what could not be read stays so, under its id.
        let bare = |id: Option<&str>, notice| Item {
            id: id.map(String::from),
            name: "x".into(),
            notice,
        };
        assert!(
            bare(None, Ok(Notice::Ignored(Kind::Other)))
                .checked()
                .notice
                .is_ok()
        );
        let unread = bare(Some("evt_1"), Err(Unreadable("why".into()))).checked();
        assert_eq!(unread.notice, Err(Unreadable("why".into())));
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
                vendor: crate::gateways::ALL[0].vendor,
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
