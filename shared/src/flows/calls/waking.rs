//! Rows that wait for a gateway which does not answer are listed under its name, and its first
//! answer makes them due: an outage delays nothing beyond its end.

use super::Target;
use crate::domain::case::Case;
use crate::domain::decide::task_id;
use crate::domain::task::{Task, Work};
use crate::flows::App;
use crate::io::clock;
use crate::io::store::{List, Row, StoreError, Write};
use crate::records::task::{place, waits};
use crate::words::time;
use jiff::Timestamp;

/// So many rows are woken at once; the others come by themselves within minutes.
const MOST: i32 = 100;

/// What is put off for longer than so many seconds is put off on purpose: it was answered, and its
/// next answer is no better for being early.
const LONGEST: i64 = 900;

/// The row of a task, listed under the gateway that it waits for.
pub fn waiting(row: Row, case: &Case, task: &Task, now: Timestamp) -> Row {
    let soon = task.due.as_second() - now.as_second() <= LONGEST;
    match waits_for(case, &task.work, now).filter(|_| soon) {
        Some(gateway) => row.listed(waits(&case.clinic, gateway), place(&case.id, task)),
        None => row,
    }
}

/// The gateway that a row waits for: it holds a call that did not come through.
fn waits_for<'a>(case: &'a Case, work: &Work, now: Timestamp) -> Option<&'a str> {
    let target = match work {
        Work::Pay { payment, .. } => Target {
            payment: *payment,
            refund: None,
        },
        Work::Refund { refund } => Target {
            payment: case.refund(*refund)?.0.n,
            refund: Some(*refund),
        },
        Work::Settle {
            payment, refund, ..
        } => Target {
            payment: *payment,
            refund: *refund,
        },
        Work::Retry { .. } | Work::DeclineStands { .. } | Work::Person(_) => return None,
    };
    let id = task_id(target.payment, target.refund);
    // It answers, and says what cannot be true, or not what people are to find.
    if case.contradicted.contains(&id) || case.asked.contains(&id) {
        return None;
    }
    let lost = target.intent(case).is_some_and(|i| !i.is_leased(now));
    let waits = lost || case.waiting.contains_key(&id);
    waits.then_some(())?;
    Some(&case.payment(target.payment)?.gateway)
}

/// A gateway did not answer: its next answer is the first again.
pub(super) fn fell_silent(app: &App, clinic: &str, gateway: &str) {
    silent(app).insert(waits(clinic, gateway));
}

/// A gateway answered; what waits for it is due where it had not, here or for `waited`.
pub(super) async fn spoke(app: &App, clinic: &str, gateway: &str, waited: bool) {
    let list = waits(clinic, gateway);
    if !silent(app).remove(&list) && !waited {
        return;
    }
    // It comes by itself all the same.
    if let Err(why) = wake(app, &list).await {
        tracing::warn!(%why, gateway, "what waits was not woken");
    }
}

async fn wake(app: &App, list: &List) -> Result<(), StoreError> {
    let now = time::millis(clock::now());
    let (rows, _) = app.store.list(list, None, MOST).await?;
    let waiting = rows.iter().filter(|row| row.due_at() > now);
    for row in waiting {
        let write = Write::Postpone {
            key: row.key(),
            read: row.due_at(),
            due: now,
        };
        app.store.transact(&[write]).await?;
    }
    Ok(())
}

fn silent(app: &App) -> std::sync::MutexGuard<'_, std::collections::HashSet<List>> {
    app.silent
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}
