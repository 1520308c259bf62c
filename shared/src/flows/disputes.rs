//! How a dispute ended of which its gateway says no more. Some tell of a chargeback and never of its
//! end; what is said of it later still counts.

use super::commit::{self, Change};
use super::denied::{Denied, changed};
use super::{App, named};
use crate::domain::actor::Actor;
use crate::domain::case::Case;
use crate::domain::dispute::{Dispute, State};
use crate::domain::event::Event;
use crate::domain::settings::Settings;

/// Records how a person found that a dispute ended. A lost one is due again.
pub async fn resolve(
    app: &App,
    settings: &Settings,
    actor: &Actor,
    reference: &str,
    key: &str,
    lost: bool,
) -> Result<(Case, u32), Denied> {
    let (case, n) = named::payment(app, &settings.id, reference).await?;
    let end = match lost {
        true => State::Lost,
        false => State::Won,
    };
    let state = disputed(&case, n, key).ok_or(Denied::NotFound("dispute"))?;
    let state = state.state;
    if state != State::Open && state != end {
        return Err(late(state));
    }
    let word = if lost { "lost" } else { "won" };
    let cause = format!("dispute {key} found {word} by {actor}");
    let event = Event::DisputeResolved {
        payment: n,
        dispute: key.into(),
        lost,
    };
    let id = case.id.clone();
    let change = Change::new(settings, &id, event, cause);
    let committed = commit::commit(app, change, Some(case)).await?;
    let (case, _) = changed(committed, "recorded")?;
    let state = disputed(&case, n, key).ok_or(Denied::NotFound("dispute"))?;
    match state.state {
        state if state == end => Ok((case, n)),
        state => Err(late(state)),
    }
}

/// The dispute of this key under a payment of the case.
pub fn disputed<'a>(case: &'a Case, n: u32, key: &str) -> Option<&'a Dispute> {
    let mut all = case.payment(n)?.disputes.iter();
    all.find(|dispute| dispute.key() == key)
}

fn late(state: State) -> Denied {
    let state = format!("{state:?}").to_lowercase();
    let why = format!("it is {state} already: the gateway said so, or a person did");
    Denied::Conflict(why)
}
