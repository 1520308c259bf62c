//! What goes over the wire: a call as it came in, the reply to it, and the encodings vendors use.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, KeyInit, Mac};
use rust_decimal::Decimal;
use serde_json::{Map, Value};
use std::str::FromStr;

#[derive(Clone, Debug)]
pub struct Call {
    pub vendor: String,
    pub method: String,
    /// Path on the vendor's host, without its query.
    pub path: String,
    pub query: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Call {
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self
            .headers
            .iter()
            .find(|(n, _)| n.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }
    /// Path segments, percent-decoded.
    pub fn segments(&self) -> Vec<String> {
        self.path
            .split('/')
            .filter(|part| !part.is_empty())
            .map(percent_decoded)
            .collect()
    }
    pub fn pairs(&self) -> Vec<(String, String)> {
        decode_pairs(self.query.as_bytes())
    }
    pub fn query(&self, name: &str) -> Option<String> {
        self.pairs()
            .into_iter()
            .find(|(n, _)| n == name)
            .map(|(_, value)| value)
    }
    pub fn content_type(&self) -> String {
        let full = self.header("content-type").unwrap_or("");
        full.split(';')
            .next()
            .unwrap_or("")
            .trim()
            .to_ascii_lowercase()
    }
    /// The path and query of another page of what it asks for.
    pub fn leading_to(&self, name: &str, page: usize) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(self.pairs().iter().filter(|(other, _)| other != name));
        query.append_pair(name, &page.to_string());
        format!("{}?{}", self.path, query.finish())
    }
    /// Whether it would have JSON for an answer.
    pub fn wants_json(&self) -> bool {
        self.header("accept")
            .is_some_and(|kinds| kinds.contains("application/json"))
    }
    pub fn bearer(&self) -> Option<&str> {
        self.header("authorization")?.strip_prefix("Bearer ")
    }
    /// User and password of HTTP Basic.
    pub fn basic(&self) -> Option<(String, String)> {
        let coded = self.header("authorization")?.strip_prefix("Basic ")?;
        let text = String::from_utf8(BASE64.decode(coded).ok()?).ok()?;
        let (user, password) = text.split_once(':')?;
        Some((user.into(), password.into()))
    }
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

#[derive(Clone, Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// A page that a person visits: no API call, so not recorded as one.
    pub page: bool,
}

