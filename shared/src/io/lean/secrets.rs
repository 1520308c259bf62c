//! Secrets Manager for intake, which only reads.

use super::{Client, Service};
use crate::io::aws::CallError;
use crate::io::secrets::{GetSecretValue, SecretCache, SecretValue};
use serde::{Deserialize, Serialize};

const SECRETS_MANAGER: Service = Service {
    name: "secretsmanager",
    target: "secretsmanager",
    content_type: "application/x-amz-json-1.1",
};

pub type Secrets = SecretCache<Client>;

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
    /// Epoch seconds with a fraction.
    created_date: f64,
}

impl GetSecretValue for Client {
    async fn secret_value(&self, name: &str, stage: &str) -> Result<SecretValue, CallError> {
        let input = Get {
            secret_id: name,
            version_stage: stage,
        };
        let reply = self
            .call(&SECRETS_MANAGER, "GetSecretValue", &input)
            .await?;
        let unread = |_| CallError::Unreachable(format!("{name} was answered in no known way"));
        let found: Found = serde_json::from_slice(&reply).map_err(unread)?;
        Ok(SecretValue {
            secret_string: found.secret_string,
            created_at: found.created_date as i64,
        })
    }
}
