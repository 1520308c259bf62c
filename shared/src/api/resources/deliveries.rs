//! `/v1/deliveries`: what was told to systems and patients. One that did not arrive can be sent
//! again by a person who has looked.

use super::invoices;
use super::tasks;
use crate::api::frame::call::Route;
use crate::api::frame::call::{Answered, Call, listed, reply};
use crate::api::frame::caller::Permission::{Charge, View};
use crate::api::frame::problem::{Kind, Problem};
use crate::api::frame::read::Nothing;
use crate::api::views::delivery::view;
use crate::domain::task::{Delivery, Queue, Task, Work};
use crate::flows::case_pk;
use crate::flows::commit;
use crate::io::clock;
use crate::io::queue::RowKey;
use crate::io::store::{Row, StoreError, Write, Written};
use crate::words::{ids, time};

pub static ROUTES: &[Route] = &[
    Route::get(
        "/v1/deliveries",
        View,
        |call| Box::pin(list(call)),
        "What was told to systems and patients, newest first, or all of a case.",
    )
    .gives(200, "Deliveries")
    .query(&["case", "before", "limit"]),
    Route::post(
        "/v1/deliveries/{case}/{id}/repeat",
        Charge,
        |call| Box::pin(repeat(call)),
        "Sends what failed, was skipped, or is unknown once more.",
    )
    .gives(202, "Delivery")
    .takes::<Nothing>("Nothing"),
];

pub async fn list(call: &Call<'_>) -> Answered {
    let (rows, next) = match call.query("case") {
        None => call.page("deliveries").await?,
        Some(case) => {
            let case = invoices::known(call, case).await?;
            (of_case(call, &case.id).await?, None)
        }
    };
    let shown = rows.iter().filter_map(|row| view(row).transpose());
    Ok(listed("deliveries", shown.collect::<Result<_, _>>()?, next))
}

pub async fn of_case(call: &Call<'_>, case: &str) -> Result<Vec<Row>, StoreError> {
    call.app
        .store
        .under(&case_pk(call.clinic(), case), "task#tell-")
        .await
}

pub async fn repeat(call: &Call<'_>) -> Answered {
    let (case, id) = (&call.path[0], &call.path[1]);
    let (pk, sk) = (tasks::place(call, case)?, format!("task#{id}"));
    let row = call
        .app
        .store
        .get(&pk, &sk)
        .await?
        .filter(|_| id.starts_with("tell-"));
    let row = row.ok_or_else(|| Problem::missing("delivery"))?;
    if !matches!(row.get("state"), "failed" | "unknown" | "skipped") {
        let why = format!(
            "it is {}: only what did not arrive is repeated",
            row.get("state")
        );
        return Err(Problem::new(Kind::Conflict, why));
    }
    let version = row.int("version") as u64;
    let mut open = row
        .text("state", "open")
        .text("why", format!("repeated by key {}", call.caller.short()))
        .number("tries", 0)
        .number("version", version + 1)
        .due(time::millis(clock::now()));
    // A fresh call: the person says that the one before did not arrive.
    open.0.remove("sent_at");
    let write = Write::Replace {
        row: open.clone(),
        version,
    };
    let of_case = Some(case.as_str()).filter(|case| ids::is_id(case));
    let note = call.noted(of_case, &format!("delivery_repeated {id}"));
    let task: Task = open.read("data")?;
    let unreachable = match task.work {
        Work::Deliver(Delivery {
            payment: Some(n), ..
        }) => Some(format!("unreachable-p{n}")),
        _ => None,
    };
    // What was asked of people is answered; where it fails again, it is asked again.
    let answered = [Some(id.clone()), unreachable];
    let answered = answered.into_iter().flatten().map(|name| {
        let sk = format!("task#person-{name}");
        Write::Delete(RowKey { pk: pk.clone(), sk })
    });
    let writes: Vec<_> = [write, note].into_iter().chain(answered).collect();
    if call.app.store.transact(&writes).await? != Written::Done {
        return Err(Problem::new(Kind::Conflict, "it is being repeated already"));
    }
    commit::nudge(call.app, [(Queue::Deliveries, open.key())].into_iter()).await;
    Ok(reply(202, &view(&open)?.unwrap_or_default()))
}
