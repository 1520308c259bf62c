//! Invoices as people and systems ask for them: made, looked for, voided.

use super::commit::{self, Change, Committed};
use super::denied::{Denied, Granted, cause, changed, granted};
use super::invoicing::{self, Wanted};
use super::lists::{READ, day, filled};
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
use crate::io::store::{List, StoreError};
use crate::records::case;
use crate::records::event::EventRow;
use crate::words::money::Currency;
use crate::words::text::Plain;
use jiff::civil::Date;
use std::cmp::Reverse;

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
        clinics_settings::page(&settings.policy, "gateway", gateway)?;
    }
    let patient = match &new.patient {
        Some(named) => Some(named::person(app, &settings.id, named).await?.0.id),
        None => None,
    };
    let wanted = Wanted {
        case: invoicing::case_id(&settings.id, &caused_by(row)),
        number: new.number.map(String::from),
        patient,
        appointment: None,
        starts_at: None,
        label: None,
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

/// What an invoice must be; whatever is not given may be anything.
#[derive(Clone, Copy, Default)]
pub struct Filter<'a> {
    pub status: Option<Status>,
    /// Our id of whom it is for.
    pub patient: Option<&'a str>,
    /// The clinic's own id of what it bills.
    pub appointment: Option<&'a str>,
    /// The clinic's day on which it was made.
    pub day: Option<Date>,
}

impl Filter<'_> {
    fn fits(&self, settings: &Settings, case: &Case) -> bool {
        self.status.is_none_or(|status| case.status() == status)
            && self
                .patient
                .is_none_or(|id| case.patient.as_deref() == Some(id))
            && self
                .appointment
                .is_none_or(|id| case.appointment.as_deref() == Some(id))
            && self
                .day
                .is_none_or(|day| case.created_at.to_zoned(settings.zone()).date() == day)
    }

    /// The shortest list that holds all that fits.
    fn list(&self, settings: &Settings) -> Result<List, Denied> {
        let clinic = &settings.id;
        let list = match (self.appointment, self.patient, self.status) {
            (Some(appointment), _, _) => case::invoices_after(clinic, appointment),
            (None, Some(patient), _) => case::invoices_for(clinic, patient),
            (None, None, Some(status)) => case::invoices_of(clinic, status),
            (None, None, None) => case::invoices(clinic),
        };
        let Some(wanted) = self.day else {
            return Ok(list);
        };
        let (from, to) = day(settings, wanted)?;
        Ok(case::made_between(list, from, to))
    }

    /// How many rows are read at once: as many as are asked for where one list is all that fits.
    fn at_once(&self, limit: usize) -> usize {
        let given = [
            self.status.is_some(),
            self.patient.is_some(),
            self.appointment.is_some(),
        ];
        match given.into_iter().filter(|given| *given).count() {
            0 | 1 => limit,
            _ => READ,
        }
    }
}

/// A page of the invoices that fit, newest first, and where it goes on.
pub async fn search(
    app: &App,
    settings: &Settings,
    filter: Filter<'_>,
    before: Option<String>,
    limit: usize,
) -> Result<(Vec<Case>, Option<String>), Denied> {
    let (list, at_once) = (filter.list(settings)?, filter.at_once(limit));
    let read = async |before: Option<&str>| {
        let (rows, next) = app.store.list_keys(&list, before, at_once as i32).await?;
        let mut cases = cases(app, rows).await?;
        cases.sort_by_cached_key(|case| Reverse(case::place(case)));
        // A list is behind the invoices: only they say how they stand.
        let fits = |case: Case| {
            let fits = filter.fits(settings, &case);
            (case::place(&case), fits.then_some(case))
        };
        Ok((cases.into_iter().map(fits).collect(), next))
    };
    filled(before, limit, read).await
}

/// The cases to which these rows belong, in no order.
async fn cases(app: &App, rows: Vec<RowKey>) -> Result<Vec<Case>, StoreError> {
    // The row that says how an invoice stands is beside it.
    let key = |row: RowKey| RowKey {
        sk: case::SK.into(),
        ..row
    };
    let keys: Vec<_> = rows.into_iter().map(key).collect();
    let found = app.store.get_all(&keys).await?;
    found.iter().map(case::read).collect()
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
