//! The vendors that Meridian talks to, simulated: stateful, strict, with signed webhooks.
//!
//! Each answers under `/{vendor}` of one loopback server as it does on its own host, and a
//! hosted checkout page can be clicked through. Written from the vendors' contracts alone.
//! Vendors' money moves first; webhooks follow in the background. `control` says what a person
//! (or a test) can make happen; faults are set through [`Sandbox::set_faults`]:
//! `act_late:MS`, `search_lag:MS`, `conflict_in_flight`, `webhooks:duplicate`,
//! `webhooks:reorder`, `webhooks:late:MS`, `webhooks:off`.

// The widest objects are one `json!` each.
#![recursion_limit = "512"]

mod control;
mod delivery;
mod fields;
mod kit;
mod pages;
mod simulator;
mod vendor;
mod vendors;
mod webhook;
mod wire;
mod world;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use simulator::Simulator;
use std::sync::Arc;
use tokio::task::JoinHandle;
use wire::{Call, Reply, stamp};

pub use control::help as control_help;
pub use simulator::Clock;

pub struct Options {
    /// 0 takes a free one.
    pub port: u16,
    pub clock: Clock,
    /// `http://127.0.0.1:8700/webhooks`; the demo accounts' webhooks go to `/{clinic}/{source}`.
    pub webhook_base: String,
    pub clinic: String,
}

/// The running vendors; dropping it stops them.
pub struct Sandbox {
    simulator: Arc<Simulator>,
    tasks: Vec<JoinHandle<()>>,
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

pub async fn start(options: Options) -> std::io::Result<Sandbox> {
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", options.port)).await?;
    let own = format!("http://{}", listener.local_addr()?);
    let simulator = Arc::new(Simulator::new(
        own,
        options.webhook_base,
        options.clinic,
        options.clock,
    ));
    let router = axum::Router::new()
        .fallback(answer)
        .with_state(simulator.clone());
    let mut tasks = vec![tokio::spawn(async move {
        // Accept errors are retried inside; the future ends only with its task.
        let _ = axum::serve(listener, router).await;
    })];
    for vendor in vendors::all() {
        tasks.push(tokio::spawn(delivery::pump(simulator.clone(), vendor.id)));
    }
    Ok(Sandbox { simulator, tasks })
}

impl Sandbox {
    /// The ids of the simulated vendors.
    pub fn vendors() -> impl Iterator<Item = &'static str> {
        vendors::all().map(|vendor| vendor.id)
    }
    /// The demo clinic's accounts as its secrets hold them: name below the clinic's, and value.
    pub fn demo_secrets() -> Vec<(&'static str, Value)> {
        vendors::all()
            .flat_map(|vendor| (vendor.demo_secrets)())
            .collect()
    }
    /// `http://127.0.0.1:8702/stripe`: takes the place of the vendor's scheme and host.
    pub fn base(&self, vendor: &str) -> String {
        format!("{}/{vendor}", self.simulator.world().own)
    }
    /// Every call of a vendor's API in order: vendor, at, method, path (with query), headers,
    /// body, status, reply_headers, reply.
    pub fn calls(&self) -> Vec<Value> {
        self.simulator.world().calls.clone()
    }
    /// Messages that reached people: system, to, subject, text, html, at.
    pub fn outbox(&self) -> Vec<Value> {
        self.simulator.world().outbox.clone()
    }
    /// Every webhook with its attempts.
    pub fn webhooks(&self) -> Vec<Value> {
        let now = self.simulator.now();
        self.simulator
            .world()
            .webhooks
            .iter()
            .map(|webhook| webhook.shown(now))
            .collect()
    }
    /// Vendors as on their first day; faults are lifted too.
    pub fn reset(&self) {
        simulator::reset(&mut self.simulator.world());
    }
    /// Replaces the faults in force: pairs of vendor and action.
    pub fn set_faults(&self, faults: Vec<(String, String)>) {
        self.simulator.world().set_faults(faults);
    }
    /// Meridian time moved: what is due by now happens, and due webhooks are sent.
    pub async fn tick(&self) {
        let now = self.simulator.now();
        simulator::advance(&mut self.simulator.world(), now);
        self.simulator.wake.send_replace(());
        tokio::task::yield_now().await;
    }
    /// The next instant at which something happens here by itself.
    pub fn next_due(&self) -> Option<i64> {
        let world = self.simulator.world();
        let step = world.later.keys().next().map(|(at, _)| *at);
        let webhook = world
            .webhooks
            .iter()
            .filter_map(|webhook| webhook.due)
            .min();
        step.into_iter().chain(webhook).min()
    }
    /// Webhooks that are due or on their way; those that wait for a later instant do not count.
    pub fn webhooks_waiting(&self) -> usize {
        let now = self.simulator.now();
        let world = self.simulator.world();
        let waits = |w: &&webhook::Webhook| w.sending || w.due.is_some_and(|due| due <= now);
        world.webhooks.iter().filter(waits).count()
    }
    /// Roots of the certificates that sign webhooks here.
    pub fn roots_pem(&self) -> String {
        vendors::all().filter_map(|vendor| vendor.roots).collect()
    }
}

async fn answer(
    State(simulator): State<Arc<Simulator>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let path = uri.path().trim_start_matches('/');
    let (vendor, rest) = path.split_once('/').unwrap_or((path, ""));
    let text = |value: &axum::http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into();
    let call = Call {
        vendor: vendor.to_string(),
        method: method.to_string(),
        path: format!("/{rest}"),
        query: uri.query().unwrap_or("").to_string(),
        headers: headers
            .iter()
            .map(|(name, value)| (name.to_string(), text(value)))
            .collect(),
        body: body.to_vec(),
    };
    let reply = {
        let now = simulator.now();
        let mut world = simulator.world();
        simulator::advance(&mut world, now);
        if vendor == "_sandbox" {
            control::answer(&mut world, &call)
        } else {
            let reply = simulator::call(&mut world, &call);
            if !reply.page {
                world.calls.push(recorded(&call, &reply, now));
            }
            reply
        }
    };
    simulator.wake.send_replace(());
    let status = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = (status, reply.body).into_response();
    response.headers_mut().clear();
    for (name, value) in &reply.headers {
        if let (Ok(name), Ok(value)) = (
            name.parse::<axum::http::HeaderName>(),
            axum::http::HeaderValue::from_str(value),
        ) {
            response.headers_mut().append(name, value);
        }
    }
    response
}

fn recorded(call: &Call, reply: &Reply, now: i64) -> Value {
    let query = if call.query.is_empty() {
        String::new()
    } else {
        format!("?{}", call.query)
    };
    json!({
        "vendor": call.vendor,
        "at": stamp(now, "%FT%T%.3fZ"),
        "method": call.method,
        "path": format!("{}{query}", call.path),
        "headers": call.headers,
        "body": call.text(),
        "status": reply.status,
        "reply_headers": reply.headers,
        "reply": String::from_utf8_lossy(&reply.body),
    })
}
