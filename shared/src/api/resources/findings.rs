//! `/v1/payments/{id}/resolve` and `/v1/refunds/{id}/resolve`: what a person found at the gateway of
//! a payment or refund whose outcome nobody else can tell.

use super::payments;
use super::refunds;
use crate::api::frame::call::{Answered, Call, Route};
use crate::api::views::{payment::Payment, refund::Refund};
use crate::domain::actor::Permission::Approve;
use crate::flows::findings::{self, Finding};
use crate::words::text::Plain;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

/// What a person found of a payment.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(example = json!({"found": "paid", "gateway_ref": "PM0042", "note": "Seen in the dashboard."}))]
pub struct PaymentFound {
    /// As the gateway's dashboard shows it.
    found: Paid,
    /// The gateway's id of the payment, by which it is refunded.
    gateway_ref: Option<Plain<200>>,
    /// Kept sealed.
    note: Option<Plain<500>>,
}

/// Whether the money came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Paid {
    /// The gateway shows the money.
    Paid,
    /// The gateway shows nothing of it.
    NotPaid,
}

/// What a person found of a refund.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(example = json!({"found": "not_refunded", "note": "The gateway's list does not show it."}))]
pub struct RefundFound {
    /// As the gateway's dashboard shows it.
    found: Refunded,
    /// The payment whose part of the refund is meant, where several wait.
    payment: Option<String>,
    /// The gateway's id of the refund.
    gateway_ref: Option<Plain<200>>,
    /// Kept sealed.
    note: Option<Plain<500>>,
}

/// Whether the money went back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Refunded {
    /// The gateway shows that it was sent.
    Refunded,
    /// The gateway shows nothing of it.
    NotRefunded,
}

/// Every call of this resource: who may make it, what it takes and what it gives.
pub static ROUTES: &[Route] = &[
    Route::post(
        "/v1/payments/{id}/resolve",
        Approve,
        |call| Box::pin(payment(call)),
        "Records what a person found at the gateway of a payment whose outcome it does not tell. \
         That it was not paid, a second person with a key of another must have found too: until \
         then it stays as it is.",
    )
    .gives::<Payment>(200)
    .takes::<PaymentFound>(),
    Route::post(
        "/v1/refunds/{id}/resolve",
        Approve,
        |call| Box::pin(refund(call)),
        "Records what a person found at the gateway of a refund whose outcome it does not tell. \
         That it was not given out, a second person with a key of another must have found too: \
         until then its amount stays reserved.",
    )
    .gives::<Refund>(200)
    .takes::<RefundFound>(),
];

async fn payment(call: &Call<'_>) -> Answered {
    let said: PaymentFound = call.body()?;
    let finding = Finding {
        happened: said.found == Paid::Paid,
        gateway_ref: said.gateway_ref,
        note: said.note,
    };
    let (app, settings, id) = (call.app, &call.settings, &call.path[0]);
    let (case, n) = findings::of_payment(app, settings, &call.actor, id, finding).await?;
    payments::shown(&case, n)
}

async fn refund(call: &Call<'_>) -> Answered {
    let said: RefundFound = call.body()?;
    let part = said.payment.as_deref();
    let finding = Finding {
        happened: said.found == Refunded::Refunded,
        gateway_ref: said.gateway_ref,
        note: said.note,
    };
    let (app, settings, id) = (call.app, &call.settings, &call.path[0]);
    let case = findings::of_refund(app, settings, &call.actor, id, part, finding).await?;
    refunds::shown(&case, id)
}
