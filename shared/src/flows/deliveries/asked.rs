//! Deliveries as people ask for them: those of a case, those that stand so, and one that did not
//! arrive, sent once more because somebody has looked.

use super::{arrival, spread, task_of};
use crate::domain::actor::Actor;
use crate::domain::settings::Settings;
use crate::flows::App;
use crate::flows::audit::noted;
use crate::flows::denied::Denied;
use crate::flows::lists::{READ, filled};
use crate::flows::tasks::done::place;
use crate::io::clock;
use crate::io::store::{StoreError, Write, Written};
use crate::records::case;
use crate::records::delivery::{DeliveryRow, PREFIX, State, list, list_of, sk_of};
use crate::records::task;
use crate::words::ids;

/// What a delivery must be; whatever is not given may be anything.
#[derive(Clone, Copy, Debug, Default)]
pub struct Filter<'a> {
    pub state: Option<State>,
    pub system: Option<&'a str>,
}

impl Filter<'_> {
    fn fits(&self, row: &DeliveryRow) -> bool {
        self.state.is_none_or(|state| row.state == state)
            && self.system.is_none_or(|system| row.about.system == system)
    }
}

/// All that was told of a case, or is to be, and fits.
pub async fn of_case(
    app: &App,
    clinic: &str,
    case: &str,
    filter: Filter<'_>,
) -> Result<Vec<DeliveryRow>, StoreError> {
    let rows = app.store.under(&case::pk(clinic, case), PREFIX).await?;
    let rows: Result<Vec<_>, _> = rows.iter().map(DeliveryRow::read).collect();
    let mut rows = rows?;
    rows.retain(|row| filter.fits(row));
    Ok(rows)
}

/// A page of the deliveries that fit, newest first, and where it goes on.
pub async fn search(
    app: &App,
    clinic: &str,
    filter: Filter<'_>,
    before: Option<String>,
    limit: usize,
) -> Result<(Vec<DeliveryRow>, Option<String>), StoreError> {
    let of_state = filter.state.and_then(|state| list_of(clinic, state));
    let filtered = filter.system.is_some() || filter.state.is_some() && of_state.is_none();
    let at_once = if filtered { READ } else { limit };
    let list = of_state.unwrap_or_else(|| list(clinic));
    let read = async |before: Option<&str>| {
        let (rows, next) = app.store.list(&list, before, at_once as i32).await?;
        let found = rows.iter().map(|row| {
            let delivery = DeliveryRow::read(row)?;
            let fits = filter.fits(&delivery);
            Ok((list.place(row).to_owned(), fits.then_some(delivery)))
        });
        Ok((found.collect::<Result<_, StoreError>>()?, next))
    };
    filled(before, limit, read).await
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
