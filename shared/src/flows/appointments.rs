//! Appointments, which are visits: booked, moved, called off or completed. Completion is what bills:
//! the invoice follows by the clinic's policy, once, however often it is reported.

pub mod booking;
mod heard;
pub mod search;
pub mod told;

use super::denied::Denied;
use super::{App, Failure, commit, patients, tasks};
use crate::domain::actor::Actor;
use crate::domain::outbox::Occurrence;
use crate::domain::settings::Settings;
use crate::domain::task::{Alert, Matter, Queue};
use crate::domain::visit::{Event, Verdict, Visit, decide};
use crate::flows::audit::noted;
use crate::io::clock;
use crate::io::store::{Row, StoreError, Write};
use crate::records::appointment::{self, VisitRow};
use crate::records::event::{self, EventRow};
use crate::records::{outbox, task};
use crate::words::money::Money;
use crate::words::time;

/// How often a write that met another one is tried again.
const TRIES: u32 = 5;
/// What the task is called that asks for a price.
const NO_PRICE: &str = "no-price";

/// A request that says something of an appointment, once.
pub struct Asked<'a> {
    pub actor: &'a Actor,
    /// The request's own row.
    pub row: &'a EventRow,
    /// What it is answered, from the visit as the request leaves it.
    pub answer: fn(&Visit) -> String,
}

/// How such a request ended.
pub enum Said {
    /// The visit as it is now, changed or not.
    Now(Box<Visit>),
    /// Under the same request before, whose row says how it was answered.
    Before(Box<Row>),
}

/// An appointment with its row's version; `None` where there is none.
pub async fn read(app: &App, clinic: &str, id: &str) -> Result<Option<VisitRow>, StoreError> {
    let pk = appointment::pk(clinic, id);
    let row = app.store.get(&pk, appointment::SK).await?;
    row.as_ref().map(VisitRow::read).transpose()
}

/// The same of one that must be there.
pub async fn find(app: &App, clinic: &str, id: &str) -> Result<VisitRow, Denied> {
    let found = read(app, clinic, id).await?;
    found.ok_or(Denied::NotFound("appointment"))
}

/// Works into an appointment what is said of it, once under the request's row. What is so already
/// changes nothing and is answered alike.
pub async fn say(
    app: &App,
    settings: &Settings,
    id: &str,
    event: &Event,
    asked: &Asked<'_>,
) -> Result<Said, Denied> {
    let what = format!("appointment_{} {id}", word(event));
    let note = noted(settings, None, &what, asked.actor.cause());
    for attempt in 0..TRIES {
        let known = find(app, &settings.id, id).await?;
        let after = match decide(Some(&known.visit), event, clock::now()) {
            Verdict::Change(after) => *after,
            Verdict::Nothing => known.visit.clone(),
            Verdict::Refused(why) => {
                let before = answered_before(app, asked.row).await?;
                return before.ok_or(Denied::Conflict(why));
            }
        };
        let mut writes = vec![asked.row.answered(&(asked.answer)(&after))];
        if after != known.visit {
            writes.extend([note.clone(), known.write(&after)]);
        }
        let step = Step {
            before: Some(&known.visit),
            after: &after,
            replaced: None,
            from: None,
            writes,
            cause: format!("appointment {id} {}", word(event)),
        };
        if step.write(app, settings).await? {
            return Ok(Said::Now(Box::new(after)));
        }
        if let Some(before) = answered_before(app, asked.row).await? {
            return Ok(before);
        }
        commit::pause(attempt).await;
    }
    Err(met_others())
}

async fn answered_before(app: &App, row: &EventRow) -> Result<Option<Said>, StoreError> {
    let known = app.store.get(&row.pk(), event::SK).await?;
    Ok(known.map(|known| Said::Before(Box::new(known))))
}

/// As the audit and the journal name it.
fn word(event: &Event) -> &'static str {
    match event {
        Event::Booked(_) => "booked",
        Event::Confirmed => "confirmed",
        Event::Completed => "completed",
        Event::Cancelled { .. } => "cancelled",
        Event::NoShow => "no_show",
        Event::Moved { .. } => "moved",
        Event::Replaced { .. } => "replaced",
        Event::Restored => "restored",
        Event::Billed => "billed",
    }
}

