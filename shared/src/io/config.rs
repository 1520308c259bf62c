//! What a function's environment says, read once at its start: Lambda's variables, the template's,
//! and the seams of a local stack, which the template never sets.

use crate::domain::task::Queue;
use aws_credential_types::Credentials;
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::OnceLock;
use std::time::Duration;
use tracing::level_filters::LevelFilter;

/// All that the environment says to a function.
#[derive(Clone)]
pub struct Config {
    pub aws: Environment,
    /// `TABLE_NAME`: the DynamoDB table.
    pub table: String,
    /// `EVENTS_QUEUE_URL` and so on; a function has those that it may send to.
    pub queues: QueueUrls,
    /// `PUBLIC_URL`: base of pages and webhooks, without a slash at its end.
    pub public_url: String,
    /// `KMS_KEY_ARN`: the clinic's own key for new secrets. Where it is empty AWS's key is taken.
    pub kms_key: Option<String>,
    /// `VENDOR_TIMEOUT_MS`: how long a call to a vendor may take, in milliseconds. A function that
    /// calls none has none; then it is ten seconds.
    pub vendor_timeout: Duration,
    /// `LEASE_SECONDS`: how long a call may be under way before its outcome counts as unknown, in
    /// seconds. Longer than any function may run, which a test holds against the template.
    pub lease_seconds: i64,
    /// `RUST_LOG`: `error`, `warn`, `info`, `debug` or `trace`; `info` where it is not set.
    pub log_level: LevelFilter,
    pub local: Local,
}

/// The environment that Lambda gives: credentials, region, and an endpoint where one is set.
#[derive(Clone)]
pub struct Environment {
    /// `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN`.
    pub credentials: Credentials,
    /// `AWS_REGION`
    pub region: String,
    /// `AWS_ENDPOINT_URL`: stands for every service's address, without a slash at its end.
    pub endpoint: Option<String>,
    /// `URL_SUFFIX`: how the names of AWS's hosts end in this partition.
    pub suffix: String,
}

/// The addresses of the queues that a function may send to.
#[derive(Clone)]
pub struct QueueUrls(BTreeMap<Queue, String>);

/// The seams of a local stack beside the clock: files, read whenever they are wanted.
#[derive(Clone, Default)]
pub struct Local {
    /// `MERIDIAN_HOSTS`: a JSON object from a vendor's id to the address that stands for scheme and
    /// host of all its calls. It may change.
    pub hosts: Option<PathBuf>,
    /// `MERIDIAN_ROOTS`: more certificate authorities, as PEM.
    pub roots: Option<PathBuf>,
}

/// The variable that is not as it must be, and why.
#[derive(Debug, PartialEq, Eq)]
pub struct NotConfigured(pub String);

impl fmt::Display for NotConfigured {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "the environment variable {}", self.0)
    }
}

impl std::error::Error for NotConfigured {}

impl Config {
    /// What this process was given.
    pub fn read() -> Result<Self, NotConfigured> {
        Self::of(|name| std::env::var(name).ok())
    }

    /// What these variables say. One that is empty is as one that is not set.
    pub fn of(variable: impl Fn(&str) -> Option<String>) -> Result<Self, NotConfigured> {
        let variables = Variables(&|name| variable(name).filter(|text| !text.is_empty()));
        let timeout = variables.parsed("VENDOR_TIMEOUT_MS", "milliseconds")?;
        Ok(Self {
            aws: Environment::of(&variables)?,
            table: variables.needed("TABLE_NAME")?,
            queues: QueueUrls::of(&variables),
            public_url: without_slash(&variables.needed("PUBLIC_URL")?),
            kms_key: variables.text("KMS_KEY_ARN"),
            vendor_timeout: Duration::from_millis(timeout.unwrap_or(10_000)),
            lease_seconds: variables.parsed("LEASE_SECONDS", "seconds")?.unwrap_or(90),
            log_level: variables
                .parsed("RUST_LOG", "a level")?
                .unwrap_or(LevelFilter::INFO),
            local: Local {
                hosts: variables.text("MERIDIAN_HOSTS").map(PathBuf::from),
                roots: variables.text("MERIDIAN_ROOTS").map(PathBuf::from),
            },
        })
    }
}

impl Environment {
    fn of(variables: &Variables) -> Result<Self, NotConfigured> {
        let credentials = Credentials::new(
            variables.needed("AWS_ACCESS_KEY_ID")?,
            variables.needed("AWS_SECRET_ACCESS_KEY")?,
            variables.text("AWS_SESSION_TOKEN"),
            None,
            "environment",
        );
        Ok(Self {
            credentials,
            region: variables.needed("AWS_REGION")?,
            suffix: variables
                .text("URL_SUFFIX")
                .unwrap_or_else(|| "amazonaws.com".into()),
            endpoint: variables
                .text("AWS_ENDPOINT_URL")
                .map(|url| without_slash(&url)),
        })
    }

    /// The base of a service's addresses.
    pub fn address(&self, service: &str) -> String {
        match &self.endpoint {
            Some(endpoint) => endpoint.clone(),
            None => format!("https://{service}.{}.{}", self.region, self.suffix),
        }
    }
}

impl QueueUrls {
    fn of(variables: &Variables) -> Self {
        let url = |queue| Some((queue, variables.text(queue_variable(queue))?));
        Self(QUEUES.into_iter().filter_map(url).collect())
    }

