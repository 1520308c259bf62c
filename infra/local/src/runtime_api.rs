//! The Lambda Runtime API as one instance of a function sees it: next, response, error, initialisation error.
//!
//! Each instance has a server of its own, so that who asks is known by the port.

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Path, State};
use axum::http::{Response, StatusCode};
use axum::routing::{get, post};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};

/// What Lambda passes in one invocation, in either direction.
pub const PAYLOAD_LIMIT: usize = 6 * 1024 * 1024;

/// One event on its way to an instance.
pub struct Job {
    pub id: String,
    pub event: Bytes,
    pub deadline: i64,
    pub trace: String,
    /// Told when the instance has asked for the event: initialisation ends here.
    pub taken: oneshot::Sender<()>,
    pub reply: oneshot::Sender<Outcome>,
}

pub enum Outcome {
    Response(Bytes),
    Error { kind: String, message: String },
}

pub struct Runtime {
    arn: String,
    jobs: tokio::sync::Mutex<mpsc::UnboundedReceiver<Job>>,
    current: Mutex<Option<(String, oneshot::Sender<Outcome>)>>,
    /// Why the instance said that it cannot start.
    init_error: Mutex<Option<String>>,
}

impl Runtime {
    pub fn new(arn: String, jobs: mpsc::UnboundedReceiver<Job>) -> Arc<Runtime> {
        let jobs = tokio::sync::Mutex::new(jobs);
        Arc::new(Runtime {
            arn,
            jobs,
            current: Mutex::default(),
            init_error: Mutex::default(),
        })
    }

    pub fn init_error(&self) -> Option<String> {
        self.init_error
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn finish(&self, id: &str, outcome: Outcome) -> bool {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        match current.take_if(|(wanted, _)| wanted == id) {
            None => false,
            Some((_, reply)) => {
                // whoever asked may have given up on the time
                let _ = reply.send(outcome);
                true
            }
        }
    }
}

pub async fn serve(listener: TcpListener, runtime: Arc<Runtime>) -> std::io::Result<()> {
    let router = Router::new()
        .route("/2018-06-01/runtime/invocation/next", get(next))
        .route(
            "/2018-06-01/runtime/invocation/{id}/response",
            post(response),
        )
        .route("/2018-06-01/runtime/invocation/{id}/error", post(error))
        .route("/2018-06-01/runtime/init/error", post(init_error))
        .with_state(runtime);
    axum::serve(listener, router).await
}

type Reply = Response<Body>;

async fn next(State(runtime): State<Arc<Runtime>>) -> Reply {
    let Some(job) = runtime.jobs.lock().await.recv().await else {
        return status(
            StatusCode::GONE,
            json!({ "errorMessage": "the stack is closing" }),
        );
    };
    let reply = Response::builder()
        .header("content-type", "application/json")
        .header("lambda-runtime-aws-request-id", &job.id)
        .header("lambda-runtime-deadline-ms", job.deadline)
        .header("lambda-runtime-invoked-function-arn", &runtime.arn)
        .header("lambda-runtime-trace-id", &job.trace)
        .body(Body::from(job.event));
    *runtime
        .current
        .lock()
        .unwrap_or_else(PoisonError::into_inner) = Some((job.id, job.reply));
    // whoever asked may have given up on the time
    let _ = job.taken.send(());
    reply.unwrap_or_else(|e| {
        status(
            StatusCode::INTERNAL_SERVER_ERROR,
            json!({ "errorMessage": e.to_string() }),
        )
    })
}

async fn response(
    State(runtime): State<Arc<Runtime>>,
    Path(id): Path<String>,
    body: Body,
) -> Reply {
    match to_bytes(body, PAYLOAD_LIMIT).await {
        Ok(bytes) => accepted(runtime.finish(&id, Outcome::Response(bytes))),
        Err(e) => {
            let kind = "Function.ResponseSizeTooLarge".to_owned();
            runtime.finish(
                &id,
                Outcome::Error {
                    kind: kind.clone(),
                    message: e.to_string(),
                },
            );
            status(
                StatusCode::PAYLOAD_TOO_LARGE,
                json!({ "errorType": kind, "errorMessage": e.to_string() }),
            )
        }
    }
}

async fn error(State(runtime): State<Arc<Runtime>>, Path(id): Path<String>, body: Bytes) -> Reply {
    let json: Value = serde_json::from_slice(&body).unwrap_or_default();
    let text = |key: &str| json[key].as_str().unwrap_or_default().to_owned();
    accepted(runtime.finish(
        &id,
        Outcome::Error {
            kind: text("errorType"),
            message: text("errorMessage"),
        },
    ))
}

async fn init_error(State(runtime): State<Arc<Runtime>>, body: Bytes) -> Reply {
    let text = String::from_utf8_lossy(&body).into_owned();
    *runtime
        .init_error
        .lock()
        .unwrap_or_else(PoisonError::into_inner) = Some(text);
    accepted(true)
}

fn accepted(known: bool) -> Reply {
    match known {
        true => status(StatusCode::ACCEPTED, json!({ "status": "OK" })),
        false => {
            let wrong = json!({ "errorType": "InvalidRequestID", "errorMessage": "no such invocation is under way" });
            status(StatusCode::BAD_REQUEST, wrong)
        }
    }
}

fn status(code: StatusCode, body: Value) -> Reply {
    let mut reply = Response::new(Body::from(body.to_string()));
    *reply.status_mut() = code;
    reply
}
