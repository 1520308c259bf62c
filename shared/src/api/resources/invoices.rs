//! `/v1/invoices`: what is owed, what was paid, and how it stands.

use super::patients::{self, Reference};
use super::settings;
use crate::api::frame::call::Route;
use crate::api::frame::call::{Answered, Call, listed, reply, rewritten};
use crate::api::frame::caller::Permission::{Approve, Charge, View};
use crate::api::frame::lines::{self, NewLine};
use crate::api::frame::once::{Once, answering};
use crate::api::frame::problem::{Kind, Problem};
use crate::api::frame::read::Nothing;
use crate::api::frame::read::{TextOr, plain};
use crate::api::views::invoice::{Papers, summary, view};
use crate::api::views::lines::described;
use crate::domain::case::Case;
use crate::domain::decide::Refusal;
use crate::domain::event::Event;
use crate::domain::invoice::Status;
use crate::domain::policy::Collect;
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

pub static ROUTES: &[Route] = &[
    Route::get(
        "/v1/invoices",
        View,
        |call| Box::pin(list(call)),
        "Invoices, newest first; with `status` those that stand so. A page of these may hold fewer \
         than `limit`: go on while there is a `next`.",
    )
    .gives(200, "Invoices")
    .query(&["status", "before", "limit"]),
    Route::post(
        "/v1/invoices",
        Charge,
        |call| Box::pin(create(call)),
        "Makes an invoice and starts to collect it, by policy or as `collect` says.",
    )
    .gives(201, "Invoice")
    .takes::<NewInvoice>("InvoiceRequest")
    .once(),
    Route::get(
        "/v1/invoices/{id}",
        View,
        |call| Box::pin(get(call)),
        "An invoice with its payments, refunds, disputes and receipts.",
    )
    .gives(200, "Invoice"),
    Route::post(
        "/v1/invoices/{id}/void",
        Approve,
        |call| Box::pin(void(call)),
        "Voids an invoice on which no money is, and none is under way: nothing is due on it any \
         more, and its books go to zero. Where a system has filed it, a task says so.",
    )
    .gives(200, "Invoice")
    .takes::<Nothing>("Nothing"),
];

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
            return rewritten(answer, |body| described(body, &descriptions));
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
    rewritten(answer, |body| described(body, &descriptions))
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
