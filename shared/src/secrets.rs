//! Secrets Manager: JSON objects of strings, cached for at most five minutes.

use crate::aws::Aws;
use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::error::{DisplayErrorContext, ProvideErrorMetadata};
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

pub type Fields = BTreeMap<String, String>;

const KEPT: Duration = Duration::from_secs(300);
/// A secret that does not exist is asked for again sooner: it may just have been made.
const MISSING_KEPT: Duration = Duration::from_secs(10);
/// At most one forced refresh of a secret in this time, however many proofs fail.
const FORCED: Duration = Duration::from_secs(20);

pub struct Secrets {
    client: Client,
    cache: Mutex<HashMap<String, Cached>>,
}

#[derive(Clone)]
struct Cached {
    at: Instant,
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
            client: Client::new(&aws.config),
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

    /// The current secret, fetched anew, after what was cached did not fit; `None` where it was
    /// fetched only just now or does not exist.
    pub async fn refreshed(&self, name: &str) -> Result<Option<Arc<Fields>>, Unavailable> {
        if self
            .cached(name)
            .is_some_and(|cached| cached.at.elapsed() < FORCED)
        {
            return Ok(None);
        }
        self.fetch(name).await
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
        let put = self
            .client
            .put_secret_value()
            .secret_id(name)
            .secret_string(&text)
            .send();
        let put = Box::pin(put).await;
        let missing =
            |why: &aws_sdk_secretsmanager::operation::put_secret_value::PutSecretValueError| {
                why.is_resource_not_found_exception() || why.code() == Some("AccessDeniedException")
            };
        let done = match put {
            Err(why) if why.as_service_error().is_some_and(missing) => {
                let created = self
                    .client
                    .create_secret()
                    .name(name)
                    .secret_string(text)
                    .send();
                Box::pin(created)
                    .await
                    .map(drop)
                    .map_err(|why| DisplayErrorContext(why).to_string())
            }
            other => other
                .map(drop)
                .map_err(|why| DisplayErrorContext(why).to_string()),
        };
        self.lock().remove(name);
        done.map_err(Unavailable)
    }

    async fn fetch(&self, name: &str) -> Result<Option<Arc<Fields>>, Unavailable> {
        let current = self.get(name, "AWSCURRENT").await?;
        let cached = Cached {
            at: Instant::now(),
            current: current.clone(),
            previous: None,
        };
        self.lock().insert(name.to_owned(), cached);
        Ok(current)
    }

    async fn get(&self, name: &str, stage: &str) -> Result<Option<Arc<Fields>>, Unavailable> {
        let asked = self
            .client
            .get_secret_value()
            .secret_id(name)
            .version_stage(stage);
        let text = match Box::pin(asked.send()).await {
            Ok(found) => found.secret_string,
            // Where the policy names secrets by pattern, AWS answers AccessDenied for one that does
            // not exist, so that names cannot be probed.
            Err(why) => match why.as_service_error() {
                Some(error)
                    if error.is_resource_not_found_exception()
                        || error.code() == Some("AccessDeniedException") =>
                {
                    return Ok(None);
                }
                _ => return Err(Unavailable(DisplayErrorContext(why).to_string())),
            },
        };
        let fields = serde_json::from_str(text.as_deref().unwrap_or_default());
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
