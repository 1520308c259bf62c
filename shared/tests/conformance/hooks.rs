//! Webhooks: signed as the vendor signs, in whatever way its data says, and what each says.

use crate::asks::fact;
use crate::certificates::Certificate;
use crate::data::Known;
use crate::wire;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use meridian::contract::*;
use meridian::domain::fact::Fact;
use meridian::vendors;
use serde_json::{Map, Value, json};
use sha1::Sha1;
use sha2::{Sha256, Sha512};

/// When every delivery here comes in, epoch seconds.
pub const NOW: i64 = 1_780_000_000;

/// How a vendor signs: `header`, `spelled` (`sha256=${code}`; `${half}` is half of the code, `${other}`
/// the code under another secret), `secret` (a field), `key` (`text`, `hex`, `base64`), `algorithm`,
/// `code` (`hex`, `HEX`, `base64`), `covers` (`${t}.${body}`), and, where each item of a batch is
/// signed, `items`, `item`, `at` and `parts`.
pub struct Signs(pub Value);

impl Signs {
    pub fn of(known: &Known) -> Option<Self> {
        let signs = known.get("signs");
        (!signs.is_null()).then_some(Self(signs))
    }

    fn text(&self, name: &str) -> &str {
        self.0[name].as_str().unwrap_or("")
    }

    pub fn header(&self) -> &str {
        self.text("header")
    }

    pub fn tells_time(&self) -> bool {
        self.text("covers").contains("${t}")
    }

    /// The delivery as the vendor sends it at this time, signed under this secret.
    pub fn signed(&self, body: &str, secret: &str, at: i64) -> Delivery {
        if self.0.get("items").is_some() {
            return delivery(&[], &self.each(body, secret));
        }
        let covers = self.text("covers").replace("${t}", &at.to_string());
        let covers = covers.replace("${body}", body);
        let code = self.code(secret, &covers);
        let spelled = self.text("spelled").replace("${t}", &at.to_string());
        let spelled = spelled.replace("${half}", &code[..code.len() / 2]);
        let spelled = match spelled.contains("${other}") {
            true => spelled.replace("${other}", &self.code(&reversed(secret), &covers)),
            false => spelled,
        };
        delivery(&[(self.header(), &spelled.replace("${code}", &code))], body)
    }

    /// A batch whose items are signed one by one.
    fn each(&self, body: &str, secret: &str) -> String {
        let mut body: Value = serde_json::from_str(body).expect("a batch is JSON");
        let items = body
            .pointer_mut(self.text("items"))
            .and_then(Value::as_array_mut);
        for item in items.into_iter().flatten() {
            let inner = item.pointer(self.text("item")).cloned().unwrap_or_default();
            let parts = self.0["parts"].as_array().into_iter().flatten();
            let part = |place: &Value| match inner.pointer(place.as_str().unwrap_or("")) {
                Some(Value::String(text)) => text.clone(),
                Some(Value::Null) | None => String::new(),
                Some(other) => other.to_string(),
            };
            let covers: Vec<_> = parts.map(part).collect();
            let code = self.code(secret, &covers.join(":"));
            crate::data::put(item, self.text("at"), code.into());
        }
        body.to_string()
    }

    fn code(&self, secret: &str, message: &str) -> String {
        let key = match self.text("key") {
            "hex" => hex::decode(secret).expect("a key in hex"),
            "base64" => BASE64_STANDARD.decode(secret).expect("a key in base64"),
            _ => secret.as_bytes().to_vec(),
        };
        fn mac<M: Mac + KeyInit>(key: &[u8], message: &str) -> Vec<u8> {
            let mac = <M as KeyInit>::new_from_slice(key).expect("a key of any length");
            mac.chain_update(message).finalize().into_bytes().to_vec()
        }
        let code = match self.text("algorithm") {
            "sha1" => mac::<Hmac<Sha1>>(&key, message),
            "sha512" => mac::<Hmac<Sha512>>(&key, message),
            _ => mac::<Hmac<Sha256>>(&key, message),
        };
        match self.text("code") {
            "base64" => BASE64_STANDARD.encode(code),
            "HEX" => hex::encode_upper(code),
            _ => hex::encode(code),
        }
    }

    pub fn secret(&self, known: &Known) -> String {
        known.hooks().secret(self.text("secret")).to_owned()
    }
}

/// With the kind of its body beside these headers, as every vendor tells it.
pub fn delivery(headers: &[(&str, &str)], body: &str) -> Delivery {
    let kind = match body.starts_with('{') {
        true => "application/json",
        false => "application/x-www-form-urlencoded",
    };
    let headers = headers.iter().copied().chain([("content-type", kind)]);
    Delivery {
        headers: headers.map(|(n, v)| (n.to_owned(), v.to_owned())).collect(),
        method: "POST".into(),
        body: body.into(),
        url: "https://pay.example/webhooks/demo/it".into(),
        received_at: NOW,
    }
}

