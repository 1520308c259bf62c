//! Invoices: a completed session, a posted invoice or a walk-in begins a case, and the clinic's
//! policy says how it is collected.

use super::commit::{Busy, Change, Committed, TRIES};
use super::{App, Failure, appointments, receipts};
use crate::domain::decide::Refusal;
use crate::domain::dims::Dims;
use crate::domain::event::{Event, NewCharge, NewInvoice};
use crate::domain::fact::Method;
use crate::domain::invoice::Line;
use crate::domain::policy::Collect;
use crate::domain::settings::Settings;
use crate::domain::visit::{Event as Said, Verdict, Visit, decide};
use crate::flows::commit;
use crate::flows::patients;
use crate::io::clock;
use crate::io::queue::RowKey;
use crate::io::store::{StoreError, Write};
use crate::records::appointment::{self, VisitRow};
use crate::records::event::EventRow;
use crate::records::{number, task};
use crate::words::ids;
use crate::words::money::Currency;
use jiff::Timestamp;

/// What somebody wants invoiced.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// The id of the case that it begins: see [`case_id`]. A repeat finds the same case.
    pub case: String,
    /// The clinic's own number; one of ours where it has none.
    pub number: Option<String>,
    /// Our id of the patient; `None` for a walk-in.
    pub patient: Option<String>,
    pub appointment: Option<String>,
    /// When its session began, where there was one.
    pub starts_at: Option<Timestamp>,
    /// Neutral text on the session that gateways and systems may read.
    pub label: Option<String>,
    pub currency: Currency,
    pub lines: Vec<Line>,
    /// What each line is for; sealed, shown only on invoice and receipt.
    pub descriptions: receipts::Descriptions,
    /// How it is collected, where not by policy.
    pub collect: Option<Collect>,
    pub gateway: Option<String>,
    pub method: Option<Method>,
    /// By which reports cut the books.
    pub dims: Dims,
}

/// The id of the case that this cause begins: `["appointment", "A-1"]`.
pub fn case_id(clinic: &str, cause: &[String]) -> String {
    let parts: Vec<_> = ["case", clinic]
        .into_iter()
        .chain(cause.iter().map(String::as_str))
        .collect();
    ids::derived(&parts)
}

/// Makes the invoice and starts to collect it. A repeat of the same cause finds the same case.
pub async fn invoice(
    app: &App,
    settings: &Settings,
    wanted: Wanted,
    row: Option<EventRow>,
    mut also: Vec<Write>,
    cause: String,
) -> Result<(String, Committed), Failure> {
    let id = wanted.case.clone();
    let charge = first_charge(app, settings, &wanted).await?;
    let owner = wanted.patient.clone().unwrap_or_default();
    // Of an erased patient nothing can be kept in words; what is owed is owed all the same.
    if let Some((key, _)) = receipts::reader(app, settings, &owner).await? {
        let descriptions = &wanted.descriptions;
        also.push(receipts::document(&settings.id, &id, &key, descriptions));
    }
    let new = NewInvoice {
        id: id.clone(),
        clinic: settings.id.clone(),
        number: String::new(),
        patient: wanted.patient,
        appointment: wanted.appointment,
        starts_at: wanted.starts_at,
        label: wanted.label,
        currency: wanted.currency,
        lines: wanted.lines,
        policy: settings.policy.at(wanted.dims.site.as_deref()),
        charge,
        dims: wanted.dims,
    };
    let event = |number: String| {
        let new = NewInvoice {
            number,
            ..new.clone()
        };
        Event::Invoiced(Box::new(new))
    };
    let number = wanted.number;
    let committed = numbered(app, settings, &id, number, event, (row, also, cause)).await?;
    Ok((id, committed))
}

/// Commits what begins a case, or goes on with it, under a number that no other has: accounting knows
/// a bill by its number. The clinic's own where it gave one; else one of ours.
pub async fn numbered(
    app: &App,
    settings: &Settings,
    id: &str,
    number: Option<String>,
    event: impl Fn(String) -> Event,
    (row, also, cause): (Option<EventRow>, Vec<Write>, String),
) -> Result<Committed, Failure> {
    let own = [id[..8].to_uppercase(), id.to_uppercase()];
    let named = number.map(|number| vec![number]);
    let mut lost = None;
    for number in named.unwrap_or(own.into()) {
        if taken(app, &settings.id, &number, id).await? {
            lost = Some(number);
            continue;
        }
        let claim = number::claim(&settings.id, &number, id);
        let change = Change {
            row: row.clone(),
            also: also.iter().cloned().chain([claim]).collect(),
            ..Change::new(settings, id, event(number.clone()), cause.clone())
        };
        match commit::commit(app, change, None).await {
            Ok(committed) => return Ok(committed),
            // Another request took the number between the look and the commit.
            Err(why) if why.is::<Busy>() && taken(app, &settings.id, &number, id).await? => {
                lost = Some(number);
            }
            Err(why) => return Err(why),
        }
    }
    let why = format!(
        "the number {} is another invoice's",
        lost.unwrap_or_default()
    );
    Ok(Committed::Refused(Refusal::Invalid(why)))
}

