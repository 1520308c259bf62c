//! Calls to vendors. A request that an adapter described is given its host, its proof and its key here;
//! access tokens are got and shared here. Nothing else in the crate opens a connection to a vendor.

use crate::contract::standard_webhook;
use crate::contract::{
    Account, Auth, Body, Client, Host, KeyPlace, OAuth, Reply, Request, Trouble, Vendor,
};
use crate::io::clock;
use crate::io::config::{Config, Local};
use crate::io::public::{self, PublicOnly};
use crate::words::address;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use std::sync::OnceLock;
use std::time::Duration;

/// What stays as it is in a query or form: RFC 3986's unreserved letters.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// A reply above this many bytes is no answer: the longest list that an adapter asks for has a tenth.
const LARGEST: usize = 8 * 1024 * 1024;

/// What a token call gave, as a request needs it.
#[derive(Clone, Copy)]
pub struct Access<'a> {
    pub token: &'a str,
    /// Where this account is called, if the token call named it.
    pub host: Option<&'a str>,
}

pub struct Transport {
    client: reqwest::Client,
    /// For addresses that clinics told; made when the first is called.
    told: OnceLock<reqwest::Client>,
    timeout: Duration,
    local: Local,
}

impl Transport {
    /// One client for all vendors.
    pub fn new(config: &Config) -> Self {
        Self {
            client: client(config.vendor_timeout, None),
            told: OnceLock::new(),
            timeout: config.vendor_timeout,
            local: config.local.clone(),
        }
    }

    /// The client that reaches a vendor. What a clinic told leads to public hosts only, but for a
    /// local stack, which puts every vendor where it likes.
    fn client(&self, vendor: &Vendor) -> &reqwest::Client {
        let told = matches!(vendor.host, Host::Told(_)) && self.local.base(vendor.id).is_none();
        let public = || client(self.timeout, Some(PublicOnly::of_system()));
        match told {
            true => self.told.get_or_init(public),
            false => &self.client,
        }
    }

    /// Sends one request. `access` is what a token call gave where the vendor's auth is OAuth; `key`
    /// is where and what the idempotency key is.
    pub async fn send(
        &self,
        vendor: &Vendor,
        account: &Account,
        request: &Request,
        access: Option<Access<'_>>,
        key: Option<(KeyPlace, &str)>,
    ) -> Result<Reply, Trouble> {
        let mut headers = (vendor.headers)(account);
        match &vendor.auth {
            Auth::Bearer(name) => {
                headers.push(("authorization", format!("Bearer {}", account.secret(name))));
            }
            Auth::Basic { user, pass } => {
                headers.push(("authorization", basic(user.of(account), pass.of(account))));
            }
            Auth::Headers(of) => headers.extend(of(account)),
            Auth::OAuth(_) => {
                let access = access.ok_or(Trouble::Credentials("no access token".into()))?;
                headers.push(("authorization", format!("Bearer {}", access.token)));
            }
            Auth::StandardWebhook(name) => {
                headers.extend(webhook(&account.both(name), request, key)?);
            }
            Auth::InBody(_) | Auth::InAddress | Auth::Open => {}
        }
        let request = &signed(vendor, account, request);
        let granted = access.and_then(|access| access.host);
        let own = own(&vendor.host, account, granted)?;
        self.exchange(vendor, own, request, headers, key).await
    }

    /// A token call, which says who asks where the vendor wants it.
    pub async fn send_token(
        &self,
        vendor: &Vendor,
        oauth: &OAuth,
        account: &Account,
        mut form: Vec<(&str, String)>,
    ) -> Result<Reply, Trouble> {
        let of = |name: &str| account.secret(name).to_owned();
        form.extend(
            oauth
                .beside
                .iter()
                .map(|(name, text)| (*name, (*text).into())),
        );
        let mut headers = vec![];
        match oauth.client {
            Client::Unnamed => {}
            Client::Basic(id, secret) => {
                headers.push(("authorization", basic(&of(id), &of(secret))));
            }
            Client::Form(id, secret) | Client::Json(id, secret) => {
                form.push(("client_id", of(id)));
                form.push(("client_secret", of(secret)));
            }
        }
        let request = match oauth.client {
            Client::Unnamed | Client::Basic(..) | Client::Form(..) => {
                Request::form(oauth.path, form)
            }
            Client::Json(..) => {
                let fields = form
                    .into_iter()
                    .map(|(name, text)| (name.into(), text.into()));
                Request::json("POST", oauth.path, Value::Object(fields.collect()))
            }
        };
        let own = own(&oauth.host, account, None)?;
        self.exchange(vendor, own, &request, headers, None).await
    }

