//! From an occurrence to those who are told of it: one row for each system that listens, written
//! once whatever is repeated.

use super::{App, Failure};
use crate::domain::outbox::Occurrence;
use crate::domain::settings::Settings;
use crate::domain::task::{Alert, Queue};
use crate::flows::commit;
use crate::io::clock;
use crate::io::queue::RowKey;
use crate::io::store::{Row, Write, Written};
use crate::records::delivery::DeliveryRow;
use crate::records::outbox;
use crate::vendors;
use crate::words::time;

/// Works one occurrence off (`outbox#…`).
pub async fn spread(app: &App, key: &RowKey) -> Result<(), Failure> {
    let Some(row) = app.store.get(&key.pk, &key.sk).await? else {
        return Ok(());
    };
    let now = clock::now();
    if !row.is_due(time::millis(now)) {
        return Ok(());
    }
    let clinic = key.pk.split('#').next().unwrap_or_default();
    let settings = app.settings_of(clinic).await?;
    let told = outbox::read(&row)?;
    let place = outbox::place_of(&key.sk);
    let to = audience(&settings, &told).into_iter();
    let new = to.map(|system| DeliveryRow::new(&key.pk, place, &system, &told, now));
    let new: Vec<_> = new.collect();
    if write(app, &row, &new).await? {
        let nudges = new.iter().map(|delivery| nudge(app, delivery.key()));
        futures::future::join_all(nudges).await;
    }
    Ok(())
}

/// Which of the clinic's systems are told: those that listen, but whoever told us itself, and who
/// does not take our calls is not told so. Of a visit only the practice system hears that has it too.
pub fn audience(settings: &Settings, told: &Occurrence) -> Vec<String> {
    let heard = vendors::audience(&settings.systems).into_iter();
    let listens = heard.filter(|(_, topic)| *topic == told.subject.topic);
    let systems = listens.map(|(system, _)| system);
    let refuses = told
        .facts
        .matter
        .as_ref()
        .filter(|matter| matches!(matter.alert, Alert::Blocked | Alert::ConnectionHeld));
    let refuses = refuses.and_then(|matter| matter.vendor.as_ref());
    let others = systems.filter(|id| told.from.as_ref() != Some(id) && refuses != Some(id));
    let source = told.facts.source.as_ref();
    let concerned = others.filter(|id| source.is_none_or(|source| source == id));
    concerned.collect()
}

/// Writes what is not there yet, and that it is spread; `false` where others did.
async fn write(app: &App, row: &Row, new: &[DeliveryRow]) -> Result<bool, Failure> {
    let version = row.version();
    let spread = row.clone().undue().versioned(version + 1);
    let mut there = vec![];
    loop {
        let done = Write::Replace {
            row: spread.clone(),
            version,
        };
        let missing = (0..new.len()).filter(|n| !there.contains(n));
        let missing: Vec<_> = missing.collect();
        let rows = missing.iter().map(|n| Write::New(new[*n].row()));
        let writes: Vec<_> = [done].into_iter().chain(rows).collect();
        match app.store.transact(&writes).await? {
            Written::Done => return Ok(true),
            Written::Conflict => return Err("others spread the same occurrence".into()),
            Written::Failed(at) if at.contains(&0) => return Ok(false),
            // What a later delivery needed was written before its turn.
            Written::Failed(at) => there.extend(at.iter().map(|at| missing[at - 1])),
        }
    }
}

/// One message for each system, so that one that is slow holds up no other.
pub async fn nudge(app: &App, key: RowKey) {
    commit::nudge(app, [(Queue::Deliveries, key)].into_iter()).await;
}
