//! Events as people and systems look for them: newest first, by what vendor, under what id, in what
//! state.

use crate::flows::App;
use crate::flows::lists::{READ, filled};
use crate::io::store::{Row, StoreError};
use crate::records::event::{self, EventRow};
use jiff::Timestamp;

/// What an event must be; whatever is not given may be anything.
#[derive(Clone, Copy, Default)]
pub struct Filter<'a> {
    pub source: Option<&'a str>,
    pub vendor_event_id: Option<&'a str>,
    pub gateway_ref: Option<&'a str>,
    pub state: Option<&'a str>,
    pub since: Option<Timestamp>,
}

/// An event with the row that says what became of it.
pub type Found = (Row, EventRow);

impl Filter<'_> {
    fn fits(&self, row: &Row, told: &EventRow) -> bool {
        let reference = told.gateway_ref.as_deref();
        self.source.is_none_or(|source| told.source == source)
            && self
                .vendor_event_id
                .is_none_or(|id| told.vendor_event_id == id)
            && self.gateway_ref.is_none_or(|id| reference == Some(id))
            && self.state.is_none_or(|state| event::state(row) == state)
            && self.since.is_none_or(|since| told.received_at >= since)
    }
}

/// At most `limit` events, and where the list goes on. There may be fewer, and more behind them.
pub async fn search(
    app: &App,
    clinic: &str,
    filter: Filter<'_>,
    before: Option<String>,
    limit: usize,
) -> Result<(Vec<Found>, Option<String>), StoreError> {
    if let (Some(source), Some(id)) = (filter.source, filter.vendor_event_id) {
        return Ok((one(app, clinic, filter, source, id).await?, None));
    }
    let list = match filter.since {
        Some(since) => event::list_since(clinic, since),
        None => event::list(clinic),
    };
    let read = async |before: Option<&str>| {
        let (rows, next) = app.store.list(&list, before, READ as i32).await?;
        let found = rows.into_iter().map(|row| {
            let event = EventRow::read(&row)?;
            let place = list.place(&row).to_owned();
            let fits = filter.fits(&row, &event);
            Ok((place, fits.then_some((row, event))))
        });
        Ok((found.collect::<Result<_, StoreError>>()?, next))
    };
    filled(before, limit, read).await
}

/// The event of this id, where it fits.
async fn one(
    app: &App,
    clinic: &str,
    filter: Filter<'_>,
    source: &str,
    id: &str,
) -> Result<Vec<Found>, StoreError> {
    let pk = event::pk(clinic, source, id);
    let Some(row) = app.store.get(&pk, event::SK).await? else {
        return Ok(vec![]);
    };
    let event = EventRow::read(&row)?;
    match filter.fits(&row, &event) {
        true => Ok(vec![(row, event)]),
        false => Ok(vec![]),
    }
}
