//! `/v1/payments/{id}/resolve` and `/v1/refunds/{id}/resolve`: what a person found at the gateway of
//! a payment or refund whose outcome nobody else can tell.

use super::{payments, refunds};
use crate::api::frame::call::Route;
use crate::api::frame::call::{Answered, Call, reply};
use crate::api::frame::caller::Permission::Approve;
use crate::api::frame::problem::{Kind, Problem};
use crate::api::frame::read::plain;
use crate::api::views::{payment as payment_view, refund as refund_view};
use crate::domain::case::{Case, Payment};
use crate::domain::decide::task_id;
use crate::domain::event::{Event, Found};
use crate::domain::payment;
use crate::domain::refund::{Refund, State};
use crate::flows::case_pk;
use crate::flows::commit;
use crate::flows::commit::{Change, Committed};
use crate::io::clock;
use crate::io::store::{Row, StoreError, Write};
use crate::words::ids::{self, Reference};
use crate::words::time;
use jiff::Timestamp;
use serde::Deserialize;

pub static ROUTES: &[Route] = &[
    Route::post(
        "/v1/payments/{id}/resolve",
        Approve,
        |call| Box::pin(payment(call)),
        "Records what a person found at the gateway of a payment whose outcome it does not tell. \
         That it was not paid, a second person with a key of another must have found too: until \
         then it stays as it is.",
    )
    .gives(200, "Payment")
    .takes::<OfPayment>("PaymentFound"),
    Route::post(
        "/v1/refunds/{id}/resolve",
        Approve,
        |call| Box::pin(refund(call)),
        "Records what a person found at the gateway of a refund whose outcome it does not tell. \
         That it was not given out, a second person with a key of another must have found too: \
         until then its amount stays reserved.",
    )
    .gives(200, "Refund")
    .takes::<OfRefund>("RefundFound"),
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OfPayment {
    found: Paid,
    /// The gateway's id of it.
    gateway_ref: Option<String>,
    note: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Paid {
    Paid,
    NotPaid,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OfRefund {
    found: Refunded,
    /// Which part of the refund, where several wait for an answer.
    payment: Option<String>,
    /// The gateway's id of it.
    gateway_ref: Option<String>,
    note: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refunded {
    Refunded,
    NotRefunded,
}

pub async fn payment(call: &Call<'_>) -> Answered {
    let said: OfPayment = call.body()?;
    let (case, n) = payments::known(call).await?;
    let found = Found {
        payment: n,
        refund: None,
        happened: said.found == Paid::Paid,
        gateway_ref: checked(said.gateway_ref)?,
        by: call.caller.key.clone(),
    };
    let case = record(call, case, &found, said.note).await?;
    let payment = case.payment(n).ok_or_else(|| Problem::missing("payment"))?;
    let agrees = match found.happened {
        true => payment.arrived(),
        false => matches!(
            payment.state,
            payment::State::Declined | payment::State::Expired
        ),
    };
    waits_or(agrees, &case, &found)?;
    Ok(reply(200, &payment_view::view(&case, payment)))
}

pub async fn refund(call: &Call<'_>) -> Answered {
    let said: OfRefund = call.body()?;
    let (_, case) = refunds::known(call).await?;
    let request = &call.path[0];
    let happened = said.found == Refunded::Refunded;
    let (payment, n) = part(&case, request, said.payment.as_deref(), happened)?;
    let found = Found {
        payment,
        refund: Some(n),
        happened,
        gateway_ref: checked(said.gateway_ref)?,
        by: call.caller.key.clone(),
    };
    let case = record(call, case, &found, said.note).await?;
    let state = case.refund(n).map(|(_, refund)| refund.state);
    let wanted = if happened {
        State::Succeeded
    } else {
        State::Failed
    };
    waits_or(state == Some(wanted), &case, &found)?;
    let shown = refund_view::view(&case, request).ok_or_else(|| Problem::missing("refund"))?;
    Ok(reply(200, &shown))
}

/// The part of a refund that is meant: the named one, or the only one that waits for an answer.
fn part(
    case: &Case,
    request: &str,
    named: Option<&str>,
    happened: bool,
) -> Result<(u32, u32), Problem> {
    let of_request = |(_, refund): &(&Payment, &Refund)| refund.request.as_deref() == Some(request);
    let parts: Vec<_> = case.refunds().filter(of_request).collect();
    let meant = |(payment, refund): &&(&Payment, &Refund)| match named.map(ids::read_reference) {
        None => !refund.state.is_final(),
        Some(read) => read == Some((case.id.as_str(), Reference::Payment(payment.n))),
    };
    let mut meant: Vec<_> = parts.iter().filter(meant).collect();
    // Said again, it is the same answer.
    if named.is_none() && meant.is_empty() {
        let ended = if happened {
            State::Succeeded
        } else {
            State::Failed
        };
        let same = parts.iter().filter(|(_, refund)| refund.state == ended);
        meant = same.chain(&parts).take(1).collect();
    }
    match meant[..] {
        [(payment, refund)] => Ok((payment.n, refund.n.unwrap_or_default())),
        _ => Err(Problem::invalid(
            "payment",
            "name the payment whose part of this refund is meant",
        )),
    }
}

fn checked(gateway_ref: Option<String>) -> Result<Option<String>, Problem> {
    if let Some(id) = &gateway_ref {
        plain("gateway_ref", id, 200)?;
    }
    Ok(gateway_ref)
}

/// Commits a person's word, with the note sealed beside it.
async fn record(
    call: &Call<'_>,
    case: Case,
    found: &Found,
    note: Option<String>,
) -> Result<Case, Problem> {
    let id = case.id.clone();
    let task = task_id(found.payment, found.refund);
    let what = if found.happened {
        "happened"
    } else {
        "did not happen"
    };
    let key = call.caller.short();
    let mut also = vec![];
    if let Some(note) = note {
        plain("note", &note, 500)?;
        let said = ids::derived(&[key, &note]);
        let row = Row::new(
            case_pk(call.clinic(), &id),
            format!("{}{said}", notes_of(&task)),
        );
        let sealing = call.app.key(&purpose(call)).await?;
        let sealed = sealing.seal(&format!("{id} {task}"), &note);
        let row = row.text("by", key).text("sealed", sealed);
        let at = time::millis(clock::now());
        also.push(Write::Put(row.number("at", at)));
    }
    let cause = format!("{id}-{task} {what}, found by key {key}");
    let change = Change {
        also,
        ..Change::new(&call.settings, &id, Event::Found(found.clone()), cause)
    };
    match commit::commit(call.app, change, Some(case)).await? {
        Committed::Changed(case) | Committed::Nothing(Some(case)) => Ok(*case),
        Committed::Refused(why) => Err(why.into()),
        Committed::Contradiction(why) => Err(Problem::new(Kind::Conflict, why)),
        _ => Err(Problem::new(
            Kind::Conflict,
            "it cannot be recorded just now: repeat",
        )),
    }
}

/// What a person wrote beside what he found.
pub struct Noted {
    pub at: Timestamp,
    /// The short name of the key by which the person called.
    pub by: String,
    pub note: String,
}

/// The notes on what people found of a payment and of its refunds.
pub async fn notes(call: &Call<'_>, case: &Case, payment: &Payment) -> Result<Vec<Noted>, Problem> {
    let refunds = payment.refunds.iter().filter_map(|refund| refund.n);
    let refunds = refunds.map(|n| task_id(payment.n, Some(n)));
    let mut notes = vec![];
    for task in std::iter::once(task_id(payment.n, None)).chain(refunds) {
        let pk = case_pk(call.clinic(), &case.id);
        for row in call.app.store.under(&pk, &notes_of(&task)).await? {
            let key = call.app.key_of(&purpose(call), row.get("sealed")).await?;
            let cannot = |_| StoreError::Corrupt(format!("a note on {task} cannot be opened"));
            let note = key.open(&format!("{} {task}", case.id), row.get("sealed"));
            notes.push(Noted {
                at: Timestamp::from_millisecond(row.int("at")).unwrap_or_default(),
                by: row.get("by").into(),
                note: note.map_err(cannot)?,
            });
        }
    }
    Ok(notes)
}

/// What the key is for that notes are sealed under.
fn purpose(call: &Call<'_>) -> String {
    format!("clinic {}", call.clinic())
}

fn notes_of(task: &str) -> String {
    format!("finding#{task}#")
}

/// Whether what is known now agrees with what was found, or waits for a second person.
fn waits_or(agrees: bool, case: &Case, found: &Found) -> Result<(), Problem> {
    let waits = case
        .findings
        .contains_key(&task_id(found.payment, found.refund));
    match agrees || (waits && !found.happened) {
        true => Ok(()),
        false => Err(Problem::new(
            Kind::Conflict,
            "the gateway has said otherwise, or has not been asked yet: look at its state",
        )),
    }
}
