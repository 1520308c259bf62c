//! What comes back over the wire: how a cancelled transaction is read, and how long a connection is
//! waited for.

use crate::stack::{config, reached};
use bytes::Bytes;
use http::{Request, Uri};
use meridian::io::lean::web::Web;
use meridian::io::store::{Row, Store, Write, Written};
use serde_json::{Value, json};
use std::io::{BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A status and a body for the nth request, from 0.
type Script = dyn Fn(usize) -> (u16, String) + Send + Sync;

/// Answers every request on loopback so; its address, and how many came.
pub fn serve(
    script: impl Fn(usize) -> (u16, String) + Send + Sync + 'static,
) -> (Uri, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = format!("http://{}", listener.local_addr().expect("an address"));
    let came = Arc::new(AtomicUsize::new(0));
    let (script, counted): (Arc<Script>, _) = (Arc::new(script), came.clone());
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (script, counted) = (script.clone(), counted.clone());
            std::thread::spawn(move || answer(&stream, &*script, &counted));
        }
    });
    (address.parse().expect("an address"), came)
}

fn answer(mut stream: &TcpStream, script: &Script, came: &AtomicUsize) -> Option<()> {
    let mut lines = BufReader::new(stream);
    loop {
        crate::warm::request(&mut lines)?;
        let (status, body) = script(came.fetch_add(1, Ordering::SeqCst));
        let head = format!(
            "HTTP/1.1 {status} Said\r\ncontent-type: application/x-amz-json-1.0\r\n\
             content-length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all((head + &body).as_bytes()).ok()?;
    }
}

fn store(at: &Uri) -> Store {
    let config = config(&at.to_string(), "test");
    Store::new(&reached(&config), &config)
}

fn rows(many: usize) -> Vec<Write> {
    let row = |n| Write::Put(Row::new("pk", format!("row {n}")));
    (0..many).map(row).collect()
}

// ---- DynamoDB ------------------------------------------------------------------------------------

#[tokio::test]
async fn why_a_transaction_was_cancelled_tells_whether_it_is_read_again_or_put_off() {
    let said = Arc::new(Mutex::new(Value::Null));
    let desk = said.clone();
    let (at, _) = serve(move |_| (400, desk.lock().expect("no panic").to_string()));
    let store = store(&at);
    let kind = |name: &str| format!("com.amazonaws.dynamodb.v20120810#{name}");
    let failed = |at: &[usize]| Ok(Written::Failed(at.to_vec()));
    let unavailable = |why: &str| Err(format!("DynamoDB: {why}"));
    let (check, conflict) = ("ConditionalCheckFailed", "TransactionConflict");
    let (often, much) = ("ThrottlingError", "ProvisionedThroughputExceeded");
    for (codes, wanted) in [
        (vec![check, "None"], failed(&[0])),
        (vec!["None", check], failed(&[1])),
        (vec![check, "None", check], failed(&[0, 2])),
        // Where something is not as it was read, the rest does not matter.
        (vec![conflict, check], failed(&[1])),
        (vec![check, often], failed(&[0])),
        (vec![conflict, "None"], Ok(Written::Conflict)),
        (vec!["None", conflict], Ok(Written::Conflict)),
        (vec!["None", conflict, often], Ok(Written::Conflict)),
        (vec![often, "None"], unavailable(often)),
        (vec!["None", much], unavailable(much)),
        (
            vec!["None", "ValidationError"],
            unavailable(r#"cancelled: ["None", "ValidationError"]"#),
        ),
    ] {
        let reasons: Vec<_> = codes.iter().map(|code| json!({ "Code": code })).collect();
        *said.lock().expect("no panic") = json!({
            "__type": kind("TransactionCanceledException"), "Message": "cancelled",
            "CancellationReasons": reasons,
        });
        let written = store.transact(&rows(codes.len())).await;
        let written = written.map_err(|why| why.to_string());
        assert_eq!(written, wanted, "{codes:?}");
    }
    *said.lock().expect("no panic") =
        json!({ "__type": kind("TransactionInProgressException"), "Message": "in progress" });
    let written = store.transact(&rows(1)).await.expect("an answer");
    assert_eq!(written, Written::Conflict);
}

#[tokio::test]
async fn a_commit_of_more_rows_than_is_sound_is_not_sent() {
    let (at, came) = serve(|_| (200, "{}".into()));
    let store = store(&at);
    let written = store.transact(&rows(80)).await.expect("an answer");
    assert_eq!((written, came.load(Ordering::SeqCst)), (Written::Done, 1));
    let refused = store.transact(&rows(81)).await.expect_err("too large");
    assert!(refused.to_string().contains("81 items"), "{refused}");
    assert_eq!(came.load(Ordering::SeqCst), 1);
}

// ---- connections ---------------------------------------------------------------------------------

fn asks() -> Request<http_body_util::Full<Bytes>> {
    let request = Request::get("/").body(Default::default());
    request.expect("a request")
}

const LONG: Duration = Duration::from_secs(20);
const SHORT: Duration = Duration::from_millis(300);

#[tokio::test]
async fn each_exchange_over_a_kept_connection_has_its_own_deadline() {
    let (at, came) = serve(|n| {
        if n == 1 {
            std::thread::sleep(Duration::from_secs(4));
        }
        (200, "{}".into())
    });
    let web = Web::new(&[], 1024);
    let first = web.exchange(&at, asks(), LONG).await;
    assert_eq!(first.map(|reply| reply.status().as_u16()), Ok(200));
    let second = web.exchange(&at, asks(), SHORT).await;
    assert_eq!(second.err().as_deref(), Some("too slow"));
    // What was given up is not waited for over the same connection.
    let third = web.exchange(&at, asks(), LONG).await;
    assert_eq!(third.map(|reply| reply.status().as_u16()), Ok(200));
    assert_eq!(came.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn a_host_that_takes_no_connection_is_not_waited_for_as_long_as_one_that_thinks() {
    let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
    socket
        .bind("127.0.0.1:0".parse().expect("an address"))
        .expect("a port");
    let full = socket.listen(1).expect("it listens");
    let address = full.local_addr().expect("an address");
    // Nobody takes them: the kernel lets two wait and answers no other.
    let waiting: Vec<_> = (0..8)
        .map(|_| tokio::spawn(tokio::net::TcpStream::connect(address)))
        .collect();
    tokio::time::sleep(SHORT).await;
    let pending = waiting.iter().filter(|one| !one.is_finished()).count();
    assert!(pending > 0, "the kernel took all of them");
    let at = format!("http://{address}").parse().expect("an address");
    let said = Web::new(&[], 1024).exchange(&at, asks(), LONG).await;
    let why = said.expect_err("nobody answers");
    assert_ne!(why, "too slow to connect", "it took all of its time");
}

#[tokio::test]
async fn a_reply_may_be_as_large_as_was_said_and_no_larger() {
    for (bytes, taken) in [(0, true), (1024, true), (1025, false)] {
        let (at, _) = serve(move |_| (200, "x".repeat(bytes)));
        let said = Web::new(&[], 1024).exchange(&at, asks(), LONG).await;
        assert_eq!(said.is_ok(), taken, "{bytes}: {said:?}");
    }
}
