//! Secrets Manager: winterbaume's state behind AWS's wire protocol, kept in a file.

use crate::clock::Clock;
use crate::error::Error;
use crate::reply::Reply;
use crate::service::{ACCOUNT, REGION};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use winterbaume_secretsmanager::state::{SecretsManagerError, SecretsManagerState};
use winterbaume_secretsmanager::types::{Secret, SecretVersion};
use winterbaume_secretsmanager::views::SecretsmanagerStateView;

pub(crate) struct Secrets {
    state: Mutex<SecretsManagerState>,
    file: Option<PathBuf>,
    clock: Clock,
}

const CURRENT: &str = "AWSCURRENT";
const PREVIOUS: &str = "AWSPREVIOUS";

impl Secrets {
    pub fn open(state: Option<&Path>, clock: Clock) -> Result<Secrets, Error> {
        let file = state.map(|s| s.join("secrets.json"));
        let state = match &file {
            Some(path) if path.exists() => load(path).map_err(|reason| Error::State {
                path: path.clone(),
                reason,
            })?,
            _ => SecretsManagerState::default(),
        };
        Ok(Secrets {
            state: Mutex::new(state),
            file,
            clock,
        })
    }

    pub fn answer(&self, operation: &str, body: &[u8]) -> Reply {
        let request: Value = match serde_json::from_slice(body) {
            Ok(request) => request,
            Err(e) => return Reply::refused("SerializationException", e.to_string()),
        };
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let (answer, changed) = match operation {
            "GetSecretValue" => (get(&state, &request), false),
            "DescribeSecret" => (describe(&state, &request), false),
            "ListSecrets" => (list(&state), false),
            "CreateSecret" => (create(&mut state, &request, self.now()), true),
            "PutSecretValue" => (put(&mut state, &request, self.now()), true),
            "UpdateSecret" => (update(&mut state, &request, self.now()), true),
            "DeleteSecret" => (delete(&mut state, &request), true),
            "RestoreSecret" => (restore(&mut state, &request), true),
            _ => return Reply::unknown_operation(operation),
        };
        match answer {
            Err(refused) => refused,
            Ok(answer) => match self.save(&state, changed) {
                Ok(()) => Reply::ok(answer),
                Err(reason) => Reply::error(500, "InternalServiceError", reason),
            },
        }
    }

    /// A version is made at the endpoint's time, as functions read how old it is.
    fn now(&self) -> SystemTime {
        let millis = u64::try_from((self.clock)()).unwrap_or_default();
        UNIX_EPOCH + Duration::from_millis(millis)
    }

    pub fn arn(&self, id: &str) -> Option<String> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state
            .describe_secret(id)
            .ok()
            .map(|secret| secret.arn.clone())
    }

    /// Forgets every secret with all its versions, those that wait for their deletion too.
    pub fn clear(&self) -> Result<(), Error> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        *state = SecretsManagerState::default();
        self.save(&state, true).map_err(|reason| Error::State {
            path: self.file.clone().unwrap_or_default(),
            reason,
        })
    }

    /// Written beside and renamed, so that a crash leaves the old file or the new one.
    fn save(&self, state: &SecretsManagerState, changed: bool) -> Result<(), String> {
        let (true, Some(path)) = (changed, &self.file) else {
            return Ok(());
        };
        let text = serde_json::to_vec_pretty(&SecretsmanagerStateView::from(state))
            .map_err(|e| e.to_string())?;
        let beside = path.with_extension("json.new");
        let mut open = std::fs::OpenOptions::new();
        // for this user alone: these are secrets in clear
        open.write(true).create(true).truncate(true).mode(0o600);
        open.open(&beside)
            .and_then(|mut file| file.write_all(&text))
            .and_then(|()| std::fs::rename(&beside, path))
            .map_err(|e| format!("{}: {e}", path.display()))
    }
}

fn load(path: &Path) -> Result<SecretsManagerState, String> {
    let text = std::fs::read(path).map_err(|e| e.to_string())?;
    let view: SecretsmanagerStateView = serde_json::from_slice(&text).map_err(|e| e.to_string())?;
    Ok(SecretsManagerState::from(view))
}

