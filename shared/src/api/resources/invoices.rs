//! `/v1/invoices`: what is owed, what was paid, and how it stands.

use crate::api::frame::call::{Answered, Call, Route, cursor, reply, rewritten, written};
use crate::api::frame::lines::{self, LineRequest};
use crate::api::frame::once::{Once, answering};
use crate::api::frame::patient::PatientName;
use crate::api::frame::problem::Problem;
use crate::api::frame::read::Nothing;
use crate::api::views::invoice::{Invoice, Invoices, Papers, summary, view};
use crate::api::views::line::describe;
use crate::domain::actor::Permission::{Approve, Charge, View};
use crate::domain::case::Case;
use crate::domain::dims::Dims;
use crate::domain::event::NewCreditNote;
use crate::domain::invoice::Status;
use crate::domain::policy::Collect;
use crate::flows::invoices::{self, Filter, NewInvoice};
use crate::flows::{named, pages, receipts, tenders};
use crate::words::money::{Currency, Money};
use crate::words::text::Plain;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

/// An invoice that is to be made.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(example = json!({"number": "INV-9", "patient": {"reference": "P-1042"}, "currency": "EUR", "lines": [{"description": "Initial visit, 45 minutes", "quantity": 1, "unit": {"amount": "60.00", "currency": "EUR"}, "tax_rate": "10", "tax_included": true}], "collect": "checkout", "gateway": "stripe"}))]
pub struct InvoiceRequest {
    /// The clinic's own; one of ours where it has none.
    number: Option<Plain<30>>,
    /// Our id, or the clinic's own reference; nobody for a walk-in.
    patient: Option<PatientName>,
    /// The clinic's own where not given.
    currency: Option<Currency>,
    #[schemars(length(min = 1, max = 100))]
    lines: Vec<LineRequest>,
    /// By policy where not given.
    collect: Option<Collect>,
    /// Whose saved method is charged, or whose page is opened, where not by policy.
    gateway: Option<String>,
    /// By which reports cut the books.
    #[serde(default)]
    dimensions: Dims,
}

/// A credit note that is to be written: over lines, or over an amount.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(example = json!({"amount": {"amount": "20.00", "currency": "EUR"}}))]
pub struct CreditNoteRequest {
    /// Of each tax rate its part; leave it out where there are lines.
    amount: Option<Money>,
    /// What is not asked for any more, as the invoice has it or less.
    #[schemars(length(min = 1, max = 100))]
    lines: Option<Vec<LineRequest>>,
}

/// Every call of this resource: who may make it, what it takes and what it gives.
pub static ROUTES: &[Route] = &[
    Route::get(
        "/v1/invoices",
        View,
        |call| Box::pin(list(call)),
        "Invoices, newest first: those that fit every filter. `day` is the clinic's day on which \
         they were made, `appointment` the clinic's own id. A page may hold fewer than `limit`: go \
         on while there is a `next`.",
    )
    .gives::<Invoices>(200)
    .query(&["status", "patient", "appointment", "day", "before", "limit"]),
    Route::post(
        "/v1/invoices",
        Charge,
        |call| Box::pin(create(call)),
        "Makes an invoice and starts to collect it, by policy or as `collect` says.",
    )
    .gives::<Invoice>(201)
    .takes::<InvoiceRequest>()
    .once(),
    Route::get(
        "/v1/invoices/{id}",
        View,
        |call| Box::pin(get(call)),
        "An invoice with its payments, refunds, disputes and receipts.",
    )
    .gives::<Invoice>(200)
    .shows_person(),
    Route::post(
        "/v1/invoices/{id}/credit-notes",
        Approve,
        |call| Box::pin(credit(call)),
        "Writes a credit note: so much of the invoice is not asked for any more. What was paid \
         beyond what is left is the patient's: a task asks where it goes.",
    )
    .gives::<Invoice>(201)
    .takes::<CreditNoteRequest>()
    .once(),
    Route::post(
        "/v1/invoices/{id}/void",
        Approve,
        |call| Box::pin(void(call)),
        "Voids an invoice on which no money is, and none is under way: nothing is due on it any \
         more, and its books go to zero. Systems that filed it hear of it.",
    )
    .gives::<Invoice>(200)
    .takes::<Nothing>()
    .shows_person(),
];

