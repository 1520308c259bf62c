//! What the case of a visit hears of it: in the commit that changes the visit, so that neither is
//! ever without the other. Only a case that exists hears.

use crate::domain::event::Event;
use crate::domain::settings::Settings;
use crate::domain::visit::{Off, Visit};
use crate::flows::commit::{self, Busy, Change, Committed};
use crate::flows::{App, Failure};
use crate::io::store::{Write, Written};

/// What its case hears of a visit that was as `before` and is as `after`.
pub fn by_case(before: Option<&Visit>, after: &Visit) -> Option<Event> {
    let moved = || Event::VisitMoved {
        visit: after.id.clone(),
        starts_at: after.starts_at,
    };
    // One that took another's place takes its case with what is on it.
    let Some(before) = before else {
        return after.replaces.as_ref().map(|_| moved());
    };
    match (Off::of(before.state), Off::of(after.state)) {
        (was, Some(how)) if was != Some(how) => Some(Event::VisitCalledOff { how }),
        (Some(_), None) => Some(Event::VisitRestored),
        _ if before.starts_at != after.starts_at || before.case != after.case => Some(moved()),
        _ => None,
    }
}

/// Writes a change of a visit, with its case where that exists and hears something; `false` where
/// another write was in the way.
pub async fn write(
    app: &App,
    settings: &Settings,
    case: &str,
    heard: Option<Event>,
    writes: Vec<Write>,
    cause: String,
) -> Result<bool, Failure> {
    if let Some(event) = heard
        && let Some(loaded) = app.case(&settings.id, case).await?
    {
        let change = Change {
            also: writes,
            ..Change::new(settings, case, event, cause)
        };
        return match commit::commit(app, change, Some(loaded)).await {
            Ok(Committed::Changed(_) | Committed::Nothing(_)) => Ok(true),
            Ok(other) => Err(format!("case {case} did not hear of its visit: {other:?}").into()),
            Err(why) if why.is::<Busy>() => Ok(false),
            Err(why) => Err(why),
        };
    }
    Ok(app.store.transact(&writes).await? == Written::Done)
}