/// Another secret of the same letters.
pub fn reversed(secret: &str) -> String {
    secret.chars().rev().collect()
}

pub fn inbound(known: &Known) -> &'static Inbound {
    known.gateway.webhook.yes().expect("it sends webhooks")
}

/// Where a case's delivery comes in: at its gateway's own door, or at that of another `source` of
/// the same vendor.
pub fn entry(known: &Known, case: &Value) -> &'static Inbound {
    match case["source"].as_str() {
        Some(source) => vendors::inbound(source).expect("a source of the vendor"),
        None => inbound(known),
    }
}

/// A body as a case gives it: text as it is, the fields of a `form`, or a document.
pub fn body(case: &Value) -> String {
    let text = |value: &Value| value.as_str().map_or(value.to_string(), String::from);
    let field = |(name, value): (&String, &Value)| (name.clone(), text(value));
    match (&case["hook"], case["hook"]["form"].as_object()) {
        (Value::String(text), _) => text.clone(),
        (_, Some(fields)) => {
            let given = fields.iter().filter(|(_, value)| !value.is_null());
            wire::encoded(&given.map(field).collect::<Vec<_>>())
        }
        (document, None) => document.to_string(),
    }
}

/// The delivery of a case, signed unless it says that it is not, or comes from another source.
pub fn sent(known: &Known, case: &Value) -> Delivery {
    let body = body(case);
    let signed = case["unsigned"] != true && case["source"].is_null();
    let certificate = Certificate::of(known).filter(|_| signed);
    match (Signs::of(known).filter(|_| signed), certificate) {
        (Some(signs), _) => signs.signed(&body, &signs.secret(known), NOW),
        (None, Some(certificate)) => certificate.beside(&body),
        (None, None) => delivery(&[], &body),
    }
}

/// What a delivery says once its proof was looked at, as cases write it.
pub fn read(known: &Known, case: &Value) -> Value {
    let (delivery, account) = (sent(known, case), known.hooks());
    let entry = entry(known, case);
    let trusted = match prove(entry.door, &delivery, &account) {
        Ok(Outcome::Proven | Outcome::Items(_)) => true,
        // One that goes back to its vendor is read once that said yes.
        Ok(Outcome::NeedsVendor) => entry.postback.is_some() && case["unasked"] != true,
        // Which it is held against is proven by itself.
        Ok(Outcome::NeedsCertificate(_)) => true,
        Err(why) => return json!({"refused": format!("{why:?}")}),
    };
    said(entry, &account, &delivery, trusted)
}

/// What of it is read, as cases write it.
pub fn said(entry: &Inbound, account: &Account, delivery: &Delivery, trusted: bool) -> Value {
    let verified = Verified {
        delivery,
        account,
        trusted,
    };
    match (entry.read)(&verified) {
        Ok(items) => json!({"items": items.into_iter().map(item).collect::<Vec<_>>()}),
        Err(why) => json!({"unreadable": why.0}),
    }
}

/// What the delivery of a case tells as facts, as it is kept.
pub fn told(known: &Known, case: &Value) -> Vec<Fact> {
    let delivery = sent(known, case);
    let verified = Verified {
        delivery: &delivery,
        account: &known.hooks(),
        trusted: true,
    };
    let items = (entry(known, case).read)(&verified).expect("it is read");
    let fact = |item: Item| match item.checked().notice {
        Ok(Notice::Fact(told)) => *told,
        other => panic!("{}: {other:?} is no fact", known.id()),
    };
    items.into_iter().map(fact).collect()
}

pub fn item(item: Item) -> Value {
    let (id, name) = (item.id.clone(), item.name.clone());
    let mut shown = Map::new();
    shown.insert("id".into(), json!(id));
    shown.insert("name".into(), json!(name));
    let (kind, value) = match item.checked().notice {
        Ok(Notice::Fact(told)) => ("fact", fact(&told)),
        Ok(Notice::Hint { payment }) => ("hint", json!(payment)),
        Ok(Notice::MethodGone { token, at }) => {
            shown.insert("at".into(), json!(at));
            ("gone", json!(token))
        }
        Ok(Notice::MethodBack { token, at }) => {
            shown.insert("at".into(), json!(at));
            ("back", json!(token))
        }
        Ok(Notice::Visit(_) | Notice::Booked { .. }) => panic!("a gateway knows of no such thing"),
        Ok(Notice::Ignored(kind)) => ("ignored", json!(kind)),
        Err(why) => ("unreadable", json!(why.0)),
    };
    shown.insert(kind.into(), value);
    shown.into()
}
