//! What a client is answered: by a function, or by API Gateway itself.

use crate::ids::request_id;
use axum::body::Body;
use axum::http::header::{CONNECTION, CONTENT_TYPE, SET_COOKIE};
use axum::http::{HeaderName, HeaderValue, Response, StatusCode};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

/// What a function answered as the client sees it; nothing where API Gateway would call it malformed.
pub fn response(payload: &[u8]) -> Option<Response<Body>> {
    let answer: Value = serde_json::from_slice(payload).ok()?;
    let Some(status) = answer.get("statusCode") else {
        // without a status the whole answer is the body
        let body = answer
            .as_str()
            .map_or_else(|| answer.to_string(), str::to_owned);
        return Response::builder()
            .header(CONTENT_TYPE, "application/json")
            .body(Body::from(body))
            .ok();
    };
    let status = status.as_u64().or_else(|| status.as_str()?.parse().ok())?;
    let status = StatusCode::from_u16(u16::try_from(status).ok()?).ok()?;
    let body = match answer.get("body") {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::String(text)) if answer["isBase64Encoded"] == true => {
            STANDARD.decode(text).ok()?
        }
        Some(Value::String(text)) => text.clone().into_bytes(),
        Some(other) => other.to_string().into_bytes(),
    };
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("text/plain;charset=UTF-8"),
    );
    headers.insert(
        "apigw-requestid",
        HeaderValue::from_str(&request_id()).ok()?,
    );
    for (name, value) in answer["headers"].as_object().into_iter().flatten() {
        let value = value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned);
        headers.insert(
            name.parse::<HeaderName>().ok()?,
            HeaderValue::from_str(&value).ok()?,
        );
    }
    for cookie in answer["cookies"].as_array().into_iter().flatten() {
        headers.append(SET_COOKIE, HeaderValue::from_str(cookie.as_str()?).ok()?);
    }
    Some(response)
}

/// Vendors send again what was answered so, and a connection that was kept is not used again.
pub fn closing() -> Response<Body> {
    let mut response = message(StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable");
    response
        .headers_mut()
        .insert(CONNECTION, HeaderValue::from_static("close"));
    response
}

pub fn failed() -> Response<Body> {
    message(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error")
}

pub fn message(status: StatusCode, text: &str) -> Response<Body> {
    let mut response = Response::new(Body::from(json!({ "message": text }).to_string()));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_malformed_answer_is_none() {
        assert!(response(br#"{"statusCode":"many"}"#).is_none());
        assert!(response(br#"{"statusCode":200,"body":"%","isBase64Encoded":true}"#).is_none());
        assert!(response(b"not json").is_none());
        assert_eq!(
            response(br#"{"ok":true}"#).map(|r| r.status()),
            Some(StatusCode::OK)
        );
    }
}
