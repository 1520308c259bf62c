//! AWS in this process with what the template makes in it.

use meridian_embedded_aws as embedded;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::mpsc::channel;

/// Where pages and webhooks are.
pub const PUBLIC_URL: &str = "https://pay.example.test";

/// AWS, on a thread that goes on serving between tests.
pub fn start() -> embedded::Aws {
    let (ready, started) = channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        runtime.block_on(async {
            let clock = std::sync::Arc::new(|| meridian::io::clock::now().as_millisecond());
            let options = embedded::Options {
                port: 0,
                state: None,
                clock,
            };
            let aws = embedded::start(options).await.expect("AWS starts");
            fill(&aws).await;
            ready.send(aws).expect("somebody waits");
            std::future::pending::<()>().await;
        });
    });
    started.recv().expect("AWS is up")
}

/// The environment of a function that AWS at this endpoint knows by this name.
pub fn variables(endpoint: &str, caller: &str) -> HashMap<String, String> {
    let queue = |name| format!("{endpoint}/{}/{name}", embedded::ACCOUNT);
    let variables = [
        ("AWS_ACCESS_KEY_ID", caller.to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "test".into()),
        ("AWS_REGION", embedded::REGION.into()),
        ("AWS_ENDPOINT_URL", endpoint.into()),
        ("TABLE_NAME", "meridian".into()),
        ("PUBLIC_URL", PUBLIC_URL.into()),
        ("EVENTS_QUEUE_URL", queue("events")),
        ("UNPROVEN_QUEUE_URL", queue("unproven")),
        ("CHARGES_QUEUE_URL", queue("charges")),
        ("DELIVERIES_QUEUE_URL", queue("deliveries")),
    ];
    let named = |(name, text): (&str, _)| (name.to_owned(), text);
    variables.into_iter().map(named).collect()
}

/// The table and the secrets of the deployment, as the template makes them.
async fn fill(aws: &embedded::Aws) {
    let text = |name: &str| json!({ "AttributeName": name, "AttributeType": "S" });
    let key = |hash: &str, range: &str| {
        json!([
            { "AttributeName": hash, "KeyType": "HASH" },
            { "AttributeName": range, "KeyType": "RANGE" },
        ])
    };
    let table = json!({
        "TableName": "meridian",
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [
            text("pk"), text("sk"), text("list_pk"), text("list_sk"),
            text("list2_pk"), text("list2_sk"), text("due_pk"),
            { "AttributeName": "due_at", "AttributeType": "N" },
        ],
        "KeySchema": key("pk", "sk"),
        "GlobalSecondaryIndexes": [{
            "IndexName": "list",
            "KeySchema": key("list_pk", "list_sk"),
            "Projection": { "ProjectionType": "KEYS_ONLY" },
        }, {
            "IndexName": "list2",
            "KeySchema": key("list2_pk", "list2_sk"),
            "Projection": { "ProjectionType": "KEYS_ONLY" },
        }, {
            "IndexName": "due",
            "KeySchema": key("due_pk", "due_at"),
            "Projection": { "ProjectionType": "KEYS_ONLY" },
        }],
    });
    let made = aws.call("DynamoDB_20120810.CreateTable", table).await;
    made.expect("a table");
    for name in ["events", "unproven", "charges", "deliveries"] {
        let queue = json!({ "QueueName": name });
        let made = aws.call("AmazonSQS.CreateQueue", queue).await;
        made.expect("a queue");
    }
    for (name, field) in [("root", "root_key"), ("seal", "seal_key")] {
        let secret = json!({ field: field }).to_string();
        let secret = json!({ "Name": format!("meridian/_/{name}"), "SecretString": secret });
        let made = aws.call("secretsmanager.CreateSecret", secret).await;
        made.expect("a secret");
    }
}

/// Takes the messages of a queue that are ours. What others wait for is kept for them.
#[allow(dead_code, reason = "not every suite that takes it in looks")]
pub async fn queued(aws: &embedded::Aws, queue: &str, ours: impl Fn(&Value) -> bool) -> Vec<Value> {
    static TAKEN: tokio::sync::Mutex<Vec<(String, Value)>> = tokio::sync::Mutex::const_new(vec![]);
    let mut all = TAKEN.lock().await;
    let url = format!("{}/{}/{queue}", aws.endpoint(), embedded::ACCOUNT);
    loop {
        let asked = json!({ "QueueUrl": url, "MaxNumberOfMessages": 10 });
        let taken = aws.call("AmazonSQS.ReceiveMessage", asked).await;
        let taken = taken.expect("a queue")["Messages"].clone();
        let Some(taken) = taken.as_array().filter(|taken| !taken.is_empty()) else {
            break;
        };
        for message in taken {
            let gone = json!({ "QueueUrl": url, "ReceiptHandle": message["ReceiptHandle"] });
            let gone = aws.call("AmazonSQS.DeleteMessage", gone).await;
            gone.expect("a message");
            let body = message["Body"].as_str().expect("a body");
            let body: Value = serde_json::from_str(body).expect("JSON");
            all.push((queue.to_owned(), body));
        }
    }
    let found = all.extract_if(.., |(of, body)| of == queue && ours(body));
    found.map(|(_, body)| body).collect()
}
