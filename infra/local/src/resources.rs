//! Creates what the template declares, where it is not there yet: tables, queues, generated secrets.

use crate::template::{Queue, Secret, Table, Template};
use meridian_embedded_aws::Aws;
use serde_json::{Value, json};

/// Whether an earlier stack left tables here.
pub async fn are_there(aws: &Aws) -> Result<bool, String> {
    let listed = call(aws, "DynamoDB_20120810.ListTables", json!({})).await?;
    Ok(listed["TableNames"]
        .as_array()
        .is_some_and(|names| !names.is_empty()))
}

pub async fn create(aws: &Aws, template: &Template) -> Result<(), String> {
    for table in &template.tables {
        create_table(aws, table)
            .await
            .map_err(|e| format!("table {}: {e}", table.name))?;
    }
    // a queue that takes dead letters comes before those that send them there
    let (first, then): (Vec<&Queue>, Vec<&Queue>) =
        template.queues.iter().partition(|queue| queue.dead_letters);
    for queue in first.into_iter().chain(then) {
        create_queue(aws, queue)
            .await
            .map_err(|e| format!("queue {}: {e}", queue.name))?;
    }
    create_secrets(aws, &template.secrets).await
}

pub async fn create_secrets(aws: &Aws, secrets: &[Secret]) -> Result<(), String> {
    for secret in secrets {
        create_secret(aws, secret)
            .await
            .map_err(|e| format!("secret {}: {e}", secret.name))?;
    }
    Ok(())
}

async fn create_table(aws: &Aws, table: &Table) -> Result<(), String> {
    let name = json!({ "TableName": table.name });
    match call(aws, "DynamoDB_20120810.DescribeTable", name.clone()).await {
        Err(e) if e.contains("ResourceNotFound") => {
            call(aws, "DynamoDB_20120810.CreateTable", table.create.clone()).await?;
        }
        Err(e) => return Err(e),
        Ok(found) if shape(&found["Table"]) != shape(&table.create) => {
            return Err("the kept table has other keys or indexes than the template; start with a new --state".into());
        }
        Ok(_) => {}
    }
    if let Some(attribute) = &table.ttl {
        let described = call(aws, "DynamoDB_20120810.DescribeTimeToLive", name).await?;
        if described["TimeToLiveDescription"]["TimeToLiveStatus"] != "ENABLED" {
            let wanted = json!({ "AttributeName": attribute, "Enabled": true });
            let update = json!({ "TableName": table.name, "TimeToLiveSpecification": wanted });
            call(aws, "DynamoDB_20120810.UpdateTimeToLive", update).await?;
        }
    }
    Ok(())
}

/// Keys and indexes, as far as they can be told apart from what DynamoDB adds in a description.
fn shape(table: &Value) -> Value {
    let indexes = table["GlobalSecondaryIndexes"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let mut indexes: Vec<_> = indexes
        .iter()
        .map(|i| json!([i["IndexName"], i["KeySchema"], i["Projection"]]))
        .collect();
    indexes.sort_by_key(Value::to_string);
    json!([table["KeySchema"], indexes])
}

async fn create_queue(aws: &Aws, queue: &Queue) -> Result<(), String> {
    let created = json!({ "QueueName": queue.name, "Attributes": queue.attributes });
    let url = call(aws, "AmazonSQS.CreateQueue", created).await?["QueueUrl"].clone();
    let wanted = json!({ "QueueUrl": url, "AttributeNames": ["QueueArn"] });
    let arn =
        call(aws, "AmazonSQS.GetQueueAttributes", wanted).await?["Attributes"]["QueueArn"].clone();
    // functions were given both before the queue was made
    match url == queue.url.as_str() && arn == queue.arn.as_str() {
        true => Ok(()),
        false => Err(format!(
            "is {url}, {arn} and not {}, {}",
            queue.url, queue.arn
        )),
    }
}

async fn create_secret(aws: &Aws, secret: &Secret) -> Result<(), String> {
    let name = json!({ "SecretId": secret.name });
    match call(aws, "secretsmanager.DescribeSecret", name.clone()).await {
        // the functions cannot do without it
        Ok(found) if !found["DeletedDate"].is_null() => {
            return call(aws, "secretsmanager.RestoreSecret", name)
                .await
                .map(drop);
        }
        Ok(_) => return Ok(()),
        Err(e) if e.contains("ResourceNotFound") => {}
        Err(e) => return Err(e),
    }
    let mut document = secret.around.clone();
    document[&secret.key] = json!(random_text(&secret.alphabet, secret.length));
    let create = json!({ "Name": secret.name, "SecretString": document.to_string() });
    call(aws, "secretsmanager.CreateSecret", create)
        .await
        .map(drop)
}

/// Each character of the alphabet is as likely as any other: bytes past the last whole round are thrown away.
fn random_text(alphabet: &str, length: usize) -> String {
    let letters: Vec<char> = alphabet.chars().collect();
    let fair = 256 / letters.len() * letters.len();
    let mut text = String::new();
    let mut random = [0; 64];
    while text.len() < length {
        getrandom::fill(&mut random).expect("the system gives random bytes");
        let chosen = random
            .iter()
            .map(|byte| usize::from(*byte))
            .filter(|byte| *byte < fair);
        text.extend(
            chosen
                .map(|byte| letters[byte % letters.len()])
                .take(length - text.len()),
        );
    }
    text
}

pub async fn call(aws: &Aws, target: &str, request: Value) -> Result<Value, String> {
    aws.call(target, request).await.map_err(|e| e.to_string())
}
