//! What the functions do: rules, adapters and I/O put together, one file per way through Meridian.

pub mod accounts;
pub mod appointments;
pub mod audit;
pub mod calls;
pub mod charges;
pub mod clinics;
pub mod commit;
pub mod deliveries;
pub mod denied;
pub mod disputes;
pub mod due;
pub mod events;
pub mod findings;
pub mod intake;
pub mod integrations;
pub mod invoices;
pub mod invoicing;
pub mod keys;
pub mod methods;
pub mod named;
pub mod opt_in;
pub mod pages;
pub mod patients;
pub mod payments;
pub mod posting;
pub mod receipts;
pub mod refunds;
pub mod settings;
pub mod story;
pub mod tasks;

use crate::domain::case::Case;
use crate::domain::event::Context;
use crate::domain::journal::Note;
use crate::domain::settings::Settings;
use crate::io::aws::Aws;
use crate::io::directory;
use crate::io::queue::{Queues, RowKey};
use crate::io::secrets::Secrets;
use crate::io::store::{Row, Store, StoreError, Write, Written};
use crate::io::transport::Transport;
use crate::vendors;
use crate::words::ids;
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
    /// Base of pages and webhooks, without a slash at its end.
    pub public_url: String,
    settings: Mutex<HashMap<String, (Instant, Arc<Settings>)>>,
    tokens: Mutex<HashMap<String, accounts::AccessToken>>,
    /// Gateways that did not answer this process the last time.
    silent: Mutex<HashSet<String>>,
}

/// The deployment's secret from which all keys come, and its field that seals.
const SEAL: &str = "meridian/_/seal";
const SEAL_KEY: &str = "seal_key";

/// How long a clinic's settings may be remembered.
const SETTINGS_KEPT: Duration = Duration::from_secs(60);

impl App {
    /// What each function but intake does at its start, while Lambda still gives a whole processor:
    /// logs, clients, and the connections that the first event would wait for.
    pub async fn start() -> Self {
        crate::io::lambda::logs();
        let aws = Aws::from_environment(Duration::from_secs(5));
        let app = Self::new(&aws);
        tokio::join!(
            aws.warm("dynamodb"),
            aws.warm("sqs"),
            aws.warm("secretsmanager")
        );
        app
    }

    pub fn new(aws: &Aws) -> Self {
        let public_url = std::env::var("PUBLIC_URL").unwrap_or_default();
        Self {
            store: Store::new(aws),
            queues: Queues::new(aws),
            secrets: Secrets::new(aws),
            transport: Transport::new(),
            public_url: public_url.trim_end_matches('/').to_owned(),
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
        let row = self
            .store
            .get(&format!("{clinic}#settings"), "settings")
            .await?;
        let Some(row) = row else { return Ok(None) };
        let settings = Arc::new(row.read::<Settings>("data")?);
        self.remembered()
            .insert(clinic.into(), (Instant::now(), settings.clone()));
        Ok(Some(settings))
    }

    /// Settings of a clinic that a row belongs to, which must therefore exist.
    pub async fn settings_of(&self, clinic: &str) -> Result<Arc<Settings>, Failure> {
        let found = self.settings(clinic).await?;
        found.ok_or_else(|| format!("clinic {clinic} has rows and no settings").into())
    }

    /// Makes a clinic, with its first key; `false` where it exists.
    pub async fn make_clinic(
        &self,
        settings: &Settings,
        key: Write,
        note: Write,
    ) -> Result<bool, StoreError> {
        let known = Write::Add {
            key: RowKey {
                pk: directory::pk(&settings.id),
                sk: directory::SK.into(),
            },
            attribute: directory::IDS,
            text: settings.id.clone(),
        };
        let writes = [Write::New(settings_row(settings)), key, note, known];
        let made = self.store.transact(&writes).await? == Written::Done;
        accounts::keep_all_renewed(self, settings).await?;
        Ok(made)
    }

    /// Writes the settings of a clinic that exists.
    pub async fn put_settings(&self, settings: &Settings, note: Write) -> Result<(), StoreError> {
        let written = self
            .store
            .transact(&[Write::Put(settings_row(settings)), note])
            .await?;
        self.remembered().remove(&settings.id);
        match written {
            Written::Done => accounts::keep_all_renewed(self, settings).await,
            _ => Err(StoreError::Unavailable(
                "the settings are being written by others".into(),
            )),
        }
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
        let row = self.store.get(&case_pk(clinic, id), "case").await?;
        row.map(|row| row.read("data")).transpose()
    }

    pub fn context(&self, settings: &Settings, cause: impl Into<String>) -> Context {
        let audience = vendors::audience(&settings.systems);
        Context {
            now: crate::io::clock::now(),
            zone: settings.zone(),
            audience,
            cause: cause.into(),
        }
    }
}

/// The audit row of a change that no journal has: written with it, seen by day.
pub fn noted(settings: &Settings, case: Option<&str>, what: &str, cause: String) -> Write {
    let clinic = &settings.id;
    let at = crate::io::clock::now();
    let id = ids::random();
    let note = Note {
        case: case.map(String::from),
        at,
        what: what.into(),
        cause,
    };
    let place = format!("{:015}#{id}", crate::words::time::millis(at));
    let shard = &hex::encode(ids::digest(&[&id]))[..1];
    let day = at.to_zoned(settings.zone()).date();
    Write::New(
        Row::new(format!("{clinic}#audit"), &place)
            .json("note", &note)
            .listed(format!("{clinic}#journal#{day}#{shard}"), place),
    )
}

fn settings_row(settings: &Settings) -> Row {
    Row::new(format!("{}#settings", settings.id), "settings").json("data", settings)
}

/// How long a call may be under way before its outcome counts as unknown: longer than any function
/// may run, which a test holds against the template.
fn lease_seconds() -> i64 {
    std::env::var("LEASE_SECONDS")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(90)
}

pub fn case_pk(clinic: &str, case: &str) -> String {
    format!("{clinic}#case#{case}")
}

/// The clinic and the case that a row's key belongs to.
pub fn read_case_pk(pk: &str) -> Option<(&str, &str)> {
    let (clinic, rest) = pk.split_once('#')?;
    Some((clinic, rest.strip_prefix("case#")?))
}
