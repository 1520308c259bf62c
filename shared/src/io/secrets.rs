//! Secrets Manager: JSON objects of strings, cached for at most five minutes.

use crate::io::aws::{Aws, CallError};
use crate::io::config::Config;
use crate::vendors;
use aws_sdk_secretsmanager::Client;
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex};

/// The secrets of every function but intake, which has its own client.
pub type Secrets = SecretCache<Client>;

/// Who is asked for a version of a secret.
pub trait GetSecretValue {
    fn secret_value(
        &self,
        name: &str,
        stage: &str,
    ) -> impl Future<Output = Result<SecretValue, CallError>> + Send;
}

/// A version of a secret as it was answered.
pub struct SecretValue {
    pub secret_string: String,
    /// When this version was made, in epoch seconds.
    pub created_at: i64,
}

impl GetSecretValue for Client {
    async fn secret_value(&self, name: &str, stage: &str) -> Result<SecretValue, CallError> {
        let get = self.get_secret_value().secret_id(name).version_stage(stage);
        let found = Box::pin(get.send()).await?;
        Ok(SecretValue {
            created_at: found.created_date.map_or(0, |date| date.secs()),
            secret_string: found.secret_string.unwrap_or_default(),
        })
    }
}

/// A version of a secret.
#[derive(Clone)]
struct Version {
    fields: Arc<Fields>,
    /// Epoch seconds.
    made_at: i64,
}

/// Whether there is no secret of this name. Where a policy names secrets by pattern, AWS denies one
/// that does not exist, so that names cannot be probed, and then speaks of its bare name; of one
/// that exists and may not be read it gives the whole address.
fn is_missing(why: &CallError, name: &str) -> bool {
    match why {
        CallError::Refused { code, message } => match code.as_str() {
            "ResourceNotFoundException" => true,
            "AccessDeniedException" => {
                let after = message.split_once("on resource: ").map(|(_, after)| after);
                let named = after.and_then(|after| after.split(' ').next());
                named == Some(name)
            }
            _ => false,
        },
        CallError::Unreachable(_) => false,
    }
}

pub type Fields = BTreeMap<String, String>;

/// How long a secret is remembered, in seconds.
const KEPT: i64 = 300;
/// One that does not exist is asked for again sooner: it may just have been made.
const MISSING_KEPT: i64 = 10;
/// At most one forced refresh of a secret in so many seconds, however many proofs fail.
const FORCED: i64 = 20;
/// How long the secret before the last change still proves, in seconds.
const FORMER_PROVES: i64 = 48 * 3600;
/// As many secrets are remembered; beyond them those that do not exist are forgotten.
const MOST: usize = 5000;

/// What was read of secrets, for as long as it holds.
pub struct SecretCache<C> {
    client: C,
    /// Which key seals a secret that is made here; AWS's own where there is none.
    kms_key: Option<String>,
    cache: Mutex<HashMap<String, Cached>>,
}

#[derive(Clone)]
struct Cached {
    /// When it was read, in epoch seconds, as all times here.
    at: i64,
    /// When a proof that failed last forced a refresh.
    forced: Option<i64>,
    current: Option<Version>,
    previous: Option<Option<Version>>,
}

impl Cached {
    fn is_fresh(&self) -> bool {
        let kept = match self.current {
            Some(_) => KEPT,
            None => MISSING_KEPT,
        };
        passed_since(self.at, kept).is_none()
    }

    fn fields(&self) -> Option<Arc<Fields>> {
        self.current.as_ref().map(|version| version.fields.clone())
    }
}

/// The seconds since then, once they are as many as this. A clock that went back counts as well.
fn passed_since(at: i64, seconds: i64) -> Option<i64> {
    let since = now() - at;
    (!(0..seconds).contains(&since)).then_some(since)
}