impl Reply {
    pub fn json(status: u16, body: &Value) -> Reply {
        Reply::of(status, "application/json", body.to_string())
    }
    pub fn of(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> Reply {
        let headers = vec![("content-type".to_string(), content_type.to_string())];
        Reply {
            status,
            headers,
            body: body.into(),
            page: false,
        }
    }
    pub fn html(status: u16, body: String) -> Reply {
        Reply {
            page: true,
            ..Reply::of(status, "text/html; charset=utf-8", body)
        }
    }
    /// Sends a person's browser on.
    pub fn see_other(url: &str) -> Reply {
        Reply {
            page: true,
            ..Reply::of(303, "text/plain", "").with("location", url)
        }
    }
    pub fn with(mut self, name: &str, value: &str) -> Reply {
        self.headers.push((name.to_string(), value.to_string()));
        self
    }
}

pub fn percent_decoded(text: &str) -> String {
    percent_encoding::percent_decode_str(text)
        .decode_utf8_lossy()
        .into_owned()
}

/// Form or query pairs in their order, decoded.
pub fn decode_pairs(form: &[u8]) -> Vec<(String, String)> {
    form_urlencoded::parse(form)
        .map(|(name, value)| (name.into(), value.into()))
        .collect()
}

/// `a[b][0]=c` as nested JSON with text leaves. None when two pairs contradict each other's shape.
pub fn nest(pairs: &[(String, String)]) -> Option<Value> {
    let mut root = Value::Object(Map::new());
    for (name, value) in pairs {
        let (head, tail) = name.split_at(name.find('[').unwrap_or(name.len()));
        let mut path = vec![head];
        for part in tail.split_terminator(']') {
            path.push(part.strip_prefix('[')?);
        }
        place(&mut root, &path, value)?;
    }
    Some(listed(root))
}

fn place(at: &mut Value, path: &[&str], text: &str) -> Option<()> {
    let (name, rest) = path.split_first()?;
    let map = at.as_object_mut()?;
    // `tags[]=x` appends: the next free number is its name.
    let name = if name.is_empty() {
        map.len().to_string()
    } else {
        (*name).to_string()
    };
    if rest.is_empty() {
        return map
            .insert(name, Value::String(text.into()))
            .is_none()
            .then_some(());
    }
    place(
        map.entry(name).or_insert_with(|| Value::Object(Map::new())),
        rest,
        text,
    )
}

/// Objects whose names are 0, 1, 2… are lists.
fn listed(value: Value) -> Value {
    let Value::Object(map) = value else {
        return value;
    };
    let numbered = !map.is_empty() && map.keys().all(|name| name.parse::<usize>().is_ok());
    if numbered {
        let mut items: Vec<_> = map.into_iter().collect();
        items.sort_by_key(|(name, _)| name.parse::<usize>().unwrap_or(usize::MAX));
        return items.into_iter().map(|(_, item)| listed(item)).collect();
    }
    map.into_iter()
        .map(|(name, item)| (name, listed(item)))
        .collect::<Map<_, _>>()
        .into()
}

/// Fields of a form, urlencoded or multipart (text parts only; that is all our vendors need).
pub fn form_fields(call: &Call) -> Option<Vec<(String, String)>> {
    match call.content_type().as_str() {
        "application/x-www-form-urlencoded" => Some(decode_pairs(&call.body)),
        "multipart/form-data" => multipart(call),
        _ => None,
    }
}

fn multipart(call: &Call) -> Option<Vec<(String, String)>> {
    let (_, boundary) = call.header("content-type")?.split_once("boundary=")?;
    let boundary = boundary.split(';').next()?.trim().trim_matches('"');
    let text = String::from_utf8(call.body.clone()).ok()?;
    let (parts, _) = text.split_once(&format!("--{boundary}--"))?;
    let mut fields = Vec::new();
    for part in parts.split(&format!("--{boundary}\r\n")).skip(1) {
        let (head, content) = part.split_once("\r\n\r\n")?;
        let (_, name) = head.split_once("name=\"")?;
        let (name, _) = name.split_once('"')?;
        fields.push((name.to_string(), content.strip_suffix("\r\n")?.to_string()));
    }
    Some(fields)
}

pub fn hmac_sha512(key: &[u8], message: &[u8]) -> Vec<u8> {
    let mac = Hmac::<sha2::Sha512>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.chain_update(message).finalize().into_bytes().to_vec()
}

pub fn hmac_sha256(key: &[u8], message: &[u8]) -> Vec<u8> {
    let mac = Hmac::<sha2::Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.chain_update(message).finalize().into_bytes().to_vec()
}

/// An instant in one of the vendors' notations (strftime), UTC.
pub fn stamp(ms: i64, notation: &str) -> String {
    let at = jiff::Timestamp::from_millisecond(ms).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    at.strftime(notation).to_string()
}

/// Digits after the point of a currency's amounts (ISO 4217; what the sandbox does not list has two).
pub fn exponent(currency: &str) -> u32 {
    match currency.to_ascii_uppercase().as_str() {
        "BIF" | "CLP" | "DJF" | "GNF" | "ISK" | "JPY" | "KMF" | "KRW" | "PYG" | "RWF" | "UGX"
        | "VND" | "VUV" | "XAF" | "XOF" | "XPF" => 0,
        "BHD" | "IQD" | "JOD" | "KWD" | "LYD" | "OMR" | "TND" => 3,
        _ => 2,
    }
}

/// Minor units as a decimal text with exactly `digits` digits after the point.
pub fn major(minor: i64, digits: u32) -> String {
    if digits == 0 {
        return minor.to_string();
    }
    let unit = 10u64.pow(digits);
    let size = minor.unsigned_abs();
    let sign = if minor < 0 { "-" } else { "" };
    format!(
        "{sign}{}.{:0width$}",
        size / unit,
        size % unit,
        width = digits as usize
    )
}

/// A decimal text with exactly `digits` digits after the point, as minor units.
pub fn minor(text: &str, digits: u32) -> Option<i64> {
    let (whole, part) = match text.split_once('.') {
        Some((whole, part)) if digits > 0 => (whole, part),
        None if digits == 0 => (text, ""),
        _ => return None,
    };
    let plain = !whole.is_empty()
        && part.len() == digits as usize
        && (whole.to_owned() + part)
            .bytes()
            .all(|byte| byte.is_ascii_digit());
    if plain {
        format!("{whole}{part}").parse().ok()
    } else {
        None
    }
}

/// A JSON number, exactly.
pub fn decimal(value: &Value) -> Option<Decimal> {
    let text = value.as_number()?.to_string();
    Decimal::from_str(&text)
        .or_else(|_| Decimal::from_scientific(&text))
        .ok()
}

/// The same; nothing where there is none.
pub fn amount(value: &Value) -> Decimal {
    decimal(value).unwrap_or_default()
}

/// A decimal as a JSON number.
pub fn number(value: Decimal) -> Value {
    serde_json::from_str(&value.normalize().to_string()).unwrap_or_default()
}
