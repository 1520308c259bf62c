//! From an occurrence to those who are told of it: one row for each system that listens, written
//! once whatever is repeated.

use super::{App, Failure};
use crate::domain::outbox::{CameBy, Occurrence};
use crate::domain::settings::Settings;
use crate::domain::task::{Alert, Queue};
use crate::flows::commit;
use crate::io::clock;
use crate::io::queue::RowKey;
use crate::io::store::{Row, Write, Written};
use crate::records::delivery::{DeliveryRow, Due, State};
use crate::records::outbox;
use crate::vendors;
use crate::words::time;
use jiff::Timestamp;

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
    let new: Vec<_> = new
        .chain(known_there(&settings, &key.pk, place, &told, now))
        .collect();
    if write(app, &row, &new).await? {
        let open = new.iter().filter(|delivery| !delivery.state.is_over());
        let nudges = open.map(|delivery| nudge(app, delivery.key()));
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

/// What the books themselves told of a payment stands there already, under their id: what they are
/// told later builds on it.
fn known_there(
    settings: &Settings,
    pk: &str,
    place: &str,
    told: &Occurrence,
    now: Timestamp,
) -> Option<DeliveryRow> {
    let books = told.from.as_ref()?;
    let payment = told.facts.payment.as_ref();
    let payment = payment.filter(|payment| payment.by == CameBy::Books)?;
    let mut heard = vendors::audience(&settings.systems).into_iter();
    heard.find(|(system, topic)| (system, *topic) == (books, told.subject.topic))?;
    let id = payment.there.clone().filter(|_| payment.stays.minor > 0);
    Some(DeliveryRow {
        state: State::Done,
        due: Due::Never,
        why: "it told us".into(),
        // As a payment is filed: what stood before is undone, then it is filed anew.
        steps_done: 2,
        filed: vec![String::new(), id.unwrap_or_default()],
        applied: Some(payment.stays.minor),
        ..DeliveryRow::new(pk, place, books, told, now)
    })
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
