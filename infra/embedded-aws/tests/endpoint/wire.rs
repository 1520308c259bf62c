//! The bytes on the connection: kept alive, with a checksum, and really cut.

use crate::stack::{CALLER, Stack};
use meridian_embedded_aws::{Action, Fault};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

async fn connect(stack: &Stack) -> TcpStream {
    let address = stack.aws.endpoint();
    TcpStream::connect(address.trim_start_matches("http://"))
        .await
        .expect("a connection")
}

async fn ask(connection: &mut TcpStream, target: &str) {
    let request = format!(
        "POST / HTTP/1.1\r\nhost: aws\r\nx-amz-target: {target}\r\n\
         authorization: AWS4-HMAC-SHA256 Credential={CALLER}/20261121/us-east-1/any/aws4_request, \
         SignedHeaders=host, Signature=00\r\ncontent-type: application/x-amz-json-1.0\r\n\
         content-length: 2\r\n\r\n{{}}"
    );
    connection
        .write_all(request.as_bytes())
        .await
        .expect("the request is written");
}

/// The head and the body of one reply.
async fn reply(connection: &mut TcpStream) -> (String, String) {
    let mut read = Vec::new();
    loop {
        let mut some = [0; 1024];
        let n = connection.read(&mut some).await.expect("the reply is read");
        assert!(n > 0, "the connection closed within a reply");
        read.extend_from_slice(&some[..n]);
        let text = String::from_utf8(read.clone()).expect("text");
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        if body.len()
            == header(head, "content-length")
                .parse::<usize>()
                .expect("a length")
        {
            return (head.to_owned(), body.to_owned());
        }
    }
}

fn header<'h>(head: &'h str, name: &str) -> &'h str {
    let mut lines = head.lines().filter_map(|line| line.split_once(": "));
    lines
        .find(|(n, _)| n.eq_ignore_ascii_case(name))
        .map(|(_, v)| v)
        .expect("the header is there")
}

#[tokio::test]
async fn one_connection_serves_all_three_and_replies_carry_their_checksum() {
    let stack = Stack::start(None).await;
    let mut connection = connect(&stack).await;
    for target in [
        "DynamoDB_20120810.ListTables",
        "AmazonSQS.ListQueues",
        "secretsmanager.ListSecrets",
    ] {
        ask(&mut connection, target).await;
        let (head, body) = reply(&mut connection).await;
        assert!(head.starts_with("HTTP/1.1 200"), "{target}: {head}");
        assert_eq!(
            header(&head, "x-amz-crc32"),
            crc32fast::hash(body.as_bytes()).to_string()
        );
    }
    assert_eq!(
        stack.operations(),
        ["ListTables", "ListQueues", "ListSecrets"]
    );
}

#[tokio::test]
async fn a_cut_sends_not_a_byte() {
    let stack = Stack::start(None).await;
    stack.aws.set_faults(vec![Fault {
        action: Action::CutAfter,
        ..Fault::default()
    }]);
    let mut connection = connect(&stack).await;
    ask(&mut connection, "AmazonSQS.ListQueues").await;
    let mut rest = Vec::new();
    connection
        .read_to_end(&mut rest)
        .await
        .expect("the connection closes");
    assert!(rest.is_empty(), "{}", String::from_utf8_lossy(&rest));
}

#[tokio::test]
async fn a_shutdown_closes_connections_that_are_kept_alive() {
    let stack = Stack::start(None).await;
    let mut connection = connect(&stack).await;
    ask(&mut connection, "AmazonSQS.ListQueues").await;
    reply(&mut connection).await;
    stack.aws.shutdown().await;
    let mut rest = Vec::new();
    connection
        .read_to_end(&mut rest)
        .await
        .expect("the connection closes");
    assert!(rest.is_empty());
}