fn get(state: &SecretsManagerState, request: &Value) -> Result<Value, Reply> {
    let id = required(request, "SecretId")?;
    let found = match optional(request, "VersionId") {
        Some(version) => state.get_secret_value_by_version_id(id, version),
        None => state.get_secret_value_by_stage(id, optional(request, "VersionStage")),
    };
    let (secret, version) = found.map_err(|e| refusal(&e))?;
    Ok(json!({
        "ARN": secret.arn,
        "Name": secret.name,
        "VersionId": version.version_id,
        "VersionStages": version.version_stages,
        "SecretString": version.secret_string,
        "CreatedDate": version.created_date.timestamp(),
    }))
}

fn describe(state: &SecretsManagerState, request: &Value) -> Result<Value, Reply> {
    let secret = state
        .describe_secret(required(request, "SecretId")?)
        .map_err(|e| refusal(&e))?;
    Ok(described(secret, "VersionIdsToStages"))
}

fn list(state: &SecretsManagerState) -> Result<Value, Reply> {
    let mut secrets = state.list_secrets();
    secrets.sort_by(|a, b| a.name.cmp(&b.name));
    let secrets: Vec<Value> = secrets
        .into_iter()
        .map(|s| described(s, "SecretVersionsToStages"))
        .collect();
    Ok(json!({ "SecretList": secrets }))
}

fn described(secret: &Secret, stages: &str) -> Value {
    let versions: HashMap<&str, &[String]> = secret
        .versions
        .values()
        .map(|v| (v.version_id.as_str(), v.version_stages.as_slice()))
        .collect();
    let mut described = json!({
        "ARN": secret.arn,
        "Name": secret.name,
        "Description": secret.description,
        "CreatedDate": secret.created_date.timestamp(),
        "LastChangedDate": secret.last_changed_date.timestamp(),
        stages: versions,
    });
    if let Some(deleted) = secret.deleted_date {
        described["DeletedDate"] = deleted.timestamp().into();
    }
    described
}

fn create(
    state: &mut SecretsManagerState,
    request: &Value,
    now: SystemTime,
) -> Result<Value, Reply> {
    let name = required(request, "Name")?;
    let value = secret_string(request)?;
    if let Some(token) = optional(request, "ClientRequestToken")
        && let Some(secret) = state.secrets.get(name)
        && let Some(version) = secret.versions.get(token)
        && version.secret_string.as_deref() == value
    {
        // the repeat of a call whose reply was lost
        return Ok(named(secret, Some(token)));
    }
    let description = optional(request, "Description").unwrap_or_default();
    state
        .create_secret(
            name,
            description,
            None,
            None,
            ACCOUNT,
            REGION,
            HashMap::new(),
        )
        .map_err(|e| refusal(&e))?;
    match value {
        Some(_) => put_version(state, name, request, now),
        None => {
            let secret = state.describe_secret(name).map_err(|e| refusal(&e))?;
            Ok(named(secret, None))
        }
    }
}

fn put(state: &mut SecretsManagerState, request: &Value, now: SystemTime) -> Result<Value, Reply> {
    let id = required(request, "SecretId")?.to_owned();
    if secret_string(request)?.is_none() {
        return Err(invalid(
            "You must provide either SecretString or SecretBinary.",
        ));
    }
    put_version(state, &id, request, now)
}

fn update(
    state: &mut SecretsManagerState,
    request: &Value,
    now: SystemTime,
) -> Result<Value, Reply> {
    let id = required(request, "SecretId")?.to_owned();
    let description = optional(request, "Description");
    state
        .update_secret(&id, description, None, None)
        .map_err(|e| refusal(&e))?;
    if secret_string(request)?.is_some() {
        return put_version(state, &id, request, now);
    }
    let secret = state.describe_secret(&id).map_err(|e| refusal(&e))?;
    Ok(named(secret, None))
}

/// A version under the caller's token: a repeat changes nothing, another value is refused.
fn put_version(
    state: &mut SecretsManagerState,
    id: &str,
    request: &Value,
    now: SystemTime,
) -> Result<Value, Reply> {
    let value = secret_string(request)?;
    let token = optional(request, "ClientRequestToken");
    let secret = state.describe_secret(id).map_err(|e| refusal(&e))?;
    if let Some(version) = token.and_then(|t| secret.versions.get(t)) {
        if version.secret_string.as_deref() != value {
            return Err(Reply::refused(
                "ResourceExistsException",
                "You can't modify an existing version, you can only create a new version.",
            ));
        }
        return Ok(staged(secret, version));
    }
    let before = secret.current_version_id.clone();
    let stages: Option<Vec<String>> = request["VersionStages"].as_array().map(|s| {
        s.iter()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect()
    });
    let (_, version, _) = state
        .put_secret_value_ext(id, value, None, token, stages.as_deref())
        .map_err(|e| refusal(&e))?;
    let name = state
        .describe_secret(id)
        .map_err(|e| refusal(&e))?
        .name
        .clone();
    let Some(secret) = state.secrets.get_mut(&name) else {
        return Err(refusal(&SecretsManagerError::SecretNotFound));
    };
    if let Some(put) = secret.versions.get_mut(&version) {
        put.created_date = now.into();
    }
    if secret.current_version_id.as_ref() == Some(&version)
        && let Some(before) = before
    {
        only_previous(secret, &before);
    }
    match secret.versions.get(&version) {
        Some(put) => Ok(staged(secret, put)),
        None => Err(Reply::error(
            500,
            "InternalServiceError",
            "the new version is missing",
        )),
    }
}

