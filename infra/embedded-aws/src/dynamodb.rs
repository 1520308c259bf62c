//! DynamoDB: dynoxide in process, in a SQLite file or in memory.

use crate::error::Error;
use crate::reply::Reply;
use dynoxide::actions::batch_get_item::BatchGetItemResponse;
use dynoxide::{Database, DynoxideError};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

pub(crate) struct Tables {
    database: Database,
    /// Grows with each call that may have written, once it is done.
    writes: Arc<AtomicU64>,
}

type Answer = Result<String, DynoxideError>;

impl Tables {
    pub fn open(state: Option<&Path>) -> Result<Tables, Error> {
        let opened = match state {
            None => Database::memory(),
            Some(state) => {
                let path = state.join("dynamodb.sqlite");
                Database::new(&path.to_string_lossy()).and_then(|database| {
                    // the way to `synchronous = NORMAL`: a killed process loses nothing, and a
                    // commit need not wait for the disk
                    database.disable_bulk_loading()?;
                    Ok(database)
                })
            }
        };
        let tables = |database| Tables {
            database,
            writes: Arc::default(),
        };
        opened.map(tables).map_err(|e| Error::Tables(e.to_string()))
    }

    /// Two equal readings mean that nothing was written in between.
    pub fn writes(&self) -> u64 {
        self.writes.load(Ordering::SeqCst)
    }

    pub async fn answer(&self, operation: &str, body: &[u8]) -> Reply {
        let Ok(body) = String::from_utf8(body.to_vec()) else {
            return Reply::refused(SERIALIZATION, "the body is not UTF-8");
        };
        let (database, writes) = (self.database.clone(), self.writes.clone());
        let operation = operation.to_owned();
        // what was begun goes on, and is counted, when the caller has gone
        blocking(move || {
            let done = dispatch(&database, &operation, &body);
            if !READS.contains(&&*operation) {
                writes.fetch_add(1, Ordering::SeqCst);
            }
            match done {
                Some(Ok(answer)) => Reply::raw(200, answer),
                Some(Err(error)) => Reply::raw(error.status_code(), error.to_json()),
                None => Reply::unknown_operation(&operation),
            }
        })
        .await
    }

    /// Deletes every item of every table.
    pub async fn clear(&self) -> Result<(), Error> {
        let database = self.database.clone();
        let cleared = blocking(move || {
            for table in tables(&database)? {
                let described = ask(&database, "DescribeTable", json!({ "TableName": table }))?;
                let keys = key_names(&described);
                delete_all(&database, &table, &keys, None)?;
            }
            Ok(())
        })
        .await;
        self.writes.fetch_add(1, Ordering::SeqCst);
        cleared.map_err(Error::Tables)
    }

    /// Deletes what expired before `now`, in seconds; by the endpoint's clock, so the engine's own
    /// sweep, which reads the machine's, is not used.
    pub async fn sweep(&self, now: i64) -> Result<usize, Error> {
        let database = self.database.clone();
        let swept = blocking(move || {
            let mut deleted = 0;
            for table in tables(&database)? {
                let name = json!({ "TableName": table });
                let ttl = ask(&database, "DescribeTimeToLive", name.clone())?;
                let ttl = &ttl["TimeToLiveDescription"];
                let Some(attribute) = ttl["AttributeName"].as_str() else {
                    continue;
                };
                if ttl["TimeToLiveStatus"] != "ENABLED" {
                    continue;
                }
                let keys = key_names(&ask(&database, "DescribeTable", name)?);
                deleted += delete_all(&database, &table, &keys, Some((attribute, now)))?;
            }
            Ok(deleted)
        })
        .await;
        if !matches!(swept, Ok(0)) {
            self.writes.fetch_add(1, Ordering::SeqCst);
        }
        swept.map_err(Error::Tables)
    }
}

/// What writes nothing.
const READS: [&str; 5] = [
    "GetItem",
    "Query",
    "Scan",
    "BatchGetItem",
    "TransactGetItems",
];
const SERIALIZATION: &str = "com.amazon.coral.service#SerializationException";

/// SQLite blocks; the connections' threads must not.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(panic) => std::panic::resume_unwind(panic.into_panic()),
    }
}

fn dispatch(db: &Database, operation: &str, body: &str) -> Option<Answer> {
    Some(match operation {
        "GetItem" => run(operation, body, |q| db.get_item(q)),
        "PutItem" => run(operation, body, |q| db.put_item(q)),
        "UpdateItem" => run(operation, body, |q| db.update_item(q)),
        "DeleteItem" => run(operation, body, |q| db.delete_item(q)),
        "Query" => run(operation, body, |q| db.query(q)),
        "Scan" => run(operation, body, |q| db.scan(q)),
        "BatchGetItem" => run(operation, body, |q| {
            db.batch_get_item(q).map(in_another_order)
        }),
        "BatchWriteItem" => run(operation, body, |q| db.batch_write_item(q)),
        "TransactGetItems" => run(operation, body, |q| db.transact_get_items(q)),
        "TransactWriteItems" => run(operation, body, |q| db.transact_write_items(q)),
        "CreateTable" => run(operation, body, |q| db.create_table(q)),
        "UpdateTable" => run(operation, body, |q| db.update_table(q)),
        "DeleteTable" => run(operation, body, |q| db.delete_table(q)),
        "DescribeTable" => run(operation, body, |q| db.describe_table(q)),
        "ListTables" => run(operation, body, |q| db.list_tables(q)),
        "UpdateTimeToLive" => run(operation, body, |q| db.update_time_to_live(q)),
        "DescribeTimeToLive" => run(operation, body, |q| db.describe_time_to_live(q)),
        "TagResource" => run(operation, body, |q| db.tag_resource(q)),
        "UntagResource" => run(operation, body, |q| db.untag_resource(q)),
        "ListTagsOfResource" => run(operation, body, |q| db.list_tags_of_resource(q)),
        _ => return None,
    })
}

