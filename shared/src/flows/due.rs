//! Rows past their due time: nudged again, settled, or tried again. This is what makes a lost
//! message harmless.

use super::calls::Target;
use super::commit::Change;
use super::{App, Failure, erasure};
use crate::domain::event::Event;
use crate::domain::task::{Queue, Task, Work};
use crate::flows::calls;
use crate::flows::commit;
use crate::flows::posting;
use crate::io::clock;
use crate::io::queue::RowKey;
use crate::io::store::{DUE_SHARDS, Row, StoreError, Write, Written};
use crate::records::case;
use crate::records::{connection, delivery, event, outbox, patient, task, token};
use crate::words::time;
use futures::FutureExt;
use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};

/// A run asks no gateway any more after this long: the next minute's goes on.
const LONGEST: Duration = Duration::from_secs(25);
/// How many rows of each slice a run looks at.
const MOST: usize = 1000;
/// A row whose work is begun, or failed, comes again after so many seconds: whatever becomes of it,
/// it does not hold up the others.
const TAKEN: i64 = 300;
/// A row that was nudged is nudged again after so many seconds: by then its message was worked off
/// or came again. At least every queue's visibility timeout, which a test holds against the template.
pub const NUDGED: i64 = 360;
/// So many rows are put off in one transaction.
const TOGETHER: usize = 25;

/// How many rows a message to this queue carries: as many as fit its function's time, where each
/// may take as long as a vendor may.
pub fn rows_together(queue: Queue) -> usize {
    match queue {
        // One system that is slow holds up no other.
        Queue::Charges | Queue::Refunds | Queue::Events | Queue::Unproven | Queue::Deliveries => 1,
        // No vendor is called.
        Queue::Visits => 10,
    }
}

/// One run over the due index. Failures of single rows are logged, and the rows put off.
pub async fn work_off_due(app: &App) -> Result<(), Failure> {
    let started = Instant::now();
    let now = time::millis(clock::now());
    let mut keys = vec![];
    for shard in 0..DUE_SHARDS {
        keys.extend(app.store.overdue(shard, now, MOST).await?);
    }
    // The index is behind the row: only the row decides.
    let mut rows = app.store.get_all(&keys).await?;
    rows.retain(|row| row.has("due_at") && row.int("due_at") <= now);
    let mut nudges: BTreeMap<Queue, Vec<Row>> = BTreeMap::new();
    let mut here = vec![];
    for row in rows {
        match queue_of(&row) {
            Ok(Some(queue)) => nudges.entry(queue).or_default().push(row),
            Ok(None) => here.push(row),
            Err(why) => {
                take_row(app, &row, TAKEN).await;
                failed(&row, &why);
            }
        }
    }
    for (queue, rows) in nudges {
        for some in rows.chunks(rows_together(queue)) {
            commit::nudge(app, some.iter().map(|row| (queue, row.key()))).await;
        }
        for some in rows.chunks(TOGETHER) {
            put_off_nudged(app, some).await;
        }
    }
    // Each run begins at another place, so that no row is behind the same ones each time.
    rotate(&mut here);
    for row in here {
        if started.elapsed() > LONGEST {
            break;
        }
        // Before anything is asked for it: what ends the process is not asked first again.
        if !take_row(app, &row, TAKEN).await {
            continue;
        }
        if let Err(why) = guarded(due(app, &row)).await {
            failed(&row, &*why);
        }
    }
    Ok(())
}

/// Puts a row off; `false` where somebody else has just changed it.
async fn take_row(app: &App, row: &Row, seconds: i64) -> bool {
    let written = app.store.transact(&[put_off(row, seconds)]).await;
    matches!(written, Ok(Written::Done))
}

/// Puts rows off that were nudged. One that a function already has in its hands, or that cannot
/// be put off, is at worst nudged once more.
async fn put_off_nudged(app: &App, rows: &[Row]) {
    let writes: Vec<_> = rows.iter().map(|row| put_off(row, NUDGED)).collect();
    if !matches!(app.store.transact(&writes).await, Ok(Written::Done)) {
        for row in rows {
            take_row(app, row, NUDGED).await;
        }
    }
}

/// Works a row off that no queue's function does.
async fn due(app: &App, row: &Row) -> Result<(), Failure> {
    let key = row.key();
    match key.sk.as_str() {
        event::SK => return posting::post_again(app, row).await,
        patient::SK => return erasure::finish(app, &key).await,
        _ => {}
    }
    match row.read::<Task>("data")?.work {
        Work::Settle {
            payment,
            refund,
            tries,
        } => calls::settle(app, &key, Target { payment, refund }, tries).await,
        Work::DeclineStands { payment } => decline_stands(app, &key, payment).await,
        _ => Ok(()),
    }
}

/// Tells of a decline that its payer did not make good in time.
async fn decline_stands(app: &App, key: &RowKey, payment: u32) -> Result<(), Failure> {
    let Some((clinic, case)) = case::read_pk(&key.pk) else {
        return Ok(());
    };
    let settings = app.settings_of(clinic).await?;
    let event = Event::DeclineStands { payment };
    let change = Change::new(&settings, case, event, "schedule".into());
    commit::commit(app, change, None).await.map(drop)
}

/// The work of one row: a panic in it is its failure alone.
async fn guarded(work: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    let done = AssertUnwindSafe(work).catch_unwind().await;
    done.unwrap_or_else(|_| Err("its work panicked".into()))
}

fn put_off(row: &Row, seconds: i64) -> Write {
    Write::Postpone {
        key: row.key(),
        read: row.int("due_at"),
        due: time::millis(time::after(clock::now(), seconds)),
    }
}

fn failed(row: &Row, why: &dyn std::fmt::Display) {
    let key = row.key();
    tracing::error!(pk = key.pk, sk = key.sk, %why, "a due row failed");
}

/// The same rows in the same order, from anywhere among them.
fn rotate<T>(rows: &mut [T]) {
    let mut bytes = [0; 4];
    let _ = getrandom::fill(&mut bytes);
    if !rows.is_empty() {
        rows.rotate_left(u32::from_le_bytes(bytes) as usize % rows.len());
    }
}

/// Which queue's function works a row off; `None` for one that is worked off here.
fn queue_of(row: &Row) -> Result<Option<Queue>, StoreError> {
    match row.get("sk") {
        event::SK | patient::SK => Ok(None),
        // Who tells systems may renew their connections.
        token::SK | connection::SK => Ok(Some(Queue::Deliveries)),
        sk if sk.starts_with(outbox::PREFIX) || sk.starts_with(delivery::PREFIX) => {
            Ok(Some(Queue::Deliveries))
        }
        task::VISIT => Ok(Some(Queue::Visits)),
        _ => Ok(row.read::<Task>("data")?.work.queue()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_in_the_work_of_a_row_is_its_failure_alone() {
        let panics = async { panic!("a row that cannot be worked off") };
        let why = guarded(panics).await.expect_err("it panicked").to_string();
        assert_eq!(why, "its work panicked");
        let fails = guarded(async { Err("no".into()) }).await;
        assert_eq!(fails.expect_err("it failed").to_string(), "no");
        assert!(guarded(async { Ok(()) }).await.is_ok());
    }

    #[test]
    fn a_run_begins_anywhere_and_leaves_no_row_out() {
        let mut first = std::collections::BTreeSet::new();
        for _ in 0..200 {
            let mut rows = [0, 1, 2, 3];
            rotate(&mut rows);
            first.insert(rows[0]);
            rows.sort_unstable();
            assert_eq!(rows, [0, 1, 2, 3]);
        }
        assert_eq!(first.len(), 4);
    }
}
