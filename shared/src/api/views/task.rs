//! A task as it is answered: what a person is asked, and the calls that answer it.

use super::{sample, word};
use crate::domain::task::{Alert, Matter, Work};
use crate::flows::tasks::done;
use crate::io::store::{Row, StoreError};
use crate::messages;
use crate::records::task as record;
use crate::words::ids;
use crate::words::money::Money;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What waits for a person.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(example = Self::example())]
pub struct Task {
    /// Calls of this API that answer it; the last one closes it.
    #[schemars(length(min = 1))]
    pub answers: Vec<Answer>,
    /// The invoice, `{source}:{vendor_event_id}` of an event that no case took, or `appointment:`
    /// and our id of an appointment.
    pub case: String,
    /// Unique within its case: `person-late-p1`.
    pub id: String,
    /// Why somebody must look.
    pub alert: Alert,
    /// What it is about: of the payment, the refund, or all that is due.
    pub amount: Option<Money>,
    /// The invoice's number.
    pub invoice: Option<String>,
    /// By when it must be done, where others set a time: a bank, for the answer to a dispute.
    pub due_by: Option<Timestamp>,
    /// What happened and what to do, in sentences.
    pub note: String,
    /// When it was raised.
    pub since: Timestamp,
    /// Whether it was worked off.
    pub state: TaskState,
}

/// A call of this API.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Answer {
    /// HTTP's.
    pub method: Method,
    /// With the ids filled in.
    pub path: String,
    /// What it says or does.
    pub about: String,
}

/// How the call is made; none of them only reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
#[schemars(inline)]
pub enum Method {
    /// It does something once: with an Idempotency-Key.
    Post,
    /// It sets something, and may be repeated.
    Put,
}

/// Whether a person has worked it off; one that ended by itself is not there any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum TaskState {
    /// Somebody must look.
    Open,
    /// Somebody did.
    Done,
}

/// A page of tasks, newest first.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(example = Self { tasks: vec![Task::example()], next: None })]
pub struct Tasks {
    /// At most `limit`.
    pub tasks: Vec<Task>,
    /// Where the list goes on; null at its end.
    pub next: Option<String>,
}

/// A person's task; `None` for a row that is something else.
pub fn view(row: &Row) -> Result<Option<Task>, StoreError> {
    let task = record::read(row)?;
    let Work::Person(matter) = task.work else {
        return Ok(None);
    };
    let owner = done::owner(row);
    Ok(Some(Task {
        answers: answers(&owner, &task.id, &matter),
        case: owner,
        id: task.id,
        alert: matter.alert,
        amount: matter.amount,
        due_by: matter.due_by,
        note: messages::tasks::text(&matter),
        invoice: matter.invoice,
        since: task.due,
        state: word(row, record::state(row))?,
    }))
}

fn post(path: String, about: &str) -> Answer {
    let (method, about) = (Method::Post, about.into());
    Answer {
        method,
        path,
        about,
    }
}

/// The calls that answer what a task asks, the last of them that it was worked off.
fn answers(owner: &str, id: &str, matter: &Matter) -> Vec<Answer> {
    let name = id.strip_prefix("person-").unwrap_or(id);
    let mut calls = match matter.alert {
        Alert::Blocked | Alert::ConnectionHeld => mending(owner, matter),
        Alert::CalledOff => vec![
            post("/v1/refunds".into(), "Gives the money back."),
            post(
                "/v1/appointments".into(),
                "With `replaces`, books a visit that takes it over.",
            ),
        ],
        Alert::NoPrice => vec![post(
            "/v1/appointments".into(),
            "Prices it, with its id and its lines or its type.",
        )],
        _ => settling(owner, name, matter),
    };
    let path = format!("/v1/tasks/{owner}/{id}/done");
    calls.push(post(path, "It is worked off."));
    calls
}

