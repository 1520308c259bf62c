//! Quiet: no message waits or is in flight, no row is overdue, no function runs, no webhook is on its way.

use crate::clock::stamp;
use crate::local_stack::{DueRow, DueWhen, LocalStack};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Rows that are still overdue after so many firings will not go by themselves.
const FIRINGS: usize = 20;
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// What is still moving.
#[derive(Default)]
pub struct Moving {
    running: usize,
    /// By queue: messages that a function could take now.
    waiting: BTreeMap<String, usize>,
    /// Messages that come back by themselves, and the first instant of it.
    hidden: usize,
    hidden_until: Option<i64>,
    overdue: Vec<DueRow>,
    webhooks: usize,
}

/// How far things have to come to rest.
#[derive(Clone, Copy, PartialEq)]
pub enum Rest {
    /// Nothing is left to do.
    Quiet,
    /// Nothing happens before the clock moves: messages may wait for their visibility timeout.
    UntilTheClockMoves,
}

impl Moving {
    /// Nothing happens now; only time can make something of it.
    fn is_still(&self, now: i64) -> bool {
        let hidden = self.hidden == 0 || self.hidden_until.is_some_and(|at| at > now);
        self.running == 0 && self.waiting.is_empty() && self.webhooks == 0 && hidden
    }

    pub fn holds_messages(&self) -> bool {
        self.hidden > 0 || !self.waiting.is_empty()
    }

    pub fn json(&self) -> Value {
        json!({
            "functions_running": self.running,
            "messages_waiting": self.waiting,
            "messages_hidden": self.hidden,
            "next_message_back_at": self.hidden_until.map(stamp),
            "overdue": self.overdue.iter().map(|row| json!({ "row": row.key, "due_at": stamp(row.due_at) })).collect::<Vec<_>>(),
            "webhooks_waiting": self.webhooks,
        })
    }
}

impl LocalStack {
    async fn moving(&self) -> Result<Moving, String> {
        let mut moving = Moving {
            running: self.activity.seen().running,
            ..Moving::default()
        };
        let polled = |name: &str| self.pollers.iter().any(|poller| poller.queue.name == name);
        for depth in self
            .aws
            .depths()
            .into_iter()
            .filter(|depth| polled(&depth.queue))
        {
            if depth.visible > 0 {
                moving.waiting.insert(depth.queue, depth.visible);
            }
            moving.hidden += depth.in_flight + depth.delayed;
            moving.hidden_until = moving.hidden_until.into_iter().chain(depth.next_at).min();
        }
        moving.webhooks = self.sandbox.webhooks_waiting();
        moving.overdue = self.due_rows(DueWhen::UpTo(self.clock.now()), 10).await?;
        Ok(moving)
    }

    /// Waits for rest; what is overdue while nothing moves is looked after by firing what comes each minute.
    pub async fn wait_for(&self, rest: Rest, limit: Duration) -> Result<(), Moving> {
        let deadline = Instant::now() + limit;
        let mut changes = self.activity.changes();
        let mut fired_for = (Vec::new(), 0);
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let (moving, is_still) = match self.look_twice().await {
                Ok(looked) => looked,
                Err(reason) => {
                    self.log
                        .line("stack", &format!("the table cannot be read: {reason}"));
                    return Err(Moving::default());
                }
            };
            if is_still && moving.overdue.is_empty() {
                if rest == Rest::UntilTheClockMoves || moving.hidden == 0 {
                    return Ok(());
                }
                let millis = i64::try_from(left.as_millis()).unwrap_or(i64::MAX);
                let end = self.clock.now().saturating_add(millis);
                if moving.hidden_until.is_some_and(|at| at > end) {
                    // nothing will happen in the time that is left
                    return Err(moving);
                }
            }
            if left.is_zero() {
                return Err(moving);
            }
            if is_still && !moving.overdue.is_empty() {
                if fired_for.0 == moving.overdue {
                    fired_for.1 += 1;
                } else {
                    fired_for = (moving.overdue.clone(), 1);
                }
                if fired_for.1 > FIRINGS {
                    return Err(moving);
                }
                self.fire_each_minute().await;
            }
            if self
                .sandbox
                .next_due()
                .is_some_and(|at| at <= self.clock.now())
            {
                self.sandbox.tick().await;
            }
            changes.mark_unchanged();
            // nothing may change for long, so that only the time wakes this
            let _ = tokio::time::timeout(LOOK_AGAIN, changes.changed()).await;
        }
    }

    /// Stillness is believed at the second look: a message on its way from its queue to its function
    /// shows in neither for a moment.
    async fn look_twice(&self) -> Result<(Moving, bool), String> {
        let before = self.activity.seen().generation;
        let moving = self.moving().await?;
        if !moving.is_still(self.clock.now()) {
            return Ok((moving, false));
        }
        tokio::time::sleep(Duration::from_millis(3)).await;
        let again = self.moving().await?;
        let is_still =
            again.is_still(self.clock.now()) && self.activity.seen().generation == before;
        Ok((again, is_still))
    }

    async fn fire_each_minute(&self) {
        for (pool, schedule) in self
            .schedules()
            .filter(|(_, schedule)| schedule.rhythm.is_each_minute())
        {
            // a failure is in the log; the rows say whether it helped
            let _ = self.fire(pool, schedule).await;
        }
    }
}
