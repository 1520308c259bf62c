//! Intake: prove the sender of a webhook, queue it, answer as the vendor expects. One AWS call
//! where the secret is warm. Nothing is written before the proof holds, and strangers learn nothing
//! of who is here.

use crate::contract::{self, Account, Answer, CertificateSigned, Delivery, Door, Outcome, Refused};
use crate::domain::task::Queue;
use crate::io::config::{Config, NotConfigured};
use crate::io::lean::web::Web;
use crate::io::lean::{Client, Directory, Queues, Secrets};
use crate::io::queue::{NotSent, Received};
use crate::io::secrets::{self, Fields};
use crate::vendors;
use crate::words::connected;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, TrustAnchor};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Above this a body is refused: as base64 in a message it must stay under SQS's 1 MiB.
pub const LARGEST: usize = 700 * 1024;
/// What is not proven here carries an id or a form; above this it is refused.
const LARGEST_UNPROVEN: usize = 16 * 1024;
/// A certificate with its chain has a tenth of this.
const LARGEST_CERTIFICATE: usize = 64 * 1024;
/// As many certificates are kept: a vendor signs with one, and with two while it changes.
const CERTIFICATES: usize = 4;
/// A certificate that does not prove is fetched once more at most every so many seconds.
const FETCHED_AGAIN: i64 = 20;
/// So many secrets of further accounts (`stripe@north`) that are not known yet are asked for within
/// so many seconds.
const FURTHER: u32 = 10;
const FURTHER_WITHIN: i64 = 10;

/// What intake reaches; less than a [`super::App`], as it must start in milliseconds.
pub struct Intake {
    pub secrets: Secrets,
    pub queues: Queues,
    config: Config,
    directory: Directory,
    /// Those whose chain held, the newest last.
    certificates: Mutex<Vec<Certificate>>,
    /// Since when, in epoch seconds, and how often secrets of accounts were asked for that were not
    /// known.
    further: Mutex<(i64, u32)>,
}

#[derive(Clone)]
struct Certificate {
    address: String,
    pem: Bytes,
    /// When it was last fetched in place of one that did not prove, in epoch seconds.
    again_at: Option<i64>,
}

