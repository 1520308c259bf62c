//! Local control under `/_local`, and the index at `/`: clock, schedules, quiet, records, faults, hosts, outbox, reset.

use crate::clock::stamp;
use crate::demo;
use crate::help;
use crate::local_stack::LocalStack;
use crate::quiet::Rest;
use crate::time::Stuck;
use crate::vendors::Fault;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

type Shared = State<Arc<LocalStack>>;

pub fn router(stack: Arc<LocalStack>) -> Router {
    Router::new()
        .route("/", get(index))
        .route("/_local", get(help))
        .route("/_local/", get(help))
        .route("/_local/clock", get(clock).post(move_clock))
        .route("/_local/fire/{name}", post(fire))
        .route("/_local/quiet", get(quiet))
        .route("/_local/calls", get(calls).delete(forget_calls))
        .route("/_local/aws-calls", get(aws_calls).delete(forget_aws_calls))
        .route(
            "/_local/faults",
            get(faults).put(set_faults).delete(lift_faults),
        )
        .route("/_local/hosts", get(hosts).put(set_hosts))
        .route("/_local/outbox", get(outbox))
        .route("/_local/instances", get(instances).delete(end_instances))
        .route("/_local/reset", post(reset))
        .fallback(async || refused(StatusCode::NOT_FOUND, "GET /_local says what there is"))
        .with_state(stack)
}

fn refused(status: StatusCode, why: impl Into<String>) -> Response {
    (status, Json(json!({ "error": why.into() }))).into_response()
}

/// The page for people, and the same as text for scripts.
async fn index(State(stack): Shared) -> Response {
    axum::response::Html(crate::index::page(&stack).await).into_response()
}

async fn help(State(stack): Shared) -> String {
    let (help, vendors) = (help::text(), stack.sandbox.base(""));
    format!("{help}\nThey are at {vendors}\n")
}

