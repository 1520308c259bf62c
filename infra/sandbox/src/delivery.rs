//! Webhooks on their way to Meridian: sent in order per vendor, retried at growing gaps of stack
//! time.

use crate::simulator::{Simulator, advance};
use crate::webhook::Webhook;
use crate::wire::stamp;
use crate::world::World;
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;

/// Gaps between the attempts, in minutes of stack time: eight attempts at most.
const GAPS: [i64; 7] = [1, 5, 30, 120, 300, 600, 720];
const PATIENCE: Duration = Duration::from_secs(30);

/// Sends one vendor's webhooks, one at a time, as long as the sandbox lives.
pub async fn pump(simulator: Arc<Simulator>, vendor: &'static str) {
    let mut wake = simulator.wake.subscribe();
    loop {
        let next = {
            let mut world = simulator.world();
            let now = simulator.now();
            advance(&mut world, now);
            next_due(&mut world, vendor).map(|webhook| (webhook, now))
        };
        match next {
            Some((webhook, now)) => {
                let reply = tokio::time::timeout(PATIENCE, send(&webhook, now)).await;
                let outcome = reply.unwrap_or_else(|_| Err("no answer in time".into()));
                sent(&mut simulator.world(), webhook.id, outcome);
            }
            // Meridian time also passes by itself: look again even if nothing wakes us.
            None => {
                let _ = tokio::time::timeout(Duration::from_millis(200), wake.changed()).await;
            }
        }
    }
}

/// The vendor's next webhook that is due: oldest first, newest first under `reorder`.
fn next_due(world: &mut World, vendor: &str) -> Option<Webhook> {
    let (now, reorder) = (world.now, world.has_fault(vendor, "webhooks:reorder"));
    let due =
        |w: &&mut Webhook| w.vendor == vendor && !w.sending && w.due.is_some_and(|due| due <= now);
    let mut ready = world.webhooks.iter_mut().filter(due);
    let next = if reorder {
        ready.next_back()
    } else {
        ready.next()
    }?;
    next.sending = true;
    Some(next.clone())
}

fn sent(world: &mut World, id: u64, outcome: Result<(u16, String), String>) {
    let now = world.now;
    let Some(webhook) = world.webhooks.iter_mut().find(|webhook| webhook.id == id) else {
        return;
    };
    webhook.sending = false;
    let gap = GAPS
        .get(webhook.attempts.len())
        .map(|minutes| now + minutes * 60_000);
    let taken = matches!(outcome, Ok((200..=299, _)));
    webhook.due = if taken { None } else { gap };
    let at = stamp(now, "%FT%T%.3fZ");
    webhook.attempts.push(match outcome {
        Ok((status, body)) => json!({"at": at, "status": status, "body": body}),
        Err(error) => json!({"at": at, "error": error}),
    });
}

async fn send(webhook: &Webhook, now: i64) -> Result<(u16, String), String> {
    let uri: hyper::Uri = webhook
        .url
        .parse()
        .map_err(|e| format!("{}: {e}", webhook.url))?;
    let host = uri
        .authority()
        .ok_or("the address has no host")?
        .as_str()
        .to_string();
    let address = if host.contains(':') {
        host.clone()
    } else {
        format!("{host}:80")
    };
    let stream = tokio::net::TcpStream::connect(&address)
        .await
        .map_err(|e| e.to_string())?;
    let io = TokioIo::new(stream);
    let (mut sender, connection) = hyper::client::conn::http1::handshake(io)
        .await
        .map_err(|e| e.to_string())?;
    let connection = tokio::spawn(connection);
    let mut request =
        hyper::Request::post(uri.path_and_query().map_or("/", |p| p.as_str())).header("host", host);
    for (name, value) in webhook.headers(now) {
        request = request.header(name, value);
    }
    let body = Full::new(Bytes::from(webhook.body.clone()));
    let request = request.body(body).map_err(|e| e.to_string())?;
    let outcome = async {
        let reply = sender.send_request(request).await?;
        let status = reply.status().as_u16();
        let body = reply.into_body().collect().await?.to_bytes();
        Ok::<_, hyper::Error>((status, String::from_utf8_lossy(&body).into_owned()))
    };
    let outcome = outcome.await.map_err(|e| e.to_string());
    connection.abort();
    outcome
}
