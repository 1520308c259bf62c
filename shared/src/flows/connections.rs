//! Connections of a clinic to the vendors that are told: held while a vendor takes no more calls or
//! does not answer, broken while it does not accept our key. What waits uses up no tries, people are
//! asked once, and the first answer lets everything through.

use super::{App, Failure, commit, tasks};
use crate::domain::settings::Settings;
use crate::domain::task::{Alert, Matter, Queue};
use crate::io::clock;
use crate::io::queue::RowKey;
use crate::io::store::{Row, StoreError, Write, Written};
use crate::records::connection::{self, Connection, Standing};
use crate::records::delivery::{self, DeliveryRow, Due};
use crate::records::{event, task};
use crate::words::time;
use jiff::Timestamp;
use std::collections::HashMap;

/// After so many calls in a row without an answer nothing more is sent for a while.
const UNANSWERED: u32 = 3;
/// Seconds until one is let through to see, the first time and at most.
const SILENT: [i64; 2] = [30, 900];
const BROKEN: i64 = 900;
/// One that says again and again that it takes no more is asked ever more rarely.
const SHORTEST_HOLD: i64 = 10;
/// The longest that a vendor may ask us to wait.
const LONGEST_HOLD: i64 = 86_400;
/// People are asked to look at a connection that gave trouble for so long.
const ASKED_AFTER: i64 = 3600;
/// So many are let through together, and the next ones so many seconds later.
const PORTION: usize = 25;
const NEXT_PORTION: i64 = 5;
/// What was about to wait when everything was let through is found by one more look, so many seconds
/// later: by then whoever read that it is held has written its row, and the index shows it.
const LAST_LOOK: i64 = 180;

/// As it was read; the version is 0 where there is no row.
#[derive(Clone, Debug, Default)]
pub struct Known {
    pub connection: Connection,
    version: u64,
}

/// How the connection stands.
pub async fn known(app: &App, clinic: &str, name: &str) -> Result<Known, StoreError> {
    let key = connection::key(clinic, name);
    known_at(app, &key).await
}

async fn known_at(app: &App, key: &RowKey) -> Result<Known, StoreError> {
    let row = app.store.get(&key.pk, &key.sk).await?;
    row.as_ref().map_or(Ok(Known::default()), of_row)
}

/// The connection of this row.
pub fn of_row(row: &Row) -> Result<Known, StoreError> {
    Ok(Known {
        connection: Connection::read(row)?,
        version: row.version(),
    })
}

/// The vendor takes no more calls for so many seconds.
pub async fn held(
    app: &App,
    settings: &Settings,
    name: &str,
    seconds: i64,
    why: &str,
) -> Result<(), Failure> {
    let now = clock::now();
    troubled(app, settings, name, why, |connection| {
        // What it asks for was too short the last time.
        connection.held += 1;
        let least = SHORTEST_HOLD << (connection.held - 1).min(10);
        let wait = seconds.clamp(1, LONGEST_HOLD).max(least.min(BROKEN));
        let until = time::after(now, wait);
        connection.standing = Standing::Held;
        connection.until = Some(until);
    })
    .await
}

/// The vendor does not accept our key, or there is none: people are asked at once.
pub async fn broken(app: &App, settings: &Settings, name: &str, why: &str) -> Result<(), Failure> {
    let until = time::after(clock::now(), BROKEN);
    troubled(app, settings, name, why, |connection| {
        connection.standing = Standing::Broken;
        connection.until = Some(until);
    })
    .await
}

/// A call was not answered. After some in a row the others wait.
pub async fn unanswered(
    app: &App,
    settings: &Settings,
    name: &str,
    why: &str,
) -> Result<(), Failure> {
    let now = clock::now();
    troubled(app, settings, name, why, |connection| {
        connection.unanswered += 1;
        let over = connection.unanswered.checked_sub(UNANSWERED);
        if let Some(over) = over
            && !matches!(connection.standing, Standing::Broken | Standing::Held)
        {
            let [first, most] = SILENT;
            let wait = (first << over.min(10)).min(most);
            connection.standing = Standing::Silent;
            connection.until = Some(time::after(now, wait));
        }
    })
    .await
}

