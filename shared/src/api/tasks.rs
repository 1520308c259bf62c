//! `/v1/tasks`: what only a person can decide.

use super::call::{Answered, Call, listed, reply};
use super::problem::{Kind, Problem};
use crate::clock;
use crate::domain::task::{Alert, Task, Work};
use crate::flows::{case_pk, read_case_pk};
use crate::ids;
use crate::store::{Row, StoreError, Write, Written};
use serde_json::{Value, json};

pub async fn list(call: &Call<'_>) -> Answered {
    let (rows, next) = call.page("tasks").await?;
    let shown = rows.iter().filter_map(|row| view(row).transpose());
    Ok(listed("tasks", shown.collect::<Result<_, _>>()?, next))
}

pub async fn done(call: &Call<'_>) -> Answered {
    let (owner, id) = (&call.path[0], &call.path[1]);
    let missing = || Problem::missing("task");
    let pk = match owner.split_once(':') {
        None if ids::is_id(owner) => case_pk(call.clinic(), owner),
        // An event that no case took.
        Some((source, id)) => format!("{}#event#{source}#{id}", call.clinic()),
        None => return Err(missing()),
    };
    let row = call.house.store.get(&pk, &format!("task#{id}")).await?;
    let row = row
        .filter(|_| id.starts_with("person-"))
        .ok_or_else(missing)?;
    if row.get("state") == "done" {
        return Ok(reply(200, &view(&row)?.unwrap_or_default()));
    }
    let version = row.int("version") as u64;
    let mut done = row
        .text("state", "done")
        .text("done_by", call.caller.short())
        .number("done_at", clock::millis(clock::now()))
        .number("version", version + 1);
    done.0.remove("list_pk");
    done.0.remove("list_sk");
    let shown = view(&done)?.unwrap_or_default();
    let case = Some(owner.as_str()).filter(|owner| ids::is_id(owner));
    let note = call.noted(case, &format!("task_done {id}"));
    let writes = [Write::Replace { row: done, version }, note];
    match call.house.store.transact(&writes).await? {
        Written::Done => Ok(reply(200, &shown)),
        _ => Err(Problem::new(
            Kind::Conflict,
            "it has just changed: look at it again",
        )),
    }
}

/// The case that a task belongs to, or `{source}:{vendor_event_id}` of an event that no case took.
pub fn owner(row: &Row) -> String {
    let pk = row.get("pk");
    match read_case_pk(pk) {
        Some((_, case)) => case.to_owned(),
        None => pk
            .splitn(3, '#')
            .nth(2)
            .unwrap_or_default()
            .replacen('#', ":", 1),
    }
}

/// The calls that settle what a task asks, beside closing it.
fn answers(case: &str, id: &str, alert: Alert) -> Vec<String> {
    let id = id.strip_prefix("person-").unwrap_or(id);
    match (alert, id.strip_prefix("refund-waits-")) {
        (Alert::RefundWaits, Some(request)) => ["approve", "reject"]
            .map(|word| format!("POST /v1/refunds/{request}/{word}"))
            .into(),
        // Of a payment, `p1`; what became of a refund, `r1`, only its gateway can say.
        (Alert::UnknownOutcome, _) if id.starts_with('p') => {
            vec![format!("POST /v1/payments/{case}-{id}/close")]
        }
        _ => vec![],
    }
}

pub fn view(row: &Row) -> Result<Option<Value>, StoreError> {
    let task: Task = row.read("data")?;
    let Work::Person { alert, note } = task.work else {
        return Ok(None);
    };
    let case = owner(row);
    Ok(Some(json!({
        "answers": answers(&case, &task.id, alert),
        "case": case,
        "id": task.id,
        "alert": alert,
        "note": note,
        "since": task.due,
        "state": row.get("state"),
    })))
}
