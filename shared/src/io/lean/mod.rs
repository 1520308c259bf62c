//! SQS, Secrets Manager and one read of DynamoDB for `webhook-intake` alone, without the SDK's
//! clients: with these a webhook took 252 µs of CPU, with this client 115, where the same job
//! without SDK, TLS and async runtime took 41 (one run on one machine). Everything else uses the
//! SDK. A request is signed by the SDK's signer and sent over hyper's connection.

mod directory;
mod queue;
mod secrets;
pub mod web;

pub use directory::Directory;
pub use queue::Queues;
pub use secrets::Secrets;

use crate::io::aws::{ATTEMPTS, CallError, FIRST_PAUSE, ROOTS};
use crate::io::config::{Config, Environment};
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4::SigningParams;
use aws_smithy_runtime_api::client::identity::Identity;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use http::{Request, Uri};
use http_body_util::Full;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};
use web::Web;

/// A secret has at most 64 KiB, escaped up to six times that; no other reply is as long.
const LARGEST: usize = 512 * 1024;

static TARGET: HeaderName = HeaderName::from_static("x-amz-target");

/// AWS's JSON services as intake calls them.
#[derive(Clone)]
pub struct Client {
    web: Arc<Web>,
    environment: Environment,
    identity: Identity,
    attempt: Duration,
}

/// A service of AWS that speaks JSON: its name in addresses and signatures, the prefix of its
/// operations, its version of the protocol.
struct Service {
    name: &'static str,
    target: &'static str,
    content_type: &'static str,
}

/// Whether the same call may well succeed in a moment.
fn passes(why: &CallError) -> bool {
    const PASSING: [&str; 6] = [
        "InternalServiceError",
        "InternalFailure",
        "ServiceUnavailable",
        "RequestThrottled",
        "ThrottlingException",
        "Throttling",
    ];
    why.code().is_none_or(|code| PASSING.contains(&code))
}

impl Client {
    /// `attempt` is how long one try of a call may take.
    pub fn new(config: &Config, attempt: Duration) -> Self {
        Self {
            web: Arc::new(Web::new(&[ROOTS, &config.local.roots()], LARGEST)),
            identity: config.aws.credentials.clone().into(),
            environment: config.aws.clone(),
            attempt,
        }
    }

    /// Calls an operation and returns the reply's JSON. A call that got no answer, or one that
    /// asks for patience, is tried again: only for what may be done twice.
    async fn call(
        &self,
        service: &Service,
        operation: &str,
        input: &impl Serialize,
    ) -> Result<Bytes, CallError> {
        let unreachable = |why: &dyn fmt::Display| CallError::Unreachable(why.to_string());
        let address = self.environment.address(service.name);
        let origin = Uri::try_from(&address).map_err(|why| unreachable(&why))?;
        let body = serde_json::to_vec(input).map_err(|why| unreachable(&why))?;
        let body = Bytes::from(body);
        let (mut tries, mut pause, began) = (1, FIRST_PAUSE, Instant::now());
        loop {
            let request = self
                .signed(service, operation, &address, body.clone())
                .map_err(|why| unreachable(&why))?;
            match self.exchange(&origin, request).await {
                // One that begins late would run into the function's own timeout.
                Err(why)
                    if passes(&why)
                        && tries < ATTEMPTS
                        && began.elapsed() < self.attempt * 5 / 4 =>
                {
                    tracing::debug!(%why, service = service.name, "once more");
                    tokio::time::sleep(pause).await;
                    (tries, pause) = (tries + 1, pause * 2);
                }
                other => return other,
            }
        }
    }

    fn signed(
        &self,
        service: &Service,
        operation: &str,
        address: &str,
        body: Bytes,
    ) -> Result<Request<Full<Bytes>>, Box<dyn std::error::Error + Send + Sync>> {
        let target = format!("{}.{operation}", service.target);
        let headers = [
            (CONTENT_TYPE.as_str(), service.content_type),
            (TARGET.as_str(), target.as_str()),
        ];
        let signable = SignableRequest::new(
            "POST",
            address,
            headers.into_iter(),
            SignableBody::Bytes(&body),
        )?;
        let params = SigningParams::builder()
            .identity(&self.identity)
            .region(&self.environment.region)
            .name(service.name)
            .time(SystemTime::now())
            .settings(SigningSettings::default())
            .build()?
            .into();
        let (signature, _) = sign(signable, &params)?.into_parts();
        let mut request = Request::post("/")
            .header(CONTENT_TYPE, HeaderValue::from_static(service.content_type))
            .header(&TARGET, target)
            .body(Full::new(body))?;
        let (signed, _) = signature.into_parts();
        for header in signed {
            let value = HeaderValue::from_str(header.value())?;
            request.headers_mut().insert(header.name(), value);
        }
        Ok(request)
    }

    async fn exchange(
        &self,
        origin: &Uri,
        request: Request<Full<Bytes>>,
    ) -> Result<Bytes, CallError> {
        let reply = self.web.exchange(origin, request, self.attempt).await;
        let (head, body) = reply.map_err(CallError::Unreachable)?.into_parts();
        if head.status == 200 {
            return Ok(body);
        }
        let refusal: Refusal = serde_json::from_slice(&body).unwrap_or_default();
        let code = refusal.code.rsplit('#').next().unwrap_or_default();
        Err(match code {
            "" => CallError::Unreachable(format!("status {}", head.status.as_u16())),
            code => CallError::Refused {
                code: code.to_owned(),
                message: refusal.message,
            },
        })
    }

    /// Opens the connection to a service while Lambda still gives a whole processor, by a request
    /// that is no API call. A failure is left for the first real call to meet.
    pub async fn warm(&self, service: &str) {
        if let Ok(origin) = Uri::try_from(self.environment.address(service))
            && let Ok(request) = Request::get("/ping").body(Full::default())
        {
            let _ = self.web.exchange(&origin, request, self.attempt).await;
        }
    }
}

/// How AWS's JSON services say no: the field's case differs from service to service.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Refusal {
    #[serde(rename = "__type")]
    code: String,
    #[serde(alias = "Message")]
    message: String,
}
