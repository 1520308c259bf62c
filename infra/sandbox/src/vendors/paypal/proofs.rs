//! How PayPal's messages are proven: webhooks signed by a key whose certificate is fetched and
//! chains to a root, the question whether a signature holds, and the postback of IPN.

use super::{API, Done, WHEN, cents, malformed};
use crate::webhooks::{News, Webhook};
use crate::wire::{Call, Reply, major, stamp};
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

// ---- IPN ----

/// Sends an IPN: of a capture or refund made here, or of an invoice paid by an old button.
pub fn notify_ipn(world: &mut World, id: Option<&str>, ask: &Value) -> Result<Value, String> {
    let text = |name: &str, default: &str| ask[name].as_str().unwrap_or(default).to_string();
    let made = id.map(|id| {
        let refund = world.item("paypal.refund", id);
        let item = refund
            .or(world.item("paypal.capture", id))
            .ok_or("no such payment")?;
        Ok::<_, String>((
            id,
            item.account.clone(),
            item.body.clone(),
            item.notes.clone(),
        ))
    });
    let mut fields: Vec<(&str, String)> = vec![("txn_type", "web_accept".into())];
    let client = match made.transpose()? {
        Some((id, client, body, notes)) => {
            let parent = &notes["capture"];
            let refund = parent.is_string();
            let currency = body["amount"]["currency_code"]
                .as_str()
                .unwrap_or("")
                .to_string();
            let sign = if refund { "-" } else { "" };
            let gross = major(cents(&body["amount"]), super::digits(&currency));
            let status = match body["status"].as_str() {
                Some("PENDING") => "Pending",
                Some("DECLINED" | "FAILED") => "Failed",
                _ if notes["reversal"] == true => "Reversed",
                _ if refund => "Refunded",
                _ => "Completed",
            };
            let word = |name: &str| body[name].as_str().unwrap_or("").to_string();
            fields.extend([
                ("txn_id", id.to_string()),
                ("payment_status", status.to_string()),
                ("mc_gross", format!("{sign}{gross}")),
                ("mc_currency", currency),
                ("invoice", word("invoice_id")),
                ("custom", word("custom_id")),
            ]);
            if let Some(parent) = parent.as_str() {
                fields.push(("parent_txn_id", parent.to_string()));
            }
            client
        }
        None => {
            let cents = ask["amount"]
                .as_i64()
                .ok_or("amount in minor units is required")?;
            let currency = text("currency", "EUR");
            let id = match ask["txn_id"].as_str() {
                Some(id) => id.to_string(),
                None => world.id_over(b"0123456789ABCDEFGHJKLMNPRSTUVWXYZ", 17),
            };
            let status = text("status", "Completed");
            let back = matches!(status.as_str(), "Refunded" | "Reversed");
            let sign = if back { "-" } else { "" };
            let gross = major(cents, super::digits(&currency));
            if let Some(parent) = ask["parent"].as_str() {
                fields.push(("parent_txn_id", parent.to_string()));
            }
            fields.extend([
                ("txn_id", id),
                ("payment_status", status),
                ("mc_gross", format!("{sign}{gross}")),
                ("mc_currency", currency),
                ("invoice", text("invoice", "")),
                ("custom", text("custom", "")),
            ]);
            text("account", "demo-client")
        }
    };
    let receiver = text("receiver_email", "clinic@example.test");
    fields.extend([
        ("business", receiver.clone()),
        ("receiver_email", receiver),
        ("receiver_id", "C7CYMKZDG8D6E".into()),
        ("payer_email", "payer@example.test".into()),
        ("payer_id", "QYR5Z8XDVJNXQ".into()),
        ("payer_status", "verified".into()),
        ("payment_type", "instant".into()),
        ("mc_fee", "0.00".into()),
        ("payment_date", stamp(world.now, "%H:%M:%S %b %d, %Y UTC")),
        ("test_ipn", "1".into()),
        ("notify_version", "3.9".into()),
        ("ipn_track_id", world.id("", 13).to_lowercase()),
        ("verify_sign", world.id("A", 40)),
    ]);
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.extend_pairs(&fields);
    // A name in the charset that the message declares, which is not UTF-8.
    let body = format!(
        "{}&charset=windows-1252&first_name=Zo%EB&last_name=Payer",
        form.finish()
    );
    world.put("paypal.ipn", &client, &body, json!({}));
    world.notify(&News {
        vendor: "paypal",
        source: "paypal-ipn",
        account: &client,
        event: "ipn",
        content_type: "application/x-www-form-urlencoded",
        body: body.clone().into_bytes(),
        sign: |_, _| Vec::new(),
    });
    Ok(json!({"body": body}))
}

/// An IPN that was sent, given back byte for byte, is VERIFIED.
pub fn postback(world: &World, body: &[u8]) -> Reply {
    let text = String::from_utf8_lossy(body);
    let sent = text.strip_prefix("cmd=_notify-validate&");
    let known = sent.is_some_and(|sent| world.item("paypal.ipn", sent).is_some());
    Reply::of(
        200,
        "text/html; charset=UTF-8",
        if known { "VERIFIED" } else { "INVALID" },
    )
}