async fn troubled(
    app: &App,
    settings: &Settings,
    name: &str,
    why: &str,
    change: impl Fn(&mut Connection),
) -> Result<(), Failure> {
    let key = connection::key(&settings.id, name);
    let now = clock::now();
    for attempt in 0..commit::TRIES {
        let known = known_at(app, &key).await?;
        let mut next = known.connection.clone();
        next.since = next.since.or(Some(now));
        next.why = Some(why.into());
        change(&mut next);
        let lasts = next
            .since
            .is_some_and(|at| now.as_second() - at.as_second() > ASKED_AFTER);
        let asks = next.standing == Standing::Broken || next.holds() && lasts;
        // Asked before it is noted: whoever dies between the two asks the same once more, which an
        // open task takes for itself.
        if asks && !next.asked {
            ask(app, settings, name, &next, why).await?;
            next.asked = true;
        }
        if put(app, &key, &known, &next, vec![]).await? {
            return Ok(());
        }
        commit::pause(attempt).await;
    }
    Err(commit::Busy(format!("the connection to {name}")).into())
}

/// Asks people to look at a connection, once for all that waits for it.
async fn ask(
    app: &App,
    settings: &Settings,
    name: &str,
    connection: &Connection,
    why: &str,
) -> Result<(), Failure> {
    let alert = match connection.standing {
        Standing::Broken => Alert::Blocked,
        _ => Alert::ConnectionHeld,
    };
    let words = match connection.standing {
        Standing::Held => format!("It takes no more calls for now: {why}."),
        Standing::Silent => format!("It does not answer: {why}."),
        Standing::Broken | Standing::Fine => format!("It says: {why}."),
    };
    let matter = Matter::of(alert).vendor(name).words(words);
    tasks::raise(
        app,
        settings,
        &task_pk(&settings.id, name),
        &task_id(name),
        matter,
    )
    .await
}

/// It answered. Where it gave trouble before, nobody need look any more, and what waits is let
/// through.
pub async fn answered(app: &App, clinic: &str, name: &str, known: &Known) -> Result<(), Failure> {
    if !known.connection.is_troubled() {
        return Ok(());
    }
    let key = connection::key(clinic, name);
    // What is being let through goes on as it is.
    let until = match known.connection.holds() {
        true => Some(clock::now()),
        false => known.connection.until,
    };
    let next = Connection {
        until,
        ..Connection::default()
    };
    let asked = task::person_key(&task_pk(clinic, name), &task_id(name));
    let also = vec![Write::Delete(asked)];
    // Another worker may have seen the same answer, or the next trouble: its word is newer.
    if put(app, &key, known, &next, also).await? && known.connection.holds() {
        commit::nudge(app, [(Queue::Deliveries, key)].into_iter()).await;
    }
    Ok(())
}

/// As [`answered`], for who did not read how it stands.
pub async fn answers(app: &App, clinic: &str, name: &str) -> Result<(), Failure> {
    let known = known(app, clinic, name).await?;
    answered(app, clinic, name, &known).await
}

/// Something was configured anew: one that waits is let through to see whether it works now.
pub async fn look_now(app: &App, clinic: &str, vendor: &str) -> Result<(), Failure> {
    let key = connection::key(clinic, vendor);
    let known = known_at(app, &key).await?;
    if !known.connection.holds() {
        return Ok(());
    }
    let next = Connection {
        until: Some(clock::now()),
        ..known.connection.clone()
    };
    if put(app, &key, &known, &next, vec![]).await? {
        commit::nudge(app, [(Queue::Deliveries, key)].into_iter()).await;
    }
    Ok(())
}

/// Works a connection off whose time has come (`connection`): what waits is let through in portions
/// once it answers again, or one of it to see whether it does.
pub async fn resume(app: &App, key: &RowKey) -> Result<(), Failure> {
    let Some((clinic, vendor)) = connection::read_pk(&key.pk) else {
        return Ok(());
    };
    let Some(row) = app.store.get(&key.pk, &key.sk).await? else {
        return Ok(());
    };
    let now = clock::now();
    if !row.is_due(time::millis(now)) {
        return Ok(());
    }
    let known = of_row(&row)?;
    let held = delivery::held(clinic, vendor);
    let mut waiting = app.store.parked(&held, PORTION).await?;
    let probes = known.connection.holds();
    if probes {
        waiting = least_tried(app, waiting).await?;
    }
    let some = if probes { 1 } else { PORTION };
    let next = resumed(&known.connection, waiting.len(), now);
    if !put(app, key, &known, &next, vec![]).await? {
        return Ok(());
    }
    let mut through = 0;
    for key in waiting {
        if through < some && let_through(app, &key, probes, now).await? {
            through += 1;
        }
    }
    Ok(())
}

