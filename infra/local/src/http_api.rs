//! The HTTP API in front of the functions: routes of the template, payload format 2.0, API Gateway's own answers.

mod event;
mod response;
mod routes;

use crate::activity::Activity;
use crate::instances::{Failure, Pool};
use crate::template::Throttle;
use axum::body::{Body, to_bytes};
use axum::http::{Request, Response, StatusCode};
use bytes::Bytes;
use event::event;
use response::{closing, failed, message, response};
use routes::{Segment, Variables, matched, segments};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

const BODY_LIMIT: usize = 10 * 1024 * 1024;

pub struct HttpApi {
    routes: Vec<Served>,
    throttle: Option<(Throttle, Mutex<(f64, Instant)>)>,
    activity: Activity,
    closed: AtomicBool,
}

struct Served {
    method: String,
    path: String,
    segments: Vec<Segment>,
    timeout: Duration,
    pool: Arc<Pool>,
}

impl HttpApi {
    pub fn new(pools: &[Arc<Pool>], throttle: Option<Throttle>, activity: Activity) -> HttpApi {
        let served = |pool: &Arc<Pool>| {
            let routes = pool.function.routes.iter().map(|route| Served {
                method: route.method.clone(),
                path: route.path.clone(),
                segments: segments(&route.path),
                timeout: route.timeout,
                pool: pool.clone(),
            });
            routes.collect::<Vec<_>>()
        };
        HttpApi {
            routes: pools.iter().flat_map(served).collect(),
            throttle: throttle.map(|t| (t, Mutex::new((t.burst, Instant::now())))),
            activity,
            closed: AtomicBool::new(false),
        }
    }

    /// No request passes any more. Those that did show as activity until they are answered.
    pub fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
    }

    pub fn open(&self) {
        self.closed.store(false, Ordering::SeqCst);
    }

    pub async fn answer(&self, request: Request<Body>) -> Response<Body> {
        let (head, body) = request.into_parts();
        let path = head.uri.path();
        let Some((route, variables)) = self.route(head.method.as_str(), path) else {
            return message(StatusCode::NOT_FOUND, "Not Found");
        };
        if !self.permits() {
            return message(StatusCode::TOO_MANY_REQUESTS, "Too Many Requests");
        }
        let Ok(body) = to_bytes(body, BODY_LIMIT).await else {
            return message(StatusCode::PAYLOAD_TOO_LARGE, "Request Entity Too Large");
        };
        // begun before the look at the door: who shuts it and then sees no activity left nobody inside
        let _inside = self.activity.begin();
        if self.closed.load(Ordering::SeqCst) {
            return closing();
        }
        let query = head.uri.query().unwrap_or_default();
        let event = event(
            &format!("{} {}", route.method, route.path),
            &variables,
            head.method.as_str(),
            path,
            query,
            &head.headers,
            &body,
        );
        let invoked = route.pool.invoke(Bytes::from(event.to_string()));
        // the invocation itself goes on: the gateway only stops waiting
        match tokio::time::timeout(route.timeout, invoked).await {
            Err(_) => message(StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable"),
            Ok(Err(Failure::TooLarge)) => {
                message(StatusCode::PAYLOAD_TOO_LARGE, "Request Entity Too Large")
            }
            Ok(Err(_)) => failed(),
            Ok(Ok(payload)) => response(&payload).unwrap_or_else(failed),
        }
    }

    /// The closest route: literal before variable before greedy, the method itself before ANY.
    fn route(&self, method: &str, path: &str) -> Option<(&Served, Variables)> {
        let fitting = self
            .routes
            .iter()
            .filter(|route| route.method == method || route.method == "ANY");
        let matched = fitting.filter_map(|route| Some((route, matched(&route.segments, path)?)));
        matched.min_by_key(|(route, _)| {
            let rank = |segment: &Segment| match segment {
                Segment::Literal(_) => 0,
                Segment::Variable(_) => 1,
                Segment::Greedy(_) => 2,
            };
            let greedy = matches!(route.segments.last(), Some(Segment::Greedy(_)));
            (
                greedy,
                route.segments.iter().map(rank).collect::<Vec<_>>(),
                route.method == "ANY",
            )
        })
    }

    /// The token bucket of the default route settings.
    fn permits(&self) -> bool {
        let Some((throttle, bucket)) = &self.throttle else {
            return true;
        };
        let mut bucket = bucket.lock().unwrap_or_else(PoisonError::into_inner);
        let (tokens, since) = *bucket;
        let refilled =
            (tokens + since.elapsed().as_secs_f64() * throttle.per_second).min(throttle.burst);
        let permitted = refilled >= 1.0;
        *bucket = (
            if permitted { refilled - 1.0 } else { refilled },
            Instant::now(),
        );
        permitted
    }
}
