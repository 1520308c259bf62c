//! HTTP/1.1 as intake asks AWS's JSON services and for a vendor's certificate: few roots, open
//! connections kept, no proxy. hyper speaks the protocol. A connection is driven by the task that
//! asks over it, not by one of its own: on one core every task more is woken in turn.

use crate::io::aws::CONNECT;
use bytes::Bytes;
use futures::FutureExt;
use futures::future::{Either, select};
use http::header::{HOST, HeaderValue};
use http::{Request, Response, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1::{self, Connection, SendRequest};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder, MaybeHttpsStream};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioIo;
use rustls::RootCertStore;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use std::error::Error;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep_until, timeout_at};
use tower_service::Service;

type Body = Full<Bytes>;
type Stream = MaybeHttpsStream<TokioIo<TcpStream>>;

pub struct Web {
    connector: HttpsConnector<HttpConnector>,
    idle: Mutex<Vec<Open>>,
    /// The most bytes that a reply may have.
    largest: usize,
}

/// A connection between two exchanges.
struct Open {
    origin: Uri,
    sender: SendRequest<Body>,
    wire: Connection<Stream, Body>,
    /// When the exchange is given up. It is kept, as to put off a timer that still runs is cheap,
    /// and a new one wakes the runtime's driver.
    deadline: Pin<Box<Sleep>>,
}

impl Open {
    async fn exchange(
        &mut self,
        request: Request<Body>,
        by: Instant,
        largest: usize,
    ) -> Result<Response<Bytes>, String> {
        self.deadline.as_mut().reset(by);
        let reply = pin!(async {
            let reply = self.sender.send_request(request).await;
            let (head, body) = reply.map_err(|why| described(&why))?.into_parts();
            let body = Limited::new(body, largest).collect().await;
            let body = body.map_err(|why| described(&*why))?.to_bytes();
            Ok(Response::from_parts(head, body))
        });
        let driven = select(&mut self.wire, reply);
        match select(driven, self.deadline.as_mut()).await {
            Either::Left((Either::Right((reply, _)), _)) => reply,
            // The connection may end with the reply, or instead of it.
            Either::Left((Either::Left((ended, reply)), _)) => match reply.now_or_never() {
                Some(reply) => reply,
                None => Err(ended.map_or_else(|why| described(&why), |()| "cut off".into())),
            },
            Either::Right(_) => Err("too slow".into()),
        }
    }
}

impl Web {
    /// Trusts these roots (PEM). A reply above `largest` bytes is given up.
    pub fn new(roots: &[&[u8]], largest: usize) -> Self {
        let mut trusted = RootCertStore::empty();
        for pem in roots {
            let certificates = CertificateDer::pem_slice_iter(pem).filter_map(Result::ok);
            trusted.add_parsable_certificates(certificates);
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("ring knows TLS 1.2 and 1.3")
            .with_root_certificates(trusted)
            .with_no_client_auth();
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(CONNECT));
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp);
        Self {
            connector,
            idle: Mutex::default(),
            largest,
        }
    }

    /// Asks the host at `origin` and reads all of its reply. The request's address is a path.
    /// Without a whole reply in time the connection is dropped, and the request may have acted.
    pub async fn exchange(
        &self,
        origin: &Uri,
        mut request: Request<Body>,
        within: Duration,
    ) -> Result<Response<Bytes>, String> {
        let by = Instant::now() + within;
        request.headers_mut().insert(HOST, host(origin)?);
        let mut open = match self.kept(origin) {
            Some(open) => open,
            // On the heap, as it is large and seldom there.
            None => Box::pin(self.open(origin, by)).await?,
        };
        let reply = open.exchange(request, by, self.largest).await?;
        if !open.sender.is_closed() {
            self.idle().push(open);
        }
        Ok(reply)
    }

    /// A connection that is still open: one that the other side closed says so when looked at.
    fn kept(&self, origin: &Uri) -> Option<Open> {
        loop {
            let mut idle = self.idle();
            let at = idle.iter().rposition(|open| open.origin == *origin)?;
            let mut open = idle.swap_remove(at);
            drop(idle);
            if (&mut open.wire).now_or_never().is_none() && open.sender.is_ready() {
                return Some(open);
            }
        }
    }

    async fn open(&self, origin: &Uri, by: Instant) -> Result<Open, String> {
        let connect = async {
            let stream = self.connector.clone().call(origin.clone()).await;
            let stream = stream.map_err(|why| described(&*why))?;
            let connected = http1::handshake(stream).await;
            connected.map_err(|why| described(&why))
        };
        let opened = timeout_at(by, connect).await;
        let (sender, wire) = opened.map_err(|_| "too slow to connect")??;
        Ok(Open {
            origin: origin.clone(),
            sender,
            wire,
            deadline: Box::pin(sleep_until(by)),
        })
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Open>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The header `Host`, as signatures cover it: without the scheme's own port.
fn host(origin: &Uri) -> Result<HeaderValue, String> {
    let host = match (origin.scheme_str(), origin.port_u16()) {
        (Some("http"), Some(80)) | (Some("https"), Some(443)) => origin.host(),
        _ => origin.authority().map(|authority| authority.as_str()),
    };
    HeaderValue::from_str(host.unwrap_or_default()).map_err(|why| why.to_string())
}

/// An error and what is behind it, which says what happened where the error only says where.
fn described(why: &(dyn Error + 'static)) -> String {
    match why.source() {
        Some(source) => format!("{why}: {source}"),
        None => why.to_string(),
    }
}
