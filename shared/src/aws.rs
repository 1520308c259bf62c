//! How AWS is reached: one HTTP client for all, rustls on ring, the few roots that AWS endpoints
//! chain to, attempts that end well inside a function's own timeout. DynamoDB has the SDK's client;
//! SQS and Secrets Manager, of which we need four operations, are called as the JSON services that
//! they are, signed by the SDK's signer: that halves what a webhook costs and the size of intake.

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
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::SdkConfig;
use aws_types::region::Region;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::{Duration, Instant, SystemTime};

/// Amazon's root certificates, as amazontrust.com publishes them.
const ROOTS: &[u8] = include_bytes!("../roots/aws.pem");

/// How often a call is tried; a lost reply of ours may therefore have acted.
const ATTEMPTS: u32 = 3;
const FIRST_PAUSE: Duration = Duration::from_millis(50);

/// AWS as one function reaches it.
#[derive(Clone)]
pub struct Aws {
    /// For the SDK's clients.
    pub config: SdkConfig,
    connector: SharedHttpConnector,
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

/// HTTPS that trusts these roots (PEM), and those in the file `MERIDIAN_ROOTS`, which only a local
/// stack names.
pub fn connector(roots: &[u8]) -> SharedHttpConnector {
    let mut trust = TrustStore::empty().with_pem_certificate(roots);
    if let Some(more) = local_roots() {
        trust = trust.with_pem_certificate(more);
    }
    let tls = TlsContext::builder().with_trust_store(trust).build();
    let settings = HttpConnectorSettings::builder()
        .connect_timeout(Duration::from_millis(700))
        .build();
    let connector = Connector::builder()
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .tls_context(tls.expect("bundled roots are well formed"))
        .connector_settings(settings)
        .sleep_impl(TokioSleep::new())
        .build();
    SharedHttpConnector::new(connector)
}

/// The certificate authorities that a local stack adds, as PEM.
pub fn local_roots() -> Option<Vec<u8>> {
    std::fs::read(std::env::var_os("MERIDIAN_ROOTS")?).ok()
}

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
        let connector = connector(ROOTS);
        let shared = connector.clone();
        let region = text("AWS_REGION").unwrap_or_else(|| "us-east-1".into());
        let endpoint = text("AWS_ENDPOINT_URL").map(|url| url.trim_end_matches('/').to_owned());
        let mut config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(region.clone()))
            .credentials_provider(SharedCredentialsProvider::new(credentials.clone()))
            .http_client(http_client_fn(move |_, _| shared.clone()))
            .sleep_impl(TokioSleep::new())
            .timeout_config(
                TimeoutConfig::builder()
                    .operation_attempt_timeout(attempt)
                    .build(),
            )
            .retry_config(
                RetryConfig::standard()
                    .with_max_attempts(ATTEMPTS)
                    .with_initial_backoff(FIRST_PAUSE),
            );
        config.set_endpoint_url(endpoint.clone());
        Self {
            config: config.build(),
            connector,
            identity: credentials.into(),
            region,
            endpoint,
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
    ) -> Result<Vec<u8>, CallError> {
        let unreachable = |why: &dyn fmt::Display| CallError::Unreachable(why.to_string());
        let body = serde_json::to_string(input).map_err(|why| unreachable(&why))?;
        let (mut tries, mut pause, began) = (1, FIRST_PAUSE, Instant::now());
        loop {
            let request = self
                .signed(service, operation, &body)
                .map_err(|why| unreachable(&why))?;
            let tried = tokio::time::timeout(self.attempt, self.exchange(request)).await;
            match tried.unwrap_or_else(|_| Err(CallError::Unreachable("too slow".into()))) {
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
        body: &str,
    ) -> Result<HttpRequest, Box<dyn std::error::Error + Send + Sync>> {
        let address = format!("{}/", self.address(service.name));
        let target = format!("{}.{operation}", service.target);
        let headers = [
            ("content-type", service.content_type),
            ("x-amz-target", target.as_str()),
        ];
        let signable = SignableRequest::new(
            "POST",
            &address,
            headers.into_iter(),
            SignableBody::Bytes(body.as_bytes()),
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
        let mut request = HttpRequest::new(body.into());
        request.set_method("POST")?;
        request.set_uri(address.as_str())?;
        let (signed, _) = signature.into_parts();
        let signed = signed.iter().map(|header| (header.name(), header.value()));
        for (name, value) in headers.into_iter().chain(signed) {
            request
                .headers_mut()
                .try_insert(name.to_owned(), value.to_owned())?;
        }
        Ok(request)
    }

    async fn exchange(&self, request: HttpRequest) -> Result<Vec<u8>, CallError> {
        let reply = self.connector.call(request).await;
        let mut reply = reply.map_err(|why| {
            // Its source says what happened, the error itself only where.
            let source = std::error::Error::source(&why).map(ToString::to_string);
            CallError::Unreachable(source.unwrap_or_else(|| why.to_string()))
        })?;
        let status = reply.status().as_u16();
        let body = read(&mut reply).await.map_err(CallError::Unreachable)?;
        if status == 200 {
            return Ok(body);
        }
        let refusal: Refusal = serde_json::from_slice(&body).unwrap_or_default();
        let code = refusal.code.rsplit('#').next().unwrap_or_default();
        Err(match code {
            "" => CallError::Unreachable(format!("status {status}")),
            code => CallError::Refused {
                code: code.to_owned(),
                message: refusal.message,
            },
        })
    }

    /// Opens the connection to a service while Lambda still gives a whole processor, by a request
    /// that is no API call. A failure is left for the first real call to meet.
    pub async fn warm(&self, service: &str) {
        if let Ok(request) = HttpRequest::get(format!("{}/ping", self.address(service)))
            && let Ok(mut reply) = self.connector.call(request).await
        {
            // Read to its end, so that the connection goes back to the pool.
            let _ = read(&mut reply).await;
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

/// All of a reply's body.
pub async fn read(reply: &mut HttpResponse) -> Result<Vec<u8>, String> {
    let body = std::mem::replace(reply.body_mut(), SdkBody::empty());
    let read = aws_smithy_types::byte_stream::ByteStream::new(body).collect();
    read.await
        .map(|body| body.to_vec())
        .map_err(|why| why.to_string())
}
