//! What a process does at its start, while nobody waits yet.

use crate::stack::{config, lean, reached, still};
use meridian::domain::task::Queue;
use meridian::io::queue::{Nudge, Queues};
use meridian::io::secrets::Secrets;
use meridian::io::store::Store;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// Requests as they came: over which connection, and their first line.
type Asked = Arc<Mutex<Vec<(usize, String)>>>;

/// Answers every request of a connection with a secret, which says nothing to DynamoDB's client.
/// Reads one request with all that belongs to it: its first line, or none where no more come.
pub fn request(lines: &mut impl BufRead) -> Option<String> {
    let (mut first, mut length) = (String::new(), 0);
    lines.read_line(&mut first).ok().filter(|read| *read > 0)?;
    loop {
        let mut line = String::new();
        lines.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim().split_once(':') else {
            break;
        };
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().ok()?;
        }
    }
    let mut body = vec![0; length];
    lines.read_exact(&mut body).ok()?;
    Some(first.trim().to_owned())
}

fn answer(connection: usize, stream: TcpStream, asked: &Asked) -> Option<()> {
    let mut lines = BufReader::new(stream.try_clone().ok()?);
    loop {
        let first = request(&mut lines)?;
        asked.lock().expect("no panic").push((connection, first));
        let reply = r#"{"SecretString":"{}","CreatedDate":1.0}"#;
        let head = "HTTP/1.1 200 OK\r\ncontent-type: application/x-amz-json-1.1";
        let reply = format!("{head}\r\ncontent-length: {}\r\n\r\n{reply}", reply.len());
        (&stream).write_all(reply.as_bytes()).ok()?;
    }
}

#[tokio::test]
async fn the_first_event_finds_the_connections_open() {
    let _still = still().await;
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let endpoint = format!("http://{}", listener.local_addr().expect("an address"));
    let asked = Asked::default();
    let all = asked.clone();
    std::thread::spawn(move || {
        for (connection, stream) in listener.incoming().flatten().enumerate() {
            let asked = all.clone();
            std::thread::spawn(move || answer(connection, stream, &asked));
        }
    });
    let ping = |connection| (connection, "GET /ping HTTP/1.1".to_owned());
    let asked = || std::mem::take(&mut *asked.lock().expect("no panic"));
    let connections = || -> Vec<_> { asked().iter().map(|(connection, _)| *connection).collect() };
    let config = config(&endpoint, "test");
    let aws = reached(&config);
    let (store, queues) = (Store::new(&aws, &config), Queues::new(&aws, &config));
    let secrets = Secrets::new(&aws, &config);
    // All at the same address here, so the next would find the first one's connection.
    aws.warm("secretsmanager").await;
    assert_eq!(asked(), [ping(0)]);
    store.get("a", "b").await.expect("an answer");
    let sent = queues.send(Queue::Events, &Nudge::default()).await;
    sent.expect("an answer");
    secrets.current("a").await.expect("an answer");
    assert_eq!(connections(), [0, 0, 0], "no other was opened");
    let client = lean(&config);
    let secrets = meridian::io::lean::Secrets::over(client.clone());
    client.warm("secretsmanager").await;
    assert_eq!(asked(), [ping(1)]);
    secrets.current("a").await.expect("an answer");
    assert_eq!(connections(), [1], "no other was opened");
}
