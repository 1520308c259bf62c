//! The journal as people read it: of a case, or of a day with what changed outside of every case.

use super::commit::{self, Busy, TRIES};
use super::{App, Failure};
use crate::domain::actor::Actor;
use crate::domain::credit::Credit;
use crate::domain::journal::{Entry, Note};
use crate::domain::settings::Settings;
use crate::io::clock;
use crate::io::store::{Row, StoreError, Write, Written};
use crate::records::journal::{self, SHARDS};
use crate::records::{self, case};
use futures::future::try_join_all;
use jiff::civil::Date;
use std::collections::BTreeSet;

/// What stands in the audit of a day.
pub enum Line {
    /// An entry of a case's journal.
    Entry(Box<Entry>),
    /// A change that moved no money and stands in no journal.
    Note(Note),
}

/// A case's journal, from its first entry.
pub async fn entries(app: &App, clinic: &str, case: &str) -> Result<Vec<Entry>, StoreError> {
    under(app, &case::pk(clinic, case)).await
}

/// The journal of a patient's credit, from its first entry.
pub async fn of_credit(app: &App, credit: &Credit) -> Result<Vec<Entry>, StoreError> {
    under(app, &records::credit::pk(&credit.clinic, &credit.id)).await
}

async fn under(app: &App, pk: &str) -> Result<Vec<Entry>, StoreError> {
    let rows = app.store.under(pk, journal::PREFIX).await?;
    rows.iter().map(journal::entry).collect()
}

/// A page of a day of the clinic's, newest first, and where it goes on: the shards are read side by
/// side and merged.
pub async fn of_day(
    app: &App,
    clinic: &str,
    day: Date,
    before: Option<&str>,
    limit: i32,
) -> Result<(Vec<Line>, Option<String>), StoreError> {
    let lists = SHARDS.map(|shard| journal::of_day(clinic, day, shard));
    let reads = lists.iter().map(|list| app.store.list(list, before, limit));
    let (rows, next) = merged(try_join_all(reads).await?, limit as usize);
    let line = |row: &Row| match journal::is_note(row) {
        true => journal::note(row).map(Line::Note),
        false => journal::entry(row).map(|entry| Line::Entry(Box::new(entry))),
    };
    let lines: Result<_, _> = rows.iter().map(line).collect();
    Ok((lines?, next))
}

/// A page of what was done to a patient and who was shown them, newest first, each with its day.
pub async fn of_patient(
    app: &App,
    clinic: &str,
    patient: &str,
    before: Option<&str>,
    limit: i32,
) -> Result<(Vec<(Note, Date)>, Option<String>), StoreError> {
    let list = journal::of_patient(clinic, patient);
    let (rows, next) = app.store.list(&list, before, limit).await?;
    let note = |row: &Row| Ok((journal::note(row)?, journal::day(row)?));
    let notes: Result<_, StoreError> = rows.iter().map(note).collect();
    Ok((notes?, next))
}

/// Pages of several lists as one, newest first, and where it goes on. Below the place where any of
/// them ended, that one may hold rows that were not read: no row from there is told yet.
fn merged(pages: Vec<(Vec<Row>, Option<String>)>, limit: usize) -> (Vec<Row>, Option<String>) {
    let ends = pages.iter().filter_map(|(_, next)| next.clone());
    let floor = ends.max();
    let mut rows: Vec<Row> = pages.into_iter().flat_map(|(rows, _)| rows).collect();
    rows.retain(|row| floor.as_deref().is_none_or(|floor| row.place() >= floor));
    rows.sort_by(|a, b| b.place().cmp(a.place()));
    let more = floor.is_some() || rows.len() > limit;
    rows.truncate(limit);
    let last = rows.last().filter(|_| more);
    let next = last.map(|row| row.place().to_owned());
    (rows, next)
}

/// The audit row of a change that no journal has: written with it, seen by day.
pub fn noted(settings: &Settings, case: Option<&str>, what: &str, cause: String) -> Write {
    let note = Note {
        case: case.map(String::from),
        patient: None,
        at: clock::now(),
        what: what.into(),
        cause,
    };
    Write::New(journal::note_row(
        &settings.id,
        day_of(settings, &note),
        &note,
    ))
}

/// The same of what was done to one patient.
pub fn noted_of(settings: &Settings, patient: &str, what: &str, cause: String) -> Write {
    let note = about(patient, what, cause);
    Write::New(journal::note_row(
        &settings.id,
        day_of(settings, &note),
        &note,
    ))
}

/// Writes down that these patients are shown, before they are. What one key reads of one patient by
/// one route within a slot of five minutes is one note.
pub async fn note_shown(
    app: &App,
    settings: &Settings,
    actor: &Actor,
    patients: &BTreeSet<String>,
) -> Result<(), Failure> {
    let row = |patient: &String| {
        let note = about(patient, "patient_read", actor.cause());
        let day = day_of(settings, &note);
        let reader = [actor.id(), &actor.via];
        Write::New(journal::read_row(&settings.id, day, &note, &reader))
    };
    let mut notes: Vec<_> = patients.iter().map(row).collect();
    for attempt in 0..TRIES {
        if notes.is_empty() {
            return Ok(());
        }
        match app.store.transact(&notes).await? {
            Written::Done => return Ok(()),
            // These stand there already.
            Written::Failed(at) => {
                let mut n = 0..;
                notes.retain(|_| !n.next().is_some_and(|n| at.contains(&n)));
            }
            Written::Conflict => commit::pause(attempt).await,
        }
    }
    Err(Busy("the audit".into()).into())
}

fn about(patient: &str, what: &str, cause: String) -> Note {
    Note {
        case: None,
        patient: Some(patient.into()),
        at: clock::now(),
        what: what.into(),
        cause,
    }
}

/// The clinic's day on which it was written.
fn day_of(settings: &Settings, note: &Note) -> Date {
    note.at.to_zoned(settings.zone()).date()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_of_several_lists_are_merged_down_to_where_the_first_of_them_ended() {
        let rows = |places: &[&str]| -> Vec<_> {
            let row = |place: &&str| Row::default().text("list_sk", *place);
            places.iter().map(row).collect()
        };
        let told = |pages, limit| {
            let (rows, next) = merged(pages, limit);
            let places: Vec<_> = rows
                .iter()
                .map(|row| row.get("list_sk").to_owned())
                .collect();
            (places.join(" "), next)
        };
        let ended = |place: &str| Some(place.to_owned());
        // The first list was cut at 1 MB: what it holds below 7 was not read.
        let cut = vec![(rows(&["9", "7"]), ended("7")), (rows(&["8", "3"]), None)];
        assert_eq!(told(cut, 50), ("9 8 7".into(), ended("7")));
        let whole = vec![(rows(&["9", "7"]), None), (rows(&["8", "3"]), None)];
        assert_eq!(told(whole.clone(), 50), ("9 8 7 3".into(), None));
        assert_eq!(told(whole.clone(), 3), ("9 8 7".into(), ended("7")));
        assert_eq!(told(whole, 4), ("9 8 7 3".into(), None), "there is no more");
    }
}
