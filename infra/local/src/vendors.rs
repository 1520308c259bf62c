//! Stands between functions and vendors: records every call, makes faults, forwards to the sandbox or elsewhere.
//!
//! An instance reaches a vendor at `/_vendor/<caller>/<vendor>/...`, so each call is known by who made it.

use crate::activity::Activity;
use crate::clock::{Clock, stamp};
use crate::log::Log;
use crate::vendor_faults::{Action, Armed, Fault};
use axum::body::{Body, to_bytes};
use axum::http::header::{CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HOST, TRANSFER_ENCODING};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use meridian_sandbox::Sandbox;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, VecDeque};
use std::error::Error;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::RwLock;

pub const PREFIX: &str = "/_vendor/";
const BODY_LIMIT: usize = 64 * 1024 * 1024;
/// A long session keeps its newest calls.
const KEPT: usize = 50_000;
const CONNECTION_HEADERS: [HeaderName; 4] = [HOST, CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING];

/// Marks a response that must not be sent: the connection closes instead.
#[derive(Clone)]
pub struct Cut;

/// Marks a response that must wait.
#[derive(Clone)]
struct Late(Duration);

pub struct Vendors {
    pub clock: Arc<Clock>,
    pub log: Arc<Log>,
    pub sandbox: Arc<Sandbox>,
    pub activity: Activity,
    pub client: reqwest::Client,
    pub kill: Box<dyn Fn(&str) + Send + Sync>,
    pub state: Mutex<State>,
    /// Held by one call alone while the vendor is told to treat it badly.
    pub turn: RwLock<()>,
}

#[derive(Default)]
pub struct State {
    next: u64,
    calls: VecDeque<Call>,
    faults: Vec<Armed>,
    /// Vendors that were pointed away from the sandbox.
    hosts: BTreeMap<String, String>,
}

pub struct Call {
    seq: u64,
    at: String,
    pub vendor: String,
    pub function: String,
    caller: String,
    pub method: String,
    /// With its query, as on the vendor's own host.
    pub path: String,
    headers: Map<String, Value>,
    body: Bytes,
    /// What the vendor answered, whether or not the caller got to see it; 0 where it was not asked.
    status: u16,
    reply_headers: Map<String, Value>,
    reply: Bytes,
    fault: Option<String>,
    /// Why the vendor could not be reached.
    error: Option<String>,
}

/// The fault that strikes a call: its place among those that are set, and what it does.
type Strike = Option<(usize, Action)>;

