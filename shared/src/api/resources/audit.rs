//! `/v1/audit`: the journal, by case or by day, and its proof. By day also what changed outside of
//! it: settings, keys, connections, patients, bookings, what people repeated or closed.

use crate::api::frame::call::{Answered, Call, Route, cursor, listed, reply};
use crate::api::frame::problem::Problem;
use crate::api::views::entry::{aside, fault, view};
use crate::domain::actor::Permission::View;
use crate::domain::journal::{self, verify as verified};
use crate::flows::audit::{self, Line};
use crate::flows::named;
use crate::words::money::Money;
use jiff::civil::Date;
use serde_json::json;

pub static ROUTES: &[Route] = &[
    Route::get(
        "/v1/audit",
        View,
        |call| Box::pin(list(call)),
        "The journal of a case, or of a day (UTC), newest first.",
    )
    .gives(200, "Entries")
    .query(&["case", "day", "before", "limit"]),
    Route::get(
        "/v1/audit/verify",
        View,
        |call| Box::pin(verify(call)),
        "Replays a case's journal and holds the case against it.",
    )
    .gives(200, "Verified")
    .query(&["case"]),
];

pub async fn list(call: &Call<'_>) -> Answered {
    match (call.query("case"), call.query("day")) {
        (Some(case), None) => {
            let case = named::invoice(call.app, call.clinic(), case).await?;
            let entries = audit::entries(call.app, call.clinic(), &case.id).await?;
            Ok(listed("entries", entries.iter().map(view).collect(), None))
        }
        (None, Some(day)) => of_day(call, day).await,
        _ => Err(Problem::invalid("case", "name a case, or a day")),
    }
}

/// A day of the clinic's, newest first.
async fn of_day(call: &Call<'_>, day: &str) -> Answered {
    let read: Result<Date, _> = day.parse();
    let day = read.map_err(|_| Problem::invalid("day", "such as 2026-01-31"))?;
    let (before, limit) = (call.before()?, call.limit()?);
    let (app, before) = (call.app, before.as_deref());
    let (lines, next) = audit::of_day(app, call.clinic(), day, before, limit).await?;
    let shown = |line: &Line| match line {
        Line::Note(note) => aside(note, day),
        Line::Entry(entry) => view(entry),
    };
    let entries = lines.iter().map(shown).collect();
    Ok(listed("entries", entries, next.as_deref().map(cursor)))
}

pub async fn verify(call: &Call<'_>) -> Answered {
    let id = call.query("case");
    let id = id.ok_or_else(|| Problem::invalid("case", "name a case"))?;
    let case = named::invoice(call.app, call.clinic(), id).await?;
    let mut entries = audit::entries(call.app, call.clinic(), id).await?;
    // What was committed since the case was read is not held against it.
    entries.retain(|entry| entry.seq <= case.entries);
    let broken = verified(&case, &entries).err();
    let balances: Vec<_> = journal::balances(&case)
        .into_iter()
        .map(|(account, minor)| {
            json!({ "account": account, "balance": Money::new(minor, case.currency) })
        })
        .collect();
    Ok(reply(
        200,
        &json!({
            "case": id,
            "entries": entries.len(),
            "holds": broken.is_none(),
            "fault": broken.map(fault),
            "balances": balances,
        }),
    ))
}
