//! A function that does as it is told, for the tests of the local stack: echo, fail, crash, sleep, call out.

use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, SystemTime};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    lambda_runtime::run(service_fn(handle)).await
}

async fn handle(event: LambdaEvent<Value>) -> Result<Value, Error> {
    let (event, context) = event.into_parts();
    if let Some(records) = event["Records"].as_array() {
        return messages(records).await;
    }
    if event["requestContext"].is_object() {
        return http(&event, context.deadline).await;
    }
    tick(&event)
}

async fn http(event: &Value, deadline: u64) -> Result<Value, Error> {
    let path = event["rawPath"].as_str().unwrap_or_default();
    let mut words = path.trim_start_matches("/probe/").splitn(3, '/');
    let about = json!({ "event": event, "pid": std::process::id(), "deadline": deadline, "house_now": house_now() });
    match (words.next().unwrap_or_default(), words.next(), words.next()) {
        ("echo", ..) => Ok(
            json!({ "statusCode": 200, "headers": { "Content-Type": "application/json" }, "body": about.to_string() }),
        ),
        ("bare", ..) => Ok(json!({ "hello": "there" })),
        ("cookies", ..) => Ok(json!({
            "statusCode": "201",
            "headers": { "content-type": "application/octet-stream" },
            "cookies": ["a=1; Path=/", "b=2"],
            "body": "AP8=",
            "isBase64Encoded": true,
        })),
        ("malformed", ..) => Ok(json!({ "statusCode": "many" })),
        ("error", ..) => Err("told to fail".into()),
        ("exit", ..) => std::process::exit(3),
        ("sleep", Some(millis), _) => {
            tokio::time::sleep(Duration::from_millis(millis.parse()?)).await;
            Ok(json!({ "statusCode": 200, "body": std::process::id().to_string() }))
        }
        ("environment", ..) => {
            let all: serde_json::Map<String, Value> =
                std::env::vars().map(|(k, v)| (k, json!(v))).collect();
            Ok(json!({ "statusCode": 200, "body": Value::Object(all).to_string() }))
        }
        ("aws", Some(operation), _) => {
            let request = json!({ "TableName": std::env::var("TABLE_NAME")? });
            Ok(json!({ "statusCode": 200, "body": dynamodb(operation, &request)?.to_string() }))
        }
        ("send", ..) => {
            let body = json!({ "do": "ok" }).to_string();
            let message = json!({ "QueueUrl": std::env::var("QUEUE_URL")?, "MessageBody": body });
            let sent = aws("AmazonSQS.SendMessage", &message)?;
            let status = if sent["MessageId"].is_string() {
                200
            } else {
                500
            };
            Ok(json!({ "statusCode": status, "body": sent.to_string() }))
        }
        ("vendor", Some(vendor), rest) => {
            let hosts = std::fs::read_to_string(std::env::var("MERIDIAN_HOSTS")?)?;
            let hosts: Value = serde_json::from_str(&hosts)?;
            let base = hosts[vendor].as_str().ok_or("no such vendor")?;
            let answer = call(
                &format!("{base}/{}", rest.unwrap_or_default()),
                &[("x-test", "yes")],
                "a=1",
            );
            Ok(
                json!({ "statusCode": 200, "body": answer.unwrap_or_else(|e| format!("broken: {e}")) }),
            )
        }
        _ => Ok(json!({ "statusCode": 404 })),
    }
}

/// Bodies say what to do: `{"do": "ok" | "fail" | "exit" | "whole" | "empty-id" | "sleep"}`.
async fn messages(records: &[Value]) -> Result<Value, Error> {
    let mut failures = Vec::new();
    for record in records {
        let body: Value = serde_json::from_str(record["body"].as_str().unwrap_or_default())?;
        let received = &record["attributes"]["ApproximateReceiveCount"];
        println!(
            "{}",
            json!({ "event": "message", "body": body, "received": received, "batch": records.len() })
        );
        match body["do"].as_str().unwrap_or_default() {
            "fail" => failures.push(json!({ "itemIdentifier": record["messageId"] })),
            "empty-id" => failures.push(json!({ "itemIdentifier": "" })),
            "whole" => return Err("told to fail".into()),
            "exit" => std::process::exit(4),
            "sleep" => tokio::time::sleep(Duration::from_secs(30)).await,
            _ => {}
        }
    }
    Ok(json!({ "batchItemFailures": failures }))
}

/// Does the work of rows that are due: says so, and takes their due time away.
fn tick(event: &Value) -> Result<Value, Error> {
    let now = house_now();
    println!(
        "{}",
        json!({ "event": "tick", "now": now, "time": event["time"] })
    );
    let table = std::env::var("TABLE_NAME")?;
    let mut done = 0;
    for shard in 0..4 {
        let query = json!({
            "TableName": table,
            "IndexName": "due",
            "KeyConditionExpression": "due_pk = :pk AND due_at <= :now",
            "ExpressionAttributeValues": { ":pk": { "S": format!("due#{shard}") }, ":now": { "N": now.to_string() } },
        });
        for row in dynamodb("Query", &query)?["Items"]
            .as_array()
            .into_iter()
            .flatten()
        {
            if row["sk"]["S"] == "stays" {
                continue;
            }
            println!(
                "{}",
                json!({ "event": "due", "row": row["sk"]["S"], "now": now })
            );
            let key = json!({ "pk": row["pk"], "sk": row["sk"] });
            dynamodb("DeleteItem", &json!({ "TableName": table, "Key": key }))?;
            done += 1;
        }
    }
    Ok(json!({ "done": done }))
}

fn house_now() -> i64 {
    let offset = std::env::var("MERIDIAN_CLOCK")
        .ok()
        .and_then(|file| std::fs::read_to_string(file).ok());
    let offset: i64 = offset
        .and_then(|text| text.trim().parse().ok())
        .unwrap_or_default();
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(now.as_millis()).unwrap_or_default() + offset
}

fn dynamodb(operation: &str, request: &Value) -> Result<Value, Error> {
    aws(&format!("DynamoDB_20120810.{operation}"), request)
}

fn aws(target: &str, request: &Value) -> Result<Value, Error> {
    let key = std::env::var("AWS_ACCESS_KEY_ID")?;
    let signed = format!(
        "AWS4-HMAC-SHA256 Credential={key}/20260101/us-east-1/any/aws4_request, SignedHeaders=host, Signature=0"
    );
    let headers = [
        ("authorization", signed.as_str()),
        ("x-amz-target", target),
        ("content-type", "application/x-amz-json-1.0"),
    ];
    let answer = call(
        &std::env::var("AWS_ENDPOINT_URL")?,
        &headers,
        &request.to_string(),
    )?;
    let (_, body) = answer.split_once("\r\n\r\n").ok_or("no body")?;
    Ok(serde_json::from_str(body)?)
}

/// A POST over a connection of its own; the whole answer as text.
fn call(url: &str, headers: &[(&str, &str)], body: &str) -> Result<String, Error> {
    let rest = url.strip_prefix("http://").ok_or("plain HTTP only")?;
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let mut stream = TcpStream::connect(host)?;
    stream.set_read_timeout(Some(Duration::from_millis(800)))?;
    let headers: String = headers
        .iter()
        .map(|(name, value)| format!("{name}: {value}\r\n"))
        .collect();
    let length = body.len();
    write!(
        stream,
        "POST /{path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n{headers}content-length: {length}\r\n\r\n{body}"
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    if answer.is_empty() {
        return Err("closed without a reply".into());
    }
    Ok(answer)
}
