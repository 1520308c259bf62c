//! Invoices as people and systems ask for them: made, listed by how they stand, voided.

use super::commit::{self, Change, Committed};
use super::denied::{Denied, Granted, cause, changed, granted};
use super::invoicing::{self, Wanted};
use super::named::{self, Named};
use super::{App, settings as clinics_settings};
use crate::domain::actor::Actor;
use crate::domain::case::Case;
use crate::domain::decide::Refusal;
use crate::domain::dims::Dims;
use crate::domain::event::{Event, NewCreditNote};
use crate::domain::invoice::{Line, Status};
use crate::domain::policy::Collect;
use crate::domain::settings::Settings;
use crate::io::queue::RowKey;
use crate::records::case;
use crate::records::event::EventRow;
use crate::words::money::Currency;
use crate::words::text::Plain;

/// An invoice as somebody asks for it.
pub struct NewInvoice {
    /// The clinic's own number; one of ours where it has none.
    pub number: Option<Plain<30>>,
    pub patient: Option<Named>,
    pub currency: Currency,
    pub lines: Vec<Line>,
    /// What each line is for: sealed.
    pub descriptions: Vec<String>,
    /// How it is collected, where not by policy.
    pub collect: Option<Collect>,
    pub gateway: Option<String>,
    /// By which reports cut the books.
    pub dims: Dims,
}

/// Makes an invoice and starts to collect it, once under the request's row.
pub async fn create(
    app: &App,
    settings: &Settings,
    actor: &Actor,
    new: NewInvoice,
    row: &EventRow,
) -> Result<Granted, Denied> {
    if let Some(gateway) = &new.gateway {
        clinics_settings::page("gateway", gateway)?;
    }
    let patient = match &new.patient {
        Some(named) => Some(named::person(app, &settings.id, named).await?.0.id),
        None => None,
    };
    let wanted = Wanted {
        cause: caused_by(row),
        number: new.number.map(String::from),
        patient,
        appointment: None,
        starts_at: None,
        currency: new.currency,
        lines: new.lines,
        descriptions: new.descriptions,
        collect: new.collect,
        gateway: new.gateway,
        method: None,
        dims: new.dims,
    };
    let why = cause(row, actor);
    let (_, made) =
        invoicing::invoice(app, settings, wanted, Some(row.clone()), vec![], why).await?;
    granted(made)
}

/// What a request causes, so that a repeat of it finds the same case.
pub fn caused_by(row: &EventRow) -> Vec<String> {
    vec![row.source.clone(), row.vendor_event_id.clone()]
}

/// A page of the invoices that stand so, newest first, and where it goes on.
pub async fn standing(
    app: &App,
    clinic: &str,
    status: Status,
    before: Option<&str>,
    limit: i32,
) -> Result<(Vec<Case>, Option<String>), Denied> {
    let list = case::invoices_of(clinic, status);
    let (rows, next) = app.store.list_keys(&list, before, limit).await?;
    // The row that says how an invoice stands is beside it.
    let key = |row: RowKey| RowKey {
        sk: case::SK.into(),
        ..row
    };
    let keys: Vec<_> = rows.into_iter().map(key).collect();
    let found = app.store.get_all(&keys).await?;
    let cases: Result<Vec<Case>, _> = found.iter().map(|row| row.read("data")).collect();
    let mut cases = cases?;
    // The list is behind the invoices: only they say how they stand.
    cases.retain(|case| case.status() == status);
    cases.sort_by_key(|case| std::cmp::Reverse((case.created_at, case.id.clone())));
    Ok((cases, next))
}

/// Voids an invoice on which no money is or may come. Systems that filed it hear of it.
pub async fn void(
    app: &App,
    settings: &Settings,
    actor: &Actor,
    invoice: &str,
) -> Result<Case, Denied> {
    let case = named::invoice(app, &settings.id, invoice).await?;
    let id = case.id.clone();
    let cause = format!("voided by {actor}");
    let change = Change::new(settings, &id, Event::Voided, cause);
    match commit::commit(app, change, Some(case)).await? {
        Committed::Refused(Refusal::Invalid(why)) => Err(Denied::Conflict(why)),
        committed => Ok(changed(committed, "voided")?.0),
    }
}

/// Writes a credit note over so much of an invoice, once under the request's row.
pub async fn credit(
    app: &App,
    settings: &Settings,
    actor: &Actor,
    invoice: &str,
    note: NewCreditNote,
    row: &EventRow,
) -> Result<Granted, Denied> {
    let case = named::invoice(app, &settings.id, invoice).await?;
    let id = case.id.clone();
    let change = Change {
        row: Some(row.clone()),
        ..Change::new(settings, &id, Event::Credited(note), cause(row, actor))
    };
    granted(commit::commit(app, change, Some(case)).await?)
}
