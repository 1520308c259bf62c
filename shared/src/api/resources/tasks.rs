//! `/v1/tasks`: what only a person can decide.

use crate::api::frame::call::{Answered, Call, listed, reply};
use crate::api::frame::call::{PAGING, Route};
use crate::api::frame::caller::Permission::{Charge, View};
use crate::api::frame::problem::{Kind, Problem};
use crate::api::frame::read::Nothing;
use crate::api::views::task::view;
use crate::flows::case_pk;
use crate::io::clock;
use crate::io::store::{Write, Written};
use crate::words::{ids, time};

pub static ROUTES: &[Route] = &[
    Route::get(
        "/v1/tasks",
        View,
        |call| Box::pin(list(call)),
        "What waits for a person, newest first.",
    )
    .gives(200, "Tasks")
    .query(PAGING),
    Route::post(
        "/v1/tasks/{case}/{id}/done",
        Charge,
        |call| Box::pin(done(call)),
        "A person has worked it off.",
    )
    .gives(200, "Task")
    .takes::<Nothing>("Nothing"),
];

pub async fn list(call: &Call<'_>) -> Answered {
    let (rows, next) = call.page("tasks").await?;
    let shown = rows.iter().filter_map(|row| view(row).transpose());
    Ok(listed("tasks", shown.collect::<Result<_, _>>()?, next))
}

pub async fn done(call: &Call<'_>) -> Answered {
    let (owner, id) = (&call.path[0], &call.path[1]);
    let missing = || Problem::missing("task");
    let pk = place(call, owner)?;
    let row = call.app.store.get(&pk, &format!("task#{id}")).await?;
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
        .number("done_at", time::millis(clock::now()))
        .number("version", version + 1);
    done.0.remove("list_pk");
    done.0.remove("list_sk");
    let shown = view(&done)?.unwrap_or_default();
    let case = Some(owner.as_str()).filter(|owner| ids::is_id(owner));
    let note = call.noted(case, &format!("task_done {id}"));
    let writes = [Write::Replace { row: done, version }, note];
    match call.app.store.transact(&writes).await? {
        Written::Done => Ok(reply(200, &shown)),
        _ => Err(Problem::new(
            Kind::Conflict,
            "it has just changed: look at it again",
        )),
    }
}

/// The key of the rows that a task or delivery of this owner stands among.
pub fn place(call: &Call<'_>, owner: &str) -> Result<String, Problem> {
    match owner.split_once(':') {
        None if ids::is_id(owner) => Ok(case_pk(call.clinic(), owner)),
        // An event that no case took.
        Some((source, id)) => Ok(format!("{}#event#{source}#{id}", call.clinic())),
        None => Err(Problem::missing("task")),
    }
}