impl Call {
    fn json(&self) -> Value {
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

impl Vendors {
    /// What goes into the hosts file of one instance.
    pub fn hosts_file(base: &str, caller: &str) -> Value {
        let hosts = Sandbox::vendors().map(|vendor| {
            (
                vendor.to_owned(),
                json!(format!("{base}{PREFIX}{caller}/{vendor}")),
            )
        });
        Value::Object(hosts.collect())
    }

    /// In a task of its own: a caller that dies or gives up does not take back what it sent.
    pub async fn answer(self: &Arc<Vendors>, request: Request<Body>) -> Response<Body> {
        let (vendors, guard) = (self.clone(), self.activity.begin());
        let passing = tokio::spawn(async move {
            let _guard = guard;
            vendors.pass(request).await
        });
        let mut response = passing.await.unwrap_or_else(|_| cut());
        // here, where it ends with a caller that is gone, and keeps nobody from rest
        if let Some(Late(pause)) = response.extensions_mut().remove() {
            tokio::time::sleep(pause).await;
        }
        response
    }

    async fn pass(&self, request: Request<Body>) -> Response<Body> {
        let (head, body) = request.into_parts();
        let target = head.uri.path_and_query().map_or("", |p| p.as_str());
        let mut parts = target
            .strip_prefix(PREFIX)
            .unwrap_or_default()
            .splitn(3, '/');
        let (Some(caller), Some(vendor)) = (parts.next(), parts.next()) else {
            return plain(
                StatusCode::NOT_FOUND,
                "the path is /_vendor/<caller>/<vendor>/...",
            );
        };
        let path = format!("/{}", parts.next().unwrap_or_default());
        let Ok(body) = to_bytes(body, BODY_LIMIT).await else {
            return plain(
                StatusCode::PAYLOAD_TOO_LARGE,
                "a vendor call of more than 64 MB",
            );
        };
        let function = caller
            .strip_prefix("LOCAL.")
            .and_then(|c| c.rsplit_once('.'))
            .map_or(caller, |(f, _)| f);
        let call = Call {
            seq: 0,
            at: stamp(self.clock.now()),
            vendor: vendor.to_owned(),
            function: function.to_owned(),
            caller: caller.to_owned(),
            method: head.method.to_string(),
            path: path.clone(),
            headers: shown(&head.headers),
            body: body.clone(),
            status: 0,
            reply_headers: Map::new(),
            reply: Bytes::new(),
            fault: None,
            error: None,
        };
        let (seq, strike) = self.arrived(call);
        let action = strike.map(|(_, action)| action);
        match action {
            Some(Action::KillBefore) => {
                (self.kill)(caller);
                return cut();
            }
            Some(Action::CutBefore) => return cut(),
            Some(Action::Status(status)) => {
                let reply = plain(status, "a fault of the local stack");
                self.answered(seq, status, reply.headers(), b"a fault of the local stack");
                return reply;
            }
            _ => {}
        }
        let mut reply = match self
            .forward_struck(seq, strike, vendor, &path, &head, body)
            .await
        {
            Ok((status, headers, bytes)) => {
                self.answered(seq, status, &headers, &bytes);
                let mut reply = Response::new(Body::from(bytes));
                *reply.status_mut() = status;
                *reply.headers_mut() = headers;
                reply
            }
            // what cannot be reached looks to the function as it would outside: a broken connection
            Err(why) => {
                self.unreachable(seq, vendor, why);
                cut()
            }
        };
        match action {
            Some(Action::KillAfter) => {
                (self.kill)(caller);
                cut()
            }
            Some(Action::CutAfter) => cut(),
            Some(Action::Delay(pause)) => {
                reply.extensions_mut().insert(Late(pause));
                reply
            }
            _ => reply,
        }
    }

    /// What only the vendor can do wrong, it is told to do for this one call, and no other passes
    /// meanwhile. A fault that found nothing to do has not struck.
    async fn forward_struck(
        &self,
        seq: u64,
        strike: Strike,
        vendor: &str,
        path: &str,
        head: &axum::http::request::Parts,
        body: Bytes,
    ) -> Result<(StatusCode, HeaderMap, Bytes), reqwest::Error> {
        let Some((place, deed)) = strike.filter(|(_, deed)| deed.is_the_vendors()) else {
            let _with_others = self.turn.read().await;
            return self.forward(vendor, path, head, body).await;
        };
        let _alone = self.turn.write().await;
        self.sandbox
            .set_faults(self.lock().of_the_vendors(Some(place)));
        let reply = self.forward(vendor, path, head, body).await;
        let mut state = self.lock();
        self.sandbox.set_faults(state.of_the_vendors(None));
        if let Ok((status, ..)) = &reply
            && !deed.struck(*status)
        {
            state.take_back(seq, place, deed);
        }
        drop(state);
        reply
    }

    async fn forward(
        &self,
        vendor: &str,
        path: &str,
        head: &axum::http::request::Parts,
        body: Bytes,
    ) -> Result<(StatusCode, HeaderMap, Bytes), reqwest::Error> {
        let url = format!("{}{path}", self.base(vendor));
        let mut headers = head.headers.clone();
        CONNECTION_HEADERS
            .iter()
            .for_each(|name| drop(headers.remove(name)));
        let reply = self
            .client
            .request(head.method.clone(), url)
            .headers(headers)
            .body(body)
            .send()
            .await?;
        let (status, mut headers) = (reply.status(), reply.headers().clone());
        CONNECTION_HEADERS
            .iter()
            .for_each(|name| drop(headers.remove(name)));
        Ok((status, headers, reply.bytes().await?))
    }

    fn base(&self, vendor: &str) -> String {
        let pointed = self.lock().hosts.get(vendor).cloned();
        pointed.unwrap_or_else(|| self.sandbox.base(vendor))
    }

    fn arrived(&self, mut call: Call) -> (u64, Strike) {
        let mut state = self.lock();
        let mut strike = None;
        for (place, armed) in state.faults.iter_mut().enumerate() {
            if !armed.matches(&call) {
                continue;
            }
            armed.seen += 1;
            if strike.is_none() && !armed.is_standing() && armed.is_due() {
                armed.struck += 1;
                strike = Some((place, armed.deed));
                call.fault = Some(armed.fault.action.clone());
            }
        }
        state.next += 1;
        let seq = state.next;
        if state.calls.len() == KEPT {
            state.calls.pop_front();
        }
        state.calls.push_back(Call { seq, ..call });
        (seq, strike)
    }

    fn unreachable(&self, seq: u64, vendor: &str, why: reqwest::Error) {
        let base = self.base(vendor);
        let why = why.without_url();
        let mut reason = why.to_string();
        let mut deeper = why.source();
        while let Some(cause) = deeper {
            reason += &format!(": {cause}");
            deeper = cause.source();
        }
        let text = format!("{vendor} cannot be reached at {base}: {reason}");
        self.log.line("stack", &text);
        if let Some(call) = self.lock().call(seq) {
            call.error = Some(text);
        }
    }

    fn answered(&self, seq: u64, status: StatusCode, headers: &HeaderMap, body: &[u8]) {
        if let Some(call) = self.lock().call(seq) {
            call.status = status.as_u16();
            call.reply_headers = shown(headers);
            call.reply = Bytes::copy_from_slice(body);
        }
    }

    pub fn calls(&self, vendor: Option<&str>, since: u64) -> Vec<Value> {
        let wanted =
            |call: &&Call| call.seq > since && vendor.is_none_or(|vendor| vendor == call.vendor);
        self.lock()
            .calls
            .iter()
            .filter(wanted)
            .map(Call::json)
            .collect()
    }

    pub fn forget_calls(&self) {
        self.lock().calls.clear();
    }

    pub fn faults(&self) -> Vec<Armed> {
        self.lock().faults.clone()
    }

    pub fn set_faults(&self, faults: Vec<Fault>) -> Result<(), String> {
        let armed: Vec<Armed> = faults
            .into_iter()
            .map(Fault::armed)
            .collect::<Result<_, _>>()?;
        let mut state = self.lock();
        for one in armed.iter().filter(|one| one.deed.is_the_vendors()) {
            let vendor = one.fault.vendor.as_deref().unwrap_or_default();
            if let Some(base) = state.hosts.get(vendor) {
                let action = &one.fault.action;
                return Err(format!(
                    "`{action}`: {vendor} is pointed at {base}, and only the simulated one does that"
                ));
            }
        }
        state.faults = armed;
        self.sandbox.set_faults(state.of_the_vendors(None));
        Ok(())
    }

    pub fn hosts(&self) -> BTreeMap<String, String> {
        Sandbox::vendors()
            .map(|vendor| (vendor.to_owned(), self.base(vendor)))
            .collect()
    }

    pub fn set_hosts(&self, hosts: BTreeMap<String, Option<String>>) -> Result<(), String> {
        for (vendor, base) in &hosts {
            check_simulated(vendor)?;
            if let Some(base) = base.as_ref().filter(|base| !is_base(base)) {
                return Err(format!(
                    "{vendor}: an address is http(s)://host with at most a path, not `{base}`"
                ));
            }
        }
        let mut state = self.lock();
        for (vendor, base) in hosts {
            match base {
                Some(base) => drop(
                    state
                        .hosts
                        .insert(vendor, base.trim_end_matches('/').to_owned()),
                ),
                None => drop(state.hosts.remove(&vendor)),
            }
        }
        Ok(())
    }

    pub fn reset(&self) {
        let next = self.lock().next;
        *self.lock() = State {
            next,
            ..State::default()
        };
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn call(&mut self, seq: u64) -> Option<&mut Call> {
        self.calls.iter_mut().rev().find(|call| call.seq == seq)
    }

    /// What the simulated vendors are to do wrong: always, and at the call that one fault strikes.
    fn of_the_vendors(&self, striking: Option<usize>) -> Vec<(String, String)> {
        let told = self.faults.iter().enumerate();
        told.filter(|(place, armed)| armed.is_standing() || striking == Some(*place))
            .filter_map(|(_, armed)| {
                Some((armed.fault.vendor.clone()?, armed.fault.action.clone()))
            })
            .collect()
    }

    fn take_back(&mut self, seq: u64, place: usize, deed: Action) {
        if let Some(call) = self.call(seq) {
            call.fault = None;
        }
        // the faults may have been replaced meanwhile
        if let Some(armed) = self.faults.get_mut(place).filter(|one| one.deed == deed) {
            armed.struck = armed.struck.saturating_sub(1);
        }
    }
}

/// Refuses a vendor that the sandbox does not simulate.
pub fn check_simulated(vendor: &str) -> Result<(), String> {
    let known: Vec<_> = Sandbox::vendors().collect();
    if known.contains(&vendor) {
        return Ok(());
    }
    Err(format!("`{vendor}` is none of {}", known.join(", ")))
}

fn is_base(text: &str) -> bool {
    reqwest::Url::parse(text).is_ok_and(|url| {
        matches!(url.scheme(), "http" | "https")
            && url.has_host()
            && url.query().is_none()
            && url.fragment().is_none()
    })
}

fn shown(headers: &HeaderMap) -> Map<String, Value> {
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

fn plain(status: StatusCode, text: &'static str) -> Response<Body> {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    response
}

fn cut() -> Response<Body> {
    let mut response = Response::new(Body::empty());
    response.extensions_mut().insert(Cut);
    response
}
