//! `/v1/payments/{id}/disputes/{dispute}`: how a dispute ended of which its gateway says no more.

use super::payments;
use crate::api::frame::call::Route;
use crate::api::frame::call::{Answered, Call, reply};
use crate::api::frame::caller::Permission::Approve;
use crate::api::frame::problem::{Kind, Problem};
use crate::api::views::dispute::view;
use crate::domain::case::Case;
use crate::domain::dispute::{Dispute, State};
use crate::domain::event::Event;
use crate::flows::commit;
use crate::flows::commit::{Change, Committed};
use serde::Deserialize;

pub static ROUTES: &[Route] = &[Route::post(
    "/v1/payments/{id}/disputes/{dispute}/resolve",
    Approve,
    |call| Box::pin(resolve(call)),
    "A person found how a dispute ended of which its gateway says no more. A lost one is due \
         again. What the gateway says later still counts.",
)
.gives(200, "Dispute")
.takes::<Finding>("DisputeFinding")];

/// What a person found.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Finding {
    found: Found,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Found {
    Won,
    Lost,
}

/// Some gateways tell of a chargeback and never of its end. What is said of it later still counts.
pub async fn resolve(call: &Call<'_>) -> Answered {
    let Finding { found } = call.body()?;
    let (case, n) = payments::known(call).await?;
    let key = call.path[1].clone();
    let dispute = disputed(&case, n, &key).ok_or_else(|| Problem::missing("dispute"))?;
    let (lost, end) = match found {
        Found::Lost => (true, State::Lost),
        Found::Won => (false, State::Won),
    };
    let late = |state: State| {
        let why = format!("it is {state:?} already: the gateway said so, or a person did");
        Problem::new(Kind::Conflict, why.to_lowercase())
    };
    if dispute.state != State::Open && dispute.state != end {
        return Err(late(dispute.state));
    }
    let word = if lost { "lost" } else { "won" };
    let cause = format!("dispute {key} found {word} by key {}", call.caller.short());
    let event = Event::DisputeResolved {
        payment: n,
        dispute: key.clone(),
        lost,
    };
    let id = case.id.clone();
    let change = Change::new(&call.settings, &id, event, cause);
    let case = match commit::commit(call.app, change, Some(case)).await? {
        Committed::Changed(case) | Committed::Nothing(Some(case)) => case,
        Committed::Refused(why) => return Err(why.into()),
        _ => {
            let why = "it cannot be recorded just now: repeat";
            return Err(Problem::new(Kind::Conflict, why));
        }
    };
    let payment = case.payment(n).ok_or_else(|| Problem::missing("payment"))?;
    let dispute = disputed(&case, n, &key).ok_or_else(|| Problem::missing("dispute"))?;
    match dispute.state == end {
        true => Ok(reply(200, &view(&case, payment, dispute))),
        false => Err(late(dispute.state)),
    }
}

fn disputed<'a>(case: &'a Case, n: u32, key: &str) -> Option<&'a Dispute> {
    let mut all = case.payment(n)?.disputes.iter();
    all.find(|dispute| dispute.key() == key)
}
