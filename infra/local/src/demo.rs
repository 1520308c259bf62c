//! The demo clinic: plainly fake accounts at the simulated vendors, and a clinic that uses them.

use crate::local_stack::LocalStack;
use crate::resources::call;
use meridian_sandbox::Sandbox;
use serde_json::{Value, json};

pub const CLINIC: &str = "demo";

/// What a person or a test needs to begin.
pub struct Ready {
    /// Nothing where the clinics' API does not run.
    pub key: Option<String>,
}

impl Ready {
    pub fn json(&self, stack: &LocalStack) -> Value {
        json!({
            "http": stack.address,
            "aws": stack.aws.endpoint(),
            "vendors": stack.sandbox.base("").trim_end_matches('/'),
            "key": self.key,
            "clinic": CLINIC,
            "gateways": accounts("gateway/"),
            "systems": accounts("system/"),
        })
    }
}

/// The vendors at which it has accounts of this kind.
fn accounts(kind: &str) -> Vec<&'static str> {
    let secrets = Sandbox::demo_secrets().into_iter();
    secrets
        .filter_map(|(name, _)| name.strip_prefix(kind))
        .collect()
}

/// It uses every system that is simulated.
fn clinic() -> Value {
    json!({
        "id": CLINIC,
        "name": "Wattle Street Clinic",
        "address": "12 Wattle Street, Dublin 8, D08 X000",
        "phone": "+353 20 912 0100",
        "tax_number": "IE 0000000AA",
        "currency": "EUR",
        "time_zone": "Europe/Dublin",
        "systems": accounts("system/"),
    })
}

/// Three commands to try: a patient, an invoice, and the messages that follow, with the page to pay on.
/// `once` makes them this start's own: a key used before would be answered as before.
pub fn commands(http: &str, key: &str, once: i64) -> [String; 3] {
    let post = |path: &str, more: &str, body: Value| {
        let json = "-H 'content-type: application/json'";
        format!("curl {http}{path} -H 'authorization: Bearer {key}'{more} {json} -d '{body}'")
    };
    let patient = json!({
        "reference": "p-1",
        "name": "Robin Hale",
        "email": "robin@example.test",
        "phone": "+353209120142",
    });
    let unit = json!({ "amount": "80.00", "currency": "EUR" });
    let invoice = json!({
        "patient": { "reference": "p-1" },
        "lines": [{ "description": "Session, 50 minutes", "unit": unit }],
    });
    [
        post("/v1/patients", "", patient),
        post(
            "/v1/invoices",
            &format!(" -H 'idempotency-key: first-{once}'"),
            invoice,
        ),
        format!("curl {http}/_local/outbox"),
    ]
}

/// Writes the accounts and creates the clinic; one that exists already keeps its key.
pub async fn seed(stack: &LocalStack) -> Result<Ready, String> {
    for (path, value) in Sandbox::demo_secrets() {
        put_secret(stack, &format!("meridian/{CLINIC}/{path}"), &value)
            .await
            .map_err(|e| format!("secret {path}: {e}"))?;
    }
    if !stack.pools.iter().any(|pool| pool.name() == "clinic-api") {
        return Ok(Ready { key: None });
    }
    let root = call(
        &stack.aws,
        "secretsmanager.GetSecretValue",
        json!({ "SecretId": "meridian/_/root" }),
    )
    .await?;
    let root: Value =
        serde_json::from_str(root["SecretString"].as_str().unwrap_or_default()).unwrap_or_default();
    let root_key = root["root_key"]
        .as_str()
        .ok_or("the secret meridian/_/root holds no root_key")?;
    let request = stack
        .vendors
        .client
        .post(format!("{}/v1/clinics", stack.address))
        .bearer_auth(root_key);
    let request = request
        .header("content-type", "application/json")
        .header("idempotency-key", "demo-clinic");
    let reply = request
        .body(clinic().to_string())
        .send()
        .await
        .map_err(|e| format!("the demo clinic: {e}"))?;
    let (status, text) = (
        reply.status(),
        reply.text().await.map_err(|e| e.to_string())?,
    );
    let kept = stack.state.join("demo-key");
    if status.as_u16() == 409 {
        let key = std::fs::read_to_string(&kept).map_err(|e| {
            format!(
                "the demo clinic exists, but its key is not at {}: {e}; start with a new --state",
                kept.display()
            )
        })?;
        return Ok(Ready { key: Some(key) });
    }
    let answer: Value = serde_json::from_str(&text).unwrap_or_default();
    match answer["key"].as_str() {
        Some(key) if status.is_success() => {
            std::fs::write(&kept, key).map_err(|e| format!("{}: {e}", kept.display()))?;
            Ok(Ready {
                key: Some(key.to_owned()),
            })
        }
        _ => Err(format!("the demo clinic was not created: {status} {text}")),
    }
}

/// What a person changed stays, but for the first day and for tokens of a vendor that began anew with us.
async fn put_secret(stack: &LocalStack, name: &str, value: &Value) -> Result<(), String> {
    let wanted = value.to_string();
    let found = call(
        &stack.aws,
        "secretsmanager.GetSecretValue",
        json!({ "SecretId": name }),
    )
    .await;
    let text = match found {
        Err(e) if e.contains("ResourceNotFound") => {
            let create = json!({ "Name": name, "SecretString": wanted });
            return call(&stack.aws, "secretsmanager.CreateSecret", create)
                .await
                .map(drop);
        }
        // a person deleted it, and may restore it
        Err(e) if e.contains("InvalidRequest") => return Ok(()),
        other => other?["SecretString"]
            .as_str()
            .unwrap_or_default()
            .to_owned(),
    };
    let ours_of_before = name.contains("/oauth/") && text.contains("demo-refresh-");
    if text == wanted || !(stack.is_fresh() || ours_of_before) {
        return Ok(());
    }
    let put = json!({ "SecretId": name, "SecretString": wanted });
    call(&stack.aws, "secretsmanager.PutSecretValue", put)
        .await
        .map(drop)
}
