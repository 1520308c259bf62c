//! Polls: lists of vendors that tell nothing by themselves. A run reads a list window by window and
//! portion by portion; what a portion yields is posted before the row moves on, so that a crash
//! between repeats it and loses nothing, and an event's row holds that a repeat has no effect.

use super::accounts::account_of;
use super::connections::{self, Known};
use super::talks::Line;
use super::{App, Failure, commit, posting, tasks};
use crate::contract::{Faces, Item, Poll, Portion, Trouble, Window};
use crate::domain::settings::Settings;
use crate::domain::task::{Alert, Matter};
use crate::io::store::{Row, StoreError, Write, Written};
use crate::io::{clock, secrets};
use crate::records::poll::{self, PollRow, ReadSoFar};
use crate::records::task;
use crate::vendors;
use crate::words::time;
use jiff::Timestamp;
use std::sync::atomic::AtomicUsize;
use std::time::{Duration, Instant};

/// One list is read for so long, or so many portions of it, and then others have their turn.
const LONGEST: Duration = Duration::from_secs(15);
const PORTIONS: usize = 40;
/// While a run reads it a list is nobody else's for so many seconds.
const TAKEN: i64 = 300;
/// Seconds until a list is asked again that was not given, from try to try.
const WAITS: [i64; 4] = [60, 300, 900, 3600];
/// So many times a window is begun anew before people are asked.
const ANEW: u32 = 3;
/// So many tries in a row may end at what a portion holds before what ends them is put aside.
const LAST_CHANCE: u32 = 3;

/// A list that a run has in its hands.
struct PollJob<'a> {
    app: &'a App,
    settings: &'a Settings,
    faces: &'static Faces,
    poll: &'static Poll,
    row: PollRow,
}

/// How a try to read a portion ended.
enum End {
    /// The row moved on; whether there is more to read now.
    Moved { more: bool },
    /// Another run moved it.
    Elsewhere,
    /// It is asked again later, as the row says.
    SetBack,
}

/// Sees to it that a connection's lists are asked from now on. One that was asked before goes on
/// from where it was, and is asked at once.
pub async fn begin(app: &App, clinic: &str, connection: &str) -> Result<(), StoreError> {
    let now = clock::now();
    for (_, list) in vendors::polls_of(connection) {
        for attempt in 0..commit::TRIES {
            let known = read(app, clinic, connection, list.name).await?;
            let row = known.unwrap_or_else(|| PollRow::new(clinic, connection, list.name, now));
            let so_far = ReadSoFar {
                probes: true,
                ..row.so_far.clone()
            };
            let write = row.write(&so_far, Some(now));
            if app.store.transact(&[write]).await? == Written::Done {
                break;
            }
            commit::pause(attempt).await;
        }
    }
    Ok(())
}

/// Until when each list of a connection was read; `None` where it is not asked.
pub async fn read_until(
    app: &App,
    clinic: &str,
    connection: &str,
) -> Result<Vec<(&'static str, Option<Timestamp>)>, StoreError> {
    let mut all = vec![];
    for (_, list) in vendors::polls_of(connection) {
        let row = read(app, clinic, connection, list.name).await?;
        all.push((list.name, row.map(|row| row.so_far.from)));
    }
    Ok(all)
}

/// Has all read once more that changed at or after this time: what could not be read then. `None`
/// where the list is not asked any more.
pub async fn anew(
    app: &App,
    clinic: &str,
    connection: &str,
    (list, from): (&str, Timestamp),
) -> Result<Option<Write>, StoreError> {
    let row = read(app, clinic, connection, list).await?;
    Ok(row.map(|row| {
        let so_far = ReadSoFar {
            from: row.so_far.from.min(from),
            open: None,
            ..row.so_far.clone()
        };
        row.write(&so_far, Some(clock::now()))
    }))
}

async fn read(
    app: &App,
    clinic: &str,
    connection: &str,
    list: &str,
) -> Result<Option<PollRow>, StoreError> {
    let pk = poll::pk(clinic, connection);
    let row = app.store.get(&pk, &poll::sk(list)).await?;
    row.as_ref().map(PollRow::read).transpose()
}

