//! `/v1/audit`: the journal, by case or by day, and its proof. By day also what changed outside of
//! it: settings, keys, connections, patients, bookings, what people repeated or closed.

use super::invoices;
use crate::api::frame::call::Route;
use crate::api::frame::call::{Answered, Call, cursor, listed, reply};
use crate::api::frame::caller::Permission::View;
use crate::api::frame::problem::Problem;
use crate::api::views::entry::{aside, fault, view};
use crate::domain::journal::{self, Entry, verify as verified};
use crate::flows::case_pk;
use crate::io::store::{Row, StoreError};
use crate::words::money::Money;
use futures::future::try_join_all;
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

/// Posting rows of a day are spread by the first letter of their hash.
const SHARDS: [&str; 16] = [
    "0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "a", "b", "c", "d", "e", "f",
];

pub async fn list(call: &Call<'_>) -> Answered {
    match (call.query("case"), call.query("day")) {
        (Some(case), None) => {
            let case = invoices::known(call, case).await?;
            let entries = entries(call, &case.id).await?;
            Ok(listed("entries", entries.iter().map(view).collect(), None))
        }
        (None, Some(day)) => of_day(call, day).await,
        _ => Err(Problem::invalid("case", "name a case, or a day")),
    }
}

/// A day of the clinic's, newest first: the shards are read side by side and merged.
async fn of_day(call: &Call<'_>, day: &str) -> Answered {
    let read: Result<Date, _> = day.parse();
    let day = read.map_err(|_| Problem::invalid("day", "such as 2026-01-31"))?;
    let (before, limit) = (call.before()?, call.limit()?);
    let lists: Vec<_> = SHARDS
        .iter()
        .map(|shard| format!("{}#journal#{day}#{shard}", call.clinic()))
        .collect();
    let reads = lists
        .iter()
        .map(|list| call.app.store.list(list, before.as_deref(), limit));
    let (rows, next) = merged(try_join_all(reads).await?, limit as usize);
    let next = next.as_deref().map(cursor);
    let shown = |row: &Row| match row.has("note") {
        true => row.read("note").map(|note| aside(&note, day)),
        false => row.read("data").map(|entry| view(&entry)),
    };
    let entries = rows.iter().map(shown).collect::<Result<_, _>>()?;
    Ok(listed("entries", entries, next))
}

/// Pages of several lists as one, newest first, and where it goes on. Below the place where any of
/// them ended, that one may hold rows that were not read: no row from there is told yet.
pub fn merged(pages: Vec<(Vec<Row>, Option<String>)>, limit: usize) -> (Vec<Row>, Option<String>) {
    let ends = pages.iter().filter_map(|(_, next)| next.clone());
    let floor = ends.max();
    let mut rows: Vec<Row> = pages.into_iter().flat_map(|(rows, _)| rows).collect();
    rows.retain(|row| {
        floor
            .as_deref()
            .is_none_or(|floor| row.get("list_sk") >= floor)
    });
    rows.sort_by(|a, b| b.get("list_sk").cmp(a.get("list_sk")));
    let more = floor.is_some() || rows.len() > limit;
    rows.truncate(limit);
    let last = rows.last().filter(|_| more);
    let next = last.map(|row| row.get("list_sk").to_owned());
    (rows, next)
}

pub async fn verify(call: &Call<'_>) -> Answered {
    let id = call
        .query("case")
        .ok_or_else(|| Problem::invalid("case", "name a case"))?;
    let case = invoices::known(call, id).await?;
    let mut entries = entries(call, id).await?;
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

/// A case's journal, from its first entry.
pub async fn entries(call: &Call<'_>, case: &str) -> Result<Vec<Entry>, StoreError> {
    let rows = call
        .app
        .store
        .under(&case_pk(call.clinic(), case), "journal#")
        .await?;
    rows.iter().map(|row| row.read("data")).collect()
}
