//! Records told once more: a clinic's system that lost what it was told, or was away too long, hears
//! of a span of time again, the oldest first, each record under the id that it had.

use super::arrival::{reopened, untold};
use super::{spread, task_of};
use crate::contract::Channel;
use crate::domain::actor::Actor;
use crate::domain::settings::Settings;
use crate::flows::App;
use crate::flows::audit::noted;
use crate::flows::commit::{TRIES, pause};
use crate::flows::denied::Denied;
use crate::flows::lists::{READ, filled};
use crate::io::clock;
use crate::io::store::{Row, StoreError, Write, Written};
use crate::records::delivery::{DeliveryRow, heard_between};
use crate::records::event::{self, EventRow};
use crate::records::task;
use crate::vendors;
use jiff::Timestamp;

/// So many are told again by one request: they are written in one commit.
const PAGE: usize = 25;

/// What is told again, and to whom.
pub struct Span<'a> {
    pub system: &'a str,
    /// When it was heard of here: from then on, until just before `to`.
    pub from: Timestamp,
    pub to: Timestamp,
    /// Where the page before ended.
    pub after: Option<String>,
}

/// What became of a page.
pub enum Replayed {
    /// It is being told, with what the request is answered.
    Now(String),
    /// It was asked for before, by the request of this row.
    Before(Box<Row>),
}

/// Opens a page of what a system of records was told, or should have been, once more. What is still
/// on its way stays as it is. `answer` is made of how many are told, and where the span goes on.
pub async fn replay(
    app: &App,
    settings: &Settings,
    actor: &Actor,
    span: &Span<'_>,
    answer: fn(usize, Option<&str>) -> String,
    request: &EventRow,
) -> Result<Replayed, Denied> {
    check(settings, span)?;
    for attempt in 0..TRIES {
        let (rows, next) = page(app, &settings.id, span).await?;
        let answer = answer(rows.len(), next.as_deref());
        let now = clock::now();
        let why = format!("told again, as {actor} asked");
        let open: Vec<_> = rows
            .iter()
            .map(|row| reopened(&untold(row), &why, now))
            .collect();
        let what = format!("deliveries_replayed {}", span.system);
        let mut writes = vec![
            request.answered(&answer),
            noted(settings, None, &what, actor.cause()),
        ];
        for (read, open) in rows.iter().zip(&open) {
            writes.push(Write::Replace {
                row: open.row(),
                version: read.version,
            });
            // What was asked of people is answered; where it fails again, it is asked again.
            writes.push(Write::Delete(task::person_key(&read.pk, &task_of(read))));
        }
        match app.store.transact(&writes).await? {
            Written::Done => {
                let nudges = open.iter().map(|row| spread::nudge(app, row.key()));
                futures::future::join_all(nudges).await;
                return Ok(Replayed::Now(answer));
            }
            Written::Failed(at) if at.contains(&0) => {
                let known = app.store.get(&request.pk(), event::SK).await?;
                let known = known.ok_or(Denied::Again("the request is being answered"))?;
                return Ok(Replayed::Before(Box::new(known)));
            }
            // One of them went on meanwhile.
            Written::Failed(_) | Written::Conflict => pause(attempt).await,
        }
    }
    Err(Denied::Again("the deliveries are being written by others"))
}

fn check(settings: &Settings, span: &Span<'_>) -> Result<(), Denied> {
    let kept = vendors::system(span.system).is_some_and(|of| of.channel == Channel::Records);
    let on = settings.systems.iter().any(|name| name == span.system);
    if !kept || !on {
        let why = "a system that keeps records and is switched on: what people read and what books \
                   file is never told twice";
        return Err(Denied::invalid("system", why));
    }
    match span.from < span.to {
        true => Ok(()),
        false => Err(Denied::invalid("to", "later than `from`")),
    }
}

/// Those of a span that are over, the oldest first, and where it goes on.
async fn page(
    app: &App,
    clinic: &str,
    span: &Span<'_>,
) -> Result<(Vec<DeliveryRow>, Option<String>), StoreError> {
    let list = heard_between(clinic, span.from, span.to);
    let read = async |after: Option<&str>| {
        let (rows, next) = app.store.list_up(&list, after, READ as i32).await?;
        let found = rows.iter().map(|row| {
            let told = DeliveryRow::read(row)?;
            let fits = told.about.system == span.system && told.state.is_over();
            Ok((list.place(row).to_owned(), fits.then_some(told)))
        });
        Ok((found.collect::<Result<_, StoreError>>()?, next))
    };
    filled(span.after.clone(), PAGE, read).await
}
