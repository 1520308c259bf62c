//! Webhooks that are signed with a certificate of the vendor's own: one that was signed before is held
//! with all that it covers, and nothing else is proven by it.

use crate::compare::differs;
use crate::data::{self, Known};
use crate::hooks::{self, inbound};
use meridian::contract::*;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use serde_json::Value;

/// `certificate`, whose files stand among the fixtures: `signed` and its `signature`, which goes in
/// the header `carries`; by what it is held (`signer`, `root`, and `stranger`, which is no root of
/// it) and `at` what time, epoch seconds. Its `headers`; each of them as it would not hold
/// (`otherwise`) or proves nothing (`weaker`). `address` is the header that names the certificate's
/// own address, with some that are the vendor's (`theirs`) and some that are not (`foreign`);
/// `webhook` the field of the account that is covered, and `begins` how what is covered begins.
pub struct Certificate(Value);

impl Certificate {
    pub fn of(known: &Known) -> Option<Self> {
        let certificate = known.get("certificate");
        (!certificate.is_null()).then_some(Self(certificate))
    }

    fn text(&self, name: &str) -> &str {
        let text = self.0[name].as_str();
        text.unwrap_or_else(|| panic!("a certificate without {name}"))
    }

    fn texts(&self, name: &str) -> Vec<&str> {
        let texts = self.0[name].as_array().into_iter().flatten();
        texts.filter_map(Value::as_str).collect()
    }

    fn pairs(&self, name: &str) -> Vec<(&str, &str)> {
        let pairs = self.0[name].as_object().into_iter().flatten();
        pairs
            .filter_map(|(name, value)| Some((name.as_str(), value.as_str()?)))
            .collect()
    }

    fn file(&self, name: &str) -> String {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
        let file = folder.join(self.text(name));
        std::fs::read_to_string(&file).unwrap_or_else(|why| panic!("{}: {why}", file.display()))
    }

    /// This body with headers as they come, and the signature of another.
    pub fn beside(&self, body: &str) -> Delivery {
        let signature = self.file("signature");
        let signature = [(self.text("carries"), signature.trim())];
        let headers = self.pairs("headers").into_iter().chain(signature);
        hooks::delivery(&headers.collect::<Vec<_>>(), body)
    }

    fn good(&self) -> Delivery {
        self.beside(&self.file("signed"))
    }

    fn with(&self, name: &str, value: Option<&str>) -> Delivery {
        let mut delivery = self.good();
        delivery.headers.retain(|(known, _)| known != name);
        let value = value.map(|value| (name.into(), value.into()));
        delivery.headers.extend(value);
        delivery
    }

    fn holds(&self, signed: &CertificateSigned, root: &str, at: i64) -> Result<(), Refused> {
        let root = CertificateDer::from_pem_slice(self.file(root).as_bytes()).expect("a root");
        let root = webpki::anchor_from_trusted_cert(&root).expect("an anchor");
        let signer = self.file("signer");
        prove_certificate(signed, signer.as_bytes(), &[root.to_owned()], at)
    }

    fn holds_now(&self, signed: &CertificateSigned) -> Result<(), Refused> {
        let at = self.0["at"].as_i64().expect("its time");
        self.holds(signed, "root", at)
    }
}

fn certified() -> impl Iterator<Item = (Known, Certificate)> {
    data::all().into_iter().filter_map(|known| {
        let certificate = Certificate::of(&known)?;
        Some((known, certificate))
    })
}

/// What must be held against a certificate.
fn outcome(
    known: &Known,
    delivery: &Delivery,
    account: &Account,
) -> Result<CertificateSigned, Refused> {
    match prove(inbound(known).door, delivery, account)? {
        Outcome::NeedsCertificate(signed) => Ok(signed),
        _ => panic!("{}: proven without a certificate", known.id()),
    }
}

