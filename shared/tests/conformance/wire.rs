//! A request and its reply as they go over the wire, held against the vendor's own contract.

use crate::data::Known;
use meridian::contract::{Account, Auth, Body, Host, Key, KeyPlace, Reply, Request, Vendor};
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
    let keys = keys(known).filter(|_| request.method == "POST").collect();
    against(known.gateway.vendor, &known.account(), keys, request, reply)
}

/// The same of any vendor; `keys` are the headers in which keys go beside what was built.
pub fn against(
    vendor: &Vendor,
    account: &Account,
    keys: Vec<&'static str>,
    request: &Request,
    reply: Option<&Reply>,
) -> Vec<String> {
    let Some(contracts) = contracts() else {
        return vec![];
    };
    let mut headers = proven(vendor, account);
    let usual = (vendor.headers)(account).into_iter();
    headers.extend(usual.map(|(name, value)| (name.into(), value)));
    headers.extend(request.headers.iter().cloned());
    headers.extend(keys.into_iter().map(|name| (name.into(), "a-key".into())));
    let (kind, bytes) = body(vendor, account, request);
    if let Some(kind) = kind {
        headers.push(("Content-Type".into(), kind.into()));
    }
    let query = encoded(&request.query);
    let mark = if query.is_empty() { "" } else { "?" };
    let below = match request.host {
        Some(_) => String::new(),
        None => below(vendor, account),
    };
    contracts.check(&Exchange {
        vendor: vendor.id.into(),
        method: request.method.clone(),
        path: format!("{below}{}{mark}{query}", request.path),
        request_headers: headers,
        request_body: bytes,
        status: reply.map_or(0, |reply| reply.status),
        response_headers: reply.map(|r| r.headers.clone()).unwrap_or_default(),
        response_body: reply.map(|r| r.body.clone()).unwrap_or_default(),
    })
}

/// The headers that prove who sends it.
fn proven(vendor: &Vendor, account: &Account) -> Vec<(String, String)> {
    let one = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    match &vendor.auth {
        Auth::Bearer(_) | Auth::OAuth(_) => vec![one("Authorization", "Bearer x")],
        Auth::Basic { .. } => vec![one("Authorization", "Basic eDp4")],
        Auth::Headers(of) => of(account)
            .into_iter()
            .map(|(n, v)| (n.into(), v))
            .collect(),
        Auth::StandardWebhook(_) => vec![
            one("webhook-id", "id"),
            one("webhook-timestamp", "1795255200"),
            one("webhook-signature", &format!("v1,{}=", "A".repeat(43))),
        ],
        Auth::InBody(_) | Auth::InAddress | Auth::Open => vec![],
    }
}

/// Where a vendor's API is for this account.
pub fn host(vendor: &Vendor, account: &Account) -> String {
    match &vendor.host {
        Host::One(host) => (*host).into(),
        Host::From(of) => of(account),
        Host::Told(name) => account.secret(name).into(),
        Host::Granted => String::new(),
    }
}

/// The path that its address has of itself.
fn below(vendor: &Vendor, account: &Account) -> String {
    let host = host(vendor, account);
    let plain = host.split_once("://").map_or("", |(_, rest)| rest);
    plain.find('/').map_or("", |at| &plain[at..]).into()
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

fn body<'a>(
    vendor: &Vendor,
    account: &Account,
    request: &'a Request,
) -> (Option<&'a str>, Vec<u8>) {
    match &request.body {
        Body::None => (None, vec![]),
        Body::Json(value) => {
            let mut value = value.clone();
            if let Auth::InBody(put) = &vendor.auth {
                put(account, &mut value);
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

/// A request as cases name it: `asks` (`POST /v2/payments`), its `path` alone, `query`, `body`,
/// `headers`. A document is its content, however it is sent.
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
        Body::Exact { content_type, text } if content_type == "application/json" => {
            serde_json::from_str(text).expect("JSON")
        }
        Body::Exact { text, .. } => text.clone().into(),
    };
    let host = request.host.clone().unwrap_or_default();
    serde_json::json!({"asks": format!("{} {host}{}", request.method, request.path),
        "path": request.path,
        "query": fields(&request.query), "body": body, "headers": fields(&request.headers)})
}
