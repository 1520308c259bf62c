//! Rows past their due time: nudged again, settled, or tried again. This is what makes a lost
//! message harmless.

use super::calls::Target;
use super::{Failure, House};
use crate::clock;
use crate::domain::task::{Queue, Task, Work};
use crate::queue::RowKey;
use crate::store::{DUE_SHARDS, Row};
use std::time::{Duration, Instant};

/// A run stops taking new rows after this long: the next minute's goes on.
const LONGEST: Duration = Duration::from_secs(40);

impl House {
    /// One run over the due index. Failures of single rows are logged; their due time stays.
    pub async fn work_off_due(&self) -> Result<(), Failure> {
        let started = Instant::now();
        let now = clock::millis(clock::now());
        let mut keys = vec![];
        for shard in 0..DUE_SHARDS {
            keys.extend(self.store.overdue(shard, now).await?);
        }
        let mut nudges: Vec<(Queue, RowKey)> = vec![];
        for row in self.store.get_all(&keys).await? {
            // The index is behind the row: only the row decides.
            if !row.has("due_at") || row.int("due_at") > now || started.elapsed() > LONGEST {
                continue;
            }
            let key = row.key();
            match self.due(&row, &key).await {
                Ok(Some(queue)) => nudges.push((queue, key)),
                Ok(None) => {}
                Err(why) => tracing::error!(pk = key.pk, sk = key.sk, %why, "a due row failed"),
            }
        }
        // One message carries one row where a function works off one at a time.
        for queue in [Queue::Charges, Queue::Refunds] {
            let (one_by_one, rest): (Vec<_>, Vec<_>) =
                nudges.into_iter().partition(|(of, _)| *of == queue);
            nudges = rest;
            for nudge in one_by_one {
                self.nudge([nudge].into_iter()).await;
            }
        }
        for some in nudges.chunks(25) {
            self.nudge(some.iter().cloned()).await;
        }
        Ok(())
    }

    /// Works a row off here, or tells which queue's function does.
    async fn due(&self, row: &Row, key: &RowKey) -> Result<Option<Queue>, Failure> {
        if key.sk == "event" {
            return self.post_again(row).await.map(|()| None);
        }
        if key.sk == "task#visit" {
            return Ok(Some(Queue::Visits));
        }
        let task: Task = row.read("data")?;
        match task.work {
            Work::Settle {
                payment,
                refund,
                tries,
            } => {
                self.settle(key, Target { payment, refund }, tries).await?;
                Ok(None)
            }
            other => Ok(other.queue()),
        }
    }
}