    /// Where a queue is, if this function may send to it.
    pub fn url(&self, queue: Queue) -> Result<&str, NotConfigured> {
        let url = self.0.get(&queue).map(String::as_str);
        url.ok_or_else(|| NotConfigured(format!("{} is not set", queue_variable(queue))))
    }
}

const QUEUES: [Queue; 6] = [
    Queue::Events,
    Queue::Unproven,
    Queue::Visits,
    Queue::Charges,
    Queue::Refunds,
    Queue::Deliveries,
];

fn queue_variable(queue: Queue) -> &'static str {
    match queue {
        Queue::Events => "EVENTS_QUEUE_URL",
        Queue::Unproven => "UNPROVEN_QUEUE_URL",
        Queue::Visits => "VISITS_QUEUE_URL",
        Queue::Charges => "CHARGES_QUEUE_URL",
        Queue::Refunds => "REFUNDS_QUEUE_URL",
        Queue::Deliveries => "DELIVERIES_QUEUE_URL",
    }
}

impl Local {
    /// The certificate authorities that a local stack adds, as PEM; empty without one.
    pub fn roots(&self) -> Vec<u8> {
        let read = self.roots.as_ref().map(std::fs::read);
        read.and_then(Result::ok).unwrap_or_default()
    }

    /// Where a local stack puts a vendor.
    pub fn base(&self, vendor: &str) -> Option<String> {
        let file = std::fs::read(self.hosts.as_ref()?).ok()?;
        let hosts: HashMap<String, String> = serde_json::from_slice(&file).ok()?;
        hosts.get(vendor).cloned()
    }
}

/// The file of a local stack that moves this process's one clock (`MERIDIAN_CLOCK`): milliseconds,
/// signed.
pub fn clock_file() -> Option<&'static Path> {
    static FILE: OnceLock<Option<PathBuf>> = OnceLock::new();
    let read = || std::env::var_os("MERIDIAN_CLOCK").map(PathBuf::from);
    FILE.get_or_init(read).as_deref()
}

fn without_slash(url: &str) -> String {
    url.trim_end_matches('/').to_owned()
}

struct Variables<'a>(&'a dyn Fn(&str) -> Option<String>);

impl Variables<'_> {
    fn text(&self, name: &str) -> Option<String> {
        self.0(name)
    }

    fn needed(&self, name: &str) -> Result<String, NotConfigured> {
        let text = self.text(name);
        text.ok_or_else(|| NotConfigured(format!("{name} is not set")))
    }

    fn parsed<T: FromStr>(&self, name: &str, what: &str) -> Result<Option<T>, NotConfigured> {
        let Some(text) = self.text(name) else {
            return Ok(None);
        };
        let parsed = text.parse();
        let wrong = |_| NotConfigured(format!("{name} is {text:?}, which does not say {what}"));
        parsed.map(Some).map_err(wrong)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(other: &[(&str, &str)]) -> Result<Config, NotConfigured> {
        let given = [
            ("AWS_ACCESS_KEY_ID", "id"),
            ("AWS_SECRET_ACCESS_KEY", "secret"),
            ("AWS_REGION", "eu-central-1"),
            ("TABLE_NAME", "table"),
            ("PUBLIC_URL", "https://pay.example.test/"),
            ("CHARGES_QUEUE_URL", "https://sqs/charges"),
        ];
        let given: BTreeMap<&str, &str> = given.into_iter().chain(other.iter().copied()).collect();
        Config::of(|name| given.get(name).map(ToString::to_string))
    }

    #[test]
    fn what_is_not_set_or_says_nothing_is_named() {
        let said = |name, text| read(&[(name, text)]).err().map(|why| why.to_string());
        for name in [
            "TABLE_NAME",
            "PUBLIC_URL",
            "AWS_REGION",
            "AWS_ACCESS_KEY_ID",
        ] {
            let why = format!("the environment variable {name} is not set");
            assert_eq!(said(name, ""), Some(why));
        }
        for (name, what) in [
            ("VENDOR_TIMEOUT_MS", "milliseconds"),
            ("LEASE_SECONDS", "seconds"),
            ("RUST_LOG", "a level"),
        ] {
            let why =
                format!("the environment variable {name} is \"ten\", which does not say {what}");
            assert_eq!(said(name, "ten"), Some(why));
            assert_eq!(said(name, ""), None);
        }
    }

    #[test]
    fn a_function_knows_the_queues_that_it_was_given() {
        let config = read(&[]).expect("a configuration");
        assert_eq!(config.queues.url(Queue::Charges), Ok("https://sqs/charges"));
        let why = NotConfigured("VISITS_QUEUE_URL is not set".into());
        assert_eq!(config.queues.url(Queue::Visits), Err(why));
        assert_eq!(config.public_url, "https://pay.example.test");
    }

    #[test]
    fn a_service_is_at_its_region_unless_one_address_stands_for_all() {
        let address = |other: &[_]| read(other).expect("a configuration").aws.address("sqs");
        let named = ("URL_SUFFIX", "amazonaws.com.cn");
        assert_eq!(address(&[]), "https://sqs.eu-central-1.amazonaws.com");
        assert_eq!(
            address(&[named]),
            "https://sqs.eu-central-1.amazonaws.com.cn"
        );
        let one = ("AWS_ENDPOINT_URL", "http://127.0.0.1:1/");
        assert_eq!(address(&[one]), "http://127.0.0.1:1");
    }
}