/// Works a list off whose time has come (`poll#…`).
pub async fn work_off(app: &App, row: &Row) -> Result<(), Failure> {
    let row = PollRow::read(row)?;
    let mut lists = vendors::polls_of(&row.connection);
    let Some((faces, poll)) = lists.find(|(_, poll)| poll.name == row.list) else {
        return idle(app, &row).await;
    };
    let name = secrets::configured(&row.clinic, &row.connection);
    if app.secrets.current(&name).await?.is_none() {
        return idle(app, &row).await;
    }
    let settings = app.settings_of(&row.clinic).await?;
    let mut job = PollJob {
        app,
        settings: &settings,
        faces,
        poll,
        row,
    };
    let known = connections::known(app, &job.row.clinic, &job.row.connection).await?;
    if known.connection.holds() && !job.row.so_far.probes {
        return job.held(&known).await;
    }
    job.run(known).await
}

/// Nobody is connected: the row stays where it is until somebody is.
async fn idle(app: &App, row: &PollRow) -> Result<(), Failure> {
    app.store
        .transact(&[row.write(&row.so_far, None)])
        .await
        .map(drop)?;
    Ok(())
}

impl PollJob<'_> {
    /// Reads portion by portion, window by window, while there is time.
    async fn run(&mut self, mut known: Known) -> Result<(), Failure> {
        let begun = Instant::now();
        for _ in 0..PORTIONS {
            match self.portion(&mut known, begun + LONGEST).await? {
                End::Moved { more: true } if begun.elapsed() < LONGEST => {}
                End::Moved { more: true } => break,
                End::Moved { more: false } | End::Elsewhere | End::SetBack => return Ok(()),
            }
        }
        // Whoever else is due has a turn before it goes on.
        let so_far = self.row.so_far.clone();
        self.write(so_far, clock::now(), vec![]).await.map(drop)
    }

    /// Reads one portion, posts what it yields, and moves the row on.
    async fn portion(&mut self, known: &mut Known, until: Instant) -> Result<End, Failure> {
        let now = clock::now();
        let window = self.row.so_far.window(self.poll, now);
        let portion = match self.asked(&window).await {
            Ok(portion) => portion,
            Err(trouble) => return self.troubled(&window, trouble).await,
        };
        let (clinic, connection) = (&self.settings.id, &self.row.connection);
        connections::answered(self.app, clinic, connection, &std::mem::take(known)).await?;
        match self.posted(&window, portion.items, until).await {
            Ok(true) => {}
            // What was posted stays so: the portion is read again for the rest of it.
            Ok(false) => return Ok(End::Moved { more: true }),
            Err(why) => {
                self.row.so_far.stuck += 1;
                return match why.downcast::<Trouble>() {
                    // The vendor was asked of a patient.
                    Ok(trouble) => self.troubled(&window, *trouble).await,
                    Err(why) => self.failed(&*why).await,
                };
            }
        }
        let so_far = self.row.so_far.after(&window, portion.next);
        // While a window is read in parts time goes on: what that brings is soon asked for.
        let behind = time::after(so_far.from, self.poll.every) < now;
        let more = so_far.open.is_some() || behind;
        let mut answered = vec![];
        // Read to its end, nobody need look any more.
        if self.row.so_far.asked && !so_far.asked {
            let (pk, id) = self.task();
            answered.push(Write::Delete(task::person_key(&pk, &id)));
        }
        let wait = if more { TAKEN } else { self.poll.every };
        let due = time::after(clock::now(), wait);
        match self.write(so_far, due, answered).await? {
            true => Ok(End::Moved { more }),
            false => Ok(End::Elsewhere),
        }
    }

    async fn asked(&self, window: &Window) -> Result<Portion<Item>, Trouble> {
        let (app, clinic, vendor) = (self.app, &*self.settings.id, self.faces.vendor);
        let account = &account_of(app, clinic, vendor, &self.row.connection).await?;
        let line = Line {
            app,
            clinic,
            vendor,
            account,
        };
        let read = self.poll.read;
        let portion = line
            .converse(None, |talk| read(window, talk, account))
            .await?;
        match portion.next.is_some() && portion.next == window.after {
            true => Err(Trouble::Unreadable("a portion leads to itself".into())),
            false => Ok(portion),
        }
    }

    async fn posted(
        &self,
        window: &Window,
        items: Vec<Item>,
        until: Instant,
    ) -> Result<bool, Failure> {
        let polled = posting::Polled {
            connection: &self.row.connection,
            list: self.poll.name,
            from: window.from,
            last_chance: self.row.so_far.stuck >= LAST_CHANCE,
            until,
            dropped: AtomicUsize::new(0),
        };
        posting::polled(self.app, self.settings, &polled, items).await
    }

    /// What becomes of a portion that the vendor did not give.
    async fn troubled(&mut self, window: &Window, trouble: Trouble) -> Result<End, Failure> {
        let (app, settings) = (self.app, self.settings);
        let connection = &self.row.connection.clone();
        tracing::warn!(connection, list = self.poll.name, %trouble, "a list was not given");
        let mut so_far = self.later();
        match trouble {
            Trouble::Credentials(why) => {
                connections::broken(app, settings, connection, &why).await?
            }
            Trouble::Later { seconds, why } => {
                connections::held(app, settings, connection, seconds, &why).await?;
            }
            Trouble::Unclear(_) | Trouble::InFlight | Trouble::Exists(_) => {
                connections::unanswered(app, settings, connection, &trouble.to_string()).await?;
            }
            // It may have forgotten where we were: the window is read anew.
            _ if window.after.is_some() && so_far.anew < ANEW => {
                so_far.open = None;
                so_far.anew += 1;
            }
            refused => {
                so_far.open = None;
                so_far.asked = true;
                self.ask_people(&refused).await?;
            }
        }
        let known = connections::known(app, &settings.id, connection).await?;
        let until = known.connection.until;
        let until = until.filter(|_| known.connection.holds());
        so_far.probes = until.is_some();
        let due = until.unwrap_or_else(|| self.again_at(&so_far));
        self.write(so_far, due, vec![]).await?;
        Ok(End::SetBack)
    }

    /// Something of ours was in the way of what a portion yielded.
    async fn failed(&mut self, why: &(dyn std::error::Error + 'static)) -> Result<End, Failure> {
        let connection = &self.row.connection;
        tracing::error!(connection, list = self.poll.name, %why, "a portion was not posted");
        let so_far = self.later();
        let due = self.again_at(&so_far);
        self.write(so_far, due, vec![]).await?;
        Ok(End::SetBack)
    }

    /// The connection takes no calls: this one is let through when that is over.
    async fn held(&mut self, known: &Known) -> Result<(), Failure> {
        let so_far = ReadSoFar {
            probes: true,
            ..self.row.so_far.clone()
        };
        let until = known.connection.until.unwrap_or_else(clock::now);
        self.write(so_far, until, vec![]).await.map(drop)
    }

    fn later(&self) -> ReadSoFar {
        let so_far = self.row.so_far.clone();
        ReadSoFar {
            tries: so_far.tries + 1,
            ..so_far
        }
    }

    fn again_at(&self, so_far: &ReadSoFar) -> Timestamp {
        let tried = so_far.tries.saturating_sub(1) as usize;
        time::after(clock::now(), WAITS[tried.min(WAITS.len() - 1)])
    }

    /// Asks people once why a list is not given: the vendor answers, and answers otherwise than it
    /// should.
    async fn ask_people(&self, why: &Trouble) -> Result<(), Failure> {
        let (name, vendor) = (self.poll.name, self.faces.vendor);
        let words = format!("Its list of {name} is not given: {why}.");
        let matter = Matter::of(Alert::Blocked).vendor(vendor.id).words(words);
        let (pk, id) = self.task();
        tasks::raise(self.app, self.settings, &pk, &id, matter).await
    }

    /// Where that task stands, and what it is called.
    fn task(&self) -> (String, String) {
        let pk = connections::task_pk(&self.settings.id, &self.row.connection);
        (pk, format!("poll-{}", self.poll.name))
    }

    /// Moves the row, with what else is written; `false` where another run did.
    async fn write(
        &mut self,
        so_far: ReadSoFar,
        due: Timestamp,
        also: Vec<Write>,
    ) -> Result<bool, Failure> {
        let write = self.row.write(&so_far, Some(due));
        let writes: Vec<_> = [write].into_iter().chain(also).collect();
        let written = self.app.store.transact(&writes).await? == Written::Done;
        if written {
            self.row = self.row.clone().with(so_far);
        }
        Ok(written)
    }
}