/// Whether another case has this number.
async fn taken(app: &App, clinic: &str, number: &str, case: &str) -> Result<bool, StoreError> {
    let row = app
        .store
        .get(&number::pk(clinic, number), number::SK)
        .await?;
    Ok(row.is_some_and(|row| number::case(&row) != case))
}

async fn first_charge(
    app: &App,
    settings: &Settings,
    wanted: &Wanted,
) -> Result<Option<NewCharge>, Failure> {
    let collect = wanted.collect.unwrap_or(settings.policy.collect);
    let (policy, site) = (&settings.policy, wanted.dims.site.as_deref());
    let page = wanted.gateway.clone();
    let page = page.unwrap_or_else(|| policy.gateway_at(site).into());
    let method = match (&wanted.method, &wanted.patient) {
        (Some(method), _) => Some(method.clone()),
        (None, Some(patient)) => {
            let asked = wanted.gateway.as_deref();
            let is_fit = |method: &Method| policy.may_charge(site, asked, &method.gateway);
            patients::method_for(app, &settings.id, patient, is_fit).await?
        }
        (None, None) => None,
    };
    Ok(match (collect, method) {
        (Collect::Later, _) => None,
        (Collect::SavedMethod, Some(method)) => Some(NewCharge {
            amount: None,
            gateway: method.gateway.clone(),
            method: Some(method),
            keep_method: false,
        }),
        (Collect::SavedMethod | Collect::Checkout, _) => Some(NewCharge {
            amount: None,
            gateway: page,
            method: None,
            // Only a patient of the clinic can have a method kept.
            keep_method: settings.policy.save_method && wanted.patient.is_some(),
        }),
    })
}

/// Invoices a visit that took place (`task#visit` in the appointment's rows).
pub async fn visit(app: &App, key: &RowKey) -> Result<(), Failure> {
    let clinic = appointment::clinic_of(&key.pk);
    for attempt in 0..TRIES {
        let row = app.store.get(&key.pk, appointment::SK).await?;
        let read = row.as_ref().map(VisitRow::read).transpose()?;
        let Some(read) = read.filter(|read| read.visit.is_to_bill()) else {
            return Ok(());
        };
        match bill(app, clinic, &read).await {
            // Somebody wrote the visit meanwhile.
            Err(why) if why.is::<Busy>() => commit::pause(attempt).await,
            billed => return billed,
        }
    }
    Err(Busy(format!("what stands beside {}", key.pk)).into())
}

async fn bill(app: &App, clinic: &str, read: &VisitRow) -> Result<(), Failure> {
    let settings = app.settings_of(clinic).await?;
    let visit = &read.visit;
    let price = visit.price.as_ref().ok_or("a visit without a price")?;
    let Verdict::Change(billed) = decide(Some(visit), &Said::Billed, clock::now()) else {
        return Ok(());
    };
    let wanted = Wanted {
        case: visit.case.clone(),
        number: None,
        patient: Some(visit.patient.clone()),
        appointment: Some(visit.id.clone()),
        starts_at: Some(visit.starts_at),
        label: price.label.clone(),
        currency: price.currency,
        lines: price.lines.clone(),
        descriptions: appointments::descriptions(app, clinic, visit).await?,
        collect: visit.collect,
        gateway: None,
        method: None,
        dims: dims(visit),
    };
    let done = Write::Delete(task::visit_key(&read.pk()));
    let also = vec![read.write(&billed), done];
    let cause = format!("appointment {} completed", visit.id);
    let (_, committed) = invoice(app, &settings, wanted, None, also, cause).await?;
    match committed {
        Committed::Refused(why) => Err(format!("an invoice was refused: {why:?}").into()),
        _ => Ok(()),
    }
}

/// By which reports cut the books of a visit.
pub fn dims(visit: &Visit) -> Dims {
    Dims {
        site: visit.site.clone(),
        practitioner: visit.practitioner.clone(),
        kind: visit.price.as_ref().and_then(|price| price.of_type.clone()),
    }
}
