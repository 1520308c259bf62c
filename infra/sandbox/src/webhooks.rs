//! Webhooks on their way to Meridian: queued with the change they tell of, sent in order per
//! vendor, retried at growing gaps of stack time.

use crate::wire::stamp;
use crate::world::World;
use crate::{Shared, lock};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use std::time::Duration;

/// Where an account's webhooks go.
#[derive(Clone)]
pub struct Endpoint {
    pub source: String,
    pub account: String,
    pub url: String,
    pub secret: String,
}

/// Headers that prove a body: made when it is sent, for some cover the time of sending.
pub type Sign = fn(&Webhook, now: i64) -> Vec<(String, String)>;

#[derive(Clone)]
pub struct Webhook {
    pub id: u64,
    pub vendor: &'static str,
    /// Event name, for people who look.
    pub event: String,
    pub url: String,
    pub content_type: &'static str,
    pub body: Vec<u8>,
    pub secret: String,
    pub sign: Sign,
    /// Next attempt; None when there is none left to make.
    pub due: Option<i64>,
    pub sending: bool,
    pub attempts: Vec<Value>,
}

/// Gaps between the attempts, in minutes of stack time: eight attempts at most.
const GAPS: [i64; 7] = [1, 5, 30, 120, 300, 600, 720];
const PATIENCE: Duration = Duration::from_secs(30);

pub struct News<'a> {
    pub vendor: &'static str,
    pub source: &'a str,
    pub account: &'a str,
    pub event: &'a str,
    pub content_type: &'static str,
    pub body: Vec<u8>,
    pub sign: Sign,
}

impl World {
    /// Tells every endpoint of the account.
    pub fn notify(&mut self, news: &News) {
        let hears = |e: &&Endpoint| e.source == news.source && e.account == news.account;
        let endpoints: Vec<_> = self.endpoints.iter().filter(hears).cloned().collect();
        for endpoint in endpoints {
            self.queue(news, endpoint.url, endpoint.secret);
        }
    }

    /// Queues one webhook to one address, under the faults in force.
    pub fn queue(&mut self, news: &News, url: String, secret: String) {
        let late = self.fault_ms(news.vendor, "webhooks:late:").unwrap_or(0);
        let off = self.has_fault(news.vendor, "webhooks:off");
        let copies = 1 + usize::from(self.has_fault(news.vendor, "webhooks:duplicate"));
        for _ in 0..copies {
            let webhook = Webhook {
                id: self.order(),
                vendor: news.vendor,
                event: news.event.to_string(),
                url: url.clone(),
                content_type: news.content_type,
                body: news.body.clone(),
                secret: secret.clone(),
                sign: news.sign,
                due: (!off).then_some(self.now + late),
                sending: false,
                attempts: Vec::new(),
            };
            self.webhooks.push(webhook);
        }
    }

    /// Registers the demo clinic's endpoint for a source.
    pub fn demo_endpoint(&mut self, source: &str, account: &str, secret: &str) {
        let url = format!("{}/{}/{source}", self.webhook_base, self.clinic);
        let (source, account, secret) = (source.into(), account.into(), secret.into());
        self.endpoints.push(Endpoint {
            source,
            account,
            url,
            secret,
        });
    }

    /// The vendor's next webhook that is due: oldest first, newest first under `reorder`.
    fn next_webhook(&mut self, vendor: &str) -> Option<Webhook> {
        let (now, reorder) = (self.now, self.has_fault(vendor, "webhooks:reorder"));
        let due = |w: &&mut Webhook| {
            w.vendor == vendor && !w.sending && w.due.is_some_and(|due| due <= now)
        };
        let mut ready = self.webhooks.iter_mut().filter(due);
        let next = if reorder {
            ready.next_back()
        } else {
            ready.next()
        }?;
        next.sending = true;
        Some(next.clone())
    }

    fn sent(&mut self, id: u64, outcome: Result<(u16, String), String>) {
        let now = self.now;
        let Some(webhook) = self.webhooks.iter_mut().find(|webhook| webhook.id == id) else {
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
}

impl Webhook {
    /// As people see it, with the headers that an attempt at this instant has.
    pub fn shown(&self, now: i64) -> Value {
        json!({
            "id": self.id,
            "vendor": self.vendor,
            "event": self.event,
            "url": self.url,
            "headers": self.headers(now),
            "body": String::from_utf8_lossy(&self.body),
            "due": self.due.map(|due| stamp(due, "%FT%T%.3fZ")),
            "attempts": self.attempts,
        })
    }

    fn headers(&self, now: i64) -> Vec<(String, String)> {
        let mut headers = vec![
            ("content-type".into(), self.content_type.into()),
            ("user-agent".into(), format!("{}-sandbox/1", self.vendor)),
        ];
        headers.extend((self.sign)(self, now));
        headers
    }
}

/// Sends one vendor's webhooks, one at a time, as long as the sandbox lives.
pub async fn pump(shared: Shared, vendor: &'static str) {
    let mut wake = shared.wake.subscribe();
    loop {
        let next = {
            let mut world = lock(&shared);
            let now = (shared.clock)();
            world.advance(now);
            world.next_webhook(vendor).map(|webhook| (webhook, now))
        };
        match next {
            Some((webhook, now)) => {
                let sent = tokio::time::timeout(PATIENCE, send(&webhook, now)).await;
                let outcome = sent.unwrap_or_else(|_| Err("no answer in time".into()));
                lock(&shared).sent(webhook.id, outcome);
            }
            // Meridian time also passes by itself: look again even if nothing wakes us.
            None => {
                let _ = tokio::time::timeout(Duration::from_millis(200), wake.changed()).await;
            }
        }
    }
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
