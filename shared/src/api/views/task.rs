//! A task as it is answered: what a person is asked, and the calls that answer it.

use crate::domain::task::{Alert, Matter, Task, Work};
use crate::flows::tasks::done;
use crate::io::store::{Row, StoreError};
use crate::messages;
use crate::words::ids;
use serde_json::{Value, json};

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
    let owner = done::owner(row);
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
