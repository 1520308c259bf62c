//! What people found at the gateway of a payment or refund whose outcome nobody else can tell, with
//! what they noted of it. Where a wrong word would move money twice, two must have found the same.

use super::commit::{self, Change};
use super::denied::{Denied, changed};
use super::{App, Failure, named, notes};
use crate::domain::actor::Actor;
use crate::domain::case::{Case, Payment};
use crate::domain::decide::task_id;
use crate::domain::event::{Event, Found};
use crate::domain::payment;
use crate::domain::refund::{Refund, State};
use crate::domain::settings::Settings;
use crate::io::clock;
use crate::io::store::Write;
use crate::records::case;
use crate::records::finding as finding_row;
use crate::words::ids::{self, Reference};
use crate::words::text::Plain;
use crate::words::time;
use jiff::Timestamp;

/// What a person found.
pub struct Finding {
    /// Whether the money moved.
    pub happened: bool,
    /// The gateway's id of it.
    pub gateway_ref: Option<Plain<200>>,
    /// Kept sealed, and told in the payment's story.
    pub note: Option<Plain<500>>,
}

/// Records what a person found of a payment. That it was not paid, a second person must have found
/// too: until then it stays as it is.
pub async fn of_payment(
    app: &App,
    settings: &Settings,
    actor: &Actor,
    reference: &str,
    finding: Finding,
) -> Result<(Case, u32), Denied> {
    let (case, n) = named::payment(app, &settings.id, reference).await?;
    let found = found(actor, n, None, &finding);
    let case = record(app, settings, actor, case, &found, finding.note).await?;
    let payment = case.payment(n).ok_or(Denied::NotFound("payment"))?;
    let agrees = match found.happened {
        true => payment.arrived(),
        false => matches!(
            payment.state,
            payment::State::Declined | payment::State::Expired
        ),
    };
    waits_or(agrees, &case, &found)?;
    Ok((case, n))
}

/// Records what a person found of a refund, or of the part of it that comes from `payment`. That it
/// was not given out, a second person must have found too: until then its amount stays reserved.
pub async fn of_refund(
    app: &App,
    settings: &Settings,
    actor: &Actor,
    request: &str,
    payment: Option<&str>,
    finding: Finding,
) -> Result<Case, Denied> {
    let (_, case) = named::refund(app, &settings.id, request).await?;
    let (payment, n) = part(&case, request, payment, finding.happened)?;
    let found = found(actor, payment, Some(n), &finding);
    let case = record(app, settings, actor, case, &found, finding.note).await?;
    let state = case.refund(n).map(|(_, refund)| refund.state);
    waits_or(state == Some(ended(found.happened)), &case, &found)?;
    Ok(case)
}

fn found(actor: &Actor, payment: u32, refund: Option<u32>, finding: &Finding) -> Found {
    Found {
        payment,
        refund,
        happened: finding.happened,
        gateway_ref: finding.gateway_ref.clone().map(String::from),
        by: actor.id().into(),
    }
}

fn ended(happened: bool) -> State {
    match happened {
        true => State::Succeeded,
        false => State::Failed,
    }
}

/// The part of a refund that is meant: the named one, or the only one that waits for an answer.
fn part(
    case: &Case,
    request: &str,
    named: Option<&str>,
    happened: bool,
) -> Result<(u32, u32), Denied> {
    let of_request = |(_, refund): &(&Payment, &Refund)| refund.request.as_deref() == Some(request);
    let parts: Vec<_> = case.refunds().filter(of_request).collect();
    let meant = |(payment, refund): &&(&Payment, &Refund)| match named.map(ids::read_reference) {
        None => !refund.state.is_final(),
        Some(read) => read == Some((case.id.as_str(), Reference::Payment(payment.n))),
    };
    let mut meant: Vec<_> = parts.iter().filter(meant).collect();
    // Said again, it is the same answer.
    if named.is_none() && meant.is_empty() {
        let same = |(_, refund): &&(&Payment, &Refund)| refund.state == ended(happened);
        meant = parts.iter().filter(same).chain(&parts).take(1).collect();
    }
    match meant[..] {
        [(payment, refund)] => Ok((payment.n, refund.n.unwrap_or_default())),
        _ => {
            let why = "name the payment whose part of this refund is meant";
            Err(Denied::invalid("payment", why))
        }
    }
}

/// Commits a person's word, with the note sealed beside it.
async fn record(
    app: &App,
    settings: &Settings,
    actor: &Actor,
    case: Case,
    found: &Found,
    note: Option<Plain<500>>,
) -> Result<Case, Denied> {
    let id = case.id.clone();
    let task = task_id(found.payment, found.refund);
    let what = match found.happened {
        true => "happened",
        false => "did not happen",
    };
    let mut also = vec![];
    if let Some(note) = note {
        let said = ids::derived(&[actor.short(), &note]);
        let sealed = notes::seal(app, &case, &place(&id, &task), "note", &note).await?;
        let noted = (actor.short(), time::millis(clock::now()), sealed);
        let pk = case::pk(&settings.id, &id);
        let row = finding_row::row(&pk, &task, &said, noted);
        also.push(Write::Put(row));
    }
    let cause = format!("{id}-{task} {what}, found by {actor}");
    let change = Change {
        also,
        ..Change::new(settings, &id, Event::Found(found.clone()), cause)
    };
    let committed = commit::commit(app, change, Some(case)).await?;
    Ok(changed(committed, "recorded")?.0)
}

/// Whether what is known now agrees with what was found, or waits for a second person.
fn waits_or(agrees: bool, case: &Case, found: &Found) -> Result<(), Denied> {
    let id = task_id(found.payment, found.refund);
    let waits = case.findings.contains_key(&id);
    match agrees || (waits && !found.happened) {
        true => Ok(()),
        false => Err(Denied::conflict(
            "the gateway has said otherwise, or has not been asked yet: look at its state",
        )),
    }
}

/// What a person wrote beside what they found.
pub struct Noted {
    pub at: Timestamp,
    /// The short name of the key by which the person called.
    pub by: String,
    pub note: String,
}

/// The notes on what people found of a payment and of its refunds; none once its patient was erased.
pub async fn notes(app: &App, case: &Case, payment: &Payment) -> Result<Vec<Noted>, Failure> {
    let refunds = payment.refunds.iter().filter_map(|refund| refund.n);
    let refunds = refunds.map(|n| task_id(payment.n, Some(n)));
    let mut noted = vec![];
    for task in std::iter::once(task_id(payment.n, None)).chain(refunds) {
        let pk = case::pk(&case.clinic, &case.id);
        for row in app.store.under(&pk, &finding_row::prefix(&task)).await? {
            let place = place(&case.id, &task);
            let note = notes::open(app, case, &place, finding_row::sealed(&row)).await?;
            noted.extend(note.map(|note| Noted {
                at: finding_row::at(&row),
                by: finding_row::by(&row).into(),
                note,
            }));
        }
    }
    Ok(noted)
}

/// To what a note is sealed.
fn place(case: &str, task: &str) -> String {
    format!("{case} {task}")
}
