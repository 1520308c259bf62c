//! How AWS is reached: one set-up for the SDK's clients, rustls on ring, the few roots that AWS
//! endpoints chain to, attempts that end well inside a function's own timeout.

use crate::io::config::{Config, Environment, Local};
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_async::rt::sleep::TokioSleep;
use aws_smithy_http_client::Connector;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::behavior_version::BehaviorVersion;
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorSettings, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::SdkConfig;
use aws_types::region::Region;
use std::error::Error;
use std::fmt;
use std::time::Duration;

/// Amazon's root certificates, as amazontrust.com publishes them.
pub const ROOTS: &[u8] = include_bytes!("../../roots/aws.pem");

/// How often a call is tried; a lost reply of ours may therefore have acted.
pub const ATTEMPTS: u32 = 3;
pub const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// How long a connection may take to be there.
pub const CONNECT: Duration = Duration::from_millis(700);

/// The SDK as one function uses it: what its clients are made with, and the connections that they
/// share.
pub struct Aws {
    pub config: SdkConfig,
    connector: SharedHttpConnector,
    environment: Environment,
}

impl Aws {
    /// `attempt` is how long one try of a call may take.
    pub fn new(config: &Config, attempt: Duration) -> Self {
        let environment = config.aws.clone();
        let connector = connector(&config.local);
        let shared = connector.clone();
        let credentials = SharedCredentialsProvider::new(environment.credentials.clone());
        let mut config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(environment.region.clone()))
            .credentials_provider(credentials)
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
        config.set_endpoint_url(environment.endpoint.clone());
        Self {
            config: config.build(),
            connector,
            environment,
        }
    }

    /// Opens the connection to a service while Lambda still gives a whole processor, by a request
    /// that is no API call. A failure is left for the first real call to meet.
    pub async fn warm(&self, service: &str) {
        let address = self.environment.address(service);
        if let Ok(request) = HttpRequest::get(format!("{address}/ping"))
            && let Ok(mut reply) = self.connector.call(request).await
        {
            // Read to its end, so that the connection goes back to the pool.
            let body = std::mem::replace(reply.body_mut(), SdkBody::empty());
            let _ = ByteStream::new(body).collect().await;
        }
    }
}

fn connector(local: &Local) -> SharedHttpConnector {
    let trust = TrustStore::empty().with_pem_certificate(ROOTS);
    let trust = trust.with_pem_certificate(local.roots());
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
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Refused { code, message } => write!(f, "{code}: {message}"),
            Self::Unreachable(why) => f.write_str(why),
        }
    }
}

impl Error for CallError {}

impl<E> From<SdkError<E, HttpResponse>> for CallError
where
    E: ProvideErrorMetadata + Error + 'static,
{
    fn from(why: SdkError<E, HttpResponse>) -> Self {
        match (why.code(), why.message()) {
            (Some(code), message) => Self::Refused {
                code: code.to_owned(),
                message: message.unwrap_or_default().to_owned(),
            },
            (None, _) => Self::Unreachable(told(&why)),
        }
    }
}

/// An error in its own words and those of what caused it, one line; not the SDK's whole state.
pub fn told(why: &dyn Error) -> String {
    let chain = std::iter::successors(Some(why), |why| Error::source(*why));
    let mut words: Vec<String> = chain.map(ToString::to_string).collect();
    // An error that only hands on says what its cause says.
    words.dedup();
    words.join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_sqs::operation::send_message::SendMessageError;
    use aws_smithy_types::error::ErrorMetadata;

    type Failed = SdkError<SendMessageError, HttpResponse>;

    #[test]
    fn an_error_of_the_sdk_is_the_services_code_and_words_or_one_line_of_what_stopped_it() {
        let reply = HttpResponse::new(400.try_into().expect("a status"), SdkBody::empty());
        let metadata = ErrorMetadata::builder()
            .code("RequestThrottled")
            .message("Rate exceeded");
        let refused = SendMessageError::generic(metadata.build());
        let why = CallError::from(Failed::service_error(refused, reply));
        assert_eq!(why.code(), Some("RequestThrottled"));
        assert_eq!(why.to_string(), "RequestThrottled: Rate exceeded");
        let refused = std::io::Error::other("the connection was refused");
        let why = CallError::from(Failed::timeout_error(refused));
        assert_eq!(why.code(), None);
        let said = "request has timed out: the connection was refused";
        assert_eq!(why.to_string(), said);
    }
}