fn signed(known: &Known, delivery: &Delivery) -> Result<CertificateSigned, Refused> {
    outcome(known, delivery, &known.hooks())
}

#[test]
fn a_signature_by_a_certificate_of_a_known_root_holds_and_is_read() {
    for (known, certificate) in certified() {
        let (name, good) = (known.id(), certificate.good());
        let signed = signed(&known, &good).expect("a signature");
        let begins = certificate.text("begins").as_bytes();
        assert!(signed.message.starts_with(begins), "{name}");
        assert_eq!(certificate.holds_now(&signed), Ok(()), "{name}");
        let said = hooks::said(inbound(&known), &known.hooks(), &good, true);
        let wrong = differs(&certificate.0["end"], &said);
        assert_eq!(wrong, Vec::<String>::new(), "{name}");
    }
}

#[test]
fn a_certified_signature_over_anything_else_does_not_hold() {
    for (known, certificate) in certified() {
        let name = known.id();
        let forged = |delivery: &Delivery, what: &str| {
            let signed = signed(&known, delivery).expect("a signature");
            let said = certificate.holds_now(&signed);
            assert_eq!(said, Err(Refused::Forged), "{name}: {what}");
        };
        let good = certificate.good();
        for at in [0, good.body.len() / 2, good.body.len() - 1] {
            let mut other = good.clone();
            other.body[at] ^= 1;
            forged(&other, &format!("byte {at}"));
        }
        for (header, value) in certificate.pairs("otherwise") {
            forged(&certificate.with(header, Some(value)), header);
        }
        let mut fields = known.get("inbound");
        data::put(&mut fields, certificate.text("webhook"), "another".into());
        let other = outcome(&known, &good, &data::account(&fields)).expect("a signature");
        let said = certificate.holds_now(&other);
        assert_eq!(said, Err(Refused::Forged), "{name}: another webhook");
    }
}

#[test]
fn a_certificate_of_another_root_or_time_proves_nothing() {
    for (known, certificate) in certified() {
        let signed = signed(&known, &certificate.good()).expect("a signature");
        let at = certificate.0["at"].as_i64().expect("its time");
        for (root, at) in [("stranger", at), ("root", 0)] {
            let said = certificate.holds(&signed, root, at);
            assert_eq!(said, Err(Refused::Forged), "{} {root} {at}", known.id());
        }
    }
}

#[test]
fn a_certificate_is_fetched_from_its_vendor_only() {
    for (known, certificate) in certified() {
        let at = |address: &str| {
            let delivery = certificate.with(certificate.text("address"), Some(address));
            signed(&known, &delivery).map(|signed| signed.certificate_url)
        };
        let foreign = certificate.texts("foreign");
        assert!(!foreign.is_empty(), "{}", known.id());
        for address in foreign {
            assert_eq!(at(address), Err(Refused::Forged), "{}", known.id());
        }
        for address in certificate.texts("theirs") {
            assert_eq!(at(address), Ok(address.to_owned()), "{}", known.id());
        }
    }
}

#[test]
fn a_delivery_that_lacks_a_part_of_its_certified_proof_has_none() {
    for (known, certificate) in certified() {
        let none = |delivery: &Delivery, account: &Account, what: &str| {
            let said = outcome(&known, delivery, account).err();
            assert_eq!(said, Some(Refused::NoProof), "{}: {what}", known.id());
        };
        let headers = certificate
            .pairs("headers")
            .into_iter()
            .map(|(name, _)| name);
        for header in headers.chain([certificate.text("carries")]) {
            for value in [None, Some("")] {
                none(&certificate.with(header, value), &known.hooks(), header);
            }
        }
        for (header, value) in certificate.pairs("weaker") {
            let weaker = certificate.with(header, Some(value));
            none(&weaker, &known.hooks(), "a weaker signature");
        }
        let unset = Account::load(&[], Default::default()).expect("an empty one");
        none(&certificate.good(), &unset, "a clinic without a webhook");
    }
}
