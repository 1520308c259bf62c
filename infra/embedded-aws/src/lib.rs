//! DynamoDB, SQS and Secrets Manager in one process, behind one endpoint.
//!
//! The endpoint speaks the real wire protocols, so functions and any AWS client use it as they
//! use AWS. It keeps an ordered log of calls, injects faults by function and call, and refuses
//! what AWS refuses. Tables and secrets live in the state folder; queues live in memory.
//! SQS and TTL follow the endpoint's clock, not the machine's.

mod access;
mod calls;
mod clock;
mod dynamodb;
mod endpoint;
mod error;
mod faults;
mod proxy;
mod reply;
mod secrets;
mod service;
mod sqs;

pub use access::{Effect, Statement, Use, allows};
pub use calls::Call;
pub use clock::Clock;
pub use error::Error;
pub use faults::{Action, Armed, Fault};
pub use service::{ACCOUNT, REGION};
pub use sqs::Depth;

use endpoint::Endpoint;
use reply::Reply;
use serde_json::Value;
use service::Service;
use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::sync::watch;

pub struct Options {
    /// 0 takes a free port.
    pub port: u16,
    /// Where tables and secrets are kept; `None` keeps them in memory.
    pub state: Option<PathBuf>,
    pub clock: Clock,
}

/// The three services and their endpoint, until `shutdown`.
pub struct Aws {
    address: SocketAddr,
    endpoint: Arc<Endpoint>,
    stop: watch::Sender<bool>,
    listening: tokio::task::JoinHandle<()>,
}

/// Starts the three services and listens on loopback.
pub async fn start(options: Options) -> Result<Aws, Error> {
    let port = options.port;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
        .await
        .map_err(|reason| Error::Listen { port, reason })?;
    let address = listener
        .local_addr()
        .map_err(|reason| Error::Listen { port, reason })?;
    if let Some(state) = &options.state {
        std::fs::create_dir_all(state).map_err(|e| Error::State {
            path: state.clone(),
            reason: e.to_string(),
        })?;
    }
    let endpoint = Arc::new(Endpoint {
        dynamodb: dynamodb::Tables::open(options.state.as_deref())?,
        sqs: sqs::Queues::new(format!("http://{address}"), options.clock.clone()),
        secrets: secrets::Secrets::open(options.state.as_deref(), options.clock.clone())?,
        access: access::Access::default(),
        calls: calls::Log::default(),
        faults: faults::Faults::default(),
        clock: options.clock,
    });
    let (stop, stopped) = watch::channel(false);
    let listening = tokio::spawn(proxy::listen(listener, endpoint.clone(), stopped));
    Ok(Aws {
        address,
        endpoint,
        stop,
        listening,
    })
}

impl Aws {
    /// The value for `AWS_ENDPOINT_URL`.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// A call from inside the process, neither logged nor faulted; `target` as in `X-Amz-Target`,
    /// such as `AmazonSQS.ReceiveMessage`.
    pub async fn call(&self, target: &str, request: Value) -> Result<Value, Error> {
        let reply = match Service::of_target(target) {
            Some((service, operation)) => {
                self.endpoint
                    .answer(service, operation, request.to_string().as_bytes())
                    .await
            }
            None => Reply::unknown_operation(target),
        };
        reply
            .into_value()
            .map_err(|(status, code, message)| Error::Refused {
                status,
                code,
                message,
            })
    }

    /// The calls that came through the endpoint, in the order in which they came.
    pub fn calls(&self) -> Vec<Call> {
        self.endpoint.calls.all()
    }

    pub fn reset_calls(&self) {
        self.endpoint.calls.clear();
    }

    /// Two equal readings mean that nothing was written to the tables in between.
    pub fn table_writes(&self) -> u64 {
        self.endpoint.dynamodb.writes()
    }

    /// How many messages each queue holds, and when the next hidden one comes back.
    pub fn depths(&self) -> Vec<Depth> {
        self.endpoint.sqs.depths()
    }

    /// Empties tables and queues, whose definitions stay, and forgets every secret.
    pub async fn reset(&self) -> Result<(), Error> {
        self.endpoint.sqs.clear();
        self.endpoint.secrets.clear()?;
        self.endpoint.dynamodb.clear().await
    }

    /// Replaces the faults; counting starts anew.
    pub fn set_faults(&self, faults: Vec<Fault>) {
        self.endpoint.faults.set(faults);
    }

    /// What each function may call, by its name; calls of people stay free.
    pub fn set_policies(&self, policies: HashMap<String, Vec<Statement>>) {
        self.endpoint.access.set(policies);
    }

    /// Who is told of every right that a function's call needs, once policies are set.
    pub fn on_use(&self, watch: Box<dyn Fn(Use) + Send + Sync>) {
        self.endpoint.access.watch(watch);
    }

    /// The faults with how many calls each has seen and struck.
    pub fn faults(&self) -> Vec<Armed> {
        self.endpoint.faults.all()
    }

    /// Who kills a function's process for `KillBefore` and `KillAfter`; it is given the caller.
    pub fn on_kill(&self, kill: Box<dyn Fn(&str) + Send + Sync>) {
        self.endpoint.faults.on_kill(kill);
    }

    /// Deletes the items whose time to live is past on the endpoint's clock; says how many.
    pub async fn sweep_ttl(&self) -> Result<usize, Error> {
        self.endpoint
            .dynamodb
            .sweep((self.endpoint.clock)() / 1000)
            .await
    }

    /// Stops listening and closes every connection; what was answered is on disk.
    pub async fn shutdown(self) {
        self.stop.send_replace(true);
        // a listener that panicked has stopped as well
        let _ = self.listening.await;
    }
}
