//! `/v1/invoices`: what is owed, what was paid, and how it stands.

use super::call::{Answered, Call, listed, reply, rewritten};
use super::lines::{self, NewLine};
use super::once::{Once, answering};
use super::patients::{self, Reference};
use super::problem::{Kind, Problem};
use super::read::{TextOr, plain};
use super::{disputes, payments, settings};
use crate::domain::case::Case;
use crate::domain::decide::Refusal;
use crate::domain::event::Event;
use crate::domain::invoice::Status;
use crate::domain::policy::Collect;
use crate::domain::refund::Refund;
use crate::domain::task::{Task, Topic, Work};
use crate::flows::case_pk;
use crate::flows::commit;
use crate::flows::commit::{Change, Committed};
use crate::flows::events::EventRow;
use crate::flows::invoicing;
use crate::flows::invoicing::Wanted;
use crate::flows::pages;
use crate::flows::receipts;
use crate::io::queue::RowKey;
use crate::io::store::{Row, Write};
use crate::words::ids;
use crate::words::money::Currency;
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
        Once::Again(answer) => {
            return rewritten(answer, |body| lines::described(body, &descriptions));
        }
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
        descriptions: descriptions.clone(),
        collect: new.collect,
        gateway: new.gateway,
        method: None,
    };
    let (settings, why) = (&call.settings, call.cause(&row));
    let (_, made) =
        invoicing::invoice(call.app, settings, wanted, Some(row.clone()), vec![], why).await?;
    let answer = call.ended(made, &row)?;
    rewritten(answer, |body| lines::described(body, &descriptions))
}

/// What a request causes, so that a repeat of it finds the same case.
pub fn cause(row: &EventRow) -> Vec<String> {
    vec![row.source.clone(), row.vendor_event_id.clone()]
}

pub async fn list(call: &Call<'_>) -> Answered {
    let of = |row: &Row| row.read::<Case>("data");
    let (cases, next) = match status(call)? {
        None => {
            let (rows, next) = call.page("invoices").await?;
            (rows.iter().map(of).collect::<Result<Vec<_>, _>>()?, next)
        }
        Some(status) => {
            let list = format!("invoices#{}", status.name());
            let (rows, next) = call.page(&list).await?;
            let keys: Vec<_> = rows.iter().map(|row| case_key(call, row)).collect();
            let found = call.app.store.get_all(&keys).await?;
            let mut cases = found.iter().map(of).collect::<Result<Vec<_>, _>>()?;
            // The list is behind the invoices: only they say how they stand.
            cases.retain(|case| case.status() == status);
            cases.sort_by_key(|case| std::cmp::Reverse((case.created_at, case.id.clone())));
            (cases, next)
        }
    };
    let invoices = cases.iter().map(summary).collect();
    Ok(listed("invoices", invoices, next))
}

fn case_key(call: &Call<'_>, row: &Row) -> RowKey {
    RowKey {
        pk: case_pk(call.clinic(), row.get("case")),
        sk: "case".into(),
    }
}

/// The status that a list is asked for.
fn status(call: &Call<'_>) -> Result<Option<Status>, Problem> {
    let Some(name) = call.query("status") else {
        return Ok(None);
    };
    let known = Status::ALL.into_iter().find(|status| status.name() == name);
    let names = Status::ALL.map(Status::name).join(", ");
    let unknown = || Problem::invalid("status", format!("one of {names}"));
    known.map(Some).ok_or_else(unknown)
}

/// Voids an invoice on which no money is or may come. What of it was filed already is a task.
pub async fn void(call: &Call<'_>) -> Answered {
    let case = known(call, &call.path[0]).await?;
    let (id, pk) = (case.id.clone(), case_pk(call.clinic(), &case.id));
    let (mut filed, mut also) = (vec![], vec![]);
    for row in call.app.store.under(&pk, "task#tell-").await? {
        let Work::Deliver(delivery) = row.read::<Task>("data")?.work else {
            continue;
        };
        match (delivery.topic, row.get("state")) {
            // Not begun: it is not filed any more.
            (Topic::InvoiceIssued, "open") => also.push(skipped(row)),
            (Topic::InvoiceIssued, "done" | "calling" | "unknown") => filed.push(delivery.system),
            _ => {}
        }
    }
    let cause = format!("voided by key {}", call.caller.short());
    let event = Event::Voided { filed };
    let change = Change {
        also: if case.invoice.void { vec![] } else { also },
        ..Change::new(&call.settings, &id, event, cause)
    };
    match commit::commit(call.app, change, Some(case)).await? {
        Committed::Changed(_) | Committed::Nothing(Some(_)) => get(call).await,
        Committed::Refused(Refusal::Invalid(why)) => Err(Problem::new(Kind::Conflict, why)),
        Committed::Refused(why) => Err(why.into()),
        _ => Err(Problem::new(
            Kind::Conflict,
            "it cannot be voided just now: repeat",
        )),
    }
}

/// A delivery that has not begun, ended.
fn skipped(row: Row) -> Write {
    let version = row.int("version") as u64;
    let row = row
        .undue()
        .text("state", "skipped")
        .text("why", "the invoice was voided")
        .number("version", version + 1);
    Write::Replace { row, version }
}

pub async fn get(call: &Call<'_>) -> Answered {
    let case = known(call, &call.path[0]).await?;
    let owner = case.patient.clone().unwrap_or_default();
    let descriptions = match receipts::reader(call.app, &call.settings, &owner).await? {
        Some((key, _)) => receipts::descriptions(call.app, &case, &key).await?,
        None => vec![],
    };
    let receipts = pages::receipts_of(call.app, &case).await?;
    let page = Some(pages::invoice_address(call.app, call.clinic(), &case.id).await?);
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
        true => call.app.case(call.clinic(), id).await?,
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
