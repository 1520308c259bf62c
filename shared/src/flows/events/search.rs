//! Events as people and systems look for them: newest first, by what vendor, under what id, in what
//! state.

use crate::flows::App;
use crate::io::store::{Row, StoreError};
use crate::records::event::{self, EventRow};
use jiff::Timestamp;

/// Rows that are read at once while filtering, and how often, before the caller goes on.
const READ: i32 = 200;
const ROUNDS: usize = 10;

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
    fn fits(&self, row: &Row, event: &EventRow) -> bool {
        let reference = event.gateway_ref.as_deref();
        self.source.is_none_or(|source| event.source == source)
            && self
                .vendor_event_id
                .is_none_or(|id| event.vendor_event_id == id)
            && self.gateway_ref.is_none_or(|id| reference == Some(id))
            && self.state.is_none_or(|state| row.get("state") == state)
            && self.since.is_none_or(|since| event.received_at >= since)
    }
}

/// At most `limit` events, and where the list goes on. There may be fewer, and more behind them.
pub async fn search(
    app: &App,
    clinic: &str,
    filter: Filter<'_>,
    mut before: Option<String>,
    limit: usize,
) -> Result<(Vec<Found>, Option<String>), StoreError> {
    if let (Some(source), Some(id)) = (filter.source, filter.vendor_event_id) {
        return Ok((one(app, clinic, filter, source, id).await?, None));
    }
    let (list, mut found) = (event::list(clinic), vec![]);
    for _ in 0..ROUNDS {
        let (rows, next) = app.store.list(&list, before.as_deref(), READ).await?;
        for row in rows {
            let event: EventRow = row.read("data")?;
            if filter.since.is_some_and(|since| event.received_at < since) {
                return Ok((found, None));
            }
            before = Some(row.get("list_sk").to_owned());
            if filter.fits(&row, &event) {
                found.push((row, event));
            }
            if found.len() == limit {
                return Ok((found, before));
            }
        }
        before = next;
        if before.is_none() {
            break;
        }
    }
    Ok((found, before))
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
    let event: EventRow = row.read("data")?;
    match filter.fits(&row, &event) {
        true => Ok(vec![(row, event)]),
        false => Ok(vec![]),
    }
}
