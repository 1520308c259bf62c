//! What a delivery builds on: what became of an earlier one of the same case at the same system.

use super::notification::refund_named;
use super::{App, Failure, filed};
use crate::contract::DependsOn;
use crate::domain::case::Case;
use crate::domain::refund::Refund;
use crate::domain::task::{Delivery, Task, Topic, Work};
use crate::flows::case_pk;
use crate::flows::deliveries;
use crate::io::store::Row;
use jiff::Timestamp;

#[derive(Debug, PartialEq, Eq)]
pub enum Earlier {
    /// With the ids under which it was filed, one for each step.
    Filed(Vec<String>),
    /// Until then nothing is done about it, in epoch milliseconds.
    Waiting(i64),
    /// Nothing was told that had to be taken back.
    Needless(&'static str),
    Failed(&'static str),
}

/// What became of it. One that is due is worked off first.
pub(super) async fn earlier(
    app: &App,
    case: &Case,
    delivery: &Delivery,
    this: &Task,
    depends_on: DependsOn,
) -> Result<Earlier, Failure> {
    let after = match is_again(delivery) {
        true => DependsOn::TakesBack(Topic::PaymentReturned),
        false => depends_on,
    };
    let Some(topic) = after.topic() else {
        return Ok(Earlier::Filed(vec![]));
    };
    let pk = case_pk(&case.clinic, &case.id);
    let prefix = format!("task#tell-{}-{}", delivery.system, topic.name());
    let mut last: Option<(Timestamp, Earlier)> = None;
    for row in app.store.under(&pk, &prefix).await? {
        let task = row.read::<Task>("data")?;
        let Work::Deliver(other) = task.work else {
            continue;
        };
        if !of_the_same(case, &other, delivery) || task.due > this.due {
            continue;
        }
        let row = match row.get("state") {
            "open" => {
                Box::pin(deliveries::deliver(app, &row.key())).await?;
                app.store.get(&pk, row.get("sk")).await?
            }
            _ => Some(row),
        };
        let said = said(after, row.as_ref());
        if matches!(said, Earlier::Waiting(_)) {
            return Ok(said);
        }
        if last.as_ref().is_none_or(|(due, _)| *due <= task.due) {
            last = Some((task.due, said));
        }
    }
    Ok(last.map_or_else(|| said(after, None), |(_, last)| last))
}

/// Until when the books wait for what they are told before this; `None` where it is its turn.
/// What is due before it is worked off first.
pub(super) async fn waits_for_others(
    app: &App,
    case: &Case,
    delivery: &Delivery,
    this: &Task,
) -> Result<Option<i64>, Failure> {
    let pk = case_pk(&case.clinic, &case.id);
    let prefix = format!("task#tell-{}-", delivery.system);
    let unfinished = |row: &Row| matches!(row.get("state"), "open" | "calling");
    for row in app.store.under(&pk, &prefix).await? {
        if !unfinished(&row) || row.read::<Task>("data")?.due >= this.due {
            continue;
        }
        Box::pin(deliveries::deliver(app, &row.key())).await?;
        let now = app.store.get(&pk, row.get("sk")).await?;
        if let Some(row) = now.filter(unfinished) {
            return Ok(Some(row.int("due_at")));
        }
    }
    Ok(None)
}

/// Whether it tells that a payment arrived again: of interest to who heard that it went back.
fn is_again(delivery: &Delivery) -> bool {
    delivery.topic == Topic::PaymentReceived && delivery.object.is_some()
}

/// Whether two deliveries speak of the same payment, refund or dispute, as far as both name one.
pub fn of_the_same(case: &Case, one: &Delivery, other: &Delivery) -> bool {
    // A payment's object says which time it was.
    let times = [Topic::PaymentReceived, Topic::PaymentReturned];
    let object = |delivery: &Delivery| {
        let key = delivery.object.as_deref();
        let key = key.filter(|_| !times.contains(&delivery.topic))?;
        Some(refund_named(case, key).map_or(key.to_owned(), Refund::key))
    };
    let payments = one.payment.zip(other.payment);
    let objects = object(one).zip(object(other));
    payments.is_none_or(|(a, b)| a == b) && objects.is_none_or(|(a, b)| a == b)
}

/// What the row of the earlier delivery says; `None` where there is no such row.
pub fn said(depends_on: DependsOn, row: Option<&Row>) -> Earlier {
    let Some(row) = row else {
        return match depends_on {
            DependsOn::Nothing => Earlier::Filed(vec![]),
            DependsOn::Needs(_) => {
                Earlier::Failed("what it builds on was never filed: the system was connected later")
            }
            DependsOn::TakesBack(_) => Earlier::Needless("what it takes back was never told"),
        };
    };
    let nothing_told = row.int("steps_done") == 0;
    match (row.get("state"), depends_on) {
        ("done", _) => Earlier::Filed(filed(row)),
        ("open" | "calling", _) => Earlier::Waiting(row.int("due_at")),
        ("skipped" | "failed", DependsOn::TakesBack(_)) if nothing_told => {
            Earlier::Needless("what it takes back was never told")
        }
        // What was not worth filing stands in nobody's way.
        ("skipped", DependsOn::Needs(_)) => Earlier::Filed(vec![]),
        // Who may have been told must hear the rest.
        ("unknown", DependsOn::TakesBack(_)) => Earlier::Filed(filed(row)),
        _ => Earlier::Failed("what it builds on was not filed"),
    }
}
