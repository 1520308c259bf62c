//! Which clinics there are, read by who has no other use for the table: a row is read again at most
//! every few seconds, however many names strangers make up.

use super::{Client, Service};
use crate::io::config::Config;
use crate::io::directory::{IDS, SK, pk};
use serde::Deserialize;
use serde_json::json;
use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

const DYNAMODB: Service = Service {
    name: "dynamodb",
    target: "DynamoDB_20120810",
    content_type: "application/x-amz-json-1.0",
};
/// How long a row is taken at its word, in seconds: a clinic that was just made is heard after that.
const KEPT: i64 = 10;
/// How long a look may take; who waits for it is a stranger.
const WITHIN: Duration = Duration::from_millis(400);

pub struct Directory {
    client: Client,
    table: String,
    parts: Mutex<HashMap<String, Part>>,
}

struct Part {
    /// Epoch seconds.
    read_at: i64,
    /// `None` where it could not be read: then nothing is known.
    ids: Option<HashSet<String>>,
}

impl Part {
    fn is_fresh(&self) -> bool {
        (0..KEPT).contains(&(crate::io::clock::now().as_second() - self.read_at))
    }
}

/// What GetItem answers.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Found {
    #[serde(default)]
    item: HashMap<String, Attribute>,
}

#[derive(Deserialize)]
struct Attribute {
    #[serde(rename = "SS", default)]
    texts: HashSet<String>,
}

impl Directory {
    pub fn new(client: &Client, config: &Config) -> Self {
        Self {
            client: client.clone(),
            table: config.table.clone(),
            parts: Mutex::default(),
        }
    }

    /// Whether there is surely no clinic of this id. Asks nobody.
    pub fn lacks(&self, clinic: &str) -> bool {
        let parts = self.parts();
        let part = parts.get(&pk(clinic)).filter(|part| part.is_fresh());
        let ids = part.and_then(|part| part.ids.as_ref());
        ids.is_some_and(|ids| !ids.contains(clinic))
    }

    /// Reads a clinic's part, if it was not read just now. What cannot be read stays unknown.
    pub async fn look(&self, clinic: &str) {
        let pk = pk(clinic);
        if self.parts().get(&pk).is_some_and(Part::is_fresh) {
            return;
        }
        let input = json!({
            "TableName": self.table,
            "Key": { "pk": { "S": pk }, "sk": { "S": SK } },
        });
        let asked = self.client.call(&DYNAMODB, "GetItem", &input);
        let found = tokio::time::timeout(WITHIN, asked).await;
        let read = found.ok().and_then(Result::ok);
        let read = read.and_then(|reply| serde_json::from_slice::<Found>(&reply).ok());
        // Without the row no clinic was made whose id leads to it.
        let ids = read.map(|mut found| {
            found
                .item
                .remove(IDS)
                .map_or_else(HashSet::new, |ids| ids.texts)
        });
        let part = Part {
            read_at: crate::io::clock::now().as_second(),
            ids,
        };
        self.parts().insert(pk, part);
    }

    fn parts(&self) -> MutexGuard<'_, HashMap<String, Part>> {
        self.parts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