/// How a connection stands while so many that wait are let through, and when it is looked at again.
fn resumed(connection: &Connection, waiting: usize, now: Timestamp) -> Connection {
    let mut next = connection.clone();
    // Whether it takes calls again, the answer to the one that is let through tells.
    let wait = match (next.standing, waiting) {
        (Standing::Broken, _) => Some(BROKEN),
        (Standing::Held | Standing::Silent, 1..) => Some(BROKEN),
        // Nothing waits any more: the next call shows how it stands.
        (Standing::Held | Standing::Silent, 0) => {
            next.standing = Standing::Fine;
            Some(LAST_LOOK)
        }
        (Standing::Fine, PORTION..) => Some(NEXT_PORTION),
        (Standing::Fine, 1..) => Some(LAST_LOOK),
        (Standing::Fine, 0) => None,
    };
    next.until = wait.map(|seconds| time::after(now, seconds));
    next
}

/// Those first that were tried least: one that its vendor cannot take must not speak for all.
async fn least_tried(app: &App, mut waiting: Vec<RowKey>) -> Result<Vec<RowKey>, StoreError> {
    let mut tries = HashMap::new();
    for row in app.store.get_all(&waiting).await? {
        tries.insert(row.key(), DeliveryRow::read(&row)?.tries);
    }
    waiting.sort_by_key(|key| tries.get(key).copied().unwrap_or_default());
    Ok(waiting)
}

/// `false` where it is not its turn: what waits for another delivery cannot show how it stands.
async fn let_through(
    app: &App,
    key: &RowKey,
    probe: bool,
    now: Timestamp,
) -> Result<bool, Failure> {
    let Some(row) = app.store.get(&key.pk, &key.sk).await? else {
        return Ok(false);
    };
    let waiting = DeliveryRow::read(&row)?;
    if waiting.due != Due::Held || probe && waiting.behind {
        return Ok(false);
    }
    let version = waiting.version;
    let open = DeliveryRow {
        version: version + 1,
        probe,
        ..waiting.due_at(now)
    };
    let write = Write::Replace {
        row: open.row(),
        version,
    };
    if app.store.transact(&[write]).await? == Written::Done {
        commit::nudge(app, [(Queue::Deliveries, open.key())].into_iter()).await;
    }
    Ok(true)
}

async fn put(
    app: &App,
    key: &RowKey,
    known: &Known,
    next: &Connection,
    also: Vec<Write>,
) -> Result<bool, StoreError> {
    let row = next.row(key, known.version + 1);
    let write = match known.version {
        0 => Write::New(row),
        version => Write::Replace { row, version },
    };
    let writes: Vec<_> = [write].into_iter().chain(also).collect();
    Ok(app.store.transact(&writes).await? == Written::Done)
}

/// Where the task stands of a connection that a person must look at.
pub(super) fn task_pk(clinic: &str, name: &str) -> String {
    event::pk(clinic, "connection", name)
}

fn task_id(name: &str) -> String {
    format!("blocked-{name}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("an instant")
    }

    /// As it is after a look with so many waiting, and in how many seconds the next look is.
    fn looked(standing: Standing, waiting: usize) -> (Standing, Option<i64>) {
        let connection = Connection {
            standing,
            until: Some(at(1000)),
            ..Connection::default()
        };
        let next = resumed(&connection, waiting, at(1000));
        let wait = next.until.map(|until| until.as_second() - 1000);
        (next.standing, wait)
    }

    #[test]
    fn a_connection_is_looked_at_until_nothing_can_wait_for_it_any_more() {
        let (fine, broken) = (Standing::Fine, Standing::Broken);
        for held in [Standing::Held, Standing::Silent] {
            assert_eq!(looked(held, 1), (held, Some(BROKEN)));
            assert_eq!(looked(held, 0), (fine, Some(LAST_LOOK)));
        }
        // Whoever is refused later waits for somebody who still looks.
        for waiting in [0, 1, PORTION] {
            assert_eq!(looked(broken, waiting), (broken, Some(BROKEN)));
        }
        assert_eq!(looked(fine, PORTION), (fine, Some(NEXT_PORTION)));
        assert_eq!(looked(fine, PORTION - 1), (fine, Some(LAST_LOOK)));
        assert_eq!(looked(fine, 0), (fine, None));
    }
}
