//! Deliveries as people ask for them: those of a case, and one that did not arrive, sent once more
//! because somebody has looked.

use crate::domain::actor::Actor;
use crate::domain::settings::Settings;
use crate::domain::task::{Delivery, Queue, Task, Work};
use crate::flows::denied::Denied;
use crate::flows::tasks::done::place;
use crate::flows::{App, case_pk, commit, noted};
use crate::io::clock;
use crate::io::queue::RowKey;
use crate::io::store::{Row, StoreError, Write, Written};
use crate::words::{ids, time};

/// The rows of all deliveries of a case.
pub async fn of_case(app: &App, clinic: &str, case: &str) -> Result<Vec<Row>, StoreError> {
    app.store.under(&case_pk(clinic, case), "task#tell-").await
}

/// Opens a delivery that failed, was skipped or is unknown once more, by the case or event that it
/// belongs to and its id. What was asked of people about it is answered.
pub async fn repeat(
    app: &App,
    settings: &Settings,
    actor: &Actor,
    owner: &str,
    id: &str,
) -> Result<Row, Denied> {
    let pk = place(&settings.id, owner).ok_or(Denied::NotFound("task"))?;
    let row = app.store.get(&pk, &format!("task#{id}")).await?;
    let row = row.filter(|_| id.starts_with("tell-"));
    let row = row.ok_or(Denied::NotFound("delivery"))?;
    let state = row.get("state");
    if !matches!(state, "failed" | "unknown" | "skipped") {
        let why = format!("it is {state}: only what did not arrive is repeated");
        return Err(Denied::Conflict(why));
    }
    let version = row.int("version") as u64;
    let mut open = row
        .text("state", "open")
        .text("why", format!("repeated by {actor}"))
        .number("tries", 0)
        .number("version", version + 1)
        .due(time::millis(clock::now()));
    // A fresh call: the person says that the one before did not arrive.
    open.0.remove("sent_at");
    let row = open.clone();
    let case = Some(owner).filter(|owner| ids::is_id(owner));
    let what = format!("delivery_repeated {id}");
    let mut writes = vec![
        Write::Replace { row, version },
        noted(settings, case, &what, actor.cause()),
    ];
    // What was asked of people is answered; where it fails again, it is asked again.
    let task: Task = open.read("data")?;
    writes.extend(answers(&task).map(|name| {
        let sk = format!("task#person-{name}");
        Write::Delete(RowKey { pk: pk.clone(), sk })
    }));
    if app.store.transact(&writes).await? != Written::Done {
        return Err(Denied::conflict("it is being repeated already"));
    }
    commit::nudge(app, [(Queue::Deliveries, open.key())].into_iter()).await;
    Ok(open)
}

/// The tasks of people that a repeat of this delivery answers.
fn answers(task: &Task) -> impl Iterator<Item = String> {
    let unreachable = match task.work {
        Work::Deliver(Delivery {
            payment: Some(n), ..
        }) => Some(format!("unreachable-p{n}")),
        _ => None,
    };
    [Some(task.id.clone()), unreachable].into_iter().flatten()
}
