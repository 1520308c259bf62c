//! Stands between functions and vendors: records every call, makes faults, forwards to the sandbox or elsewhere.
//!
//! An instance reaches a vendor at `/_vendor/<caller>/<vendor>/...`, so each call is known by who made it.

mod call;
mod faults;
mod hosts;
mod state;

pub use faults::{Action, Fault};

use crate::activity::Activity;
use crate::clock::{Clock, stamp};
use crate::log::Log;
use axum::body::{Body, to_bytes};
use axum::http::header::{CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HOST, TRANSFER_ENCODING};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode};
use bytes::Bytes;
use call::{Call, shown};
use faults::Armed;
use hosts::{check_simulated, is_base};
use meridian_sandbox::Sandbox;
use serde_json::{Map, Value, json};
use state::{State, Strike};
use std::collections::BTreeMap;
use std::error::Error;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::RwLock;

pub const PREFIX: &str = "/_vendor/";
const BODY_LIMIT: usize = 64 * 1024 * 1024;
const CONNECTION_HEADERS: [HeaderName; 4] = [HOST, CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING];

/// Marks a response that must not be sent: the connection closes instead.
#[derive(Clone)]
pub struct Cut;

/// Marks a response that must wait.
#[derive(Clone)]
struct Late(Duration);

/// Ends the process of a caller.
pub type Kill = Box<dyn Fn(&str) + Send + Sync>;

pub struct Vendors {
    clock: Arc<Clock>,
    log: Arc<Log>,
    sandbox: Arc<Sandbox>,
    activity: Activity,
    pub client: reqwest::Client,
    kill: Kill,
    state: Mutex<State>,
    /// Held by one call alone while the vendor is told to treat it badly.
    turn: RwLock<()>,
}

impl Vendors {
    pub fn new(
        clock: Arc<Clock>,
        log: Arc<Log>,
        sandbox: Arc<Sandbox>,
        activity: Activity,
        kill: Kill,
    ) -> Result<Vendors, String> {
        Ok(Vendors {
            clock,
            log,
            sandbox,
            activity,
            client: client()?,
            kill,
            state: Mutex::default(),
            turn: RwLock::default(),
        })
    }

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
        let call = self.new_call(caller, vendor, &path, &head, &body);
        let (seq, strike) = self.lock().arrived(call);
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
        let mut reply = self.asked(seq, strike, vendor, &path, &head, body).await;
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

    /// A call that was not answered yet.
    fn new_call(&self, caller: &str, vendor: &str, path: &str, head: &Parts, body: &Bytes) -> Call {
        let function = caller
            .strip_prefix("LOCAL.")
            .and_then(|c| c.rsplit_once('.'))
            .map_or(caller, |(f, _)| f);
        Call {
            seq: 0,
            at: stamp(self.clock.now()),
            vendor: vendor.to_owned(),
            function: function.to_owned(),
            caller: caller.to_owned(),
            method: head.method.to_string(),
            path: path.to_owned(),
            headers: shown(&head.headers),
            body: body.clone(),
            status: 0,
            reply_headers: Map::new(),
            reply: Bytes::new(),
            fault: None,
            error: None,
        }
    }

    /// The vendor's reply, kept with the call.
    async fn asked(
        &self,
        seq: u64,
        strike: Strike,
        vendor: &str,
        path: &str,
        head: &Parts,
        body: Bytes,
    ) -> Response<Body> {
        match self
            .forward_struck(seq, strike, vendor, path, head, body)
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
        head: &Parts,
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
        head: &Parts,
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

/// Passes on what it is given: no redirect is followed, no proxy asked.
fn client() -> Result<reqwest::Client, String> {
    let client = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy();
    client
        .timeout(Duration::from_secs(60))
        .build()
        .map_err(|e| e.to_string())
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
