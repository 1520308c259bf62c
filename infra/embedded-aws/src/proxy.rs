//! The endpoint: tells services and callers apart, logs, strikes with faults, answers.

use crate::endpoint::Endpoint;
use crate::faults::Action;
use crate::reply::Reply;
use crate::service::Service;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use http::{Request, Response};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// DynamoDB's own limit on a request, the largest of the three.
const LONGEST_BODY: usize = 16 * 1024 * 1024;

/// Hyper closes the connection without a reply when a service fails: a real cut.
#[derive(Debug)]
struct Cut;

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("cut on purpose")
    }
}

impl std::error::Error for Cut {}

/// Serves until told to stop; then every connection is dropped.
pub(crate) async fn listen(
    listener: TcpListener,
    endpoint: Arc<Endpoint>,
    mut stopped: watch::Receiver<bool>,
) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => { connections.spawn(serve(stream, endpoint.clone())); }
                // out of file descriptors: they come back as connections close
                Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            },
            Some(_) = connections.join_next() => {}
            _ = stopped.changed() => return,
        }
    }
}

async fn serve(stream: TcpStream, endpoint: Arc<Endpoint>) {
    // small replies must not wait for the client's acknowledgement; a socket that cannot be set
    // still works
    let _ = stream.set_nodelay(true);
    let answer = service_fn(move |request| answer(request, endpoint.clone()));
    // an error is the client's going away or a cut, and neither has anybody to be told
    let _ = http1::Builder::new()
        .serve_connection(TokioIo::new(stream), answer)
        .await;
}

async fn answer(
    request: Request<Incoming>,
    endpoint: Arc<Endpoint>,
) -> Result<Response<Full<Bytes>>, Cut> {
    let (head, body) = request.into_parts();
    let content_type = head.headers.get(CONTENT_TYPE).cloned();
    let body = match Limited::new(body, LONGEST_BODY).collect().await {
        Ok(body) => body.to_bytes(),
        Err(e) if e.is::<LengthLimitError>() => {
            return Ok(respond(
                Reply::error(413, "RequestEntityTooLarge", e.to_string()),
                None,
            ));
        }
        Err(_) => return Err(Cut),
    };
    let target = text(&head.headers, "x-amz-target");
    let Some((service, operation)) = Service::of_target(target) else {
        let named = if target.is_empty() {
            "a call without X-Amz-Target"
        } else {
            target
        };
        return Ok(respond(Reply::unknown_operation(named), content_type));
    };
    let reply = passed(&endpoint, caller(&head.headers), service, operation, &body).await?;
    Ok(respond(reply, content_type))
}

/// One call of a caller on its way: held against its policy, kept, struck by the fault that is due.
async fn passed(
    endpoint: &Endpoint,
    caller: &str,
    service: Service,
    operation: &str,
    body: &[u8],
) -> Result<Reply, Cut> {
    let parsed = serde_json::from_slice(body).unwrap_or(Value::Null);
    let items = parsed["TransactItems"].as_array().map_or(0, Vec::len);
    let function = function_of(caller);
    let denied = function.and_then(|function| {
        let arn = |id: &str| endpoint.secrets.arn(id);
        endpoint
            .access
            .refusal(function, service, operation, &parsed, arn)
    });
    let seq = endpoint.calls.arrived(
        caller,
        service.name(),
        operation,
        parsed,
        (endpoint.clock)(),
    );
    let action = function.and_then(|f| endpoint.faults.strike(f, service, operation));

    match &action {
        Some(Action::KillBefore) => endpoint.faults.kill(caller),
        Some(Action::Delay { ms }) => tokio::time::sleep(Duration::from_millis(*ms)).await,
        _ => {}
    }
    let reply = match &action {
        Some(Action::KillBefore | Action::CutBefore) => return Err(Cut),
        Some(Action::Throttle) => Reply::throttled(service),
        Some(Action::Conflict) => Reply::conflict(items),
        _ => match denied {
            Some(denied) => denied,
            None => endpoint.answer(service, operation, body).await,
        },
    };
    match &action {
        Some(Action::KillAfter) => {
            endpoint.faults.kill(caller);
            return Err(Cut);
        }
        Some(Action::CutAfter) => return Err(Cut),
        _ => {}
    }
    let reply = if action == Some(Action::AppliedThen500) {
        Reply::broken(service)
    } else {
        reply
    };
    endpoint.calls.answered(seq, reply.status);
    Ok(reply)
}

fn respond(reply: Reply, content_type: Option<HeaderValue>) -> Response<Full<Bytes>> {
    let checksum = crc32fast::hash(&reply.body);
    let mut response = Response::new(Full::new(reply.body));
    *response.status_mut() =
        http::StatusCode::from_u16(reply.status).unwrap_or(http::StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    let json = HeaderValue::from_static("application/x-amz-json-1.0");
    headers.insert(CONTENT_TYPE, content_type.unwrap_or(json));
    // clients of DynamoDB hold the body against it; the others ignore it
    headers.insert(
        HeaderName::from_static("x-amz-crc32"),
        HeaderValue::from(checksum),
    );
    if let Some(error) = reply
        .query_error
        .and_then(|e| HeaderValue::from_str(&e).ok())
    {
        headers.insert(HeaderName::from_static("x-amzn-query-error"), error);
    }
    response
}

/// `AWS4-HMAC-SHA256 Credential=<access key id>/<date>/…`
fn caller(headers: &HeaderMap) -> &str {
    let authorization = text(headers, AUTHORIZATION.as_str());
    let credential = authorization
        .split_once("Credential=")
        .map_or("", |(_, rest)| rest);
    credential.split('/').next().unwrap_or_default()
}

/// `LOCAL.<function>.<n>` is an instance of a function; other callers are people and tools.
fn function_of(caller: &str) -> Option<&str> {
    caller
        .strip_prefix("LOCAL.")?
        .rsplit_once('.')
        .map(|(function, _)| function)
}

fn text<'h>(headers: &'h HeaderMap, name: &str) -> &'h str {
    headers
        .get(name)
        .and_then(|v| v.to_str().ok())
        .unwrap_or_default()
}
