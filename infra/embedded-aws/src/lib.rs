//! DynamoDB, SQS and Secrets Manager in one process, behind one endpoint.
//!
//! The endpoint speaks the real wire protocols, so functions and any AWS client use it as they
//! use AWS. It keeps an ordered log of calls, injects faults by function and call, and refuses
//! what AWS refuses. Tables and secrets live in the state folder; queues live in memory.
//! SQS and TTL follow the endpoint's clock, not the machine's.

mod access;
mod calls;
mod dynamodb;
mod faults;
mod proxy;
mod reply;
mod secrets;
mod sqs;

pub use access::{Effect, Statement, allows};
pub use calls::Call;
pub use faults::{Action, Armed, Fault};
pub use sqs::Depth;

use reply::Reply;
use serde_json::Value;
use std::collections::HashMap;
use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::sync::watch;

/// The account and region in every ARN and queue URL here.
pub const ACCOUNT: &str = "000000000000";
pub const REGION: &str = "us-east-1";

/// The endpoint's clock: milliseconds since the epoch.
pub type Clock = Arc<dyn Fn() -> i64 + Send + Sync>;

pub struct Options {
    /// 0 takes a free port.
    pub port: u16,
    /// Where tables and secrets are kept; `None` keeps them in memory.
    pub state: Option<PathBuf>,
    pub clock: Clock,
}

#[derive(Debug)]
pub enum Error {
    Listen {
        port: u16,
        reason: std::io::Error,
    },
    State {
        path: PathBuf,
        reason: String,
    },
    Tables(String),
    /// What a service answered to a call made from inside the process.
    Refused {
        status: u16,
        code: String,
        message: String,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Listen { port, reason } => {
                write!(
                    f,
                    "the AWS endpoint cannot listen on 127.0.0.1:{port}: {reason}"
                )
            }
            Error::State { path, reason } => {
                write!(
                    f,
                    "the AWS state at {} cannot be used: {reason}",
                    path.display()
                )
            }
            Error::Tables(reason) => write!(f, "the tables cannot be opened: {reason}"),
            Error::Refused {
                status,
                code,
                message,
            } => write!(f, "{code} ({status}): {message}"),
        }
    }
}

impl std::error::Error for Error {}

/// The three services and their endpoint, until `shutdown`.
pub struct Aws {
    address: SocketAddr,
    endpoint: Arc<Endpoint>,
    stop: watch::Sender<bool>,
    listening: tokio::task::JoinHandle<()>,
}

/// What the endpoint's connections share.
struct Endpoint {
    dynamodb: dynamodb::Tables,
    sqs: sqs::Queues,
    secrets: secrets::Secrets,
    access: access::Access,
    calls: calls::Log,
    faults: faults::Faults,
    clock: Clock,
}

impl Endpoint {
    async fn answer(&self, service: Service, operation: &str, body: &[u8]) -> Reply {
        match service {
            Service::DynamoDb => self.dynamodb.answer(operation, body).await,
            Service::Sqs => self.sqs.answer(operation, body).await,
            Service::SecretsManager => self.secrets.answer(operation, body),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Service {
    DynamoDb,
    Sqs,
    SecretsManager,
}

impl Service {
    /// `X-Amz-Target` names service and operation: `AmazonSQS.SendMessage`.
    fn of_target(target: &str) -> Option<(Service, &str)> {
        let (prefix, operation) = target.split_once('.')?;
        let service = match prefix {
            "DynamoDB_20120810" => Service::DynamoDb,
            "AmazonSQS" => Service::Sqs,
            "secretsmanager" => Service::SecretsManager,
            _ => return None,
        };
        Some((service, operation))
    }

    fn name(self) -> &'static str {
        match self {
            Service::DynamoDb => "dynamodb",
            Service::Sqs => "sqs",
            Service::SecretsManager => "secretsmanager",
        }
    }
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
