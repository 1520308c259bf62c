//! How the AWS clients are made: one HTTP client for all, rustls on ring, the few roots that AWS
//! endpoints chain to, attempts that end well inside a function's own timeout.

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_async::rt::sleep::TokioSleep;
use aws_smithy_http_client::Connector;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::behavior_version::BehaviorVersion;
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorSettings, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::SdkConfig;
use aws_types::region::Region;
use std::time::Duration;

/// Amazon's root certificates, as amazontrust.com publishes them.
const ROOTS: &[u8] = include_bytes!("../roots/aws.pem");

/// AWS as one function reaches it.
pub struct Aws {
    pub config: SdkConfig,
    connector: SharedHttpConnector,
}

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
        let mut config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(
                text("AWS_REGION").unwrap_or_else(|| "us-east-1".into()),
            ))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .http_client(http_client_fn(move |_, _| shared.clone()))
            .sleep_impl(TokioSleep::new())
            .timeout_config(
                TimeoutConfig::builder()
                    .operation_attempt_timeout(attempt)
                    .build(),
            )
            .retry_config(
                RetryConfig::standard()
                    .with_max_attempts(3)
                    .with_initial_backoff(Duration::from_millis(50)),
            );
        config.set_endpoint_url(text("AWS_ENDPOINT_URL"));
        Self {
            config: config.build(),
            connector,
        }
    }

    /// Opens the connection to a service while Lambda still gives a whole processor, by a request
    /// that is no API call. A failure is left for the first real call to meet.
    pub async fn warm(&self, service: &str) {
        let region = self.config.region().map_or("us-east-1", Region::as_ref);
        let address = match self.config.endpoint_url() {
            Some(endpoint) => format!("{}/ping", endpoint.trim_end_matches('/')),
            None => format!("https://{service}.{region}.amazonaws.com/ping"),
        };
        if let Ok(request) = HttpRequest::get(address) {
            let reply = self.connector.call(request).await;
            // The body is read to its end, so that the connection goes back to the pool.
            if let Ok(mut reply) = reply {
                let body = std::mem::replace(reply.body_mut(), Vec::new().into());
                let _ = aws_smithy_types::byte_stream::ByteStream::new(body)
                    .collect()
                    .await;
            }
        }
    }
}
