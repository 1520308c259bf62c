//! How PayPal's messages are proven: webhooks signed by a key whose certificate is fetched and
//! chains to a root, and the question whether a signature holds.

use super::replies::{API, Done, WHEN, malformed};
use crate::webhook::{News, Webhook};
use crate::wire::{Call, Reply, stamp};
use crate::world::World;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

pub const ROOT_PEM: &str = include_str!("test-root.pem");
const SIGNER_PEM: &str = include_str!("test-signer.pem");
const SIGNER_KEY: &[u8] = include_bytes!("test-signer.key.der");
const CERTIFICATE: &str = "CERT-360caa42-fca2a594-5edc0ebc";
const ALGORITHM: &str = "SHA256withRSA";

fn certificate_url() -> String {
    format!("https://api.sandbox.paypal.com/v1/notifications/certs/{CERTIFICATE}")
}

/// The signer's certificate, then the root it chains to.
pub fn certificate(id: &str) -> Reply {
    if id != CERTIFICATE {
        return Reply::of(404, "text/plain", "");
    }
    Reply::of(
        200,
        "application/x-pem-file",
        format!("{SIGNER_PEM}{ROOT_PEM}"),
    )
}

fn signature(transmission: &str, time: &str, webhook_id: &str, body: &[u8]) -> String {
    let signed = format!(
        "{transmission}|{time}|{webhook_id}|{}",
        crc32fast::hash(body)
    );
    let key = RsaKeyPair::from_pkcs8(SIGNER_KEY).expect("the test key was made by openssl");
    let mut proof = vec![0; key.public().modulus_len()];
    key.sign(
        &RSA_PKCS1_SHA256,
        &SystemRandom::new(),
        signed.as_bytes(),
        &mut proof,
    )
    .expect("signing needs nothing but memory");
    BASE64.encode(proof)
}

pub fn notify(world: &mut World, client: &str, event: &str, resource: &str, body: &Value) {
    let id = world.id_over(b"ABCDEFGHJKLMNPQRSTUVWXYZ0123456789", 17);
    let id = format!(
        "WH-{id}-{}",
        world.id_over(b"ABCDEFGHJKLMNPQRSTUVWXYZ0123456789", 17)
    );
    let href = format!("{API}/v1/notifications/webhooks-events/{id}");
    let message = json!({"id": id, "create_time": stamp(world.now, "%FT%T%.3fZ"),
        "resource_type": resource, "event_type": event, "event_version": "1.0",
        "resource_version": "2.0", "summary": event.replace(['.', '-'], " ").to_lowercase(),
        "resource": body,
        "links": [{"href": href, "rel": "self", "method": "GET"},
            {"href": format!("{href}/resend"), "rel": "resend", "method": "POST"}]});
    world.notify(&News {
        vendor: "paypal",
        source: "paypal",
        account: client,
        event,
        content_type: "application/json",
        body: message.to_string().into_bytes(),
        sign,
    });
}

fn sign(webhook: &Webhook, now: i64) -> Vec<(String, String)> {
    let mut digest = Sha256::new();
    digest.update(webhook.id.to_be_bytes());
    digest.update(&webhook.body);
    let text = hex::encode(digest.finalize());
    let transmission = format!(
        "{}-{}-11f0-{}-{}",
        &text[..8],
        &text[8..12],
        &text[12..16],
        &text[16..28]
    );
    let time = stamp(now, WHEN);
    let proof = signature(&transmission, &time, &webhook.secret, &webhook.body);
    let header = |name: &str, value: String| (format!("paypal-{name}"), value);
    vec![
        header("transmission-id", transmission),
        header("transmission-time", time),
        header("transmission-sig", proof),
        header("cert-url", certificate_url()),
        header("auth-algo", ALGORITHM.into()),
    ]
}

/// The question whether a signature holds. The event counts as it stands in the request, byte
/// for byte: who writes it anew breaks it.
pub fn verify(world: &World, call: &Call, client: &str) -> Done {
    let names = [
        "auth_algo",
        "cert_url",
        "transmission_id",
        "transmission_sig",
        "transmission_time",
        "webhook_id",
    ];
    let text = call.text();
    let ask: Value =
        serde_json::from_str(&text).map_err(|_| malformed("MALFORMED_REQUEST_JSON", ""))?;
    for name in names {
        if !ask[name].is_string() {
            return Err(malformed("MISSING_REQUIRED_PARAMETER", name));
        }
    }
    let Some(raw) = raw_event(&text) else {
        return Err(malformed("MISSING_REQUIRED_PARAMETER", "webhook_event"));
    };
    let [algorithm, url, id, proof, time, webhook] =
        names.map(|name| ask[name].as_str().unwrap_or(""));
    let ours = world
        .endpoints
        .iter()
        .any(|e| e.source == "paypal" && e.account == client && e.secret == webhook);
    let holds = ours
        && algorithm == ALGORITHM
        && url == certificate_url()
        && proof == signature(id, time, webhook, raw.as_bytes());
    let status = if holds { "SUCCESS" } else { "FAILURE" };
    Ok((200, json!({"verification_status": status})))
}

/// The text of the member `webhook_event`.
fn raw_event(body: &str) -> Option<&str> {
    let (_, rest) = body.split_once("\"webhook_event\"")?;
    let rest = rest.trim_start().strip_prefix(':')?.trim_start();
    let mut values = serde_json::Deserializer::from_str(rest).into_iter::<Value>();
    values.next()?.ok()?;
    Some(&rest[..values.byte_offset()])
}
