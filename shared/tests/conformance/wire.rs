//! A request and its reply as they go over the wire, held against the vendor's own contract.

use crate::data::Known;
use meridian::contract::{Auth, Body, Key, KeyPlace, Reply, Request};
use meridian_contracts::{Contracts, Exchange};
use serde_json::{Map, Value};
use std::sync::OnceLock;

/// The contracts, where their folder is named.
pub fn contracts() -> Option<&'static Contracts> {
    static CONTRACTS: OnceLock<Option<Contracts>> = OnceLock::new();
    CONTRACTS.get_or_init(Contracts::from_env).as_ref()
}

/// A file beside the contracts.
pub fn official(path: &str) -> Option<Value> {
    let folder = std::env::var_os("MERIDIAN_CONTRACTS").filter(|folder| !folder.is_empty())?;
    let file = std::path::Path::new(&folder).join(path);
    let text = std::fs::read(&file).unwrap_or_else(|why| panic!("{}: {why}", file.display()));
    Some(serde_json::from_slice(&text).expect("the file is JSON"))
}

/// What of it is against the contract.
pub fn problems(known: &Known, request: &Request, reply: Option<&Reply>) -> Vec<String> {
    let Some(contracts) = contracts() else {
        return vec![];
    };
    let vendor = known.gateway.vendor;
    let account = known.account();
    let mut headers: Vec<(String, String)> = match &vendor.auth {
        Auth::Bearer(_) | Auth::OAuth(_) => vec![("Authorization".into(), "Bearer x".into())],
        Auth::Basic { .. } => vec![("Authorization".into(), "Basic eDp4".into())],
        Auth::Headers(of) => of(&account)
            .into_iter()
            .map(|(n, v)| (n.into(), v))
            .collect(),
        Auth::InBody(_) | Auth::InAddress | Auth::StandardWebhook(_) | Auth::Open => vec![],
    };
    headers.extend(
        (vendor.headers)(&account)
            .into_iter()
            .map(|(n, v)| (n.into(), v)),
    );
    headers.extend(request.headers.iter().cloned());
    if request.method == "POST" {
        headers.extend(keys(known).map(|name| (name.into(), "a-key".into())));
    }
    let (kind, bytes) = body(known, request);
    if let Some(kind) = kind {
        headers.push(("Content-Type".into(), kind.into()));
    }
    let query = encoded(&request.query);
    let mark = if query.is_empty() { "" } else { "?" };
    contracts.check(&Exchange {
        vendor: vendor.id.into(),
        method: request.method.clone(),
        path: format!("{}{mark}{query}", request.path),
        request_headers: headers,
        request_body: bytes,
        status: reply.map_or(0, |reply| reply.status),
        response_headers: reply.map(|r| r.headers.clone()).unwrap_or_default(),
        response_body: reply.map(|r| r.body.clone()).unwrap_or_default(),
    })
}

/// The headers in which keys go beside what an adapter builds.
fn keys(known: &Known) -> impl Iterator<Item = &'static str> {
    let opening = known.gateway.checkout.yes().and_then(|open| open.key);
    let header = |key: Key| match key.place {
        KeyPlace::Header(name) => Some(name),
        _ => None,
    };
    opening.and_then(header).into_iter()
}

fn body<'a>(known: &Known, request: &'a Request) -> (Option<&'a str>, Vec<u8>) {
    match &request.body {
        Body::None => (None, vec![]),
        Body::Json(value) => {
            let mut value = value.clone();
            if let Auth::InBody(put) = &known.gateway.vendor.auth {
                put(&known.account(), &mut value);
            }
            (Some("application/json"), value.to_string().into_bytes())
        }
        Body::Form(fields) => {
            let form = "application/x-www-form-urlencoded";
            (Some(form), encoded(fields).into_bytes())
        }
        Body::Exact { content_type, text } => (Some(content_type), text.clone().into_bytes()),
    }
}

pub fn encoded(fields: &[(String, String)]) -> String {
    let mut text = form_urlencoded::Serializer::new(String::new());
    text.extend_pairs(fields).finish()
}

/// A request as cases name it: `asks` (`POST /v2/payments`), `query`, `body`, `headers`.
pub fn shown(request: &Request) -> Value {
    let fields = |pairs: &[(String, String)]| -> Value {
        let all = pairs
            .iter()
            .map(|(name, value)| (name.clone(), value.clone().into()));
        all.collect::<Map<_, _>>().into()
    };
    let body = match &request.body {
        Body::None => Value::Null,
        Body::Json(value) => value.clone(),
        Body::Form(pairs) => fields(pairs),
        Body::Exact { text, .. } => text.clone().into(),
    };
    let host = request.host.clone().unwrap_or_default();
    serde_json::json!({"asks": format!("{} {host}{}", request.method, request.path),
        "query": fields(&request.query), "body": body, "headers": fields(&request.headers)})
}
