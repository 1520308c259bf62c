//! What a function reaches, made once per process: the table, queues, secrets and vendors, with what
//! is remembered of them between its runs.

use crate::domain::case::Case;
use crate::domain::event::Context;
use crate::domain::settings::Settings;
use crate::io::aws::Aws;
use crate::io::config::{Config, NotConfigured};
use crate::io::queue::Queues;
use crate::io::secrets::Secrets;
use crate::io::store::{List, Store, StoreError};
use crate::io::transport::Transport;
use crate::records::token::AccessToken;
use crate::records::{case, patient, settings};
use crate::words::seal::Key;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Everything a function reaches, made once per process.
pub struct App {
    pub store: Store,
    pub queues: Queues,
    pub secrets: Secrets,
    pub transport: Transport,
    pub config: Config,
    settings: Mutex<HashMap<String, (Instant, Arc<Settings>)>>,
    /// Access tokens by their rows' keys.
    pub(super) tokens: Mutex<HashMap<String, AccessToken>>,
    /// Gateways that did not answer this process the last time.
    pub(super) silent: Mutex<HashSet<List>>,
}

/// The deployment's secret from which all keys come, and its field that seals.
const SEAL: &str = "meridian/_/seal";
const SEAL_KEY: &str = "seal_key";

/// How long a clinic's settings may be remembered.
const SETTINGS_KEPT: Duration = Duration::from_secs(60);

impl App {
    /// What each function but intake does at its start, while Lambda still gives a whole processor:
    /// logs, clients, and the connections that the first event would wait for.
    pub async fn start() -> Result<Self, NotConfigured> {
        let config = Config::read()?;
        crate::io::lambda::logs(config.log_level);
        let aws = Aws::new(&config, Duration::from_secs(5));
        let app = Self::new(config, &aws);
        tokio::join!(
            aws.warm("dynamodb"),
            aws.warm("sqs"),
            aws.warm("secretsmanager")
        );
        Ok(app)
    }

    pub fn new(config: Config, aws: &Aws) -> Self {
        Self {
            store: Store::new(aws, &config),
            queues: Queues::new(aws, &config),
            secrets: Secrets::new(aws, &config),
            transport: Transport::new(&config),
            config,
            settings: Mutex::default(),
            tokens: Mutex::default(),
            silent: Mutex::default(),
        }
    }

    /// A clinic's settings; `None` where there is no such clinic.
    pub async fn settings(&self, clinic: &str) -> Result<Option<Arc<Settings>>, StoreError> {
        if let Some((at, settings)) = self.remembered().get(clinic)
            && at.elapsed() < SETTINGS_KEPT
        {
            return Ok(Some(settings.clone()));
        }
        self.latest_settings(clinic).await
    }

    /// A clinic's settings as they are now, whatever is remembered.
    pub async fn latest_settings(&self, clinic: &str) -> Result<Option<Arc<Settings>>, StoreError> {
        let row = self.store.get(&settings::pk(clinic), settings::SK).await?;
        let Some(row) = row else { return Ok(None) };
        let settings = Arc::new(settings::read(&row)?);
        self.remembered()
            .insert(clinic.into(), (Instant::now(), settings.clone()));
        Ok(Some(settings))
    }

    /// Settings of a clinic that a row belongs to, which must therefore exist.
    pub async fn settings_of(&self, clinic: &str) -> Result<Arc<Settings>, Failure> {
        let found = self.settings(clinic).await?;
        found.ok_or_else(|| format!("clinic {clinic} has rows and no settings").into())
    }

    /// Has a clinic's settings read anew when they are next wanted.
    pub(super) fn forget_settings(&self, clinic: &str) {
        self.remembered().remove(clinic);
    }

    fn remembered(&self) -> std::sync::MutexGuard<'_, HashMap<String, (Instant, Arc<Settings>)>> {
        self.settings
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// The key of one purpose, from the deployment's secret, with those before it: what stands
    /// beside the current one in the secret, and what stood there before it was last written.
    pub async fn key(&self, purpose: &str) -> Result<Key, Failure> {
        let secret = self.secrets.current(SEAL).await?;
        let text = secret.as_ref().and_then(|fields| fields.get(SEAL_KEY));
        let text = text.ok_or("the secret meridian/_/seal with a seal_key does not exist")?;
        let before = self.secrets.previous(SEAL).await?;
        let beside = secret.iter().flat_map(|fields| fields.iter());
        let beside = beside.filter(|(name, _)| *name != SEAL_KEY);
        let former = beside.chain(before.iter().flat_map(|fields| fields.iter()));
        let former = former.map(|(_, text)| Key::derive(text, purpose)).collect();
        Ok(Key::derive(text, purpose).after(former))
    }

    /// As [`Self::key`], to open this sealed text or token. One that names a key that this process
    /// does not remember was made after the secret was written anew.
    pub async fn key_of(&self, purpose: &str, text: &str) -> Result<Key, Failure> {
        let key = self.key(purpose).await?;
        if text.is_empty() || key.knows(text) || self.secrets.refreshed(SEAL).await?.is_none() {
            return Ok(key);
        }
        self.key(purpose).await
    }

    /// A case, read consistently.
    pub async fn case(&self, clinic: &str, id: &str) -> Result<Option<Case>, StoreError> {
        let row = self.store.get(&case::pk(clinic, id), case::SK).await?;
        row.as_ref().map(case::read).transpose()
    }

    /// Whether this patient was erased. Nobody is erased of whom nothing is known.
    pub async fn is_erased(&self, clinic: &str, id: Option<&str>) -> Result<bool, StoreError> {
        let Some(id) = id else { return Ok(false) };
        let row = self
            .store
            .get(&patient::pk(clinic, id), patient::SK)
            .await?;
        Ok(match row {
            Some(row) => patient::erasure(&row)?.is_some(),
            None => false,
        })
    }

    pub fn context(&self, settings: &Settings, cause: impl Into<String>) -> Context {
        Context {
            now: crate::io::clock::now(),
            zone: settings.zone(),
            cause: cause.into(),
        }
    }
}