async fn create(call: &Call<'_>) -> Answered {
    let new: InvoiceRequest = call.body()?;
    let currency = new.currency.unwrap_or(call.settings.currency);
    let (lines, descriptions) = lines::checked(new.lines, currency)?;
    let row = match call.once().await? {
        Once::Again(answer) => {
            return rewritten(&answer, |made: &mut Invoice| {
                describe(&mut made.lines, descriptions);
            });
        }
        Once::First(row) => answering(row, |case, _| written(&view(case, &Papers::default()))),
    };
    let new = NewInvoice {
        number: new.number,
        patient: new.patient.map(Into::into),
        currency,
        lines,
        descriptions: descriptions.clone(),
        collect: new.collect,
        gateway: new.gateway,
        dims: new.dimensions,
    };
    let made = invoices::create(call.app, &call.settings, &call.actor, new, &row).await?;
    let answer = call.ended(made, &row)?;
    rewritten(&answer, |made: &mut Invoice| {
        describe(&mut made.lines, descriptions);
    })
}

async fn list(call: &Call<'_>) -> Answered {
    let filter = Filter {
        status: call.one_of("status", &Status::ALL, Status::name)?,
        patient: call.id("patient")?,
        appointment: call.query("appointment"),
        day: call.day("day")?,
    };
    let (before, limit) = (call.before()?, call.limit()? as usize);
    let (app, settings) = (call.app, &call.settings);
    let (cases, next) = invoices::search(app, settings, filter, before, limit).await?;
    let invoices = cases.iter().map(summary).collect();
    let next = next.as_deref().map(cursor);
    Ok(reply(200, &Invoices { invoices, next }))
}

async fn credit(call: &Call<'_>) -> Answered {
    let new: CreditNoteRequest = call.body()?;
    let row = match call.once().await? {
        Once::Again(answer) => return Ok(answer),
        Once::First(row) => answering(row, |case, _| written(&view(case, &Papers::default()))),
    };
    let id = &call.path[0];
    let note = match (new.amount, new.lines) {
        (Some(amount), None) => NewCreditNote::Amount(amount),
        (None, Some(lines)) => {
            let case = named::invoice(call.app, call.clinic(), id).await?;
            NewCreditNote::Lines(lines::checked(lines, case.currency)?.0)
        }
        _ => {
            return Err(Problem::invalid(
                "amount",
                "an amount or lines: one of them",
            ));
        }
    };
    let made = invoices::credit(call.app, &call.settings, &call.actor, id, note, &row).await?;
    call.ended(made, &row)
}

async fn void(call: &Call<'_>) -> Answered {
    let case = invoices::void(call.app, &call.settings, &call.actor, &call.path[0]).await?;
    shown(call, &case).await
}

async fn get(call: &Call<'_>) -> Answered {
    let case = named::invoice(call.app, call.clinic(), &call.path[0]).await?;
    shown(call, &case).await
}

/// An invoice with its papers: what its lines are for, its receipts, its page.
async fn shown(call: &Call<'_>, case: &Case) -> Answered {
    let owner = case.patient.clone().unwrap_or_default();
    if !owner.is_empty() {
        call.shows(&owner);
    }
    let descriptions = match receipts::reader(call.app, &call.settings, &owner).await? {
        Some((key, _)) => receipts::descriptions(call.app, case, &key).await?,
        None => vec![],
    };
    let papers = Papers {
        descriptions,
        notes: tenders::notes_of(call.app, case).await?,
        receipts: pages::receipts_of(call.app, case).await?,
        page: Some(pages::invoice_address(call.app, call.clinic(), &case.id).await?),
    };
    Ok(reply(200, &view(case, &papers)))
}
