//! Webhooks as the gateways send them: held back at the sandbox, signed anew, posted by a story.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use meridian_stack::{Answer, Stack, root, unique};
use ring::hmac;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use serde_json::{Value, json};

#[derive(Clone, Debug)]
pub struct Webhook {
    pub event: String,
    pub url: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Webhook {
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(n, _)| n == name);
        found.map(|(_, value)| value.as_str())
    }

    /// The same with this header, or without it.
    pub fn with(&self, name: &str, value: Option<String>) -> Webhook {
        let mut other = self.clone();
        other.headers.retain(|(n, _)| n != name);
        other
            .headers
            .extend(value.map(|value| (name.to_owned(), value)));
        other
    }
}

/// Vendors that keep their webhooks to themselves until this is dropped.
pub struct HeldBack<'a> {
    stack: &'a Stack,
    since: u64,
}

impl<'a> HeldBack<'a> {
    pub fn at(stack: &'a Stack, vendors: &[&str]) -> Self {
        let off: Vec<_> = vendors
            .iter()
            .map(|vendor| json!({ "vendor": vendor, "action": "webhooks:off" }))
            .collect();
        let newest = |vendor: &&str| sent(stack, vendor).last().and_then(|w| w["id"].as_u64());
        let since = vendors.iter().filter_map(newest).max().unwrap_or(0);
        stack.faults(&json!({ "vendors": off }));
        Self { stack, since }
    }

    /// What the vendor would have told since, signed as of now.
    pub fn of(&self, vendor: &str) -> Vec<Webhook> {
        let held = sent(self.stack, vendor).into_iter();
        let held = held.filter(|w| w["id"].as_u64() > Some(self.since));
        held.map(|webhook| read(&webhook)).collect()
    }
}

impl Drop for HeldBack<'_> {
    fn drop(&mut self) {
        self.stack.faults(&json!({}));
    }
}

/// All webhooks of a vendor, in order, with their attempts.
pub fn sent(stack: &Stack, vendor: &str) -> Vec<Value> {
    let url = format!("{}/_sandbox/{vendor}/events", stack.vendors);
    let all = stack.send("GET", &url, &[], b"").expect(200);
    all.as_array().cloned().unwrap_or_default()
}

pub fn read(webhook: &Value) -> Webhook {
    let text = |name: &str| webhook[name].as_str().unwrap_or_default().to_owned();
    let headers = webhook["headers"].as_array().into_iter().flatten();
    let pair = |pair: &Value| Some((pair[0].as_str()?.to_owned(), pair[1].as_str()?.to_owned()));
    Webhook {
        event: text("event"),
        url: text("url"),
        headers: headers.filter_map(pair).collect(),
        body: text("body").into_bytes(),
    }
}

pub fn deliver(stack: &Stack, webhook: &Webhook) -> Answer {
    let headers: Vec<_> = webhook
        .headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    stack.send("POST", &webhook.url, &headers, &webhook.body)
}

/// App time in epoch seconds.
pub fn now(stack: &Stack) -> i64 {
    let clock = stack.control("GET", "clock", &Value::Null).expect(200);
    let now = clock["now"].as_str().unwrap_or_default();
    let now: jiff::Timestamp = now.parse().expect("a time");
    now.as_second()
}

/// Signs a body as the vendor does, from its documentation alone.
pub fn signed(vendor: &str, secret: &str, at: i64, webhook: &Webhook) -> Webhook {
    match vendor {
        "stripe" => {
            let code = stripe_code(secret, at, &webhook.body);
            webhook.with("stripe-signature", Some(format!("t={at},v1={code}")))
        }
        "gocardless" => webhook.with("webhook-signature", Some(code(secret, &webhook.body))),
        "mollie" => {
            let code = code(secret, &webhook.body);
            webhook.with("x-mollie-signature", Some(format!("sha256={code}")))
        }
        "paypal" => signed_by_certificate(secret, at, webhook),
        "adyen" => signed_items(secret, webhook),
        "authorizenet" => {
            let key = hmac::Key::new(hmac::HMAC_SHA512, secret.as_bytes());
            let code = hex::encode_upper(hmac::sign(&key, &webhook.body));
            webhook.with("x-anet-signature", Some(format!("sha512={code}")))
        }
        other => panic!("{other} signs nothing"),
    }
}

/// One `v1` of a `Stripe-Signature`.
pub fn stripe_code(secret: &str, at: i64, body: &[u8]) -> String {
    code(secret, &[format!("{at}.").as_bytes(), body].concat())
}

fn code(secret: &str, message: &[u8]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    hex::encode(hmac::sign(&key, message))
}

/// Each item of a batch has a code of its own, over eight of its values.
fn signed_items(key: &str, webhook: &Webhook) -> Webhook {
    let key = hex::decode(key).unwrap_or_default();
    let key = hmac::Key::new(hmac::HMAC_SHA256, &key);
    let mut batch: Value = serde_json::from_slice(&webhook.body).expect("a batch");
    for item in batch["notificationItems"]
        .as_array_mut()
        .into_iter()
        .flatten()
    {
        let item = &mut item["NotificationRequestItem"];
        let text = |place: &str| match item.pointer(place) {
            Some(Value::String(text)) => text.clone(),
            None | Some(Value::Null) => String::new(),
            Some(other) => other.to_string(),
        };
        let covered = [
            "/pspReference",
            "/originalReference",
            "/merchantAccountCode",
            "/merchantReference",
            "/amount/value",
            "/amount/currency",
            "/eventCode",
            "/success",
        ];
        let message = covered.map(text).join(":");
        let code = BASE64_STANDARD.encode(hmac::sign(&key, message.as_bytes()));
        item["additionalData"]["hmacSignature"] = code.into();
    }
    Webhook {
        body: batch.to_string().into_bytes(),
        ..webhook.clone()
    }
}

/// PayPal's secret is the webhook's id; the key is the sandbox's own.
fn signed_by_certificate(webhook_id: &str, at: i64, webhook: &Webhook) -> Webhook {
    let key = root().join("infra/sandbox/src/vendors/paypal/test-signer.key.der");
    let key = std::fs::read(key).expect("the sandbox's key");
    let key = RsaKeyPair::from_pkcs8(&key).expect("a key");
    let at = jiff::Timestamp::from_second(at).expect("a time");
    let (id, time) = (unique("transmission"), at.strftime("%FT%TZ").to_string());
    let crc = crc32fast::hash(&webhook.body);
    let message = format!("{id}|{time}|{webhook_id}|{crc}");
    let mut proof = vec![0; key.public().modulus_len()];
    let random = ring::rand::SystemRandom::new();
    key.sign(&RSA_PKCS1_SHA256, &random, message.as_bytes(), &mut proof)
        .expect("signed");
    webhook
        .with("paypal-transmission-id", Some(id))
        .with("paypal-transmission-time", Some(time))
        .with(
            "paypal-transmission-sig",
            Some(BASE64_STANDARD.encode(proof)),
        )
}
