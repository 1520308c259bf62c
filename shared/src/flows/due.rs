//! Rows past their due time: nudged again, settled, read, or tried again. This is what makes a lost
//! message harmless.

use super::calls::Target;
use super::commit::Change;
use super::{App, Failure, erasure, polls};
use crate::domain::event::Event;
use crate::domain::task::{Lane, Queue, Work};
use crate::flows::calls;
use crate::flows::commit;
use crate::flows::posting;
use crate::io::clock;
use crate::io::queue::{Nudge, RowKey};
use crate::io::store::{Row, StoreError, Write, Written};
use crate::records::case;
use crate::records::{connection, delivery, event, outbox, patient, poll, task, token};
use crate::words::time;
use futures::future::try_join_all;
use futures::{FutureExt, StreamExt, stream};
use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How much a run does in each lane.
#[derive(Clone, Copy, Debug)]
pub struct Share {
    /// So many rows of a shard are looked at together.
    pub rows: usize,
    /// Nothing more is begun after this long: the next minute's run goes on.
    pub time: Duration,
}

/// Rows are held in memory: few at once, and again while there is time.
const SHARE: Share = Share {
    rows: 250,
    time: Duration::from_secs(25),
};
/// A row whose work is begun, or failed, comes again after so many seconds: whatever becomes of it,
/// it does not hold up the others.
const TAKEN: i64 = 300;
/// A row that was nudged is nudged again after so many seconds: by then its message was worked off
/// or came again. At least every queue's visibility timeout, which a test holds against the template.
pub const NUDGED: i64 = 360;
/// So many rows are put off in one transaction.
const TOGETHER: usize = 25;
/// So many messages are sent before their rows are put off, and so many times that side by side.
const MESSAGES: usize = 10;
const SIDE_BY_SIDE: usize = 4;
/// So many outcomes are found out side by side, and so many lists read.
const SETTLED: usize = 8;
const READ: usize = 8;

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
    work_off(app, SHARE).await
}

/// As [`work_off_due`], with this share for each lane. They are worked off side by side, so that
/// none waits for another, nor for what another finds.
pub async fn work_off(app: &App, share: Share) -> Result<(), Failure> {
    let until = Instant::now() + share.time;
    let rows = share.rows;
    let (settled, read, paid, told) = tokio::join!(
        work_all(app, (Lane::Settle, SETTLED), rows, until),
        work_all(app, (Lane::Poll, READ), rows, until),
        nudge_all(app, Lane::Pay, rows, until),
        nudge_all(app, Lane::Tell, rows, until),
    );
    settled.and(read).and(paid).and(told)
}

/// Works off what is due in a lane of what is done here, several side by side: a vendor that is slow
/// to answer about one holds up no other.
async fn work_all(
    app: &App,
    (lane, side_by_side): (Lane, usize),
    most: usize,
    until: Instant,
) -> Result<(), Failure> {
    loop {
        let mut rows = overdue(app, lane, most).await?;
        // Each run begins at another place, so that no row is behind the same ones each time.
        rotate(&mut rows);
        let taken = AtomicBool::new(false);
        let any = &taken;
        stream::iter(taking_turns(rows))
            .for_each_concurrent(side_by_side, async |row| {
                // Before anything is asked for it: what ends the process is not asked first again.
                if Instant::now() > until || !take_row(app, &row, TAKEN).await {
                    return;
                }
                any.store(true, Ordering::Relaxed);
                if let Err(why) = guarded(due(app, &row)).await {
                    failed(&row, &*why);
                }
            })
            .await;
        if !taken.into_inner() || Instant::now() > until {
            return Ok(());
        }
    }
}

/// The same rows so that clinics take turns: one with many keeps none waiting.
fn taking_turns(rows: Vec<Row>) -> Vec<Row> {
    let mut of_clinics: BTreeMap<String, usize> = BTreeMap::new();
    let mut turns: Vec<_> = rows
        .into_iter()
        .map(|row| {
            let turn = of_clinics.entry(row.key().clinic().to_owned()).or_default();
            *turn += 1;
            (*turn, row)
        })
        .collect();
    turns.sort_by_key(|(turn, _)| *turn);
    turns.into_iter().map(|(_, row)| row).collect()
}

/// Nudges what is due in a lane.
async fn nudge_all(app: &App, lane: Lane, most: usize, until: Instant) -> Result<(), Failure> {
    loop {
        let mut messages: BTreeMap<(Queue, String), Vec<Row>> = BTreeMap::new();
        for row in overdue(app, lane, most).await? {
            match queue_of(&row) {
                Ok(queue) => {
                    let of = (queue, row.key().clinic().to_owned());
                    messages.entry(of).or_default().push(row);
                }
                Err(why) => {
                    take_row(app, &row, TAKEN).await;
                    failed(&row, &why);
                }
            }
        }
        let sent = AtomicBool::new(false);
        let (app, any) = (app, &sent);
        stream::iter(in_calls(messages))
            .for_each_concurrent(SIDE_BY_SIDE, async |(queue, messages)| {
                if Instant::now() <= until && nudge(app, queue, messages).await {
                    any.store(true, Ordering::Relaxed);
                }
            })
            .await;
        if !sent.into_inner() || Instant::now() > until {
            return Ok(());
        }
    }
}

