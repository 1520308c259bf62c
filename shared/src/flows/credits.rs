//! A patient's credit by itself: what there is, and handing it out. What a case gives to it or takes of
//! it is written with the case.

use super::commit::{self, Busy, TRIES, pause};
use super::denied::{Denied, cause};
use super::{App, named};
use crate::domain::actor::Actor;
use crate::domain::credit::{self, Credit, Event, Owner, Payout};
use crate::domain::decide::Refusal;
use crate::domain::settings::Settings;
use crate::domain::tender::Recorded;
use crate::io::store::{Row, Written};
use crate::records::credit as record;
use crate::records::event::{self, EventRow};
use crate::words::ids;
use crate::words::money::{Currency, Money};

/// The credit of a patient in this currency, where there was ever any.
pub async fn credit(
    app: &App,
    clinic: &str,
    patient: &str,
    currency: Currency,
) -> Result<Option<Credit>, Denied> {
    let id = credit::id(clinic, patient, currency);
    let row = app.store.get(&record::pk(clinic, &id), record::SK).await?;
    Ok(row.as_ref().map(record::read).transpose()?)
}

/// Money that staff hand to a patient who has a credit.
pub struct Out {
    /// In what form.
    pub how: Recorded,
    /// All that there is where not given.
    pub amount: Option<Money>,
    /// Of the credit; the amount's own where there is one.
    pub currency: Currency,
    /// What the request is answered.
    pub answer: fn(&str, &Credit) -> String,
}

/// How handing out ended.
pub enum PaidOut {
    /// Now, with what the request is answered.
    Now(String),
    /// Before, under the same row, which says how it was answered.
    Before(Box<Row>),
}

/// Hands out a patient's credit, once under the request's row.
pub async fn pay_out(
    app: &App,
    settings: &Settings,
    actor: &Actor,
    patient: &str,
    out: &Out,
    row: &EventRow,
) -> Result<PaidOut, Denied> {
    if out.amount.is_some_and(|amount| amount.minor <= 0) {
        return Err(Denied::invalid("amount", "more than 0"));
    }
    let patient = named::patient(app, &settings.id, patient).await?.id;
    let owner = Owner {
        clinic: settings.id.clone(),
        patient,
    };
    let ctx = app.context(settings, cause(row, actor));
    for attempt in 0..TRIES {
        let before = credit(app, &owner.clinic, &owner.patient, out.currency).await?;
        let available = before.as_ref().map(Credit::available);
        let available = available.unwrap_or(Money::zero(out.currency));
        let amount = out.amount.unwrap_or(available);
        let event = Event::PaidOut(Payout {
            id: ids::derived(&["payout", &row.clinic, &row.vendor_event_id]),
            how: out.how,
            amount,
        });
        let decided = match amount.minor > 0 {
            true => credit::decide(before.as_ref(), &owner, &event, &ctx),
            false => credit::Verdict::NotEnough { available },
        };
        let (after, entry) = match decided {
            credit::Verdict::Change(changed) => *changed,
            // It was granted before, and what is left is what it left.
            credit::Verdict::Nothing | credit::Verdict::NotEnough { .. } => {
                let known = app.store.get(&row.pk(), event::SK).await?;
                let refusal = Refusal::NotEnoughCredit { available };
                return match known {
                    Some(known) => Ok(PaidOut::Before(Box::new(known))),
                    None => Err(Denied::Refused(refusal)),
                };
            }
        };
        let answer = (out.answer)(&owner.patient, &after);
        let mut writes = vec![row.answered(&answer)];
        writes.extend(commit::written(before.as_ref(), &after, &entry)?);
        match app.store.transact(&writes).await? {
            Written::Done => {
                tracing::info!(event = entry.what, credit = after.id, cause = entry.cause);
                return Ok(PaidOut::Now(answer));
            }
            Written::Failed(at) if at.contains(&0) => {
                let known = app.store.get(&row.pk(), event::SK).await?;
                let gone = || Denied::Failed("an event row vanished".into());
                return Ok(PaidOut::Before(Box::new(known.ok_or_else(gone)?)));
            }
            Written::Failed(_) | Written::Conflict => pause(attempt).await,
        }
    }
    Err(Denied::Failed(
        Busy(format!("the credit of {}", owner.patient)).into(),
    ))
}

/// The credits of a patient that are not used up, in these currencies.
pub async fn left(
    app: &App,
    clinic: &str,
    patient: &str,
    currencies: impl IntoIterator<Item = Currency>,
) -> Result<Vec<Money>, Denied> {
    let mut left = vec![];
    for currency in currencies {
        let known = credit(app, clinic, patient, currency).await?;
        left.extend(known.map(|credit| credit.available()));
    }
    left.retain(|money| money.minor != 0);
    Ok(left)
}