    async fn exchange(
        &self,
        vendor: &Vendor,
        own: String,
        request: &Request,
        headers: Vec<(&'static str, String)>,
        key: Option<(KeyPlace, &str)>,
    ) -> Result<Reply, Trouble> {
        let mut query = request.query.clone();
        if let Some((KeyPlace::Query(name), key)) = key {
            query.push((name.into(), key.into()));
        }
        let base = self.at_home(vendor.id, base(vendor, own, request)?);
        let mut address = format!("{}{}", base.trim_end_matches('/'), request.path);
        if !query.is_empty() {
            address = format!("{address}?{}", encode(&query));
        }
        let method = reqwest::Method::from_bytes(request.method.as_bytes())
            .map_err(|why| Trouble::Rejected(why.to_string()))?;
        let client = self.client(vendor);
        let mut call = client.request(method, &address);
        for (name, value) in headers {
            call = call.header(name, value);
        }
        for (name, value) in &request.headers {
            call = call.header(name, value);
        }
        if let Some((KeyPlace::Header(name), key)) = key {
            call = call.header(name, key);
        }
        call = with_body(call, request);
        // The address may hold a secret and stays out of every error; so may what was not built.
        let call = call.build().map_err(|_| {
            let why = "the request could not be built and was not sent: its secrets hold a line \
                       end, another sign that no header may have, or what is no address";
            Trouble::Credentials(why.into())
        })?;
        answer(client.execute(call).await.map_err(unanswered)?).await
    }

    /// The address with scheme and host of the local stack, where there is one. A path stays: some
    /// vendors' addresses hold the secret in it.
    pub fn at_home(&self, vendor: &str, real: String) -> String {
        let Some(base) = self.local.base(vendor) else {
            return real;
        };
        let path = url::Url::parse(&real).map(|url| url.path().trim_end_matches('/').to_owned());
        format!("{}{}", base.trim_end_matches('/'), path.unwrap_or_default())
    }
}

/// The vendor's own host for this account; `granted` is what its token call named.
fn own(host: &Host, account: &Account, granted: Option<&str>) -> Result<String, Trouble> {
    match host {
        Host::One(host) => Ok((*host).into()),
        Host::From(of) => Ok(of(account)),
        Host::Told(name) => told(account.secret(name)),
        Host::Granted => {
            let missing = || Trouble::Credentials("the token call named no host".into());
            granted.map(str::to_owned).ok_or_else(missing)
        }
    }
}

/// Where a request goes. An address that a reply gave must be the vendor's.
fn base(vendor: &Vendor, own: String, request: &Request) -> Result<String, Trouble> {
    match &request.host {
        None => Ok(own),
        Some(named) if *named == own || is_further(vendor, named) => Ok(named.clone()),
        Some(_) => {
            let why = format!("{} named a host that is not its own", vendor.name);
            Err(Trouble::Rejected(why))
        }
    }
}

/// An address that a clinic told, where it may be called at all: written by hand, it may lead
/// anywhere.
fn told(address: &str) -> Result<String, Trouble> {
    match address::is_public(address) {
        true => Ok(address.into()),
        false => Err(Trouble::Closed(format!(
            "its address is not {}",
            address::PUBLIC
        ))),
    }
}

/// The headers of a Standard Webhook beside its id, which is the call's key.
fn webhook(
    keys: &[&str],
    request: &Request,
    key: Option<(KeyPlace, &str)>,
) -> Result<[(&'static str, String); 2], Trouble> {
    let Some((KeyPlace::Header(_), id)) = key else {
        return Err(Trouble::Rejected("a webhook without an id".into()));
    };
    let second = clock::now().as_second();
    let body = content(&request.body).map_or(String::new(), |(_, body)| body);
    let signed = standard_webhook::signatures(keys, id, second, &body);
    let signed = signed.ok_or_else(|| Trouble::Credentials("it is no whsec_ key".into()))?;
    Ok([
        (standard_webhook::TIMESTAMP, second.to_string()),
        (standard_webhook::SIGNATURE, signed),
    ])
}

/// A body as it goes out, and of what type it is.
fn content(body: &Body) -> Option<(&str, String)> {
    Some(match body {
        Body::None => return None,
        Body::Form(fields) => ("application/x-www-form-urlencoded", encode(fields)),
        Body::Json(value) => ("application/json", value.to_string()),
        Body::Exact { content_type, text } => (content_type.as_str(), text.clone()),
    })
}

/// A content type that the request names stands in place of the body's own.
fn with_body(call: reqwest::RequestBuilder, request: &Request) -> reqwest::RequestBuilder {
    let Some((kind, body)) = content(&request.body) else {
        return call;
    };
    let names = request.headers.iter().map(|(name, _)| name);
    let mut named = names.filter(|name| name.eq_ignore_ascii_case("content-type"));
    match named.next() {
        Some(_) => call.body(body),
        None => call.header("content-type", kind).body(body),
    }
}

/// The request as it goes out: a credential that belongs into the body is put there now.
fn signed(vendor: &Vendor, account: &Account, request: &Request) -> Request {
    let mut request = request.clone();
    if let (Auth::InBody(put), Body::Json(body)) = (&vendor.auth, &mut request.body) {
        put(account, body);
    }
    request
}

/// Whether an address is https, without user, port or path, at a further host of the vendor's or
/// below it.
pub fn is_further(vendor: &Vendor, address: &str) -> bool {
    let Ok(url) = url::Url::parse(address) else {
        return false;
    };
    let at = url.host_str().unwrap_or_default();
    let below = |host: &str| at.strip_suffix(host).is_some_and(|sub| sub.ends_with('.'));
    let known = |host: &&'static str| *host == at || below(host);
    let bare = url.port().is_none() && url.username().is_empty() && url.password().is_none();
    let bare = bare && url.path() == "/" && url.query().is_none() && url.fragment().is_none();
    bare && url.scheme() == "https" && vendor.further_hosts.iter().any(known)
}

/// A client that follows no redirects, and looks names up as `names` does where that is given.
pub(super) fn client(timeout: Duration, names: Option<PublicOnly>) -> reqwest::Client {
    let mut roots = rustls::RootCertStore::empty();
    roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring knows TLS 1.2 and 1.3")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let mut client = reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .timeout(timeout)
        .connect_timeout(Duration::from_secs(3))
        // A redirect would carry a credential to an address that no adapter named.
        .redirect(reqwest::redirect::Policy::none())
        .user_agent("meridian");
    if let Some(names) = names {
        // A proxy would look names up by itself.
        client = client.no_proxy().dns_resolver(names);
    }
    client.build().expect("a client without files or network")
}

/// No reply came.
fn unanswered(why: reqwest::Error) -> Trouble {
    match why.is_connect() {
        // Nothing was sent.
        true if public::is_not_public(&why) => Trouble::Closed(public::NotPublic.to_string()),
        true => Trouble::later(5, "no connection"),
        false => unclear(why),
    }
}

fn unclear(why: reqwest::Error) -> Trouble {
    Trouble::Unclear(why.without_url().to_string())
}

/// The whole reply, unless it is larger than any that is meant for us.
async fn answer(mut reply: reqwest::Response) -> Result<Reply, Trouble> {
    let status = reply.status().as_u16();
    let headers = reply
        .headers()
        .iter()
        .filter_map(|(name, value)| Some((name.to_string(), value.to_str().ok()?.to_owned())));
    let headers = headers.collect();
    let mut body = Vec::new();
    while let Some(part) = reply.chunk().await.map_err(unclear)? {
        if body.len() + part.len() > LARGEST {
            return Err(Trouble::Unclear(format!("a reply above {LARGEST} bytes")));
        }
        body.extend_from_slice(&part);
    }
    Ok(Reply {
        status,
        headers,
        body,
    })
}

fn basic(user: &str, pass: &str) -> String {
    format!("Basic {}", BASE64_STANDARD.encode(format!("{user}:{pass}")))
}

fn encode(fields: &[(String, String)]) -> String {
    let pair = |(name, value): &(String, String)| {
        let name = utf8_percent_encode(name, ESCAPED).to_string();
        format!("{name}={}", utf8_percent_encode(value, ESCAPED))
    };
    fields.iter().map(pair).collect::<Vec<_>>().join("&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_goes_where_the_token_call_said_and_nowhere_while_it_said_nothing() {
        let account = Account::load(&[], Default::default()).expect("no fields");
        let said = "https://eu.vendor.example";
        let granted = own(&Host::Granted, &account, Some(said));
        assert_eq!(granted.as_deref(), Ok(said));
        let nowhere = own(&Host::Granted, &account, None);
        assert!(matches!(nowhere, Err(Trouble::Credentials(_))));
        let fixed = own(&Host::One("https://vendor.example"), &account, Some(said));
        assert_eq!(fixed.as_deref(), Ok("https://vendor.example"));
    }
}
