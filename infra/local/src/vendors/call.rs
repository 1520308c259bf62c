//! One call of a vendor, as it is kept and shown.

use axum::http::HeaderMap;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::{Map, Value, json};

pub struct Call {
    pub seq: u64,
    pub at: String,
    pub vendor: String,
    pub function: String,
    pub caller: String,
    pub method: String,
    /// With its query, as on the vendor's own host.
    pub path: String,
    pub headers: Map<String, Value>,
    pub body: Bytes,
    /// What the vendor answered, whether or not the caller got to see it; 0 where it was not asked.
    pub status: u16,
    pub reply_headers: Map<String, Value>,
    pub reply: Bytes,
    pub fault: Option<String>,
    /// Why the vendor could not be reached.
    pub error: Option<String>,
}

impl Call {
    pub fn json(&self) -> Value {
        let mut json = json!({
            "seq": self.seq,
            "at": self.at,
            "vendor": self.vendor,
            "function": self.function,
            "caller": self.caller,
            "method": self.method,
            "path": self.path,
            "headers": self.headers,
            "status": self.status,
            "reply_headers": self.reply_headers,
            "fault": self.fault,
            "error": self.error,
        });
        for (name, bytes) in [("body", &self.body), ("reply", &self.reply)] {
            match std::str::from_utf8(bytes) {
                Ok(text) => json[name] = json!(text),
                Err(_) => json[format!("{name}_base64")] = json!(STANDARD.encode(bytes)),
            }
        }
        json
    }
}

pub fn shown(headers: &HeaderMap) -> Map<String, Value> {
    let mut out = Map::new();
    for (name, value) in headers {
        let text = String::from_utf8_lossy(value.as_bytes()).into_owned();
        let joined = match out.get(name.as_str()).and_then(Value::as_str) {
            Some(before) => format!("{before}, {text}"),
            None => text,
        };
        out.insert(name.as_str().to_owned(), json!(joined));
    }
    out
}
