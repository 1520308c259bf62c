//! The row of a task: work that is due, or that waits for a person.

use crate::domain::task::{Alert, Lane, Task, Work};
use crate::io::queue::RowKey;
use crate::io::store::{List, Row, StoreError, Write};
use crate::words::time;

/// What the keys of all tasks begin with.
pub const PREFIX: &str = "task#";

/// The task that invoices a completed appointment.
pub const VISIT: &str = "task#visit";

/// A person worked it off.
const DONE: &str = "done";

/// What the ids of tasks for people begin with.
pub const PERSON: &str = "person-";

pub fn sk(id: &str) -> String {
    format!("{PREFIX}{id}")
}

/// The id of the task of this key.
pub fn id_of(sk: &str) -> Option<&str> {
    sk.strip_prefix(PREFIX)
}

pub fn key(pk: &str, id: &str) -> RowKey {
    RowKey {
        pk: pk.into(),
        sk: sk(id),
    }
}

/// The id of the task by which people are asked under this name.
pub fn person_id(name: &str) -> String {
    format!("{PERSON}{name}")
}

/// The key of the task by which people are asked under this name.
pub fn person_key(pk: &str, name: &str) -> RowKey {
    key(pk, &person_id(name))
}

/// The list of a clinic's tasks for people.
pub fn list(clinic: &str) -> List {
    List::new(format!("{clinic}#tasks"))
}

/// The list of a clinic's tasks for people that are raised for this cause.
pub fn list_of(clinic: &str, alert: Alert) -> List {
    let name = serde_json::to_value(alert).expect("a word");
    let name = name.as_str().unwrap_or_default();
    List::second(format!("{clinic}#tasks#{name}"))
}

/// The list of what waits for a gateway.
pub fn waits(clinic: &str, gateway: &str) -> List {
    List::new(format!("{clinic}#waits#{gateway}"))
}

/// The row of a task, among the rows of `pk`; `of` tells its place in lists from that of others.
pub fn row(clinic: &str, pk: &str, of: &str, task: &Task) -> Row {
    let row = Row::new(pk, sk(&task.id))
        .json("data", task)
        .text("state", "open")
        .versioned(1);
    match &task.work {
        // A person's task waits for a person, not for a time.
        Work::Person(matter) => row
            .listed(list(clinic), place(of, task))
            .listed(list_of(clinic, matter.alert), place(of, task)),
        work => row.due(work.lane(), time::millis(task.due)),
    }
}

/// The place of a task in a list.
pub fn place(of: &str, task: &Task) -> String {
    format!("{:015}#{of}#{}", time::millis(task.due), task.id)
}

/// The row that has a completed appointment invoiced, among its rows.
pub fn visit(pk: &str, millis: i64) -> Row {
    Row::new(pk, VISIT)
        .text("state", "open")
        .due(Lane::Pay, millis)
}

/// The key of that row.
pub fn visit_key(pk: &str) -> RowKey {
    RowKey {
        pk: pk.into(),
        sk: VISIT.into(),
    }
}

/// Whether it was not worked off yet.
pub fn is_open(row: &Row) -> bool {
    row.get("state") == "open"
}

/// The task of its row.
pub fn read(row: &Row) -> Result<Task, StoreError> {
    row.read("data")
}

/// How it stands: open or done.
pub fn state(row: &Row) -> &str {
    row.get("state")
}

/// Whether a person worked it off.
pub fn is_done(row: &Row) -> bool {
    state(row) == DONE
}

/// The same row once this person worked it off, at this time in epoch milliseconds.
pub fn done(row: Row, by: &str, at: i64) -> Row {
    let version = row.version() + 1;
    row.text("state", DONE)
        .text("done_by", by)
        .number("done_at", at)
        .versioned(version)
        .unlisted()
}

/// Puts the row where nothing is, or in place of one that was worked off.
pub fn unless_open(row: Row) -> Write {
    Write::NewOr {
        row,
        attribute: "state",
        value: DONE.into(),
    }
}
