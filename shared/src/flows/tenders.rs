//! Money that no gateway brings: recorded by people, or taken from the patient's credit.

use super::commit::{self, Beside, Change};
use super::credits::credit;
use super::denied::{Denied, Granted, cause, changed, granted};
use super::{App, Failure, named, notes};
use crate::domain::actor::Actor;
use crate::domain::case::Case;
use crate::domain::credit::{self, Owner, Transfer};
use crate::domain::event::{Event, NewTender};
use crate::domain::settings::Settings;
use crate::domain::tender::{By, Recorded};
use crate::io::clock;
use crate::records::event::EventRow;
use crate::words::ids;
use crate::words::money::Money;
use crate::words::text::Plain;
use jiff::Timestamp;
use std::collections::BTreeMap;

/// Money that came, as somebody records it.
pub struct New {
    /// `None` takes it from the patient's credit.
    pub how: Option<Recorded>,
    /// All that is due where not given; of credit no more than there is.
    pub amount: Option<Money>,
    pub at: Option<Timestamp>,
    /// Kept sealed.
    pub note: Option<Plain<60>>,
}

/// Records money on an invoice, once under the request's row.
pub async fn record(
    app: &App,
    settings: &Settings,
    actor: &Actor,
    invoice: &str,
    new: New,
    row: &EventRow,
) -> Result<Granted, Denied> {
    if new.amount.is_some_and(|amount| amount.minor <= 0) {
        return Err(Denied::invalid("amount", "more than 0"));
    }
    if new.at.is_some_and(|at| at > clock::now()) {
        return Err(Denied::invalid("at", "that is yet to come"));
    }
    let case = named::invoice(app, &settings.id, invoice).await?;
    let (by, amount, beside) = match new.how {
        Some(how) => {
            let note = match &new.note {
                Some(note) => Some(notes::seal(app, &case, &place(&case), "note", note).await?),
                None => None,
            };
            let amount = new.amount.unwrap_or_else(|| case.chargeable());
            (By::Recorded { how, note }, amount, None)
        }
        None => {
            let (transfer, beside) = of_credit(app, &case, new.amount, row).await?;
            let amount = beside.event.amount();
            (By::Credit { transfer }, amount, Some(beside))
        }
    };
    let tender = NewTender {
        amount,
        at: new.at.filter(|_| beside.is_none()),
        by,
    };
    let id = case.id.clone();
    let change = Change {
        row: Some(row.clone()),
        beside,
        ..Change::new(settings, &id, Event::Tendered(tender), cause(row, actor))
    };
    granted(commit::commit(app, change, Some(case)).await?)
}

/// To what the notes of a case's tenders are sealed.
fn place(case: &Case) -> String {
    format!("tenders {}", case.id)
}

/// What was noted of a case's tenders, by their numbers.
pub async fn notes_of(app: &App, case: &Case) -> Result<BTreeMap<u32, String>, Failure> {
    let sealed = case.tenders.iter().filter_map(|tender| match &tender.by {
        By::Recorded { note, .. } => Some((tender.n, note.as_deref()?)),
        By::Books { .. } | By::Credit { .. } => None,
    });
    let sealed: Vec<_> = sealed.collect();
    let Some((_, newest)) = sealed.last() else {
        return Ok(BTreeMap::new());
    };
    let Some(key) = notes::key(app, case, newest).await? else {
        return Ok(BTreeMap::new());
    };
    let opened = |(n, note): (u32, &str)| Some((n, key.open(&place(case), note).ok()?));
    Ok(sealed.into_iter().filter_map(opened).collect())
}

/// What is taken of the patient's credit.
async fn of_credit(
    app: &App,
    case: &Case,
    amount: Option<Money>,
    row: &EventRow,
) -> Result<(String, Beside), Denied> {
    let Some(patient) = case.patient.clone() else {
        let why = "a walk-in has no credit";
        return Err(Denied::invalid("how", why));
    };
    let due = case.chargeable();
    let amount = match amount {
        Some(amount) => amount,
        None => {
            let known = credit(app, &case.clinic, &patient, case.currency).await?;
            let available = known.map_or(0, |credit| credit.available().minor);
            // Of nothing the rules say how much there is.
            let all = if available > 0 {
                due.minor.min(available)
            } else {
                due.minor
            };
            Money::new(all, case.currency)
        }
    };
    let transfer = ids::derived(&["transfer", &row.clinic, &row.vendor_event_id]);
    let owner = Owner {
        clinic: case.clinic.clone(),
        patient,
    };
    let event = credit::Event::Used(Transfer {
        id: transfer.clone(),
        case: case.id.clone(),
        amount,
    });
    Ok((transfer, Beside { owner, event }))
}

/// Takes a tender off again that did not hold, by its id.
pub async fn reverse(
    app: &App,
    settings: &Settings,
    actor: &Actor,
    tender: &str,
) -> Result<Case, Denied> {
    let (case, n) = named::tender(app, &settings.id, tender).await?;
    let id = case.id.clone();
    let cause = format!("tender {n} reversed by {actor}");
    let event = Event::TenderReversed {
        tender: n,
        told: false,
    };
    let change = Change::new(settings, &id, event, cause);
    let committed = commit::commit(app, change, Some(case)).await?;
    Ok(changed(committed, "reversed")?.0)
}
