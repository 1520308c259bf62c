//! Collecting money: `/v1/invoices/{id}/charges` for what an invoice has due,
//! `/v1/appointments/{id}/charges` for a deposit before a session, `/v1/charges` for a
//! walk-in, which is an invoice and its charge in one.

use crate::api::frame::call::{Answered, Call, Route, written};
use crate::api::frame::lines::{self, LineRequest};
use crate::api::frame::once::{Once, answering};
use crate::api::frame::patient::PatientName;
use crate::api::frame::problem::Problem;
use crate::api::frame::read::TextOr;
use crate::api::views::payment::{Payment, view};
use crate::domain::actor::Permission::Charge;
use crate::domain::case::Case;
use crate::domain::dims::Dims;
use crate::flows::charges::{self, Chosen, OfInvoice, WalkIn, Way};
use crate::records::event::EventRow;
use crate::words::money::{Currency, Money};
use crate::words::text::Plain;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

/// A method that its gateway keeps.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(example = json!({"gateway": "stripe", "token": "pm_1", "customer": "cus_1", "label": "Visa ending 4242"}))]
pub struct KeptMethod {
    gateway: String,
    /// What the gateway charges: its id of a card, a vault entry, a mandate.
    token: Plain<200>,
    /// The payer's id at the gateway, where it needs one beside the method.
    customer: Option<Plain<200>>,
    /// Of which the kind and the last four digits are kept.
    label: Option<Plain<200>>,
}

/// `"saved"`, or a method.
#[derive(JsonSchema)]
#[serde(untagged)]
#[schemars(inline)]
#[expect(dead_code, reason = "only its schema is used")]
enum MethodChoice {
    Saved(Saved),
    Kept(KeptMethod),
}

/// The patient's own.
#[derive(JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
#[expect(dead_code, reason = "only its schema is used")]
enum Saved {
    Saved,
}

/// What is collected of an invoice, and how.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(example = json!({"amount": {"amount": "20.00", "currency": "EUR"}, "method": {"gateway": "stripe", "token": "pm_1"}, "gateway": "stripe", "collect": "saved_method"}))]
pub struct ChargeRequest {
    /// All that is due where not given.
    amount: Option<Money>,
    /// `"saved"` for the patient's own, or one that its gateway keeps.
    #[schemars(with = "Option<MethodChoice>")]
    method: Option<TextOr<KeptMethod>>,
    /// Whose saved method is charged, or whose page is opened; refused where a saved method is asked
    /// for and none is kept there.
    gateway: Option<String>,
    /// By policy where not given.
    collect: Option<Collecting>,
}

/// A walk-in's invoice and its charge.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(example = json!({"lines": [{"description": "Initial visit, 45 minutes", "quantity": 1, "unit": {"amount": "60.00", "currency": "EUR"}, "tax_rate": "10", "tax_included": true}], "currency": "EUR", "patient": {"reference": "P-1042"}, "method": "saved", "gateway": "stripe"}))]
pub struct WalkInRequest {
    #[schemars(length(min = 1, max = 100))]
    lines: Vec<LineRequest>,
    /// The clinic's own where not given.
    currency: Option<Currency>,
    /// Our id, or the clinic's own reference.
    patient: Option<PatientName>,
    /// `"saved"` for the patient's own, or one that its gateway keeps.
    #[schemars(with = "Option<MethodChoice>")]
    method: Option<TextOr<KeptMethod>>,
    /// Whose saved method is charged, or whose page is opened.
    gateway: Option<String>,
    /// By which reports cut the books.
    #[serde(default)]
    dimensions: Dims,
}

/// How it is collected: a charge is never for later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Collecting {
    /// A method that the patient let a gateway keep is charged.
    SavedMethod,
    /// A page is opened on which the patient pays.
    Checkout,
}

/// Every call of this resource: who may make it, what it takes and what it gives.
pub static ROUTES: &[Route] = &[
    Route::post(
        "/v1/invoices/{id}/charges",
        Charge,
        |call| Box::pin(of_invoice(call)),
        "Collects all that is due on an invoice, or a part. A `gateway` whose methods the patient \
         has none of is refused where a saved method is to be charged.",
    )
    .gives::<Payment>(202)
    .takes::<ChargeRequest>()
    .once(),
    Route::post(
        "/v1/appointments/{id}/charges",
        Charge,
        |call| Box::pin(deposit(call)),
        "Collects a deposit on an appointment that is still to come: what is open of one, or what is \
         left of its price, or a part. With the session it becomes a part of the invoice.",
    )
    .gives::<Payment>(202)
    .takes::<ChargeRequest>()
    .once(),
    Route::post(
        "/v1/charges",
        Charge,
        |call| Box::pin(walk_in(call)),
        "Charges a walk-in: an invoice and its payment in one.",
    )
    .gives::<Payment>(202)
    .takes::<WalkInRequest>()
    .once(),
];

async fn deposit(call: &Call<'_>) -> Answered {
    let new: ChargeRequest = call.body()?;
    let row = match call.once().await? {
        Once::Again(answer) => return Ok(answer),
        Once::First(row) => answering(row, newest),
    };
    let (app, settings, id) = (call.app, &call.settings, &call.path[0]);
    let new = wanted(new)?;
    let granted = charges::deposit(app, settings, &call.actor, id, new, &row).await?;
    call.ended(granted, &row)
}

/// What is collected, and how.
fn wanted(new: ChargeRequest) -> Result<OfInvoice, Problem> {
    Ok(OfInvoice {
        amount: new.amount,
        method: new.method.map(chosen).transpose()?,
        gateway: new.gateway,
        way: new.collect.map(|way| match way {
            Collecting::SavedMethod => Way::SavedMethod,
            Collecting::Checkout => Way::Checkout,
        }),
    })
}

async fn of_invoice(call: &Call<'_>) -> Answered {
    let new: ChargeRequest = call.body()?;
    let row = match call.once().await? {
        Once::Again(answer) => return Ok(answer),
        Once::First(row) => answering(row, newest),
    };
    let new = wanted(new)?;
    let (app, settings, id) = (call.app, &call.settings, &call.path[0]);
    let granted = charges::of_invoice(app, settings, &call.actor, id, new, &row).await?;
    call.ended(granted, &row)
}

async fn walk_in(call: &Call<'_>) -> Answered {
    let new: WalkInRequest = call.body()?;
    let currency = new.currency.unwrap_or(call.settings.currency);
    let (lines, descriptions) = lines::checked(new.lines, currency)?;
    let row = match call.once().await? {
        Once::Again(answer) => return Ok(answer),
        Once::First(row) => answering(row, newest),
    };
    let new = WalkIn {
        lines,
        descriptions,
        currency,
        patient: new.patient.map(Into::into),
        method: new.method.map(chosen).transpose()?,
        gateway: new.gateway,
        dims: new.dimensions,
    };
    let granted = charges::walk_in(call.app, &call.settings, &call.actor, new, &row).await?;
    call.ended(granted, &row)
}

fn chosen(method: TextOr<KeptMethod>) -> Result<Chosen, Problem> {
    match method {
        TextOr::Text(text) if text == "saved" => Ok(Chosen::Saved),
        TextOr::Text(_) => Err(Problem::invalid("method", "\"saved\" or a method")),
        TextOr::Object(kept) => Ok(Chosen::Kept(charges::KeptMethod {
            gateway: kept.gateway,
            token: kept.token,
            customer: kept.customer,
            label: kept.label,
        })),
    }
}

/// The payment that the commit has just planned.
fn newest(case: &Case, _: &EventRow) -> String {
    let newest = case.payments.last();
    written(&newest.map(|newest| view(case, newest)))
}