async fn clock(State(stack): Shared) -> Json<Value> {
    Json(json!({ "now": stamp(stack.clock.now()), "offset_ms": stack.clock.offset() }))
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Move {
    Set(jiff::Timestamp),
    Advance(Value),
}

async fn move_clock(State(stack): Shared, body: Json<Value>) -> Response {
    let target = match serde_json::from_value(body.0) {
        Ok(Move::Set(at)) => at.as_millisecond(),
        Ok(Move::Advance(by)) => match millis(&by) {
            Some(by) => stack.clock.now() + by,
            None => {
                return refused(
                    StatusCode::BAD_REQUEST,
                    "advance wants seconds or a duration such as PT48H",
                );
            }
        },
        Err(e) => {
            return refused(
                StatusCode::BAD_REQUEST,
                format!("{{\"set\": ...}} or {{\"advance\": ...}}: {e}"),
            );
        }
    };
    match stack.move_to(target).await {
        Ok(()) => clock(State(stack)).await.into_response(),
        Err(Stuck::Broken(why)) => refused(StatusCode::INTERNAL_SERVER_ERROR, why),
        Err(Stuck::At(at, moving)) => {
            let stuck = json!({ "error": "did not come to rest", "at": stamp(at), "moving": moving.json() });
            (StatusCode::GATEWAY_TIMEOUT, Json(stuck)).into_response()
        }
    }
}

fn millis(by: &Value) -> Option<i64> {
    if let Some(seconds) = by.as_i64() {
        return seconds.checked_mul(1000);
    }
    let span: jiff::Span = by.as_str()?.parse().ok()?;
    let duration = span
        .to_duration(jiff::SpanRelativeTo::days_are_24_hours())
        .ok()?;
    i64::try_from(duration.as_millis()).ok()
}

async fn fire(State(stack): Shared, Path(name): Path<String>) -> Response {
    match stack.fire_named(&name).await {
        None => refused(
            StatusCode::NOT_FOUND,
            format!("`{name}` is no schedule and no function"),
        ),
        Some(Err(failure)) => refused(StatusCode::BAD_GATEWAY, failure.to_string()),
        Some(Ok(bytes)) => {
            let text = || json!(String::from_utf8_lossy(&bytes));
            Json(json!({ "result": serde_json::from_slice(&bytes).unwrap_or_else(|_| text()) }))
                .into_response()
        }
    }
}

#[derive(Deserialize)]
struct Wait {
    timeout: Option<f64>,
}

async fn quiet(State(stack): Shared, wait: Query<Wait>) -> Response {
    let limit = Duration::try_from_secs_f64(wait.timeout.unwrap_or(30.0)).unwrap_or_default();
    match stack.wait_for(Rest::Quiet, limit).await {
        Ok(()) => Json(json!({ "quiet": true })).into_response(),
        Err(moving) => (
            StatusCode::GATEWAY_TIMEOUT,
            Json(json!({ "quiet": false, "moving": moving.json() })),
        )
            .into_response(),
    }
}

#[derive(Deserialize)]
struct Which {
    vendor: Option<String>,
    since: Option<u64>,
}

async fn calls(State(stack): Shared, which: Query<Which>) -> Json<Value> {
    Json(json!(
        stack
            .vendors
            .calls(which.vendor.as_deref(), which.since.unwrap_or(0))
    ))
}

async fn forget_calls(State(stack): Shared) -> StatusCode {
    stack.vendors.forget_calls();
    StatusCode::NO_CONTENT
}

async fn aws_calls(State(stack): Shared, which: Query<Which>) -> Json<Value> {
    let mut calls = stack.aws.calls();
    if let Some(since) = which.since {
        calls.retain(|call| call.seq > since);
    }
    Json(json!(calls))
}

async fn forget_aws_calls(State(stack): Shared) -> StatusCode {
    stack.aws.reset_calls();
    StatusCode::NO_CONTENT
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct Faults {
    aws: Vec<meridian_embedded_aws::Fault>,
    vendors: Vec<Fault>,
}

async fn faults(State(stack): Shared) -> Json<Value> {
    Json(json!({ "aws": stack.aws.faults(), "vendors": stack.vendors.faults() }))
}

async fn set_faults(State(stack): Shared, body: Json<Value>) -> Response {
    let wanted: Faults = match serde_json::from_value(body.0) {
        Ok(wanted) => wanted,
        Err(e) => return refused(StatusCode::BAD_REQUEST, e.to_string()),
    };
    let of_aws = wanted.aws.iter().map(|fault| &fault.function);
    let of_vendors = wanted.vendors.iter().map(|fault| &fault.function);
    let runs = |function: &&String| stack.pools.iter().any(|pool| pool.name() == *function);
    if let Some(unknown) = of_aws.chain(of_vendors).flatten().find(|f| !runs(f)) {
        let why = format!("`{unknown}` is no function that runs here");
        return refused(StatusCode::BAD_REQUEST, why);
    }
    if let Err(why) = stack.vendors.set_faults(wanted.vendors) {
        return refused(StatusCode::BAD_REQUEST, why);
    }
    stack.aws.set_faults(wanted.aws);
    faults(State(stack)).await.into_response()
}

async fn lift_faults(State(stack): Shared) -> Response {
    set_faults(State(stack), Json(json!({}))).await
}

async fn hosts(State(stack): Shared) -> Json<Value> {
    Json(json!(stack.vendors.hosts()))
}

async fn set_hosts(State(stack): Shared, body: Json<BTreeMap<String, Option<String>>>) -> Response {
    match stack.vendors.set_hosts(body.0) {
        Ok(()) => hosts(State(stack)).await.into_response(),
        Err(why) => refused(StatusCode::BAD_REQUEST, why),
    }
}

async fn outbox(State(stack): Shared) -> Json<Value> {
    Json(json!(stack.sandbox.outbox()))
}

async fn instances(State(stack): Shared) -> Json<Value> {
    Json(json!(stack.instances()))
}

/// The next call of each function meets a cold process, which remembers nothing.
async fn end_instances(State(stack): Shared) -> StatusCode {
    stack.stop_instances().await;
    StatusCode::NO_CONTENT
}

async fn reset(State(stack): Shared) -> Response {
    if let Err(why) = stack.reset().await {
        return refused(StatusCode::INTERNAL_SERVER_ERROR, why);
    }
    match demo::seed(&stack).await {
        Ok(ready) => Json(ready.json(&stack)).into_response(),
        Err(why) => refused(StatusCode::INTERNAL_SERVER_ERROR, why),
    }
}

#[cfg(test)]
mod tests {
    use crate::help::HELP;
    use crate::vendors::Action;

    #[test]
    fn the_help_names_every_route_and_only_faults_that_there_are() {
        for line in include_str!("control.rs").lines() {
            let Some((_, rest)) = line.split_once("\"/_local/") else {
                continue;
            };
            let route = rest.split(['"', '{']).next().unwrap_or_default();
            assert!(HELP.contains(&format!("/_local/{route}")), "{route}");
        }
        let (_, faults) = HELP.split_once("vendor actions").expect("their list");
        let (faults, _) = faults.split_once("aws actions").expect("another list");
        for fault in faults.split_whitespace().filter(|word| *word != "|") {
            let fault = fault.replace("MS", "5000").replace("CODE", "503");
            assert!(Action::parse(&fault).is_ok(), "{fault}");
        }
    }
}
