//! What of a look-up could not be read, put before people.

use crate::contract;
use crate::domain::settings::Settings;
use crate::domain::task::{Alert, Matter};
use crate::flows::{App, Failure, tasks};
use crate::io::clock;
use crate::io::store::{Write, Written};
use crate::records::event::{self, EventRow};
use crate::records::task;

/// What of a payment's look-up could not be read: one quarantined event of the payment, told to
/// staff once, and over when a look-up can be read as a whole again.
pub async fn unread(
    app: &App,
    settings: &Settings,
    source: &str,
    payment: &str,
    why: &[String],
) -> Result<(), Failure> {
    let id = contract::digest_id(&["look-up", payment]);
    let row = EventRow {
        gateway_ref: Some(payment.into()),
        ..EventRow::new(&settings.id, source, &id, "look-up", clock::now())
    };
    let known = app.store.get(&row.pk(), event::SK).await?;
    let is_open = known
        .as_ref()
        .is_some_and(|known| !event::is_superseded(known));
    let writes = match (why.first(), known) {
        (None, Some(known)) if is_open => {
            let asked = task::person_key(&row.pk(), tasks::UNREADABLE);
            let over = event::superseded(known);
            app.store
                .transact(&[Write::Put(over), Write::Delete(asked)])
                .await?;
            return Ok(());
        }
        (Some(why), _) if !is_open => {
            tracing::warn!(event = "quarantined", source, id, why);
            let kept = row.unread(why, payment);
            let words = format!("A part of what it says of {payment}: {why}.");
            let matter = Matter::of(Alert::Unreadable).vendor(source).words(words);
            let asked = tasks::asking(settings, &row.pk(), tasks::UNREADABLE, matter);
            [kept].into_iter().chain(asked).collect::<Vec<_>>()
        }
        _ => return Ok(()),
    };
    let puts: Vec<_> = writes.iter().cloned().map(Write::Put).collect();
    match app.store.transact(&puts).await? {
        Written::Done | Written::Failed(_) => tasks::nudge_told(app, &writes).await,
        Written::Conflict => return Err("others are at the same rows".into()),
    }
    Ok(())
}
