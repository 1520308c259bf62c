//! `/v1/refunds`: giving money back, whole or in part, previewed first where wanted. A request may
//! be split over several payments of an invoice, newest first.

use crate::api::frame::call::{Answered, Call, Route, reply, rewritten, written};
use crate::api::frame::once::{Once, answering};
use crate::api::frame::problem::Problem;
use crate::api::frame::read::Nothing;
use crate::api::views::refund::{Refund, RefundPreview, RefundWay, Refunds, preview, view};
use crate::domain::actor::Permission::{self, Approve, View};
use crate::domain::case::Case;
use crate::flows::named;
use crate::flows::refunds::{self, By, Wanted};
use crate::io::lambda::HttpResponse;
use crate::records::event::EventRow;
use crate::records::refund as record;
use crate::words::money::Money;
use crate::words::text::Plain;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

/// A refund of an invoice, whole or in part.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(example = json!({"invoice": "0123456789abcdef", "amount": {"amount": "22.50", "currency": "EUR"}, "payment": "0123456789abcdef-p1", "reason": "moved away"}))]
pub struct RefundRequest {
    invoice: String,
    /// All that can be refunded where not given.
    amount: Option<Money>,
    /// Only from this payment; else from the newest first.
    payment: Option<String>,
    /// For the clinic's own records: sealed, and told to nobody.
    reason: Option<Plain<500>>,
    /// By what way; what is handed out or kept as credit is so at once.
    #[serde(default)]
    by: RefundWay,
}

/// Every call of this resource: who may make it, what it takes and what it gives.
pub static ROUTES: &[Route] = &[
    Route::get(
        "/v1/refunds",
        View,
        |call| Box::pin(list(call)),
        "Refunds that were asked for here, newest first; with `patient` those of their invoices.",
    )
    .gives::<Refunds>(200)
    .query(&["patient", "before", "limit"]),
    Route::post(
        "/v1/refunds",
        Permission::Refund,
        |call| Box::pin(create(call)),
        "Refunds an invoice, whole or in part: by the gateways, by hand what was taken without one, \
         or as the patient's credit. With `preview=true` nothing is written, no \
         Idempotency-Key is needed, and the answer (200) is how it would be taken.",
    )
    .gives::<Refund>(202)
    .query(&["preview"])
    .takes::<RefundRequest>()
    .also::<RefundPreview>(200)
    .once(),
    Route::get(
        "/v1/refunds/{id}",
        View,
        |call| Box::pin(get(call)),
        "A refund and what became of its parts.",
    )
    .gives::<Refund>(200)
    .shows_person(),
    Route::post(
        "/v1/refunds/{id}/approve",
        Approve,
        |call| Box::pin(approve(call)),
        "Lets a refund go that waits for an approval.",
    )
    .gives::<Refund>(200)
    .takes::<Nothing>(),
    Route::post(
        "/v1/refunds/{id}/reject",
        Approve,
        |call| Box::pin(reject(call)),
        "Gives up a refund that waits for an approval: what it kept is refundable again.",
    )
    .gives::<Refund>(200)
    .takes::<Nothing>(),
];

async fn create(call: &Call<'_>) -> Answered {
    let new: RefundRequest = call.body()?;
    let wanted = Wanted {
        invoice: new.invoice,
        amount: new.amount,
        payment: new.payment,
        reason: new.reason,
        way: match new.by {
            RefundWay::Gateway => By::Gateway,
            RefundWay::Hand => By::Hand,
            RefundWay::Credit => By::Credit,
        },
    };
    match call.query("preview") {
        None | Some("false") => {}
        Some("true") => {
            let after = refunds::preview(call.app, &call.settings, &wanted).await?;
            let shown = preview(&after).ok_or_else(|| Problem::missing("refund"))?;
            return Ok(reply(200, &shown));
        }
        Some(_) => return Err(Problem::invalid("preview", "true or false")),
    }
    let row = match call.once().await? {
        Once::Again(answer) => return reasoned(&answer, &wanted),
        Once::First(row) => answering(row, requested),
    };
    let (app, settings) = (call.app, &call.settings);
    let granted = refunds::request(app, settings, &call.actor, &wanted, &row).await?;
    reasoned(&call.ended(granted, &row)?, &wanted)
}

/// The answer with the reason that was given: it is sealed, and no row of a request holds it.
fn reasoned(answer: &HttpResponse, wanted: &Wanted) -> Answered {
    rewritten(answer, |made: &mut Refund| {
        made.reason = wanted.reason.clone().map(String::from);
    })
}

fn requested(case: &Case, row: &EventRow) -> String {
    written(&view(case, &refunds::id(row)))
}

async fn get(call: &Call<'_>) -> Answered {
    let (row, case) = named::refund(call.app, call.clinic(), &call.path[0]).await?;
    let mut shown = view(&case, &call.path[0]).ok_or_else(|| Problem::missing("refund"))?;
    shown.reason = refunds::reason(call.app, &row, &case).await?;
    if let Some(patient) = &case.patient {
        call.shows(patient);
    }
    Ok(reply(200, &shown))
}

async fn list(call: &Call<'_>) -> Answered {
    let list = match call.id("patient")? {
        Some(patient) => record::list_for(call.clinic(), patient),
        None => record::list(call.clinic()),
    };
    let (rows, next) = call.page(&list).await?;
    let mut refunds = vec![];
    for row in &rows {
        let id = record::id_of(row.pk());
        let case = call.app.case(call.clinic(), record::case(row)).await?;
        refunds.extend(case.and_then(|case| view(&case, id)));
    }
    Ok(reply(200, &Refunds { refunds, next }))
}

async fn approve(call: &Call<'_>) -> Answered {
    let (app, settings, id) = (call.app, &call.settings, &call.path[0]);
    let case = refunds::approve(app, settings, &call.actor, id).await?;
    shown(&case, id)
}

async fn reject(call: &Call<'_>) -> Answered {
    let (app, settings, id) = (call.app, &call.settings, &call.path[0]);
    let case = refunds::reject(app, settings, &call.actor, id).await?;
    shown(&case, id)
}

/// One refund of a case, 200.
pub fn shown(case: &Case, request: &str) -> Answered {
    let shown = view(case, request).ok_or_else(|| Problem::missing("refund"))?;
    Ok(reply(200, &shown))
}
