//! `/v1/tasks`: what only a person can decide.

use super::call::{Answered, Call, listed, reply};
use super::problem::{Kind, Problem};
use crate::domain::task::{Alert, Matter, Task, Work};
use crate::flows::{case_pk, read_case_pk};
use crate::io::clock;
use crate::io::store::{Row, StoreError, Write, Written};
use crate::messages;
use crate::words::{ids, time};
use serde_json::{Value, json};

pub async fn list(call: &Call<'_>) -> Answered {
    let (rows, next) = call.page("tasks").await?;
    let shown = rows.iter().filter_map(|row| view(row).transpose());
    Ok(listed("tasks", shown.collect::<Result<_, _>>()?, next))
}

pub async fn done(call: &Call<'_>) -> Answered {
    let (owner, id) = (&call.path[0], &call.path[1]);
    let missing = || Problem::missing("task");
    let pk = place(call, owner)?;
    let row = call.app.store.get(&pk, &format!("task#{id}")).await?;
    let row = row
        .filter(|_| id.starts_with("person-"))
        .ok_or_else(missing)?;
    if row.get("state") == "done" {
        return Ok(reply(200, &view(&row)?.unwrap_or_default()));
    }
    let version = row.int("version") as u64;
    let mut done = row
        .text("state", "done")
        .text("done_by", call.caller.short())
        .number("done_at", time::millis(clock::now()))
        .number("version", version + 1);
    done.0.remove("list_pk");
    done.0.remove("list_sk");
    let shown = view(&done)?.unwrap_or_default();
    let case = Some(owner.as_str()).filter(|owner| ids::is_id(owner));
    let note = call.noted(case, &format!("task_done {id}"));
    let writes = [Write::Replace { row: done, version }, note];
    match call.app.store.transact(&writes).await? {
        Written::Done => Ok(reply(200, &shown)),
        _ => Err(Problem::new(
            Kind::Conflict,
            "it has just changed: look at it again",
        )),
    }
}

/// The key of the rows that a task or delivery of this owner stands among.
pub fn place(call: &Call<'_>, owner: &str) -> Result<String, Problem> {
    match owner.split_once(':') {
        None if ids::is_id(owner) => Ok(case_pk(call.clinic(), owner)),
        // An event that no case took.
        Some((source, id)) => Ok(format!("{}#event#{source}#{id}", call.clinic())),
        None => Err(Problem::missing("task")),
    }
}

/// The case that a task belongs to, or `{source}:{vendor_event_id}` of an event that no case took.
pub fn owner(row: &Row) -> String {
    let pk = row.get("pk");
    match read_case_pk(pk) {
        Some((_, case)) => case.to_owned(),
        None => pk
            .splitn(3, '#')
            .nth(2)
            .unwrap_or_default()
            .replacen('#', ":", 1),
    }
}

/// The calls that answer what a task asks, the last of them that it was worked off.
fn answers(owner: &str, id: &str, matter: &Matter) -> Vec<Value> {
    let mut calls = vec![];
    let mut post = |path: String, about: &str| {
        calls.push(json!({ "method": "POST", "path": path, "about": about }));
    };
    let payment = matter.payment.map(|n| ids::payment_reference(owner, n));
    let name = id.strip_prefix("person-").unwrap_or(id);
    match (matter.alert, &payment, &matter.request) {
        (Alert::RefundWaits, _, Some(request)) => {
            post(format!("/v1/refunds/{request}/approve"), "It goes out.");
            post(format!("/v1/refunds/{request}/reject"), "It is not made.");
        }
        (Alert::UnknownOutcome, _, Some(request)) if matter.refund.is_some() => {
            post(
                format!("/v1/refunds/{request}/resolve"),
                "Records what you found at the gateway.",
            );
        }
        (Alert::UnknownOutcome, Some(payment), _) if matter.refund.is_none() => {
            post(
                format!("/v1/payments/{payment}/resolve"),
                "Records what you found at the gateway.",
            );
        }
        (Alert::Overpaid | Alert::LatePayment | Alert::RefundFailed, ..) => {
            post("/v1/refunds".into(), "Gives money back.");
        }
        (Alert::DisputeOpened, Some(payment), _) => {
            let key = name.strip_prefix("dispute-").unwrap_or(name);
            post(
                format!("/v1/payments/{payment}/disputes/{key}/resolve"),
                "Records how it ended, where the gateway never says so.",
            );
        }
        (Alert::Uncollected, ..) => {
            post(
                format!("/v1/invoices/{owner}/charges"),
                "Charges a method, or opens a page to pay on.",
            );
            post(
                format!("/v1/invoices/{owner}/void"),
                "It is not to be paid.",
            );
        }
        (Alert::DeliveryFailed, ..) if name.starts_with("tell-") => {
            post(
                format!("/v1/deliveries/{owner}/{name}/repeat"),
                "Sends it once more.",
            );
        }
        (Alert::Unreadable, ..) => {
            post(format!("/v1/events/{owner}/replay"), "Reads it once more.");
        }
        (Alert::Blocked, ..) => {
            if let Some(vendor) = &matter.vendor {
                let path = format!("/v1/integrations/{vendor}");
                let about = "Writes the vendor's secrets.";
                calls.push(json!({ "method": "PUT", "path": path, "about": about }));
            }
            let answers = match (&payment, &matter.request) {
                (_, Some(request)) if matter.refund.is_some() => vec![(
                    format!("/v1/refunds/{request}/resolve"),
                    "Gives it up, or records what you found.",
                )],
                (Some(payment), _) => vec![
                    (format!("/v1/payments/{payment}/close"), "Gives it up."),
                    (
                        format!("/v1/payments/{payment}/resolve"),
                        "Records what you found, where the gateway does not say it.",
                    ),
                ],
                _ => vec![],
            };
            let answer = |(path, about)| json!({ "method": "POST", "path": path, "about": about });
            calls.extend(answers.into_iter().map(answer));
        }
        (
            Alert::UnknownOutcome
            | Alert::Contradiction
            | Alert::ChargeWithoutInvoice
            | Alert::DeliveryFailed
            | Alert::DisputeOpened
            | Alert::RefundWaits
            | Alert::VoidThere,
            ..,
        ) => {}
    }
    let path = format!("/v1/tasks/{owner}/{id}/done");
    calls.push(json!({ "method": "POST", "path": path, "about": "It is worked off." }));
    calls
}

pub fn view(row: &Row) -> Result<Option<Value>, StoreError> {
    let task: Task = row.read("data")?;
    let Work::Person(matter) = task.work else {
        return Ok(None);
    };
    let owner = owner(row);
    Ok(Some(json!({
        "answers": answers(&owner, &task.id, &matter),
        "case": owner,
        "id": task.id,
        "alert": matter.alert,
        "amount": matter.amount,
        "invoice": matter.invoice,
        "note": messages::tasks::text(&matter),
        "since": task.due,
        "state": row.get("state"),
    })))
}
