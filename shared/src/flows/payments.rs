//! A payment that nobody shall pay any more.

use super::commit::{self, Change};
use super::denied::{Denied, changed};
use super::{App, named};
use crate::domain::actor::Actor;
use crate::domain::case::{Case, Ending, Payment};
use crate::domain::event::Event;
use crate::domain::payment::State;
use crate::domain::settings::Settings;

/// Ends an open payment, its page at the gateway first. One whose money is on its way, or of which
/// nobody knows, is refused with what to do: nobody closes it by declaration.
pub async fn close(
    app: &App,
    settings: &Settings,
    actor: &Actor,
    reference: &str,
) -> Result<(Case, u32), Denied> {
    let (case, n) = named::payment(app, &settings.id, reference).await?;
    let payment = case.payment(n).ok_or(Denied::NotFound("payment"))?;
    if let Some(why) = not_by_us(&case, payment) {
        return Err(Denied::Conflict(why));
    }
    let id = case.id.clone();
    let cause = format!("payment {reference} closed by {actor}");
    let change = Change::new(settings, &id, Event::Closed { payment: n }, cause);
    let committed = commit::commit(app, change, Some(case)).await?;
    let (case, _) = changed(committed, "closed")?;
    let payment = case.payment(n).ok_or(Denied::NotFound("payment"))?;
    match (payment.state, payment.ending) {
        // Its page is being ended at the gateway: until then nothing else is collected.
        (State::Expired, _) | (_, Some(Ending::Asked)) => Ok((case, n)),
        (_, Some(Ending::Refused)) => Err(Denied::conflict(
            "the gateway cannot end its page before its time: what is paid there beyond what is \
             due goes back by itself",
        )),
        (state, None) => {
            let state = state.name();
            let why = format!("it is {state}: only an open payment is closed");
            Err(Denied::Conflict(why))
        }
    }
}

/// Why nobody here can end it: only the gateway, or people who looked there, can tell.
fn not_by_us(case: &Case, payment: &Payment) -> Option<String> {
    let resolve = format!("POST /v1/payments/{}/resolve", payment.reference(&case.id));
    match payment.state {
        State::Unknown => Some(format!(
            "nobody knows yet whether it was paid: the gateway is asked by itself; where it cannot \
             tell, look in its dashboard and record what you find with {resolve}"
        )),
        State::Pending => Some(format!(
            "the money is on its way: cancel it in the gateway's dashboard, or wait for its end; \
             what the gateway does not tell by itself is recorded with {resolve}"
        )),
        State::Open | State::Paid | State::Declined | State::Expired | State::Returned => None,
    }
}
