//! Money that no gateway brings: what staff take and record, and the patient's credit.

use crate::api::frame::call::{Answered, Call, Route, reply, rewritten, text, written};
use crate::api::frame::once::{Once, answering};
use crate::api::frame::problem::Problem;
use crate::api::frame::read::Nothing;
use crate::api::views::credit::{self, Credit, PayoutHow};
use crate::api::views::invoice::{Invoice, Papers, view as invoice_view};
use crate::api::views::tender::{TakenHow, Tender, view};
use crate::domain::actor::Permission::{self, Approve, Charge, View};
use crate::domain::case::Case;
use crate::flows::credits::{self, Out, PaidOut};
use crate::flows::named;
use crate::flows::tenders::{self, New};
use crate::io::lambda::HttpResponse;
use crate::records::event::EventRow;
use crate::words::money::{Currency, Money};
use crate::words::text::Plain;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

/// Money that came.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(example = json!({"how": "cash", "amount": {"amount": "20.00", "currency": "EUR"}, "note": "till 2"}))]
pub struct TenderRequest {
    how: TakenHow,
    /// All that is due where not given; of credit no more than there is.
    amount: Option<Money>,
    /// When it came: now where not given, never later.
    at: Option<Timestamp>,
    /// By which its paper can be found again: `batch 12`. No name.
    note: Option<Plain<60>>,
}

/// Credit that goes to the patient.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(example = json!({"how": "bank", "amount": {"amount": "22.50", "currency": "EUR"}}))]
pub struct PayoutRequest {
    how: PayoutHow,
    /// All that there is in the clinic's currency where not given.
    amount: Option<Money>,
}

/// Every call of this resource: who may make it, what it takes and what it gives.
pub static ROUTES: &[Route] = &[
    Route::post(
        "/v1/invoices/{id}/tenders",
        Charge,
        |call| Box::pin(record(call)),
        "Records money that no gateway brought, or takes it from the patient's credit: no more than \
         is due. Pages on which the patient could still pay give way to it.",
    )
    .gives::<Tender>(201)
    .takes::<TenderRequest>()
    .once(),
    Route::post(
        "/v1/tenders/{id}/reverse",
        Approve,
        |call| Box::pin(reverse(call)),
        "Takes off again what was recorded in error or did not hold: it is due again.",
    )
    .gives::<Invoice>(200)
    .takes::<Nothing>(),
    Route::get(
        "/v1/patients/{id}/credit",
        View,
        |call| Box::pin(credit(call)),
        "What the clinic owes a patient for a later bill, and how it came to that.",
    )
    .gives::<Credit>(200)
    .query(&["currency"]),
    Route::post(
        "/v1/patients/{id}/credit/payouts",
        Permission::Refund,
        |call| Box::pin(pay_out(call)),
        "Records that a patient's credit, or a part of it, was handed out.",
    )
    .gives::<Credit>(201)
    .takes::<PayoutRequest>()
    .once(),
];

async fn record(call: &Call<'_>) -> Answered {
    let new: TenderRequest = call.body()?;
    let note = new.note.clone().map(String::from);
    let row = match call.once().await? {
        Once::Again(answer) => return noted(&answer, note),
        Once::First(row) => answering(row, newest),
    };
    let new = New {
        how: new.how.recorded(),
        amount: new.amount,
        at: new.at,
        note: new.note,
    };
    let (app, settings, id) = (call.app, &call.settings, &call.path[0]);
    let made = tenders::record(app, settings, &call.actor, id, new, &row).await?;
    noted(&call.ended(made, &row)?, note)
}

/// The answer with what was noted: it is sealed, and no row of a request holds it.
fn noted(answer: &HttpResponse, note: Option<String>) -> Answered {
    rewritten(answer, |made: &mut Tender| made.note = note)
}

/// The tender that the commit has just written.
fn newest(case: &Case, _: &EventRow) -> String {
    let newest = case.tenders.last();
    written(&newest.map(|newest| view(case, newest, None)))
}

async fn reverse(call: &Call<'_>) -> Answered {
    let (app, settings) = (call.app, &call.settings);
    let case = tenders::reverse(app, settings, &call.actor, &call.path[0]).await?;
    Ok(reply(200, &invoice_view(&case, &Papers::default())))
}

async fn credit(call: &Call<'_>) -> Answered {
    let patient = named::patient(call.app, call.clinic(), &call.path[0]).await?;
    let currency = match call.query("currency") {
        None => call.settings.currency,
        Some(code) => {
            let odd = || Problem::invalid("currency", "such as EUR");
            Currency::read(code).ok_or_else(odd)?
        }
    };
    let found = credits::credit(call.app, call.clinic(), &patient.id, currency).await?;
    Ok(reply(
        200,
        &credit::view(&patient.id, currency, found.as_ref()),
    ))
}

async fn pay_out(call: &Call<'_>) -> Answered {
    let new: PayoutRequest = call.body()?;
    let row = match call.once().await? {
        Once::Again(answer) => return Ok(answer),
        Once::First(row) => row,
    };
    let (app, settings, patient) = (call.app, &call.settings, &call.path[0]);
    let out = Out {
        how: new.how.recorded(),
        amount: new.amount,
        currency: new.amount.map_or(settings.currency, |a| a.currency),
        answer: |patient, after| written(&credit::view(patient, after.currency, Some(after))),
    };
    match credits::pay_out(app, settings, &call.actor, patient, &out, &row).await? {
        PaidOut::Now(answer) => Ok(text(call.route.gives.0, answer)),
        PaidOut::Before(known) => call.again(&known, &row),
    }
}
