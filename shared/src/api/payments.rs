//! `/v1/payments`: one attempt to collect money, and its story.

use super::call::{Answered, Call, reply};
use super::problem::Problem;
use super::story;
use crate::domain::case::{Case, Payment};
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
    let told = story::of(call, &case).await?;
    let answer =
        json!({ "payment": payment.reference(&case.id), "invoice": case.id, "story": told });
    Ok(reply(200, &answer))
}

/// The case that a payment's id names, and the payment's number in it.
async fn known(call: &Call<'_>) -> Result<(Case, u32), Problem> {
    match ids::read_reference(&call.path[0]) {
        Some((case, Reference::Payment(n))) => match call.house.case(call.clinic(), case).await? {
            Some(case) => Ok((case, n)),
            None => Err(Problem::missing("payment")),
        },
        _ => Err(Problem::missing("payment")),
    }
}

pub fn view(case: &Case, payment: &Payment) -> Value {
    json!({
        "id": payment.reference(&case.id),
        "invoice": case.id,
        "gateway": payment.gateway,
        "gateway_ref": payment.capture,
        "amount": payment.amount,
        "state": payment.state,
        "method": payment.method.as_ref().map(|method| &method.label),
        "decline": payment.decline,
        "refunded": payment.refunded(),
        "refundable": payment.refundable(),
        "checkout_url": payment.open_page().map(|page| &page.url),
    })
}