/// One change of a visit: what is written for it, beside what follows from it by itself.
struct Step<'a> {
    before: Option<&'a Visit>,
    after: &'a Visit,
    /// Another visit whose place it takes, as it was and as it is.
    replaced: Option<(&'a Visit, &'a Visit)>,
    /// The connection that said it, which is not told what it told us.
    from: Option<&'a str>,
    /// The rows of the request, of the audit and of the visits.
    writes: Vec<Write>,
    /// As the case's journal names it.
    cause: String,
}

impl Step<'_> {
    /// Writes all of it or nothing; `false` where another write was in the way.
    async fn write(mut self, app: &App, settings: &Settings) -> Result<bool, Failure> {
        let pk = appointment::pk(&settings.id, &self.after.id);
        let bills = self.after.is_to_bill() && !self.before.is_some_and(Visit::is_to_bill);
        if bills {
            let now = time::millis(clock::now());
            self.writes.push(Write::Put(task::visit(&pk, now)));
        }
        let asked = self.price_asked(settings, &pk);
        self.writes.extend(asked.iter().cloned().map(Write::Put));
        let told = self.told(settings);
        self.writes.extend(told.iter().cloned().map(Write::New));
        if self.before.is_some_and(Visit::lacks_price) && !self.after.lacks_price() {
            let answered = task::person_key(&pk, NO_PRICE);
            self.writes.push(Write::Delete(answered));
        }
        let heard = heard::by_case(self.before, self.after);
        let case = &self.after.case;
        let written = heard::write(app, settings, case, heard, self.writes, self.cause).await?;
        if bills && written {
            let due = (Queue::Visits, task::visit_key(&pk));
            commit::nudge(app, [due].into_iter()).await;
        }
        if written {
            tasks::nudge_told(app, &[asked, told].concat()).await;
        }
        Ok(written)
    }

    /// What happened to the visits, for the practice systems that have them too.
    fn told(&self, settings: &Settings) -> Vec<Row> {
        let own = (self.before, self.after);
        let other = self.replaced.map(|(before, after)| (Some(before), after));
        let news = |(before, after): &(Option<&Visit>, &Visit)| {
            after.told > before.map_or(0, |before| before.told)
        };
        let row = |(_, visit): (_, &Visit)| {
            let (now, zero) = (clock::now(), Money::zero(settings.currency));
            let told = Occurrence::of_cancelled(visit, self.from, zero, now);
            let pk = appointment::pk(&settings.id, &visit.id);
            outbox::row(&pk, &outbox::place(told.n), &told, now)
        };
        let all = [own].into_iter().chain(other);
        all.filter(news).map(row).collect()
    }

    /// The rows that ask a person what a session costs that took place without a price.
    fn price_asked(&self, settings: &Settings, pk: &str) -> Vec<Row> {
        if !self.after.lacks_price() || self.before.is_some_and(Visit::lacks_price) {
            return vec![];
        }
        let id = &self.after.id;
        let words = format!("Appointment {id} took place, and nobody said what it costs.");
        let matter = Matter::of(Alert::NoPrice).words(words);
        tasks::asking(settings, pk, NO_PRICE, matter)
    }
}

/// What the lines of an appointment are for; nothing where it has no price, and once its patient was
/// erased.
pub async fn descriptions(app: &App, clinic: &str, visit: &Visit) -> Result<Vec<String>, Failure> {
    let Some(price) = &visit.price else {
        return Ok(vec![]);
    };
    let patient = patients::patient(app, clinic, &visit.patient).await?;
    let place = lines_place(clinic, &visit.id);
    let key = patient.and_then(|patient| patient.key);
    let opened = key.and_then(|key| key.open(&place, &price.descriptions_sealed).ok());
    Ok(opened.unwrap_or_default())
}

/// Said of one that others are writing just now.
const MET_OTHERS: &str = "it is being written by other requests: repeat this one";

fn met_others() -> Denied {
    Denied::conflict(MET_OTHERS)
}

fn lines_place(clinic: &str, appointment: &str) -> String {
    format!("{} lines", appointment::pk(clinic, appointment))
}
