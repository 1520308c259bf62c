//! `/v1/invoices`: what is owed, what was paid, and how it stands.

use super::call::{Answered, Call, listed, reply};
use super::lines::{self, NewLine};
use super::once::{Once, answering};
use super::patients::{self, Reference};
use super::problem::Problem;
use super::read::{TextOr, plain};
use super::{disputes, payments, settings};
use crate::domain::case::Case;
use crate::domain::policy::Collect;
use crate::domain::refund::Refund;
use crate::flows::events::EventRow;
use crate::flows::invoicing::Wanted;
use crate::ids;
use crate::money::Currency;
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewInvoice {
    number: Option<String>,
    patient: Option<TextOr<Reference>>,
    currency: Option<Currency>,
    lines: Vec<NewLine>,
    collect: Option<Collect>,
    gateway: Option<String>,
}

/// What stands beside the case: not for everybody, and not at hand when a request is answered.
#[derive(Default)]
pub struct Papers {
    pub descriptions: Vec<String>,
    /// Numbers and addresses.
    pub receipts: Vec<(String, String)>,
    pub page: Option<String>,
}

pub async fn create(call: &Call<'_>) -> Answered {
    let new: NewInvoice = call.body()?;
    if let Some(number) = &new.number {
        plain("number", number, 30)?;
    }
    if let Some(gateway) = &new.gateway {
        settings::page("gateway", gateway)?;
    }
    let currency = new.currency.unwrap_or(call.settings.currency);
    let (lines, descriptions) = lines::checked(new.lines, currency)?;
    let row = match call.once().await? {
        Once::Again(answer) => return Ok(answer),
        Once::First(row) => answering(row, |case, _| view(case, &Papers::default()).to_string()),
    };
    let patient = match &new.patient {
        Some(named) => Some(patients::named(call, named).await?.0.id),
        None => None,
    };
    let wanted = Wanted {
        cause: cause(&row),
        number: new.number,
        patient,
        appointment: None,
        starts_at: None,
        currency,
        lines,
        descriptions,
        collect: new.collect,
        gateway: new.gateway,
        method: None,
    };
    let (settings, why) = (&call.settings, call.cause(&row));
    let (_, made) = call
        .house
        .invoice(settings, wanted, Some(row.clone()), vec![], why)
        .await?;
    call.ended(made, &row)
}

/// What a request causes, so that a repeat of it finds the same case.
pub fn cause(row: &EventRow) -> Vec<String> {
    vec![row.source.clone(), row.vendor_event_id.clone()]
}

pub async fn list(call: &Call<'_>) -> Answered {
    let (rows, next) = call.page("invoices").await?;
    let of = |row: &crate::store::Row| row.read::<Case>("data").map(|case| summary(&case));
    let invoices = rows.iter().map(of).collect::<Result<_, _>>()?;
    Ok(listed("invoices", invoices, next))
}

pub async fn get(call: &Call<'_>) -> Answered {
    let case = known(call, &call.path[0]).await?;
    let owner = case.patient.clone().unwrap_or_default();
    let descriptions = match call.house.reader(&call.settings, &owner).await? {
        Some((key, _)) => call.house.descriptions(&case, &key).await?,
        None => vec![],
    };
    let receipts = call.house.receipts_of(&case).await?;
    let page = Some(call.house.invoice_address(call.clinic(), &case.id).await?);
    Ok(reply(
        200,
        &view(
            &case,
            &Papers {
                descriptions,
                receipts,
                page,
            },
        ),
    ))
}

/// The case of an invoice.
pub async fn known(call: &Call<'_>, id: &str) -> Result<Case, Problem> {
    let found = match ids::is_id(id) {
        true => call.house.case(call.clinic(), id).await?,
        false => None,
    };
    found.ok_or_else(|| Problem::missing("invoice"))
}

fn summary(case: &Case) -> Value {
    json!({
        "id": case.id,
        "number": case.invoice.number,
        "status": case.status(),
        "patient": case.patient,
        "appointment": case.appointment,
        "created_at": case.created_at,
        "currency": case.currency,
        "total": case.invoice.total,
        "paid": case.paid(),
        "refunded": case.refunded(),
        "due": case.due(),
    })
}

/// All of an invoice.
pub fn view(case: &Case, papers: &Papers) -> Value {
    let mut shown = summary(case);
    let open = case.payments.iter().rev().find_map(|p| p.open_page());
    let refunds = case
        .refunds()
        .map(|(payment, refund)| refund_view(case, payment.n, refund));
    let disputes = case
        .payments
        .iter()
        .flat_map(|p| p.disputes.iter().map(move |d| disputes::view(case, p, d)));
    let receipts = papers.receipts.iter();
    let more = json!({
        "lines": lines::view(&case.invoice.lines, &papers.descriptions),
        "net": case.invoice.net,
        "tax": case.invoice.tax,
        "chargeable": case.chargeable(),
        "refundable": case.refundable(),
        "checkout_url": open.map(|page| page.url.as_str()).filter(|_| case.due().minor > 0),
        "page_url": papers.page,
        "payments": case.payments.iter().map(|p| payments::view(case, p)).collect::<Vec<_>>(),
        "refunds": refunds.collect::<Vec<_>>(),
        "disputes": disputes.collect::<Vec<_>>(),
        "receipts": receipts
            .map(|(number, url)| json!({ "number": number, "url": url }))
            .collect::<Vec<_>>(),
    });
    if let (Some(shown), Value::Object(more)) = (shown.as_object_mut(), more) {
        shown.extend(more);
    }
    shown
}

/// A refund under its payment. One that was made in the gateway's dashboard has no request.
fn refund_view(case: &Case, payment: u32, refund: &Refund) -> Value {
    json!({
        "request": refund.request,
        "payment": ids::payment_reference(&case.id, payment),
        "gateway_ref": refund.id,
        "amount": refund.amount,
        "state": refund.state,
    })
}