/// A request on `/webhooks/{clinic}/{source}`.
pub struct Incoming<'a> {
    pub method: &'a str,
    pub clinic: &'a str,
    pub source: &'a str,
    pub path: &'a str,
    pub query: &'a str,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Intake {
    /// What intake does at its start, while Lambda still gives a whole processor; the first webhook
    /// then pays for no handshake.
    pub async fn start() -> Result<Self, NotConfigured> {
        let config = Config::read()?;
        crate::io::lambda::logs(config.log_level);
        let client = Client::new(&config, Duration::from_millis(800));
        tokio::join!(client.warm("sqs"), client.warm("secretsmanager"));
        Ok(Self::new(config, &client))
    }

    pub fn new(config: Config, client: &Client) -> Self {
        Self {
            secrets: Secrets::over(client.clone()),
            queues: Queues::new(client, &config),
            directory: Directory::new(client, &config),
            config,
            certificates: Mutex::default(),
            further: Mutex::default(),
        }
    }

    pub async fn handle(&self, incoming: Incoming<'_>) -> Answer {
        let found = vendors::door(incoming.source);
        let Some(door) = found.filter(|_| is_name(incoming.clinic)) else {
            return nobody();
        };
        match (incoming.method, door.challenge) {
            ("POST", _) => {}
            // A vendor that asks whether somebody is there gets its 200, whoever is there.
            ("GET" | "HEAD", None) => return Answer::of(200, ""),
            ("GET" | "HEAD", Some(_)) => {}
            _ => return Answer::of(405, "POST a webhook here"),
        }
        if incoming.body.len() > LARGEST {
            return Answer::of(413, "a webhook may have 700 KiB");
        }
        let name = connected::beside(door.vendor, incoming.source);
        let name = secrets::inbound(incoming.clinic, &name);
        let current = match self.secret(incoming.clinic, &name).await {
            Ok(Some(fields)) => fields,
            Ok(None) => return nobody(),
            Err(why) => return later(&why.to_string()),
        };
        let (clinic, source) = (incoming.clinic, incoming.source);
        let delivery = self.delivery(incoming, &current);
        if let (Some(challenge), "GET" | "HEAD") = (door.challenge, &*delivery.method) {
            return match Account::load(&[], (*current).clone()) {
                Ok(account) => challenge(&delivery, &account),
                Err(_) => nobody(),
            };
        }
        match self.prove(door, &delivery, &name, &current).await {
            Ok(false) if delivery.body.len() > LARGEST_UNPROVEN => {
                Answer::of(413, "what is not signed may have 16 KiB")
            }
            Ok(proven) => {
                let answer = Account::load(&[], (*current).clone());
                let answer = answer.map(|account| (door.answer)(&delivery, &account));
                match self.queue((clinic, source), door, delivery, proven).await {
                    Ok(()) => answer.unwrap_or_else(|_| Answer::of(200, "")),
                    Err(why) => later(&why.to_string()),
                }
            }
            Err(Refused::Later(why)) => later(&why),
            Err(why) => {
                tracing::info!(event = "webhook_refused", source, ?why);
                Answer::of(door.refused, "")
            }
        }
    }

    /// The delivery as the vendor signed it, at the address that it was told.
    fn delivery(&self, incoming: Incoming<'_>, fields: &Fields) -> Delivery {
        let base = fields.get("public_url").unwrap_or(&self.config.public_url);
        let mut url = format!("{}{}", base.trim_end_matches('/'), incoming.path);
        if !incoming.query.is_empty() {
            url = format!("{url}?{}", incoming.query);
        }
        Delivery {
            method: incoming.method.into(),
            headers: incoming.headers,
            body: incoming.body,
            url,
            received_at: crate::io::clock::now().as_second(),
        }
    }

    /// The inbound secret. Of clinics that are not there a few are asked for, and then none.
    async fn secret(
        &self,
        clinic: &str,
        name: &str,
    ) -> Result<Option<Arc<Fields>>, secrets::Unavailable> {
        let known = self.secrets.is_known(name);
        if !known && self.directory.lacks(clinic) {
            return Ok(None);
        }
        let costs = !known && !self.secrets.is_remembered(name);
        if costs && name.contains('@') && !self.may_ask() {
            let why = "too many accounts that are not known were named just now";
            return Err(secrets::Unavailable(why.into()));
        }
        let found = self.secrets.current(name).await?;
        if found.is_none() {
            Box::pin(self.directory.look(clinic)).await;
        }
        Ok(found)
    }

    /// Whether the secret of a further account may be asked for that is not known yet. Whoever makes
    /// names up pays for none of them: so many within a while, and the others come again.
    fn may_ask(&self) -> bool {
        let now = crate::io::clock::now().as_second();
        let mut asked = self.further.lock().unwrap_or_else(PoisonError::into_inner);
        let (since, times) = *asked;
        let over = !(0..FURTHER_WITHIN).contains(&(now - since));
        *asked = if over { (now, 1) } else { (since, times + 1) };
        asked.1 <= FURTHER
    }

    async fn queue(
        &self,
        (clinic, source): (&str, &str),
        door: &Door,
        delivery: Delivery,
        proven: bool,
    ) -> Result<(), NotSent> {
        let kept = |name: &str| name == "content-type" || door.keeps.contains(&name);
        let received = Received {
            clinic: clinic.into(),
            source: source.into(),
            proven,
            received_at: delivery.received_at,
            url: delivery.url,
            // The content type tells the character set of a form.
            headers: delivery
                .headers
                .into_iter()
                .filter(|(name, _)| kept(name))
                .collect(),
            sha256: contract::body_hash(&delivery.body),
            body: BASE64_STANDARD.encode(&delivery.body),
            replays: None,
            again: false,
        };
        // What strangers can send must never stand before what is proven.
        let queue = match proven {
            true => Queue::Events,
            false => Queue::Unproven,
        };
        self.queues.send(queue, &received).await?;
        tracing::info!(
            event = "webhook_received",
            clinic = received.clinic,
            source = received.source
        );
        Ok(())
    }

    /// Whether the sender is proven here (`true`), or posting must ask the vendor (`false`).
    async fn prove(
        &self,
        door: &Door,
        delivery: &Delivery,
        name: &str,
        current: &Arc<Fields>,
    ) -> Result<bool, Refused> {
        let first = self.prove_with(door, delivery, current).await;
        if !matches!(first, Err(Refused::Forged)) {
            return first;
        }
        // The secret may have been rotated since it was cached, or its former value may still sign.
        let later = |why: secrets::Unavailable| Refused::Later(why.to_string());
        if let Some(fresh) = self.secrets.refreshed(name).await.map_err(later)?
            && fresh != *current
            && let Ok(proven) = self.prove_with(door, delivery, &fresh).await
        {
            return Ok(proven);
        }
        match self.secrets.former(name).await.map_err(later)? {
            Some(previous) => self.prove_with(door, delivery, &previous).await,
            None => first,
        }
    }

    async fn prove_with(
        &self,
        door: &Door,
        delivery: &Delivery,
        fields: &Fields,
    ) -> Result<bool, Refused> {
        let account = Account::load(&[], fields.clone()).map_err(|_| Refused::Forged)?;
        match contract::prove(door, delivery, &account)? {
            Outcome::Proven | Outcome::Items(_) => Ok(true),
            Outcome::NeedsVendor => Ok(false),
            Outcome::NeedsCertificate(signed) => {
                let proof = self.prove_certificate(door, &signed, delivery.received_at);
                Box::pin(proof).await
            }
        }
    }

    async fn prove_certificate(
        &self,
        door: &Door,
        signed: &CertificateSigned,
        at: i64,
    ) -> Result<bool, Refused> {
        let mut roots = trust_anchors(signed.roots);
        roots.extend(trust_anchors(&self.config.local.roots()));
        let address = &signed.certificate_url;
        let kept = self
            .certificates()
            .iter()
            .find(|kept| kept.address == *address)
            .cloned();
        if let Some(kept) = &kept {
            let proof = contract::prove_certificate(signed, &kept.pem, &roots, at);
            let recently = kept
                .again_at
                .is_some_and(|again| (0..FETCHED_AGAIN).contains(&(at - again)));
            if proof.is_ok() || recently {
                return proof.map(|()| true);
            }
        }
        let pem = self.fetched(door.vendor, signed).await?;
        contract::is_certified(signed, &pem, &roots, at)?;
        let proof = contract::prove_certificate(signed, &pem, &roots, at);
        self.keep(Certificate {
            address: address.clone(),
            pem,
            again_at: kept.map(|_| at),
        });
        proof.map(|()| true)
    }

    /// Keeps a certificate whose chain held. An address is part of an unproven request: nobody may
    /// fill the memory with them.
    fn keep(&self, certificate: Certificate) {
        let mut kept = self.certificates();
        kept.retain(|other| other.address != certificate.address);
        if kept.len() >= CERTIFICATES {
            kept.remove(0);
        }
        kept.push(certificate);
    }

    fn certificates(&self) -> std::sync::MutexGuard<'_, Vec<Certificate>> {
        self.certificates
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// What stands at an address whose host and path were checked.
    async fn fetched(&self, vendor: &str, signed: &CertificateSigned) -> Result<Bytes, Refused> {
        let address = &signed.certificate_url;
        let unreachable =
            |why: String| Refused::Later(format!("the certificate cannot be fetched: {why}"));
        let asked = match (self.config.local.base(vendor), url::Url::parse(address)) {
            (Some(base), Ok(url)) => format!("{}{}", base.trim_end_matches('/'), url.path()),
            _ => address.clone(),
        };
        let at = http::Uri::try_from(asked).map_err(|why| unreachable(why.to_string()))?;
        let path = at.path_and_query().map_or("/", |path| path.as_str());
        let request = http::Request::get(path).body(Default::default());
        let request = request.map_err(|why| unreachable(why.to_string()))?;
        let within = self.config.vendor_timeout;
        let local = &self.config.local;
        let web = Web::new(&[signed.roots, &local.roots()], LARGEST_CERTIFICATE);
        let reply = web.exchange(&at, request, within).await;
        let (head, pem) = reply.map_err(unreachable)?.into_parts();
        match head.status.as_u16() {
            200 => Ok(pem),
            status => Err(unreachable(format!("status {status}"))),
        }
    }
}

/// Roots as webpki wants them. What cannot be read is left out: it then proves nothing.
fn trust_anchors(pem: &[u8]) -> Vec<TrustAnchor<'static>> {
    CertificateDer::pem_slice_iter(pem)
        .filter_map(Result::ok)
        .filter_map(|der| {
            webpki::anchor_from_trusted_cert(&der)
                .ok()
                .map(|a| a.to_owned())
        })
        .collect()
}

/// Whether a path segment can be the name of a clinic.
pub fn is_name(text: &str) -> bool {
    let letters = text
        .bytes()
        .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    letters && (1..=40).contains(&text.len()) && !text.starts_with('-')
}

/// One answer for every clinic or source that is not there, is not connected, or never was.
fn nobody() -> Answer {
    Answer::of(404, "unknown clinic or source")
}

/// We cannot judge it now: every vendor sends again after a 503.
fn later(why: &str) -> Answer {
    tracing::warn!(why, "a webhook is put off");
    Answer::of(503, "")
}
