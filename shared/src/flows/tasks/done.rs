//! A task that a person has worked off.

use crate::domain::actor::Actor;
use crate::domain::settings::Settings;
use crate::flows::App;
use crate::flows::audit::noted;
use crate::flows::denied::Denied;
use crate::io::clock;
use crate::io::store::{Row, Write, Written};
use crate::records::{appointment, case, event, task};
use crate::words::{ids, time};

/// What the owner of a visit's tasks begins with; no source of events has this name.
const APPOINTMENT: &str = "appointment";

/// Ends a person's task, by the case, visit or event that it belongs to and its id. Said again, it is the
/// same answer: the task's row as it is now.
pub async fn done(
    app: &App,
    settings: &Settings,
    actor: &Actor,
    owner: &str,
    id: &str,
) -> Result<Row, Denied> {
    let pk = place(&settings.id, owner).ok_or(Denied::NotFound("task"))?;
    let row = app.store.get(&pk, &task::sk(id)).await?;
    let row = row.filter(|_| id.starts_with(task::PERSON));
    let row = row.ok_or(Denied::NotFound("task"))?;
    if task::is_done(&row) {
        return Ok(row);
    }
    let version = row.version();
    let done = task::done(row, actor.short(), time::millis(clock::now()));
    let case = Some(owner).filter(|owner| ids::is_id(owner));
    let note = noted(settings, case, &format!("task_done {id}"), actor.cause());
    let row = done.clone();
    match app
        .store
        .transact(&[Write::Replace { row, version }, note])
        .await?
    {
        Written::Done => Ok(done),
        Written::Failed(_) | Written::Conflict => {
            Err(Denied::conflict("it has just changed: look at it again"))
        }
    }
}

/// The key of the rows that a task or delivery of this owner stands among.
pub fn place(clinic: &str, owner: &str) -> Option<String> {
    match owner.split_once(':') {
        None => ids::is_id(owner).then(|| case::pk(clinic, owner)),
        Some((APPOINTMENT, id)) => Some(appointment::pk_of_hash(clinic, id)),
        // An event that no case took.
        Some((source, id)) => Some(event::pk(clinic, source, id)),
    }
}

/// The case that a task belongs to, `{source}:{vendor_event_id}` of an event that no case took, or
/// `appointment:` and our id of a visit.
pub fn owner(row: &Row) -> String {
    owner_of(row.pk())
}

/// The same, of a row's key.
pub fn owner_of(pk: &str) -> String {
    match (case::read_pk(pk), appointment::hash_of(pk)) {
        (Some((_, case)), _) => case.to_owned(),
        (None, Some(id)) => format!("{APPOINTMENT}:{id}"),
        (None, None) => event::named_by(pk).replacen('#', ":", 1),
    }
}
