//! Rows past their due time: nudged again, settled, or tried again. This is what makes a lost
//! message harmless.

use super::calls::Target;
use super::{Failure, House};
use crate::clock;
use crate::domain::task::{Queue, Task, Work};
use crate::queue::RowKey;
use crate::store::{DUE_SHARDS, Row, StoreError, Write};
use std::time::{Duration, Instant};

/// A run asks no gateway any more after this long: the next minute's goes on.
const LONGEST: Duration = Duration::from_secs(25);
/// How many rows of each slice a run looks at.
const MOST: usize = 1000;
/// A row that failed comes again after so many seconds, and does not hold up the others.
const AFTER_FAILURE: i64 = 300;

impl House {
    /// One run over the due index. Failures of single rows are logged, and the rows put off.
    pub async fn work_off_due(&self) -> Result<(), Failure> {
        let started = Instant::now();
        let now = clock::millis(clock::now());
        let mut keys = vec![];
        for shard in 0..DUE_SHARDS {
            keys.extend(self.store.overdue(shard, now, MOST).await?);
        }
        // The index is behind the row: only the row decides.
        let mut due = self.store.get_all(&keys).await?;
        due.retain(|row| row.has("due_at") && row.int("due_at") <= now);
        let (mut nudges, mut here): (Vec<(Queue, RowKey)>, Vec<Row>) = (vec![], vec![]);
        for row in due {
            match queue_of(&row) {
                Ok(Some(queue)) => nudges.push((queue, row.key())),
                Ok(None) => here.push(row),
                Err(why) => self.failed_row(&row, &why.into()).await,
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
        for row in here {
            if started.elapsed() > LONGEST {
                break;
            }
            if let Err(why) = self.due(&row).await {
                self.failed_row(&row, &why).await;
            }
        }
        Ok(())
    }

    /// Works a row off that no queue's function does.
    async fn due(&self, row: &Row) -> Result<(), Failure> {
        let key = row.key();
        if key.sk == "event" {
            return self.post_again(row).await;
        }
        match row.read::<Task>("data")?.work {
            Work::Settle {
                payment,
                refund,
                tries,
            } => self.settle(&key, Target { payment, refund }, tries).await,
            _ => Ok(()),
        }
    }

    /// Without another due time the oldest failures would hide everything behind them.
    async fn failed_row(&self, row: &Row, why: &Failure) {
        let key = row.key();
        tracing::error!(pk = key.pk, sk = key.sk, %why, "a due row failed");
        let later = Write::Postpone {
            read: row.int("due_at"),
            due: clock::millis(clock::after(clock::now(), AFTER_FAILURE)),
            key,
        };
        // One that cannot be put off stays due.
        let _ = self.store.transact(&[later]).await;
    }
}

/// Which queue's function works a row off; `None` for one that is worked off here.
fn queue_of(row: &Row) -> Result<Option<Queue>, StoreError> {
    match row.get("sk") {
        "event" => Ok(None),
        // Who tells systems may renew their connections.
        "token" => Ok(Some(Queue::Deliveries)),
        "task#visit" => Ok(Some(Queue::Visits)),
        _ => Ok(row.read::<Task>("data")?.work.queue()),
    }
}
