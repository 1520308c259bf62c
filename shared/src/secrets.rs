//! Secrets Manager: JSON objects of strings, cached for at most five minutes.

use crate::aws::{Aws, CallError, Service};
use crate::ids;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Get<'a> {
    secret_id: &'a str,
    version_stage: &'a str,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Found {
    secret_string: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Put<'a> {
    #[serde(flatten)]
    place: Place<'a>,
    secret_string: &'a str,
    client_request_token: String,
}

/// Of a secret that exists, or of one to be made.
#[derive(Serialize)]
enum Place<'a> {
    SecretId(&'a str),
    Name(&'a str),
}

fn is_missing(why: &CallError) -> bool {
    why.code().is_some_and(|code| MISSING.contains(&code))
}

pub type Fields = BTreeMap<String, String>;

const KEPT: Duration = Duration::from_secs(300);
/// A secret that does not exist is asked for again sooner: it may just have been made.
const MISSING_KEPT: Duration = Duration::from_secs(10);
/// At most one forced refresh of a secret in this time, however many proofs fail.
const FORCED: Duration = Duration::from_secs(20);

const SECRETS_MANAGER: Service = Service {
    name: "secretsmanager",
    target: "secretsmanager",
    content_type: "application/x-amz-json-1.1",
};
/// Where the policy names secrets by pattern, AWS answers the second for one that does not exist,
/// so that names cannot be probed.
const MISSING: [&str; 2] = ["ResourceNotFoundException", "AccessDeniedException"];

pub struct Secrets {
    aws: Aws,
    cache: Mutex<HashMap<String, Cached>>,
}

#[derive(Clone)]
struct Cached {
    at: Instant,
    /// When a proof that failed last forced a refresh.
    forced: Option<Instant>,
    current: Option<Arc<Fields>>,
    previous: Option<Option<Arc<Fields>>>,
}

/// Secrets Manager could not be asked, or what it holds is no JSON object of strings.
#[derive(Debug)]
pub struct Unavailable(pub String);

impl fmt::Display for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "Secrets Manager: {}", self.0)
    }
}

impl std::error::Error for Unavailable {}

impl Secrets {
    pub fn new(aws: &Aws) -> Self {
        Self {
            aws: aws.clone(),
            cache: Mutex::default(),
        }
    }

    /// The current secret, or `None` where there is none of that name.
    pub async fn current(&self, name: &str) -> Result<Option<Arc<Fields>>, Unavailable> {
        if let Some(cached) = self.cached(name) {
            let kept = if cached.current.is_some() {
                KEPT
            } else {
                MISSING_KEPT
            };
            if cached.at.elapsed() < kept {
                return Ok(cached.current);
            }
        }
        self.fetch(name).await
    }

    /// The current secret, fetched anew, after what was cached did not fit; `None` where that was
    /// done only just now, or where there is none.
    pub async fn refreshed(&self, name: &str) -> Result<Option<Arc<Fields>>, Unavailable> {
        let forced = self.cached(name).and_then(|cached| cached.forced);
        if forced.is_some_and(|at| at.elapsed() < FORCED) {
            return Ok(None);
        }
        let current = self.fetch(name).await?;
        if let Some(cached) = self.lock().get_mut(name) {
            cached.forced = Some(Instant::now());
        }
        Ok(current)
    }

    /// The secret before the last rotation, asked for only when the current one does not fit.
    pub async fn previous(&self, name: &str) -> Result<Option<Arc<Fields>>, Unavailable> {
        if let Some(Cached {
            previous: Some(previous),
            at,
            ..
        }) = self.cached(name)
            && at.elapsed() < KEPT
        {
            return Ok(previous);
        }
        let previous = self.get(name, "AWSPREVIOUS").await?;
        if let Some(cached) = self.lock().get_mut(name) {
            cached.previous = Some(previous.clone());
        }
        Ok(previous)
    }

    /// The current secret, never from the cache.
    pub async fn latest(&self, name: &str) -> Result<Option<Arc<Fields>>, Unavailable> {
        self.fetch(name).await
    }

    /// Writes a whole secret: a new version where it exists.
    pub async fn put(&self, name: &str, fields: &Fields) -> Result<(), Unavailable> {
        let text = serde_json::to_string(fields).map_err(|why| Unavailable(why.to_string()))?;
        let input = |place| Put {
            place,
            secret_string: &text,
            // A repeat after a lost reply makes no second version.
            client_request_token: format!("{}{}", ids::random(), ids::random()),
        };
        let existing = input(Place::SecretId(name));
        let mut put = self.call("PutSecretValue", &existing).await;
        if put.as_ref().is_err_and(is_missing) {
            put = self.call("CreateSecret", &input(Place::Name(name))).await;
        }
        self.lock().remove(name);
        put.map(drop).map_err(|why| Unavailable(why.to_string()))
    }

    async fn call(&self, operation: &str, input: &impl Serialize) -> Result<Bytes, CallError> {
        self.aws.call(&SECRETS_MANAGER, operation, input).await
    }

    async fn fetch(&self, name: &str) -> Result<Option<Arc<Fields>>, Unavailable> {
        let current = self.get(name, "AWSCURRENT").await?;
        let mut cache = self.lock();
        let cached = Cached {
            at: Instant::now(),
            forced: cache.get(name).and_then(|cached| cached.forced),
            current: current.clone(),
            previous: None,
        };
        cache.insert(name.to_owned(), cached);
        Ok(current)
    }

    async fn get(&self, name: &str, stage: &str) -> Result<Option<Arc<Fields>>, Unavailable> {
        let input = Get {
            secret_id: name,
            version_stage: stage,
        };
        let reply = match self.call("GetSecretValue", &input).await {
            Ok(reply) => reply,
            Err(why) if is_missing(&why) => return Ok(None),
            Err(why) => return Err(Unavailable(why.to_string())),
        };
        let found: Found = serde_json::from_slice(&reply)
            .map_err(|_| Unavailable(format!("{name} was answered in no known way")))?;
        let fields = serde_json::from_str(&found.secret_string);
        // The text itself is a secret and stays out of the error.
        fields.map(|fields| Some(Arc::new(fields))).map_err(|why| {
            Unavailable(format!(
                "{name} is no JSON object of strings (column {})",
                why.column()
            ))
        })
    }

    fn cached(&self, name: &str) -> Option<Cached> {
        self.lock().get(name).cloned()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Cached>> {
        self.cache
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// What people configure for a vendor.
pub fn configured(clinic: &str, vendor: &str) -> String {
    format!("meridian/{clinic}/{vendor}")
}

/// All that intake may read.
pub fn inbound(clinic: &str, vendor: &str) -> String {
    format!("meridian/{clinic}/{vendor}/inbound")
}

/// What the house writes itself: refresh tokens.
pub fn oauth(clinic: &str, vendor: &str) -> String {
    format!("meridian/{clinic}/{vendor}/oauth")
}