/// One version is AWSPREVIOUS; what is left without a stage may go.
fn only_previous(secret: &mut Secret, before: &str) {
    for version in secret.versions.values_mut() {
        version.version_stages.retain(|s| s != PREVIOUS);
        if version.version_id == before && !version.version_stages.iter().any(|s| s == CURRENT) {
            version.version_stages.push(PREVIOUS.to_owned());
        }
    }
    secret.versions.retain(|_, v| !v.version_stages.is_empty());
}

fn delete(state: &mut SecretsManagerState, request: &Value) -> Result<Value, Reply> {
    let id = required(request, "SecretId")?;
    let days = request["RecoveryWindowInDays"].as_i64();
    let force = request["ForceDeleteWithoutRecovery"]
        .as_bool()
        .unwrap_or(false);
    let secret = state
        .delete_secret(id, days, force, ACCOUNT, REGION)
        .map_err(|e| refusal(&e))?;
    Ok(json!({
        "ARN": secret.arn,
        "Name": secret.name,
        "DeletionDate": secret.deleted_date.map(|d| d.timestamp()),
    }))
}

fn restore(state: &mut SecretsManagerState, request: &Value) -> Result<Value, Reply> {
    let secret = state
        .restore_secret(required(request, "SecretId")?)
        .map_err(|e| refusal(&e))?;
    Ok(json!({ "ARN": secret.arn, "Name": secret.name }))
}

fn named(secret: &Secret, version: Option<&str>) -> Value {
    let mut named = json!({ "ARN": secret.arn, "Name": secret.name });
    if let Some(version) = version {
        named["VersionId"] = version.into();
    }
    named
}

fn staged(secret: &Secret, version: &SecretVersion) -> Value {
    let mut staged = named(secret, Some(&version.version_id));
    staged["VersionStages"] = json!(version.version_stages);
    staged
}

fn required<'r>(request: &'r Value, field: &str) -> Result<&'r str, Reply> {
    match optional(request, field) {
        Some(text) if !text.is_empty() => Ok(text),
        _ => Err(Reply::refused(
            "ValidationException",
            format!("{field} is missing"),
        )),
    }
}

fn optional<'r>(request: &'r Value, field: &str) -> Option<&'r str> {
    request[field].as_str()
}

fn secret_string(request: &Value) -> Result<Option<&str>, Reply> {
    const LONGEST: usize = 65_536;
    if !request["SecretBinary"].is_null() {
        return Err(invalid(
            "The embedded Secrets Manager keeps text only, not SecretBinary.",
        ));
    }
    match optional(request, "SecretString") {
        Some(text) if text.len() > LONGEST => Err(Reply::refused(
            "ValidationException",
            format!("Member must have length less than or equal to {LONGEST}"),
        )),
        text => Ok(text),
    }
}

fn invalid(message: &str) -> Reply {
    Reply::refused("InvalidParameterException", message)
}

fn refusal(error: &SecretsManagerError) -> Reply {
    use SecretsManagerError as E;
    let code = match error {
        E::ResourceExists => "ResourceExistsException",
        E::SecretNotFound
        | E::SecretVersionNotFoundById { .. }
        | E::SecretVersionNotFoundByStage { .. } => "ResourceNotFoundException",
        E::SecretMarkedDeleted => "InvalidRequestException",
        E::InvalidRecoveryWindow
        | E::ForceDeleteWithRecoveryWindow
        | E::PasswordTooShort
        | E::PasswordTooLong
        | E::NoValidCharsForPassword
        | E::InvalidRotationDays
        | E::MissingRemoveFromVersionId { .. }
        | E::NotAValidVersion { .. } => "InvalidParameterException",
    };
    Reply::refused(code, error.to_string())
}
