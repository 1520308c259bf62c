//! The stack's one listener: vendors' stand-in, local control, and all else through the HTTP API.
//!
//! Served by hand rather than by the framework, because a cut has to close the connection without a byte.

use crate::vendors::{self, Cut};
use crate::{control, local_stack::LocalStack};
use axum::body::Body;
use axum::http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::sync::Arc;
use tokio::net::TcpListener;
use tower::ServiceExt;

pub async fn serve(listener: TcpListener, stack: Arc<LocalStack>) {
    let control = control::router(stack.clone());
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // out of sockets for the moment
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            continue;
        };
        // small answers must not wait for more
        let _ = stream.set_nodelay(true);
        let (stack, control) = (stack.clone(), control.clone());
        tokio::spawn(async move {
            let service =
                service_fn(move |request| answer(request, stack.clone(), control.clone()));
            // a connection that breaks is the client's affair, and a cut is meant
            let _ = http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

async fn answer(
    request: Request<Incoming>,
    stack: Arc<LocalStack>,
    control: axum::Router,
) -> Result<Response<Body>, std::io::Error> {
    let request = request.map(Body::new);
    let path = request.uri().path();
    let response = if path.starts_with(vendors::PREFIX) {
        stack.vendors.answer(request).await
    } else if path == "/" || path == "/_local" || path.starts_with("/_local/") {
        match control.oneshot(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        }
    } else {
        stack.http_api.answer(request).await
    };
    match response.extensions().get::<Cut>() {
        Some(Cut) => Err(std::io::Error::other("cut")),
        None => Ok(response),
    }
}