fn now() -> i64 {
    crate::io::clock::now().as_second()
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

impl<C: GetSecretValue> SecretCache<C> {
    pub fn over(client: C) -> Self {
        Self {
            client,
            kms_key: None,
            cache: Mutex::default(),
        }
    }

    /// The current secret, or `None` where there is none of that name.
    pub async fn current(&self, name: &str) -> Result<Option<Arc<Fields>>, Unavailable> {
        match self.cached(name).filter(Cached::is_fresh) {
            Some(cached) => Ok(cached.fields()),
            None => self.fetch(name).await,
        }
    }

    /// Whether asking for it costs nothing: what was read of it, or that it is missing, is fresh.
    pub fn is_remembered(&self, name: &str) -> bool {
        self.cached(name).as_ref().is_some_and(Cached::is_fresh)
    }

    /// Whether a secret of this name was there when it was last read, however long ago.
    pub fn is_known(&self, name: &str) -> bool {
        self.cached(name)
            .is_some_and(|cached| cached.current.is_some())
    }

    /// The current secret, fetched anew, after what was cached did not fit; `None` where that was
    /// done only just now, or where there is none.
    pub async fn refreshed(&self, name: &str) -> Result<Option<Arc<Fields>>, Unavailable> {
        let forced = self.cached(name).and_then(|cached| cached.forced);
        if forced.is_some_and(|at| passed_since(at, FORCED).is_none()) {
            return Ok(None);
        }
        let current = self.fetch(name).await?;
        if let Some(cached) = self.lock().get_mut(name) {
            cached.forced = Some(now());
        }
        Ok(current)
    }

    /// The secret before the last change, whenever that was.
    pub async fn previous(&self, name: &str) -> Result<Option<Arc<Fields>>, Unavailable> {
        let known = self.cached(name).filter(Cached::is_fresh);
        if let Some(previous) = known.and_then(|cached| cached.previous) {
            return Ok(previous.map(|version| version.fields));
        }
        let previous = self.get(name, "AWSPREVIOUS").await?;
        if let Some(cached) = self.lock().get_mut(name) {
            cached.previous = Some(previous.clone());
        }
        Ok(previous.map(|version| version.fields))
    }

    /// The secret before the last change while that is young: senders may still sign with it. Asked
    /// for only when the current one does not fit.
    pub async fn former(&self, name: &str) -> Result<Option<Arc<Fields>>, Unavailable> {
        let current = self.cached(name).and_then(|cached| cached.current);
        let changed = current.map(|version| version.made_at);
        match changed.is_some_and(|at| passed_since(at, FORMER_PROVES).is_none()) {
            true => self.previous(name).await,
            false => Ok(None),
        }
    }

    /// The current secret, never from the cache.
    pub async fn latest(&self, name: &str) -> Result<Option<Arc<Fields>>, Unavailable> {
        self.fetch(name).await
    }

    async fn fetch(&self, name: &str) -> Result<Option<Arc<Fields>>, Unavailable> {
        let current = self.get(name, "AWSCURRENT").await?;
        let mut cache = self.lock();
        make_room(&mut cache, MOST);
        let cached = Cached {
            at: now(),
            forced: cache.get(name).and_then(|cached| cached.forced),
            current,
            previous: None,
        };
        let fields = cached.fields();
        cache.insert(name.to_owned(), cached);
        Ok(fields)
    }

    async fn get(&self, name: &str, stage: &str) -> Result<Option<Version>, Unavailable> {
        let found = match self.client.secret_value(name, stage).await {
            Ok(found) => found,
            Err(why) if is_missing(&why, name) => return Ok(None),
            Err(why) => {
                if why.code() == Some("AccessDeniedException") {
                    let hint =
                        "the secret is there and may not be read: mend the function's policy";
                    tracing::error!(event = "secret_denied", secret = name, %why, hint);
                }
                return Err(Unavailable(why.to_string()));
            }
        };
        let fields = serde_json::from_str(&found.secret_string);
        // The text itself is a secret and stays out of the error.
        let version = |fields| Version {
            fields: Arc::new(fields),
            made_at: found.created_at,
        };
        fields.map(|fields| Some(version(fields))).map_err(|why| {
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

impl Secrets {
    pub fn new(aws: &Aws, config: &Config) -> Self {
        Self {
            kms_key: config.kms_key.clone(),
            ..Self::over(Client::new(&aws.config))
        }
    }

    /// Writes a whole secret: a new version where it exists. A repeat after a lost reply makes no
    /// second version, as the SDK repeats its token.
    pub async fn put(&self, name: &str, fields: &Fields) -> Result<(), Unavailable> {
        let text = serde_json::to_string(fields).map_err(|why| Unavailable(why.to_string()))?;
        let put = self.client.put_secret_value().secret_id(name);
        let put = Box::pin(put.secret_string(&text).send()).await;
        let mut put = put.map(drop).map_err(CallError::from);
        if put.as_ref().is_err_and(|why| is_missing(why, name)) {
            let create = self.client.create_secret().name(name);
            let create = create.set_kms_key_id(self.kms_key.clone());
            let made = Box::pin(create.secret_string(&text).send()).await;
            put = made.map(drop).map_err(CallError::from);
        }
        self.lock().remove(name);
        put.map_err(|why| Unavailable(why.to_string()))
    }
}

/// Names are part of unproven requests: what is missing gives way before it fills the memory.
fn make_room(cache: &mut HashMap<String, Cached>, most: usize) {
    if cache.len() >= most {
        cache.retain(|_, cached| cached.current.is_some());
    }
}

/// What people configure for a vendor. The role stands in the name, so that a policy's pattern tells
/// who may read a gateway's key from who may read a system's.
pub fn configured(clinic: &str, vendor: &str) -> String {
    match vendors::gateway(vendor) {
        Some(_) => format!("meridian/{clinic}/gateway/{vendor}"),
        None => format!("meridian/{clinic}/system/{vendor}"),
    }
}

/// All that intake may read.
pub fn inbound(clinic: &str, vendor: &str) -> String {
    format!("meridian/{clinic}/inbound/{vendor}")
}

/// What Meridian writes itself: refresh tokens.
pub fn oauth(clinic: &str, vendor: &str) -> String {
    format!("meridian/{clinic}/oauth/{vendor}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// AWS names what may not be read by its whole address, and what is not there by its bare name.
    #[test]
    fn a_secret_that_is_not_there_is_told_from_one_that_may_not_be_read() {
        let arn = "arn:aws:secretsmanager:us-east-1:000000000000:secret:";
        let denied = |resource: &str| {
            let who = "User: arn:aws:sts::0:assumed-role/x is not authorized to perform";
            format!(
                "{who}: secretsmanager:GetSecretValue on resource: {resource} because no policy"
            )
        };
        for (code, message, missing) in [
            ("ResourceNotFoundException", "it is not there".into(), true),
            ("AccessDeniedException", denied("meridian/a/x"), true),
            ("AccessDeniedException", denied("meridian/a/y"), false),
            (
                "AccessDeniedException",
                denied("meridian/a/inbound/x"),
                false,
            ),
            (
                "AccessDeniedException",
                denied(&format!("{arn}meridian/a/x-AbCdEf")),
                false,
            ),
            ("AccessDeniedException", "meridian/a/x".into(), false),
            ("ThrottlingException", denied("meridian/a/x"), false),
        ] {
            let why = CallError::Refused {
                code: code.into(),
                message: message.clone(),
            };
            assert_eq!(
                is_missing(&why, "meridian/a/x"),
                missing,
                "{code} {message}"
            );
        }
        let why = CallError::Unreachable("ResourceNotFoundException".into());
        assert!(!is_missing(&why, "meridian/a/x"));
    }

    struct Nothing;

    impl GetSecretValue for Nothing {
        async fn secret_value(&self, _: &str, _: &str) -> Result<SecretValue, CallError> {
            Err(CallError::Refused {
                code: "ResourceNotFoundException".into(),
                message: String::new(),
            })
        }
    }

    #[tokio::test]
    async fn names_that_strangers_make_up_do_not_fill_the_memory() {
        let cache = SecretCache::over(Nothing);
        for n in 0..=MOST {
            let found = cache.current(&format!("name {n}")).await;
            assert!(found.expect("an answer").is_none());
        }
        let kept = cache.lock().len();
        assert!(kept < MOST, "{kept}");
    }

    #[test]
    fn what_is_missing_gives_way_once_too_much_is_remembered() {
        let cached = |current| Cached {
            at: 0,
            forced: None,
            current,
            previous: None,
        };
        let found = || Version {
            fields: Arc::default(),
            made_at: 0,
        };
        let mut cache = HashMap::from([("there".to_owned(), cached(Some(found())))]);
        for n in 1..9 {
            cache.insert(format!("missing {n}"), cached(None));
        }
        make_room(&mut cache, 10);
        assert_eq!(cache.len(), 9, "there is room");
        make_room(&mut cache, 9);
        assert_eq!(cache.into_keys().collect::<Vec<_>>(), ["there"]);
    }
}
