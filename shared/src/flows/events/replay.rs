//! A quarantined event, sent through posting once more, as proven as it was; one that was read of a
//! list is read of it once more.

use crate::contract::body_hash;
use crate::domain::actor::Actor;
use crate::domain::settings::Settings;
use crate::domain::task::Queue;
use crate::flows::audit::noted;
use crate::flows::denied::Denied;
use crate::flows::tasks::UNREADABLE;
use crate::flows::{App, polls};
use crate::io::clock;
use crate::io::queue::Received;
use crate::io::store::{Row, StoreError, Write, Written};
use crate::records::event::{self, EventRow};
use crate::records::task;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;

/// Opens a quarantined event, by the name `{source}:{vendor_event_id}`, to be posted again. Where it
/// fails again, people are asked again.
pub async fn replay(
    app: &App,
    settings: &Settings,
    actor: &Actor,
    name: &str,
) -> Result<(), Denied> {
    let missing = || Denied::NotFound("event");
    let (source, id) = name.split_once(':').ok_or_else(missing)?;
    let pk = event::pk(&settings.id, source, id);
    let row = app.store.get(&pk, event::SK).await?.ok_or_else(missing)?;
    if !event::is_quarantined(&row) {
        let state = event::state(&row);
        let why = format!("it is {state}: only quarantined events are replayed");
        return Err(Denied::Conflict(why));
    }
    let what = format!("event_replayed {source} {id}");
    let note = noted(settings, None, &what, actor.cause());
    // What was asked of people is answered; where it fails again, it is asked again.
    let answered = Write::Delete(task::person_key(&pk, UNREADABLE));
    if let Some(list) = event::read_of(&row) {
        let anew = polls::anew(app, &settings.id, source, list).await?;
        let anew = anew.ok_or_else(|| Denied::conflict("its list is not asked any more"))?;
        let writes = [anew, event::forgotten(&row), note, answered];
        return match app.store.transact(&writes).await? {
            Written::Done => Ok(()),
            _ => Err(Denied::conflict("its list is being read: repeat this")),
        };
    }
    let received = received(app, &row, &EventRow::read(&row)?).await?;
    // Open to be posted again, and only by the one who sends it.
    let opened = event::reopened(row);
    if app.store.transact(&[opened, note, answered]).await? != Written::Done {
        return Err(Denied::conflict("it is being replayed already"));
    }
    if let Err(why) = app.queues.send(Queue::Events, &received).await {
        app.store.transact(&[event::closed_again(pk)]).await?;
        return Err(why.into());
    }
    tracing::info!(event = "replayed", source, id, key = actor.short());
    Ok(())
}

/// The delivery as it came, opened from the parts in which it is kept.
async fn received(app: &App, row: &Row, told: &EventRow) -> Result<Received, Denied> {
    let pk = told.pk();
    let key = app.key(&format!("clinic {}", told.clinic)).await?;
    let mut text = String::new();
    for n in 0..event::parts(row) {
        let name = event::part_sk(n);
        let part = app.store.get(&pk, &name).await?;
        let place = format!("{pk} part {n}");
        let opened = part.and_then(|part| key.open::<String>(&place, event::sealed(&part)).ok());
        text += &opened.ok_or_else(|| StoreError::Corrupt(format!("{pk} {name}")))?;
    }
    let body = BASE64_STANDARD.decode(&text);
    let body = body.map_err(|why| StoreError::Corrupt(format!("{pk}: {why}")))?;
    let (base, clinic, source) = (&app.config.public_url, &told.clinic, &told.source);
    Ok(Received {
        clinic: clinic.clone(),
        source: source.clone(),
        // What was not proven when it came is proven by nobody's wish to see it again.
        proven: event::was_proven(row),
        received_at: clock::now().as_second(),
        url: format!("{base}/webhooks/{clinic}/{source}"),
        headers: vec![],
        sha256: body_hash(&body),
        body: text,
        replays: Some(told.vendor_event_id.clone()),
        again: false,
    })
}