/// The rows of a lane that are due, those that wait longest first.
async fn overdue(app: &App, lane: Lane, most: usize) -> Result<Vec<Row>, Failure> {
    let now = time::millis(clock::now());
    let shards = (0..lane.shards()).map(|shard| app.store.overdue(lane, shard, now, most));
    let keys = try_join_all(shards).await?.concat();
    // The index is behind the row: only the row decides.
    let mut rows = app.store.get_all(&keys).await?;
    rows.retain(|row| row.waits() && row.due_at() <= now);
    rows.sort_by_key(Row::due_at);
    Ok(rows)
}

/// Rows as messages, each of one clinic, and so many messages together as are sent in one call.
fn in_calls(rows: BTreeMap<(Queue, String), Vec<Row>>) -> Vec<(Queue, Vec<Vec<Row>>)> {
    let mut by_queue: BTreeMap<Queue, Vec<Vec<Row>>> = BTreeMap::new();
    for ((queue, _), rows) in rows {
        let messages = rows.chunks(rows_together(queue)).map(<[Row]>::to_vec);
        by_queue.entry(queue).or_default().extend(messages);
    }
    let mut calls = vec![];
    for (queue, messages) in by_queue {
        let some = messages.chunks(MESSAGES);
        calls.extend(some.map(|some| (queue, some.to_vec())));
    }
    calls
}

/// Sends messages and puts off the rows of those that were sent: the others stay due. Tells whether
/// there was any.
async fn nudge(app: &App, queue: Queue, messages: Vec<Vec<Row>>) -> bool {
    let nudges: Vec<_> = messages
        .iter()
        .map(|rows| Nudge {
            rows: rows.iter().map(Row::key).collect(),
        })
        .collect();
    let ends = app.queues.send_all(queue, &nudges).await;
    let mut sent = vec![];
    for (rows, end) in messages.into_iter().zip(ends) {
        match end {
            Ok(()) => sent.extend(rows),
            Err(why) => tracing::warn!(%why, "a nudge was not sent; its rows stay due"),
        }
    }
    for some in sent.chunks(TOGETHER) {
        put_off_nudged(app, some).await;
    }
    !sent.is_empty()
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
        sk if sk.starts_with(poll::PREFIX) => return polls::work_off(app, row).await,
        _ => {}
    }
    match task::read(row)?.work {
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
        read: row.due_at(),
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

/// Which queue's function works a row off that is nudged.
fn queue_of(row: &Row) -> Result<Queue, StoreError> {
    match row.sk() {
        // Who tells systems may renew their connections.
        token::SK | connection::SK => Ok(Queue::Deliveries),
        sk if sk.starts_with(outbox::PREFIX) || sk.starts_with(delivery::PREFIX) => {
            Ok(Queue::Deliveries)
        }
        task::VISIT => Ok(Queue::Visits),
        _ => {
            let queue = task::read(row)?.work.queue();
            queue.ok_or_else(|| StoreError::Corrupt("it is in a lane of others".into()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clinics_take_turns_each_with_what_is_due_longest_first() {
        let row = |name: &str| Row::new(format!("{}#case#{name}", &name[..1]), "x");
        let rows = ["a1", "a2", "a3", "b1", "c1", "a4", "b2"].map(row);
        let turns = taking_turns(rows.into());
        let turns: Vec<_> = turns.iter().map(|row| row.pk().to_owned()).collect();
        let wanted = ["a1", "b1", "c1", "a2", "b2", "a3", "a4"];
        assert_eq!(turns, wanted.map(|name| row(name).pk().to_owned()));
    }

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
    fn a_message_carries_rows_of_one_clinic_and_a_call_few_messages() {
        let row = |clinic: &str, n: usize| Row::new(format!("{clinic}#case#{n}"), task::VISIT);
        let mut rows = BTreeMap::new();
        for (queue, clinic, many) in [
            (Queue::Visits, "a", 12),
            (Queue::Visits, "b", 3),
            (Queue::Deliveries, "a", 11),
        ] {
            let of = (queue, clinic.to_owned());
            rows.insert(of, (0..many).map(|n| row(clinic, n)).collect());
        }
        let calls = in_calls(rows);
        let sizes = |messages: &[Vec<Row>]| messages.iter().map(Vec::len).collect::<Vec<_>>();
        let calls: Vec<_> = calls.iter().map(|(q, some)| (*q, sizes(some))).collect();
        let wanted = [
            (Queue::Visits, vec![10, 2, 3]),
            (Queue::Deliveries, vec![1; 10]),
            (Queue::Deliveries, vec![1]),
        ];
        assert_eq!(calls, wanted);
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
