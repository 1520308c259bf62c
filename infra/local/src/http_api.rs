//! The HTTP API in front of the functions: routes of the template, payload format 2.0, API Gateway's own answers.

use crate::activity::Activity;
use crate::clock::machine_now;
use crate::instances::{Failure, Pool, request_id};
use crate::template::Throttle;
use axum::body::{Body, to_bytes};
use axum::http::header::{CONNECTION, CONTENT_TYPE, COOKIE, HOST, SET_COOKIE, USER_AGENT};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use meridian_embedded_aws::ACCOUNT;
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

const BODY_LIMIT: usize = 10 * 1024 * 1024;

/// Headers that belong to the connection, not to the request.
const HOP_BY_HOP: [&str; 6] = [
    "connection",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

pub struct HttpApi {
    routes: Vec<Served>,
    throttle: Option<(Throttle, Mutex<(f64, Instant)>)>,
    activity: Activity,
    closed: AtomicBool,
}

struct Served {
    method: String,
    path: String,
    segments: Vec<Segment>,
    timeout: Duration,
    pool: Arc<Pool>,
}

#[derive(Debug, PartialEq)]
enum Segment {
    Literal(String),
    Variable(String),
    /// `{name+}`: this segment and all that follow.
    Greedy(String),
}

type Variables = BTreeMap<String, String>;

impl HttpApi {
    pub fn new(pools: &[Arc<Pool>], throttle: Option<Throttle>, activity: Activity) -> HttpApi {
        let served = |pool: &Arc<Pool>| {
            let routes = pool.function.routes.iter().map(|route| Served {
                method: route.method.clone(),
                path: route.path.clone(),
                segments: segments(&route.path),
                timeout: route.timeout,
                pool: pool.clone(),
            });
            routes.collect::<Vec<_>>()
        };
        HttpApi {
            routes: pools.iter().flat_map(served).collect(),
            throttle: throttle.map(|t| (t, Mutex::new((t.burst, Instant::now())))),
            activity,
            closed: AtomicBool::new(false),
        }
    }

    /// No request passes any more. Those that did show as activity until they are answered.
    pub fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
    }

    pub fn open(&self) {
        self.closed.store(false, Ordering::SeqCst);
    }

    pub async fn answer(&self, request: Request<Body>) -> Response<Body> {
        let (head, body) = request.into_parts();
        let path = head.uri.path();
        let Some((route, variables)) = self.route(head.method.as_str(), path) else {
            return message(StatusCode::NOT_FOUND, "Not Found");
        };
        if !self.permits() {
            return message(StatusCode::TOO_MANY_REQUESTS, "Too Many Requests");
        }
        let Ok(body) = to_bytes(body, BODY_LIMIT).await else {
            return message(StatusCode::PAYLOAD_TOO_LARGE, "Request Entity Too Large");
        };
        // begun before the look at the door: who shuts it and then sees no activity left nobody inside
        let _inside = self.activity.begin();
        if self.closed.load(Ordering::SeqCst) {
            return closing();
        }
        let query = head.uri.query().unwrap_or_default();
        let event = event(
            route,
            &variables,
            head.method.as_str(),
            path,
            query,
            &head.headers,
            &body,
        );
        let invoked = route.pool.invoke(Bytes::from(event.to_string()));
        // the invocation itself goes on: the gateway only stops waiting
        match tokio::time::timeout(route.timeout, invoked).await {
            Err(_) => message(StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable"),
            Ok(Err(Failure::TooLarge)) => {
                message(StatusCode::PAYLOAD_TOO_LARGE, "Request Entity Too Large")
            }
            Ok(Err(_)) => failed(),
            Ok(Ok(payload)) => response(&payload).unwrap_or_else(failed),
        }
    }

    /// The closest route: literal before variable before greedy, the method itself before ANY.
    fn route(&self, method: &str, path: &str) -> Option<(&Served, Variables)> {
        let fitting = self
            .routes
            .iter()
            .filter(|route| route.method == method || route.method == "ANY");
        let matched = fitting.filter_map(|route| Some((route, matched(&route.segments, path)?)));
        matched.min_by_key(|(route, _)| {
            let rank = |segment: &Segment| match segment {
                Segment::Literal(_) => 0,
                Segment::Variable(_) => 1,
                Segment::Greedy(_) => 2,
            };
            let greedy = matches!(route.segments.last(), Some(Segment::Greedy(_)));
            (
                greedy,
                route.segments.iter().map(rank).collect::<Vec<_>>(),
                route.method == "ANY",
            )
        })
    }

    /// The token bucket of the default route settings.
    fn permits(&self) -> bool {
        let Some((throttle, bucket)) = &self.throttle else {
            return true;
        };
        let mut bucket = bucket.lock().unwrap_or_else(PoisonError::into_inner);
        let (tokens, since) = *bucket;
        let refilled =
            (tokens + since.elapsed().as_secs_f64() * throttle.per_second).min(throttle.burst);
        let permitted = refilled >= 1.0;
        *bucket = (
            if permitted { refilled - 1.0 } else { refilled },
            Instant::now(),
        );
        permitted
    }
}

fn segments(path: &str) -> Vec<Segment> {
    let segment = |text: &str| match text.strip_prefix('{').and_then(|t| t.strip_suffix('}')) {
        None => Segment::Literal(text.to_owned()),
        Some(name) => match name.strip_suffix('+') {
            Some(name) => Segment::Greedy(name.to_owned()),
            None => Segment::Variable(name.to_owned()),
        },
    };
    path.trim_start_matches('/')
        .split('/')
        .map(segment)
        .collect()
}

fn matched(route: &[Segment], path: &str) -> Option<Variables> {
    let mut variables = Variables::new();
    let mut rest = path.strip_prefix('/')?.split('/').peekable();
    for segment in route {
        let text = rest.next().filter(|text| !text.is_empty() || path == "/")?;
        match segment {
            Segment::Literal(wanted) if decoded(text) == *wanted => {}
            Segment::Literal(_) => return None,
            Segment::Variable(name) => drop(variables.insert(name.clone(), decoded(text))),
            Segment::Greedy(name) => {
                let all: Vec<_> = std::iter::once(text).chain(rest).collect();
                variables.insert(name.clone(), decoded(&all.join("/")));
                return Some(variables);
            }
        }
    }
    rest.peek().is_none().then_some(variables)
}

fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

fn event(
    route: &Served,
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
    let route_key = format!("{} {}", route.method, route.path);
    let now = machine_now();
    let domain = text(&HOST).unwrap_or_default();
    let cookies: Vec<String> = joined(headers, &COOKIE)
        .map(|all| {
            all.split(';')
                .map(|one| one.trim().to_owned())
                .filter(|one| !one.is_empty())
                .collect()
        })
        .unwrap_or_default();
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
        let mut parameters = BTreeMap::<String, String>::new();
        for (key, value) in form_urlencoded::parse(query.as_bytes()) {
            let entry = parameters.entry(key.into_owned());
            entry
                .and_modify(|all| *all = format!("{all},{value}"))
                .or_insert_with(|| value.into_owned());
        }
        event["queryStringParameters"] = json!(parameters);
    }
    if !variables.is_empty() {
        event["pathParameters"] = json!(variables);
    }
    if !body.is_empty() {
        event["body"] = json!(body);
    }
    event
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

/// What a function answered as the client sees it; nothing where API Gateway would call it malformed.
fn response(payload: &[u8]) -> Option<Response<Body>> {
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
fn closing() -> Response<Body> {
    let mut response = message(StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable");
    response
        .headers_mut()
        .insert(CONNECTION, HeaderValue::from_static("close"));
    response
}

fn failed() -> Response<Body> {
    message(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error")
}

fn message(status: StatusCode, text: &str) -> Response<Body> {
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

    fn variables(route: &str, path: &str) -> Option<Vec<(String, String)>> {
        matched(&segments(route), path).map(|found| found.into_iter().collect())
    }

    #[test]
    fn paths_match_segment_by_segment() {
        let both = vec![
            ("clinic".to_owned(), "demo".to_owned()),
            ("source".to_owned(), "stripe".to_owned()),
        ];
        assert_eq!(
            variables("/webhooks/{clinic}/{source}", "/webhooks/demo/stripe"),
            Some(both)
        );
        assert_eq!(
            variables("/webhooks/{clinic}/{source}", "/webhooks/demo"),
            None
        );
        assert_eq!(
            variables("/webhooks/{clinic}/{source}", "/webhooks/demo/stripe/x"),
            None
        );
        let rest = vec![("proxy".to_owned(), "a/b c".to_owned())];
        assert_eq!(variables("/v1/{proxy+}", "/v1/a/b%20c"), Some(rest));
        assert_eq!(variables("/v1/{proxy+}", "/v1/"), None);
        assert_eq!(variables("/v1/{proxy+}", "/v1"), None);
    }

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
