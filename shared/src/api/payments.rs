//! `/v1/payments`: one attempt to collect money, its story, and its end where only a person can tell.

use super::call::{Answered, Call, reply};
use super::problem::{Kind, Problem};
use super::story;
use crate::domain::case::{Case, Payment};
use crate::domain::event::Event;
use crate::domain::payment::State;
use crate::flows::commit::{Change, Committed};
use crate::ids::{self, Reference};
use serde_json::{Value, json};

pub async fn get(call: &Call<'_>) -> Answered {
    let (case, n) = known(call).await?;
    let payment = case.payment(n).ok_or_else(|| Problem::missing("payment"))?;
    Ok(reply(200, &view(&case, payment)))
}

pub async fn story(call: &Call<'_>) -> Answered {
    let (case, n) = known(call).await?;
    let payment = case.payment(n).ok_or_else(|| Problem::missing("payment"))?;
    let told = story::of(call, &case, payment).await?;
    let answer =
        json!({ "payment": payment.reference(&case.id), "invoice": case.id, "story": told });
    Ok(reply(200, &answer))
}

/// A person says that the gateway knows no such payment.
pub async fn close(call: &Call<'_>) -> Answered {
    let (case, n) = known(call).await?;
    let (id, reference) = (case.id.clone(), &call.path[0]);
    let cause = format!("payment {reference} closed by key {}", call.caller.short());
    let change = Change::new(&call.settings, &id, Event::Closed { payment: n }, cause);
    let case = match call.house.commit(change, Some(case)).await? {
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
    // The gateway ends its page first; until it says so, the payment is open.
    if payment.is_ending() {
        return Ok(reply(200, &shown));
    }
    if payment.state != State::Expired {
        let state = shown["state"].as_str().unwrap_or_default();
        let why = format!("it is {state}: only an open or unknown payment is closed");
        return Err(Problem::new(Kind::Conflict, why));
    }
    Ok(reply(200, &shown))
}

/// The case that a payment's id names, and the payment's number in it.
pub async fn known(call: &Call<'_>) -> Result<(Case, u32), Problem> {
    match ids::read_reference(&call.path[0]) {
        Some((case, Reference::Payment(n))) => match call.house.case(call.clinic(), case).await? {
            Some(case) if case.payment(n).is_some() => Ok((case, n)),
            _ => Err(Problem::missing("payment")),
        },
        _ => Err(Problem::missing("payment")),
    }
}

pub fn view(case: &Case, payment: &Payment) -> Value {
    let kept = payment.method.as_ref().map(|method| &method.label);
    json!({
        "id": payment.reference(&case.id),
        "invoice": case.id,
        "gateway": payment.gateway,
        "gateway_ref": payment.capture,
        "amount": payment.amount,
        "state": payment.state,
        "method": payment.paid_with.as_ref().or(kept),
        "decline": payment.decline,
        "refunded": payment.refunded(),
        "refundable": payment.refundable(),
        "checkout_url": payment.open_page().map(|page| &page.url),
    })
}
