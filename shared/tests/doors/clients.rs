//! Intake's client beside the SDK's: both read the same of what SQS and Secrets Manager answer.

use crate::stack::{config, lean, reached, still};
use crate::wire::serve;
use meridian::domain::task::Queue;
use meridian::io::lean;
use meridian::io::queue::{NotSent, Nudge, Queues, RowKey};
use meridian::io::secrets::{Fields, Secrets, Unavailable};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

const NAME: &str = "meridian/a/inbound/stripe";

/// What was read, in words: the fields, that there is none, or that nobody knows and why.
fn read(answer: Result<Option<Arc<Fields>>, Unavailable>) -> String {
    match answer {
        Ok(found) => json!(found.as_deref()).to_string(),
        Err(why) => why.to_string(),
    }
}

fn denied(resource: &str) -> Value {
    let action = "secretsmanager:GetSecretValue";
    let who = "User: arn:aws:sts::0:assumed-role/x is not authorized to perform";
    json!({
        "__type": "AccessDeniedException",
        "Message": format!("{who}: {action} on resource: {resource} because no policy allows it"),
    })
}

#[tokio::test]
async fn both_clients_tell_a_secret_that_is_missing_from_one_that_cannot_be_read() {
    let _still = still().await;
    let arn = format!("arn:aws:secretsmanager:us-east-1:000000000000:secret:{NAME}-AbCdEf");
    let text = |text: &str| json!({ "SecretString": text, "CreatedDate": 1_764_000_000.25 });
    let refused = |code: &str| json!({ "__type": code, "Message": "no" });
    for (status, said, wanted) in [
        (200, text(r#"{"a":"b"}"#), r#"{"a":"b"}"#),
        (200, text(r#"{"a":1}"#), "no JSON object of strings"),
        (200, text("word-42"), "no JSON object of strings"),
        (
            200,
            json!({ "SecretBinary": "AAAA" }),
            "no JSON object of strings",
        ),
        (400, refused("ResourceNotFoundException"), "null"),
        (400, denied(NAME), "null"),
        (
            400,
            denied(&arn),
            "AccessDeniedException: User: arn:aws:sts::0",
        ),
        (400, refused("DecryptionFailure"), "DecryptionFailure: no"),
        (
            500,
            refused("InternalServiceError"),
            "InternalServiceError: no",
        ),
    ] {
        let body = said.to_string();
        let (at, came) = serve(move |_| (status, body.clone()));
        let config = config(&at.to_string(), "test");
        let sdk = Secrets::new(&reached(&config), &config);
        let by_sdk = read(sdk.current(NAME).await);
        let tries = came.swap(0, Ordering::SeqCst);
        let lean = lean::Secrets::over(lean(&config));
        assert_eq!(read(lean.current(NAME).await), by_sdk);
        assert_eq!(came.load(Ordering::SeqCst), tries, "{said}");
        assert!(by_sdk.contains(wanted), "{said}: {by_sdk}");
        assert!(!by_sdk.contains("word-42"), "a secret is told: {by_sdk}");
    }
}

#[tokio::test]
async fn both_clients_say_alike_why_a_message_was_not_sent() {
    let _still = still().await;
    for (status, code, tries) in [
        (200, "", 1),
        (400, "com.amazonaws.sqs#QueueDoesNotExist", 1),
        (400, "com.amazonaws.sqs#RequestThrottled", 3),
        (500, "com.amazonaws.sqs#InternalFailure", 3),
    ] {
        let body = json!({ "__type": code, "message": "no" }).to_string();
        let (at, came) = serve(move |_| (status, body.clone()));
        let config = config(&at.to_string(), "test");
        let queues = Queues::new(&reached(&config), &config);
        let sent = queues.send(Queue::Events, &Nudge::default()).await;
        let by_sdk = sent.map_err(|why| why.to_string());
        assert_eq!(came.swap(0, Ordering::SeqCst), tries, "{code}");
        let queues = lean::Queues::new(&lean(&config), &config);
        let began = Instant::now();
        let sent = queues.send(Queue::Events, &Nudge::default()).await;
        assert_eq!(sent.map_err(|why| why.to_string()), by_sdk);
        assert_eq!(came.load(Ordering::SeqCst), tries, "{code}");
        // Who asks for patience is given some: 50 ms, then twice that.
        let least = if tries == 3 { 150 } else { 0 };
        assert!(began.elapsed() >= Duration::from_millis(least), "{code}");
        let wanted = code.rsplit('#').next().filter(|code| !code.is_empty());
        let wanted = wanted.map_or(Ok(()), |code| Err(format!("SQS: {code}: no")));
        assert_eq!(by_sdk, wanted);
    }
}

#[tokio::test]
async fn of_messages_sent_together_each_is_told_how_it_ended() {
    let _still = still().await;
    let nudge = |n: usize| Nudge {
        rows: vec![RowKey {
            pk: format!("c-1#case#{n}"),
            sk: "x".into(),
        }],
    };
    let nudges: Vec<_> = (0..12).map(nudge).collect();
    let taken = |ids: &[usize]| -> Vec<_> {
        let taken =
            |id: &usize| json!({ "Id": id.to_string(), "MessageId": "m", "MD5OfMessageBody": "d" });
        ids.iter().map(taken).collect()
    };
    let refused = json!([{
        "Id": "1", "Code": "InternalError", "Message": "no", "SenderFault": false,
    }]);
    // Of the last of the first ten nothing is said at all, and the second call gets no answer.
    let said = json!({ "Successful": taken(&[0, 2, 3, 4, 5, 6, 7, 8, 42]), "Failed": refused });
    let (at, came) = serve(move |n| match n {
        0 => (200, said.to_string()),
        _ => (
            400,
            r#"{"__type":"com.amazonaws.sqs#QueueDoesNotExist"}"#.into(),
        ),
    });
    let config = config(&at.to_string(), "test");
    let queues = Queues::new(&reached(&config), &config);
    let ends = queues.send_all(Queue::Events, &nudges).await;
    let why = |end: &Result<(), NotSent>| end.as_ref().err().map(ToString::to_string);
    let ends: Vec<_> = ends.iter().map(why).collect();
    let sent = |at: &[usize]| at.iter().all(|n| ends[*n].is_none());
    assert!(sent(&[0, 2, 3, 4, 5, 6, 7, 8]), "{ends:?}");
    assert_eq!(ends[1].as_deref(), Some("SQS: InternalError: no"));
    assert_eq!(ends[9].as_deref(), Some("SQS: nothing was said of it"));
    for end in &ends[10..] {
        let end = end.as_deref().unwrap_or_default();
        assert!(end.contains("QueueDoesNotExist"), "{end}");
    }
    assert_eq!((ends.len(), came.load(Ordering::SeqCst)), (12, 2));
    // A queue that this function may not send to takes none.
    let none = queues.send_all(Queue::Refunds, &nudges).await;
    assert!(none.len() == 12 && none.iter().all(Result::is_err));
}
