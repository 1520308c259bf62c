//! A webhook as it waits to be sent, and where it goes.

use crate::wire::{hmac_sha256, stamp};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};

/// Where an account's webhooks go.
#[derive(Clone)]
pub struct Endpoint {
    pub source: String,
    pub account: String,
    pub url: String,
    pub secret: String,
}

/// Headers that prove a body: made when it is sent, for some cover the time of sending.
pub type Sign = fn(&Webhook, now: i64) -> Vec<(String, String)>;

#[derive(Clone)]
pub struct Webhook {
    pub id: u64,
    pub vendor: &'static str,
    /// Event name, for people who look.
    pub event: String,
    pub url: String,
    pub content_type: &'static str,
    pub body: Vec<u8>,
    pub secret: String,
    pub sign: Sign,
    /// Next attempt; None when there is none left to make.
    pub due: Option<i64>,
    pub sending: bool,
    pub attempts: Vec<Value>,
}

/// What happened at a vendor, to be told to whoever listens.
pub struct News<'a> {
    pub vendor: &'static str,
    pub source: &'a str,
    pub account: &'a str,
    pub event: &'a str,
    pub content_type: &'static str,
    pub body: Vec<u8>,
    pub sign: Sign,
}

impl Webhook {
    /// As people see it, with the headers that an attempt at this instant has.
    pub fn shown(&self, now: i64) -> Value {
        json!({
            "id": self.id,
            "vendor": self.vendor,
            "event": self.event,
            "url": self.url,
            "headers": self.headers(now),
            "body": String::from_utf8_lossy(&self.body),
            "due": self.due.map(|due| stamp(due, "%FT%T%.3fZ")),
            "attempts": self.attempts,
        })
    }

    /// HMAC-SHA256 of its body, in Base64.
    pub fn proof(&self) -> String {
        BASE64.encode(hmac_sha256(self.secret.as_bytes(), &self.body))
    }

    pub fn headers(&self, now: i64) -> Vec<(String, String)> {
        let mut headers = vec![
            ("content-type".into(), self.content_type.into()),
            ("user-agent".into(), format!("{}-sandbox/1", self.vendor)),
        ];
        headers.extend((self.sign)(self, now));
        headers
    }
}

impl<'a> News<'a> {
    /// JSON, unsigned, of the source of the vendor's own name; its body is still to come.
    pub fn of(vendor: &'static str, account: &'a str, event: &'a str) -> News<'a> {
        News {
            vendor,
            source: vendor,
            account,
            event,
            content_type: "application/json",
            body: Vec::new(),
            sign: |_, _| Vec::new(),
        }
    }
}