/// What settles a task by itself, where something does.
fn settling(owner: &str, name: &str, matter: &Matter) -> Vec<Answer> {
    let payment = matter.payment.map(|n| ids::payment_reference(owner, n));
    match (matter.alert, &payment, &matter.request) {
        (Alert::RefundWaits, _, Some(request)) => vec![
            post(format!("/v1/refunds/{request}/approve"), "It goes out."),
            post(format!("/v1/refunds/{request}/reject"), "It is not made."),
        ],
        (Alert::UnknownOutcome, _, Some(request)) if matter.refund.is_some() => vec![post(
            format!("/v1/refunds/{request}/resolve"),
            "Records what you found at the gateway.",
        )],
        (Alert::UnknownOutcome, Some(payment), _) if matter.refund.is_none() => vec![post(
            format!("/v1/payments/{payment}/resolve"),
            "Records what you found at the gateway.",
        )],
        (Alert::Overpaid | Alert::LatePayment | Alert::RefundFailed, ..) => {
            vec![post("/v1/refunds".into(), "Gives money back.")]
        }
        (Alert::DisputeOpened, Some(payment), _) => {
            let key = name.strip_prefix("dispute-").unwrap_or(name);
            vec![post(
                format!("/v1/payments/{payment}/disputes/{key}/resolve"),
                "Records how it ended, where the gateway never says so.",
            )]
        }
        (Alert::Uncollected, ..) => vec![
            post(
                format!("/v1/invoices/{owner}/charges"),
                "Charges a method, or opens a page to pay on.",
            ),
            post(
                format!("/v1/invoices/{owner}/void"),
                "It is not to be paid.",
            ),
        ],
        (Alert::DeliveryFailed, ..) if name.starts_with("delivery-") => vec![post(
            format!(
                "/v1/deliveries/{owner}/{}/repeat",
                name.trim_start_matches("delivery-")
            ),
            "Sends it once more.",
        )],
        (Alert::Unreadable, ..) => {
            let path = format!("/v1/events/{owner}/replay");
            vec![post(path, "Reads it once more.")]
        }
        (
            Alert::UnknownOutcome
            | Alert::Contradiction
            | Alert::ChargeWithoutInvoice
            | Alert::DeliveryFailed
            | Alert::DisputeOpened
            | Alert::RefundWaits
            | Alert::CalledOff
            | Alert::NoPrice
            | Alert::Blocked
            | Alert::ConnectionHeld,
            ..,
        ) => vec![],
    }
}

/// What a call that is blocked waits for: its configuration, or that it is given up.
fn mending(owner: &str, matter: &Matter) -> Vec<Answer> {
    let mut calls = vec![];
    if let Some(vendor) = &matter.vendor {
        calls.push(Answer {
            method: Method::Put,
            path: format!("/v1/integrations/{vendor}"),
            about: "Writes the vendor's secrets.".into(),
        });
    }
    let payment = matter.payment.map(|n| ids::payment_reference(owner, n));
    match (&payment, &matter.request) {
        (_, Some(request)) if matter.refund.is_some() => calls.push(post(
            format!("/v1/refunds/{request}/resolve"),
            "Gives it up, or records what you found.",
        )),
        (Some(payment), _) => calls.extend([
            post(format!("/v1/payments/{payment}/close"), "Gives it up."),
            post(
                format!("/v1/payments/{payment}/resolve"),
                "Records what you found, where the gateway does not say it.",
            ),
        ]),
        (None, _) => {}
    }
    calls
}

impl Task {
    fn example() -> Self {
        let owner = sample::invoice();
        let matter = Matter {
            invoice: Some("INV-9".into()),
            ..Matter::of(Alert::Uncollected).amount(sample::eur(60_00))
        };
        Self {
            answers: answers(&owner, "person-uncollected", &matter),
            case: owner,
            id: "person-uncollected".into(),
            alert: matter.alert,
            amount: matter.amount,
            due_by: None,
            note: messages::tasks::text(&matter),
            invoice: matter.invoice,
            since: sample::instant(),
            state: TaskState::Open,
        }
    }
}
