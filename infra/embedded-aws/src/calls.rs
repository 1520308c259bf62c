//! The ordered log of the calls that came through the endpoint.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A long session keeps its newest calls.
const KEPT: usize = 100_000;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Call {
    pub seq: u64,
    /// The access key id: `LOCAL.<function>.<n>` for a function's instance.
    pub caller: String,
    pub service: String,
    pub operation: String,
    pub request: Value,
    /// 0 while no reply was sent: under way, or cut.
    pub status: u16,
    /// The endpoint's time at arrival, in milliseconds.
    pub at: i64,
}

#[derive(Default)]
pub(crate) struct Log(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    next: u64,
    calls: VecDeque<Call>,
}

impl Log {
    pub fn arrived(
        &self,
        caller: &str,
        service: &str,
        operation: &str,
        mut request: Value,
        at: i64,
    ) -> u64 {
        hide_secrets(&mut request);
        let mut log = self.lock();
        let seq = log.next;
        log.next += 1;
        if log.calls.len() == KEPT {
            log.calls.pop_front();
        }
        log.calls.push_back(Call {
            seq,
            caller: caller.to_owned(),
            service: service.to_owned(),
            operation: operation.to_owned(),
            request,
            status: 0,
            at,
        });
        seq
    }

    pub fn answered(&self, seq: u64, status: u16) {
        let mut log = self.lock();
        let Some(first) = log.calls.front().map(|c| c.seq) else {
            return;
        };
        let place = seq.checked_sub(first).and_then(|n| usize::try_from(n).ok());
        if let Some(call) = place.and_then(|n| log.calls.get_mut(n)) {
            call.status = status;
        }
    }

    pub fn all(&self) -> Vec<Call> {
        self.lock().calls.iter().cloned().collect()
    }

    pub fn clear(&self) {
        self.lock().calls.clear();
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A log is read by people: it names a secret, never its value.
fn hide_secrets(request: &mut Value) {
    for field in ["SecretString", "SecretBinary"] {
        if let Some(secret) = request.get_mut(field) {
            *secret = Value::from("(hidden)");
        }
    }
}
