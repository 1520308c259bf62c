//! `/v1/payments`: one attempt to collect money, its story, and its end where only a person can tell.

use crate::api::frame::call::Route;
use crate::api::frame::call::{Answered, Call, reply};
use crate::api::frame::caller::Permission::{Approve, View};
use crate::api::frame::problem::{Kind, Problem};
use crate::api::frame::read::Nothing;
use crate::api::views::payment::view;
use crate::domain::case::{Case, Ending, Payment};
use crate::domain::event::Event;
use crate::domain::payment::State;
use crate::flows::commit;
use crate::flows::commit::{Change, Committed};
use crate::words::ids::{self, Reference};

pub static ROUTES: &[Route] = &[
    Route::get(
        "/v1/payments/{id}",
        View,
        |call| Box::pin(get(call)),
        "One attempt to collect money.",
    )
    .gives(200, "Payment"),
    Route::post(
        "/v1/payments/{id}/close",
        Approve,
        |call| Box::pin(close(call)),
        "Ends an open payment that nobody shall pay any more, its page at the gateway first: what \
         it asked for can be charged again. One whose money is on its way, or of which nobody \
         knows, is refused with what to do. Money that comes all the same still counts.",
    )
    .gives(200, "Payment")
    .takes::<Nothing>("Nothing"),
];

pub async fn get(call: &Call<'_>) -> Answered {
    let (case, n) = known(call).await?;
    let payment = case.payment(n).ok_or_else(|| Problem::missing("payment"))?;
    Ok(reply(200, &view(&case, payment)))
}

/// A person wants that nobody pays this any more.
pub async fn close(call: &Call<'_>) -> Answered {
    let (case, n) = known(call).await?;
    if let Some(why) = case
        .payment(n)
        .and_then(|payment| not_by_us(&case, payment))
    {
        return Err(Problem::new(Kind::Conflict, why));
    }
    let (id, reference) = (case.id.clone(), &call.path[0]);
    let cause = format!("payment {reference} closed by key {}", call.caller.short());
    let change = Change::new(&call.settings, &id, Event::Closed { payment: n }, cause);
    let case = match commit::commit(call.app, change, Some(case)).await? {
        Committed::Changed(case) | Committed::Nothing(Some(case)) => case,
        Committed::Refused(why) => return Err(why.into()),
        _ => {
            return Err(Problem::new(
                Kind::Conflict,
                "it cannot be closed just now: repeat",
            ));
        }
    };
    let payment = case.payment(n).ok_or_else(|| Problem::missing("payment"))?;
    let shown = view(&case, payment);
    match (payment.state, payment.ending) {
        // Its page is being ended at the gateway: until then nothing else is collected.
        (State::Expired, _) | (_, Some(Ending::Asked)) => Ok(reply(200, &shown)),
        (_, Some(Ending::Refused)) => Err(Problem::new(
            Kind::Conflict,
            "the gateway cannot end its page before its time: what is paid there beyond what is \
             due goes back by itself",
        )),
        _ => {
            let state = shown["state"].as_str().unwrap_or_default();
            let why = format!("it is {state}: only an open payment is closed");
            Err(Problem::new(Kind::Conflict, why))
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

/// The case that a payment's id names, and the payment's number in it.
pub async fn known(call: &Call<'_>) -> Result<(Case, u32), Problem> {
    match ids::read_reference(&call.path[0]) {
        Some((case, Reference::Payment(n))) => match call.app.case(call.clinic(), case).await? {
            Some(case) if case.payment(n).is_some() => Ok((case, n)),
            _ => Err(Problem::missing("payment")),
        },
        _ => Err(Problem::missing("payment")),
    }
}
