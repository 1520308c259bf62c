//! The queues' state, on the endpoint's clock.

use super::request::{entries, queue_name, refusal};
use crate::clock::Clock;
use crate::reply::Reply;
use serde::Serialize;
use serde_json::{Value, json};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::sync::Notify;
use winterbaume_sqs::state::{QueueState, SqsError, SqsState};

pub(crate) struct Queues {
    state: Mutex<Timed>,
    pub clock: Clock,
    pub base: String,
    pub sent: Notify,
}

/// The state measures by the machine's clock. Its instants are moved whenever the endpoint's clock
/// leaves the machine's by another distance, so both agree on what is visible.
pub struct Timed {
    pub sqs: SqsState,
    ahead: i64,
}

/// How many messages a queue holds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Depth {
    pub queue: String,
    pub visible: usize,
    pub in_flight: usize,
    pub delayed: usize,
    /// When the next hidden message comes back, in the endpoint's milliseconds.
    pub next_at: Option<i64>,
}

pub type Answer = Result<Value, Reply>;

impl Queues {
    pub fn new(base: String, clock: Clock) -> Queues {
        let ahead = clock() - machine_now();
        let state = Mutex::new(Timed {
            sqs: SqsState::default(),
            ahead,
        });
        Queues {
            state,
            clock,
            base,
            sent: Notify::new(),
        }
    }

    /// Empties every queue; the queues stay.
    pub fn clear(&self) {
        for queue in self.lock().sqs.queues.values_mut() {
            queue.messages.clear();
            queue.deleted_handles.clear();
        }
    }

    pub fn depths(&self) -> Vec<Depth> {
        let now = machine_now();
        let state = self.lock();
        let mut depths: Vec<Depth> = state
            .sqs
            .queues
            .values()
            .map(|queue| {
                let mut depth = counted(queue, now);
                depth.next_at = depth.next_at.map(|at| at + state.ahead);
                depth
            })
            .collect();
        depths.sort_by(|a, b| a.queue.cmp(&b.queue));
        depths
    }

    pub fn on_queue(
        &self,
        request: &Value,
        work: impl FnOnce(&mut SqsState, &str) -> Result<(), SqsError>,
    ) -> Answer {
        work(&mut self.lock().sqs, queue_name(request)?).map_err(|e| refusal(&e))?;
        Ok(json!({}))
    }

    /// Does a batch entry by entry: one that fails does not sink the others.
    pub fn each(&self, request: &Value, work: impl Fn(&Queues, &Value) -> Answer) -> Answer {
        let entries = entries(request)?;
        let name = queue_name(request)?;
        if !self.lock().sqs.queues.contains_key(name) {
            return Err(refusal(&SqsError::NonExistentQueue));
        }
        let (mut successful, mut failed) = (Vec::new(), Vec::new());
        for entry in entries {
            match work(self, entry) {
                Ok(mut done) => {
                    done["Id"] = entry["Id"].clone();
                    successful.push(done);
                }
                Err(refused) => {
                    let (_, code, message) = refused.into_value().err().unwrap_or_default();
                    failed.push(json!({
                        "Id": entry["Id"], "Code": code, "Message": message, "SenderFault": true
                    }));
                }
            }
        }
        Ok(json!({ "Successful": successful, "Failed": failed }))
    }

    /// The state, with its instants moved to where the endpoint's clock now stands.
    pub fn lock(&self) -> MutexGuard<'_, Timed> {
        /// Two clocks are never read at one instant; less than this is no move of the endpoint's.
        const SAME: i64 = 100;
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let ahead = (self.clock)() - machine_now();
        let moved = ahead - state.ahead;
        if moved.abs() > SAME {
            state.ahead = ahead;
            for queue in state.sqs.queues.values_mut() {
                for message in &mut queue.messages {
                    message.visible_at -= moved;
                }
            }
        }
        state
    }
}

pub fn machine_now() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

pub fn counted(queue: &QueueState, now: i64) -> Depth {
    let mut depth = Depth {
        queue: queue.queue.name.clone(),
        visible: 0,
        in_flight: 0,
        delayed: 0,
        next_at: None,
    };
    for message in &queue.messages {
        if message.visible_at <= now {
            depth.visible += 1;
            continue;
        }
        match message.approximate_receive_count {
            0 => depth.delayed += 1,
            _ => depth.in_flight += 1,
        }
        let sooner = depth.next_at.is_none_or(|at| message.visible_at < at);
        if sooner {
            depth.next_at = Some(message.visible_at);
        }
    }
    depth
}
