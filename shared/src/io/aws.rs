//! How AWS is reached: one HTTP client for all, rustls on ring, the few roots that AWS endpoints
//! chain to, attempts that end well inside a function's own timeout. DynamoDB has the SDK's client;
//! SQS and Secrets Manager, of which we need four operations, are called as the JSON services that
//! they are, signed by the SDK's signer: that halves what a webhook costs and the size of intake.

use crate::io::web::{CONNECT, Web, local_roots};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4::SigningParams;
use aws_smithy_async::rt::sleep::TokioSleep;
use aws_smithy_http_client::Connector;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::behavior_version::BehaviorVersion;
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorSettings, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::identity::Identity;
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::SdkConfig;
use aws_types::region::Region;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use http::{Request, Uri};
use http_body_util::Full;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

/// Amazon's root certificates, as amazontrust.com publishes them.
const ROOTS: &[u8] = include_bytes!("../../roots/aws.pem");

/// How often a call is tried; a lost reply of ours may therefore have acted.
const ATTEMPTS: u32 = 3;
/// A secret has at most 64 KiB, escaped up to six times that; no other reply is as long.
const LARGEST: usize = 512 * 1024;
const FIRST_PAUSE: Duration = Duration::from_millis(50);

static TARGET: HeaderName = HeaderName::from_static("x-amz-target");

/// AWS as one function reaches it.
#[derive(Clone)]
pub struct Aws {
    web: Arc<Web>,
    credentials: Credentials,
    identity: Identity,
    region: String,
    endpoint: Option<String>,
    attempt: Duration,
}

/// A service of AWS that speaks JSON: its name in addresses and signatures, the prefix of its
/// operations, its version of the protocol.
pub struct Service {
    pub name: &'static str,
    pub target: &'static str,
    pub content_type: &'static str,
}

/// Why a call did not do what was asked.
#[derive(Debug)]
pub enum CallError {
    /// The service said no, with this code and message.
    Refused { code: String, message: String },
    /// No answer, or not in time: it may have acted.
    Unreachable(String),
}

impl CallError {
    /// The service's code, `ResourceNotFoundException` and the like.
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Refused { code, .. } => Some(code),
            Self::Unreachable(_) => None,
        }
    }

    /// Whether the same call may well succeed in a moment.
    fn passes(&self) -> bool {
        const PASSING: [&str; 6] = [
            "InternalServiceError",
            "InternalFailure",
            "ServiceUnavailable",
            "RequestThrottled",
            "ThrottlingException",
            "Throttling",
        ];
        self.code().is_none_or(|code| PASSING.contains(&code))
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Refused { code, message } => write!(f, "{code}: {message}"),
            Self::Unreachable(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for CallError {}

impl Aws {
    /// From the environment that Lambda gives: region, credentials, and an endpoint where one is
    /// set. `attempt` is how long one try of a call may take.
    pub fn from_environment(attempt: Duration) -> Self {
        let text = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let credentials = Credentials::new(
            text("AWS_ACCESS_KEY_ID").unwrap_or_default(),
            text("AWS_SECRET_ACCESS_KEY").unwrap_or_default(),
            text("AWS_SESSION_TOKEN"),
            None,
            "environment",
        );
        Self {
            web: Arc::new(Web::new(ROOTS, LARGEST)),
            identity: credentials.clone().into(),
            credentials,
            region: text("AWS_REGION").unwrap_or_else(|| "us-east-1".into()),
            endpoint: text("AWS_ENDPOINT_URL").map(|url| url.trim_end_matches('/').to_owned()),
            attempt,
        }
    }

    fn address(&self, service: &str) -> String {
        match &self.endpoint {
            Some(endpoint) => endpoint.clone(),
            None => format!("https://{service}.{}.amazonaws.com", self.region),
        }
    }

    /// Calls an operation and returns the reply's JSON. A call that got no answer, or one that
    /// asks for patience, is tried again: only for what may be done twice.
    pub async fn call(
        &self,
        service: &Service,
        operation: &str,
        input: &impl Serialize,
    ) -> Result<Bytes, CallError> {
        let unreachable = |why: &dyn fmt::Display| CallError::Unreachable(why.to_string());
        let address = self.address(service.name);
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
                    if why.passes()
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
            .region(&self.region)
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
        if let Ok(origin) = Uri::try_from(self.address(service))
            && let Ok(request) = Request::get("/ping").body(Full::default())
        {
            let _ = self.web.exchange(&origin, request, self.attempt).await;
        }
    }

    /// What the SDK's clients are made with: the same, over the HTTP client that they need.
    pub fn sdk(&self) -> Sdk {
        let connector = connector();
        let shared = connector.clone();
        let mut config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(self.region.clone()))
            .credentials_provider(SharedCredentialsProvider::new(self.credentials.clone()))
            .http_client(http_client_fn(move |_, _| shared.clone()))
            .sleep_impl(TokioSleep::new())
            .timeout_config(
                TimeoutConfig::builder()
                    .operation_attempt_timeout(self.attempt)
                    .build(),
            )
            .retry_config(
                RetryConfig::standard()
                    .with_max_attempts(ATTEMPTS)
                    .with_initial_backoff(FIRST_PAUSE),
            );
        config.set_endpoint_url(self.endpoint.clone());
        Sdk {
            config: config.build(),
            connector,
            address: self.address("dynamodb"),
        }
    }
}

/// How DynamoDB's client is made.
pub struct Sdk {
    pub config: SdkConfig,
    connector: SharedHttpConnector,
    address: String,
}

impl Sdk {
    /// As [`Aws::warm`].
    pub async fn warm(&self) {
        if let Ok(request) = HttpRequest::get(format!("{}/ping", self.address))
            && let Ok(mut reply) = self.connector.call(request).await
        {
            // Read to its end, so that the connection goes back to the pool.
            let body = std::mem::replace(reply.body_mut(), SdkBody::empty());
            let _ = ByteStream::new(body).collect().await;
        }
    }
}

fn connector() -> SharedHttpConnector {
    let mut trust = TrustStore::empty().with_pem_certificate(ROOTS);
    if let Some(more) = local_roots() {
        trust = trust.with_pem_certificate(more);
    }
    let tls = TlsContext::builder().with_trust_store(trust).build();
    let settings = HttpConnectorSettings::builder()
        .connect_timeout(CONNECT)
        .build();
    let connector = Connector::builder()
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .tls_context(tls.expect("bundled roots are well formed"))
        .connector_settings(settings)
        .sleep_impl(TokioSleep::new())
        .build();
    SharedHttpConnector::new(connector)
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
