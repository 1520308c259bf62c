//! What a function is given of a request: API Gateway's event.

use super::routes::{Variables, decoded};
use crate::clock::machine_now;
use crate::ids::request_id;
use axum::http::header::{CONTENT_TYPE, COOKIE, HOST, USER_AGENT};
use axum::http::{HeaderMap, HeaderName};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use meridian_embedded_aws::ACCOUNT;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Headers that belong to the connection, not to the request.
const HOP_BY_HOP: [&str; 6] = [
    "connection",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// The event of one request, in payload format 2.0.
pub fn event(
    route_key: &str,
    variables: &Variables,
    method: &str,
    path: &str,
    query: &str,
    headers: &HeaderMap,
    body: &[u8],
) -> Value {
    let text = |name: &HeaderName| {
        headers
            .get(name)
            .map(|v| String::from_utf8_lossy(v.as_bytes()).into_owned())
    };
    let now = machine_now();
    let domain = text(&HOST).unwrap_or_default();
    let cookies = cookies(headers);
    let (body, encoded) = body_text(text(&CONTENT_TYPE).as_deref(), body);
    let mut event = json!({
        "version": "2.0",
        "routeKey": route_key,
        "rawPath": decoded(path),
        "rawQueryString": query,
        "headers": seen_headers(headers, &domain),
        "requestContext": {
            "accountId": ACCOUNT,
            "apiId": "local",
            "domainName": domain,
            "domainPrefix": "local",
            "http": {
                "method": method,
                "path": decoded(path),
                "protocol": "HTTP/1.1",
                "sourceIp": "127.0.0.1",
                "userAgent": text(&USER_AGENT).unwrap_or_default(),
            },
            "requestId": request_id(),
            "routeKey": route_key,
            "stage": "$default",
            "time": gateway_time(now),
            "timeEpoch": now,
        },
        "isBase64Encoded": encoded,
    });
    if !cookies.is_empty() {
        event["cookies"] = json!(cookies);
    }
    if !query.is_empty() {
        event["queryStringParameters"] = json!(parameters(query));
    }
    if !variables.is_empty() {
        event["pathParameters"] = json!(variables);
    }
    if !body.is_empty() {
        event["body"] = json!(body);
    }
    event
}

fn cookies(headers: &HeaderMap) -> Vec<String> {
    joined(headers, &COOKIE)
        .map(|all| {
            all.split(';')
                .map(|one| one.trim().to_owned())
                .filter(|one| !one.is_empty())
                .collect()
        })
        .unwrap_or_default()
}

/// Values of one name joined by commas.
fn parameters(query: &str) -> BTreeMap<String, String> {
    let mut parameters = BTreeMap::<String, String>::new();
    for (key, value) in form_urlencoded::parse(query.as_bytes()) {
        let entry = parameters.entry(key.into_owned());
        entry
            .and_modify(|all| *all = format!("{all},{value}"))
            .or_insert_with(|| value.into_owned());
    }
    parameters
}

/// Values of one name joined by commas; cookies have a field of their own.
fn seen_headers(headers: &HeaderMap, domain: &str) -> Map<String, Value> {
    let mut seen = Map::new();
    for name in headers
        .keys()
        .filter(|name| **name != COOKIE && !HOP_BY_HOP.contains(&name.as_str()))
    {
        if let Some(value) = joined(headers, name) {
            seen.insert(name.as_str().to_owned(), json!(value));
        }
    }
    let port = domain.rsplit_once(':').map_or("80", |(_, port)| port);
    for (name, value) in [
        ("x-forwarded-for", "127.0.0.1"),
        ("x-forwarded-port", port),
        ("x-forwarded-proto", "http"),
    ] {
        seen.entry(name).or_insert_with(|| json!(value));
    }
    seen
}

fn joined(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let values: Vec<_> = headers
        .get_all(name)
        .iter()
        .map(|v| String::from_utf8_lossy(v.as_bytes()))
        .collect();
    let separator = if *name == COOKIE { "; " } else { "," };
    (!values.is_empty()).then(|| values.join(separator))
}

/// As API Gateway was seen to do it: these content types pass as text, all else goes as base64, forms
/// and bodies without a type among it. Bytes that are no text are never mangled.
fn body_text(content_type: Option<&str>, body: &[u8]) -> (String, bool) {
    let kind = content_type
        .unwrap_or_default()
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    let is_text = kind.starts_with("text/")
        || [
            "application/json",
            "application/javascript",
            "application/xml",
        ]
        .contains(&kind.as_str());
    match std::str::from_utf8(body) {
        Ok(text) if is_text || body.is_empty() => (text.to_owned(), false),
        _ => (STANDARD.encode(body), true),
    }
}

/// `12/Mar/2020:19:03:58 +0000`
fn gateway_time(millis: i64) -> String {
    let at = jiff::Timestamp::from_millisecond(millis).unwrap_or_default();
    at.strftime("%d/%b/%Y:%H:%M:%S +0000").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plainly_textual_bodies_pass_as_text() {
        for (kind, is_text) in [
            (Some("application/json; charset=utf-8"), true),
            (Some("TEXT/plain"), true),
            (Some("application/xml"), true),
            (Some("application/x-www-form-urlencoded"), false),
            (Some("application/vnd.api+json"), false),
            (Some("multipart/form-data; boundary=x"), false),
            (None, false),
        ] {
            assert_eq!(body_text(kind, b"a=1").1, !is_text, "{kind:?}");
        }
        assert_eq!(
            body_text(Some("application/json"), b"\xff\xfe"),
            ("//4=".to_owned(), true)
        );
    }
}
