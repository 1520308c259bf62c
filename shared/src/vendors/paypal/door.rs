//! How PayPal signs: with a certificate that it serves itself. Older notifications (IPN) are not
//! signed, and posted back.

use crate::contract::*;

pub static DOORS: &[&Door] = &[&DOOR, &IPN];

pub static DOOR: Door = Door {
    source: "paypal",
    vendor: "paypal",
    proofs: &[Proof::Certificate {
        header: "paypal-transmission-sig",
        host: "paypal.com",
        path: "/v1/notifications/certs/",
        signed,
    }],
    keeps: &[],
    refused: 401,
    answer: ok,
    challenge: None,
};

pub static IPN: Door = Door {
    source: "paypal-ipn",
    proofs: &[Proof::Postback],
    ..DOOR
};

/// Whom PayPal's certificates are for, live and in its sandbox: from memory, unverified.
const SIGNERS: &[&str] = &[
    "messageverificationcerts.paypal.com",
    "messageverificationcerts.sandbox.paypal.com",
];

/// Those of DigiCert, to which PayPal's certificates and its hosts' chain.
const ROOTS: &[u8] = include_bytes!("roots.pem");

/// The signature covers four values: the delivery's id and time, the webhook's id, which only we
/// and PayPal know to be ours, and a checksum of the body. Source: PayPal's official Java SDK.
fn signed(delivery: &Delivery, account: &Account) -> Option<CertificateSigned> {
    let header = |name| delivery.header(name).filter(|value| !value.is_empty());
    if header("paypal-auth-algo")? != "SHA256withRSA" {
        return None;
    }
    let webhook = account.secret("webhook_id");
    let message = format!(
        "{}|{}|{webhook}|{}",
        header("paypal-transmission-id")?,
        header("paypal-transmission-time")?,
        crc32fast::hash(&delivery.body)
    );
    (!webhook.is_empty()).then_some(CertificateSigned {
        certificate_url: header("paypal-cert-url")?.into(),
        signature: from_base64(header("paypal-transmission-sig")?)?,
        message: message.into_bytes(),
        names: SIGNERS,
        roots: ROOTS,
    })
}