/// DynamoDB promises no order of a batch's items, and whoever relies on one is to notice it here.
fn in_another_order(mut found: BatchGetItemResponse) -> BatchGetItemResponse {
    found
        .responses
        .values_mut()
        .for_each(|items| items.reverse());
    found
}

fn run<Q: DeserializeOwned, A: Serialize>(
    operation: &str,
    body: &str,
    call: impl FnOnce(Q) -> Result<A, DynoxideError>,
) -> Answer {
    let request = serde_json::from_str(body).map_err(|e| unreadable(&e))?;
    let answer = call(request).map_err(|e| worded(operation, e))?;
    serde_json::to_string(&answer).map_err(|e| DynoxideError::InternalServerError(e.to_string()))
}

/// The engine marks in the text of a decoding error which AWS error it stands for.
fn unreadable(error: &serde_json::Error) -> DynoxideError {
    let text = error.to_string();
    match text.split_once(':') {
        Some((mark, rest)) if mark.starts_with("SERIALIZATION") => {
            DynoxideError::SerializationException(rest.to_owned())
        }
        Some((mark, rest)) if mark.starts_with("VALIDATION") => {
            DynoxideError::ValidationException(rest.to_owned())
        }
        _ if error.is_syntax() || error.is_eof() => DynoxideError::SerializationException(text),
        _ => DynoxideError::ValidationException(text),
    }
}

/// Single writes put the request's own faults into an envelope that other operations lack.
fn worded(operation: &str, error: DynoxideError) -> DynoxideError {
    match (operation, error) {
        ("PutItem" | "UpdateItem" | "DeleteItem", DynoxideError::EnvelopedValidation(text)) => {
            DynoxideError::ValidationException(format!("1 validation error detected: {text}"))
        }
        (_, error) => error,
    }
}

fn ask(database: &Database, operation: &str, request: Value) -> Result<Value, String> {
    let answer = dispatch(database, operation, &request.to_string())
        .ok_or_else(|| format!("no operation {operation}"))?
        .map_err(|e| format!("{operation}: {e}"))?;
    serde_json::from_str(&answer).map_err(|e| format!("{operation}: {e}"))
}

fn tables(database: &Database) -> Result<Vec<String>, String> {
    let listed = ask(database, "ListTables", json!({}))?;
    let names = listed["TableNames"].as_array().into_iter().flatten();
    Ok(names.filter_map(Value::as_str).map(str::to_owned).collect())
}

fn key_names(described: &Value) -> Vec<String> {
    let schema = described["Table"]["KeySchema"]
        .as_array()
        .into_iter()
        .flatten();
    schema
        .filter_map(|k| k["AttributeName"].as_str())
        .map(str::to_owned)
        .collect()
}

/// Deletes every item, or those whose number in an attribute is below a limit.
fn delete_all(
    database: &Database,
    table: &str,
    keys: &[String],
    below: Option<(&str, i64)>,
) -> Result<usize, String> {
    let mut deleted = 0;
    let mut from = Value::Null;
    loop {
        let mut scan = json!({ "TableName": table });
        if let Some((attribute, limit)) = below {
            scan["FilterExpression"] = "attribute_type(#a, :n) AND #a < :limit".into();
            scan["ExpressionAttributeNames"] = json!({ "#a": attribute });
            scan["ExpressionAttributeValues"] =
                json!({ ":n": { "S": "N" }, ":limit": { "N": limit.to_string() } });
        }
        if !from.is_null() {
            scan["ExclusiveStartKey"] = from;
        }
        let page = ask(database, "Scan", scan)?;
        for item in page["Items"].as_array().into_iter().flatten() {
            let key: serde_json::Map<String, Value> = keys
                .iter()
                .map(|name| (name.clone(), item[name].clone()))
                .collect();
            let mut delete = json!({ "TableName": table, "Key": key });
            if let Some((attribute, limit)) = below {
                // an item may have been given more time since the scan
                delete["ConditionExpression"] = "#a < :limit".into();
                delete["ExpressionAttributeNames"] = json!({ "#a": attribute });
                delete["ExpressionAttributeValues"] =
                    json!({ ":limit": { "N": limit.to_string() } });
            }
            match ask_delete(database, delete)? {
                Deleted::Gone => deleted += 1,
                Deleted::Kept => {}
            }
        }
        from = page["LastEvaluatedKey"].clone();
        if from.is_null() {
            return Ok(deleted);
        }
    }
}

enum Deleted {
    Gone,
    Kept,
}

fn ask_delete(database: &Database, delete: Value) -> Result<Deleted, String> {
    match run("DeleteItem", &delete.to_string(), |q| {
        database.delete_item(q)
    }) {
        Ok(_) => Ok(Deleted::Gone),
        Err(DynoxideError::ConditionalCheckFailedException(..)) => Ok(Deleted::Kept),
        Err(e) => Err(format!("DeleteItem: {e}")),
    }
}
