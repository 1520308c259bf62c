//! Items that were read of a list: posted as those of a proven delivery are. A list shows the whole
//! account, so that what is nobody's here is dropped, and what was posted before comes again.

use super::*;
use futures::FutureExt;
use std::collections::HashSet;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

/// The list that items were read of, and the window in which they stood.
pub struct Polled<'a> {
    /// Of the vendor's account.
    pub connection: &'a str,
    /// The list's name.
    pub list: &'a str,
    /// Where the window began: read from there, they come again.
    pub from: Timestamp,
    /// What fails by itself is put before people now: it failed before.
    pub last_chance: bool,
    /// No item is begun after this: the next run goes on.
    pub until: Instant,
    /// How many were nobody's here.
    pub dropped: AtomicUsize,
}

/// Posts the items of a portion, and tells whether there was time for all. An error means that it
/// must be read again; the others are posted all the same, once.
pub async fn polled(
    app: &App,
    settings: &Settings,
    polled: &Polled<'_>,
    items: Vec<Item>,
) -> Result<bool, Failure> {
    let job = PostingJob {
        polled: Some(polled),
        ..PostingJob::at(app, settings, polled.connection, clock::now())?
    };
    let items: Vec<_> = items.into_iter().map(Item::checked).collect();
    let (all, known) = (items.len(), job.posted_before(&items).await?);
    let (mut failed, mut whole) = (None, true);
    for (n, item) in items.into_iter().enumerate() {
        if Instant::now() > polled.until {
            whole = false;
            break;
        }
        if item.id.as_ref().is_some_and(|id| known.contains(id)) {
            continue;
        }
        if let Err(why) = job.polled_item(n, item, polled.last_chance).await {
            tracing::warn!(%why, source = job.source, "an item of a list failed");
            let asked = why.is::<Trouble>();
            failed.get_or_insert(why);
            // The vendor does not answer: nor would it about the others.
            if asked {
                break;
            }
        }
    }
    let dropped = polled.dropped.load(Ordering::Relaxed);
    if dropped > 0 {
        tracing::info!(
            event = "items_dropped",
            source = job.source,
            dropped,
            of = all
        );
    }
    failed.map_or(Ok(whole), Err)
}

impl PostingJob<'_> {
    /// The ids of those whose event has ended: windows reach back over each other.
    async fn posted_before(&self, items: &[Item]) -> Result<HashSet<String>, Failure> {
        let ids = items.iter().filter_map(|item| item.id.as_ref());
        let key = |id: &String| RowKey {
            pk: self.row(id, "").pk(),
            sk: event::SK.into(),
        };
        let mut keys: Vec<_> = ids.map(key).collect();
        keys.sort_by(|a, b| a.pk.cmp(&b.pk));
        keys.dedup();
        if keys.is_empty() {
            return Ok(HashSet::new());
        }
        let rows = self.app.store.get_all(&keys).await?;
        let ended = rows.iter().filter(|row| !event::is_waiting(row));
        let ids = ended.map(|row| Ok(EventRow::read(row)?.vendor_event_id));
        ids.collect()
    }

    /// One that fails by itself, by a panic or a row that cannot be read, is put before people once
    /// it had its chances: it would hold up all that stand behind it.
    async fn polled_item(&self, n: usize, item: Item, last_chance: bool) -> Result<(), Failure> {
        let row = item.id.as_ref().map(|id| self.row(id, &item.name));
        let posted = AssertUnwindSafe(self.item(n, item, true)).catch_unwind();
        let (why, by_itself) = match posted.await {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(why)) => {
                let by_itself = fails_by_itself(&why);
                (why, by_itself)
            }
            Err(_) => (Failure::from("it panicked"), true),
        };
        match row.filter(|_| by_itself && last_chance) {
            Some(row) => self.quarantine(&row, &why.to_string(), self.body).await,
            None => Err(why),
        }
    }

    /// Whether a fact of a list is about nobody here, and counted for that: another clinic's sale.
    pub(super) async fn is_dropped(&self, case: Option<&str>) -> Result<bool, Failure> {
        let Some(polled) = self.polled else {
            return Ok(false);
        };
        let is_ours = match case {
            Some(case) => self.app.case(&self.settings.id, case).await?.is_some(),
            None => false,
        };
        if !is_ours {
            polled.dropped.fetch_add(1, Ordering::Relaxed);
        }
        Ok(!is_ours)
    }
}
