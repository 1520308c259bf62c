//! Deliveries as people ask for them: those of a case, and one that did not arrive, sent once more
//! because somebody has looked.

use super::{arrival, spread, task_of};
use crate::domain::actor::Actor;
use crate::domain::settings::Settings;
use crate::flows::App;
use crate::flows::audit::noted;
use crate::flows::denied::Denied;
use crate::flows::tasks::done::place;
use crate::io::clock;
use crate::io::store::{StoreError, Write, Written};
use crate::records::case;
use crate::records::delivery::{DeliveryRow, PREFIX, State, sk_of};
use crate::records::task;
use crate::words::ids;

/// All that was told of a case, or is to be.
pub async fn of_case(app: &App, clinic: &str, case: &str) -> Result<Vec<DeliveryRow>, StoreError> {
    let rows = app.store.under(&case::pk(clinic, case), PREFIX).await?;
    rows.iter().map(DeliveryRow::read).collect()
}

/// Opens a delivery that failed, was skipped or is unknown once more, by the case or event that it
/// belongs to and its id. What was asked of people about it is answered.
pub async fn repeat(
    app: &App,
    settings: &Settings,
    actor: &Actor,
    owner: &str,
    id: &str,
) -> Result<DeliveryRow, Denied> {
    let pk = place(&settings.id, owner).ok_or(Denied::NotFound("task"))?;
    let sk = sk_of(id).ok_or(Denied::NotFound("delivery"))?;
    let row = app.store.get(&pk, &sk).await?;
    let row = DeliveryRow::read(&row.ok_or(Denied::NotFound("delivery"))?)?;
    if !matches!(row.state, State::Failed | State::Unknown | State::Skipped) {
        let state = row.state.name();
        let why = format!("it is {state}: only what did not arrive is repeated");
        return Err(Denied::Conflict(why));
    }
    // A fresh call: the person says that the one before did not arrive.
    let open = arrival::reopened(&row, &format!("repeated by {actor}"), clock::now());
    let case = Some(owner).filter(|owner| ids::is_id(owner));
    let what = format!("delivery_repeated {id}");
    let mut writes = vec![
        Write::Replace {
            row: open.row(),
            version: row.version,
        },
        noted(settings, case, &what, actor.cause()),
    ];
    // What was asked of people is answered; where it fails again, it is asked again.
    writes.extend(answers(&row).map(|name| Write::Delete(task::person_key(&pk, &name))));
    if app.store.transact(&writes).await? != Written::Done {
        return Err(Denied::conflict("it is being repeated already"));
    }
    spread::nudge(app, open.key()).await;
    Ok(open)
}

/// The tasks of people that a repeat of this delivery answers.
fn answers(row: &DeliveryRow) -> impl Iterator<Item = String> {
    let payment = row.about.subject.payment;
    let unreachable = payment.map(|n| format!("unreachable-p{n}"));
    [Some(task_of(row)), unreachable].into_iter().flatten()
}
