//! `/v1/audit`: the journal, by case or by day, and its proof. By day also what changed outside of
//! it: settings, keys, connections, patients, bookings, what people repeated or closed.

use crate::api::frame::call::{Answered, Call, Route, cursor, reply};
use crate::api::frame::problem::Problem;
use crate::api::views::entry::{Entries, Verified, aside, verified, view};
use crate::domain::actor::Permission::View;
use crate::flows::audit::{self, Line};
use crate::flows::{credits, named};
use jiff::civil::Date;

/// Every call of this resource: who may make it, what it takes and what it gives.
pub static ROUTES: &[Route] = &[
    Route::get(
        "/v1/audit",
        View,
        |call| Box::pin(list(call)),
        "The journal of a case, or of a day (UTC), or what was done to a patient and who was shown \
         them; newest first.",
    )
    .gives::<Entries>(200)
    .query(&["case", "day", "patient", "before", "limit"]),
    Route::get(
        "/v1/audit/verify",
        View,
        |call| Box::pin(verify(call)),
        "Replays the journal of a case, or of the credit of the patient of this id, and holds the \
         book against it.",
    )
    .gives::<Verified>(200)
    .query(&["case", "credit"]),
];

async fn list(call: &Call<'_>) -> Answered {
    match (call.query("case"), call.day("day")?, call.query("patient")) {
        (Some(case), None, None) => {
            let case = named::invoice(call.app, call.clinic(), case).await?;
            let entries = audit::entries(call.app, call.clinic(), &case.id).await?;
            let entries = entries.iter().map(view).collect();
            Ok(reply(
                200,
                &Entries {
                    entries,
                    next: None,
                },
            ))
        }
        (None, Some(day), None) => of_day(call, day).await,
        (None, None, Some(patient)) => of_patient(call, patient).await,
        _ => Err(Problem::invalid("case", "name a case, a day, or a patient")),
    }
}

/// A day of the clinic's, newest first.
async fn of_day(call: &Call<'_>, day: Date) -> Answered {
    let (before, limit) = (call.before()?, call.limit()?);
    let (app, before) = (call.app, before.as_deref());
    let (lines, next) = audit::of_day(app, call.clinic(), day, before, limit).await?;
    let shown = |line: &Line| match line {
        Line::Note(note) => aside(note, day),
        Line::Entry(entry) => view(entry),
    };
    let entries = lines.iter().map(shown).collect();
    let next = next.as_deref().map(cursor);
    Ok(reply(200, &Entries { entries, next }))
}

/// What was done to a patient and who was shown them, newest first.
async fn of_patient(call: &Call<'_>, patient: &str) -> Answered {
    let (before, limit) = (call.before()?, call.limit()?);
    let patient = named::patient(call.app, call.clinic(), patient).await?.id;
    let (app, before) = (call.app, before.as_deref());
    let page = audit::of_patient(app, call.clinic(), &patient, before, limit).await?;
    let entries = page.0.iter().map(|(note, day)| aside(note, *day)).collect();
    let next = page.1.as_deref().map(cursor);
    Ok(reply(200, &Entries { entries, next }))
}

async fn verify(call: &Call<'_>) -> Answered {
    let id = match (call.query("case"), call.query("credit")) {
        (Some(id), None) => id,
        (None, Some(patient)) => return verify_credit(call, patient).await,
        _ => {
            return Err(Problem::invalid(
                "case",
                "name a case, or a patient's credit",
            ));
        }
    };
    let case = named::invoice(call.app, call.clinic(), id).await?;
    let mut entries = audit::entries(call.app, call.clinic(), id).await?;
    // What was committed since the case was read is not held against it.
    entries.retain(|entry| entry.seq <= case.entries);
    Ok(reply(200, &verified(&case, &entries)))
}

/// The credit of a patient in the clinic's currency.
async fn verify_credit(call: &Call<'_>, patient: &str) -> Answered {
    let patient = named::patient(call.app, call.clinic(), patient).await?;
    let currency = call.settings.currency;
    let found = credits::credit(call.app, call.clinic(), &patient.id, currency).await?;
    let credit = found.ok_or_else(|| Problem::missing("credit"))?;
    let mut entries = audit::of_credit(call.app, &credit).await?;
    // What was committed since the credit was read is not held against it.
    entries.retain(|entry| entry.seq <= credit.entries);
    Ok(reply(200, &verified(&credit, &entries)))
}
