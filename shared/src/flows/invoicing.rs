//! Invoices: a completed session, a posted invoice or a walk-in begins a case, and the clinic's
//! policy says how it is collected.

use super::commit::{Busy, Change, Committed};
use super::patients::Patient;
use super::{App, Failure, receipts};
use crate::domain::decide::Refusal;
use crate::domain::dims::Dims;
use crate::domain::event::{Event, NewCharge, NewInvoice};
use crate::domain::fact::Method;
use crate::domain::invoice::Line;
use crate::domain::policy::Collect;
use crate::domain::settings::Settings;
use crate::domain::task::Queue;
use crate::flows::commit;
use crate::flows::patients;
use crate::io::clock;
use crate::io::queue::RowKey;
use crate::io::store::{Row, StoreError, Write, Written};
use crate::records::event::EventRow;
use crate::records::{appointment, number, task};
use crate::words::money::Currency;
use crate::words::{ids, time};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What somebody wants invoiced.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// What caused it, so that a repeat finds the same case: `["appointment", "A-1"]`.
    pub cause: Vec<String>,
    /// The clinic's own number; one of ours where it has none.
    pub number: Option<String>,
    /// Our id of the patient; `None` for a walk-in.
    pub patient: Option<String>,
    pub appointment: Option<String>,
    /// When its session began, where there was one.
    pub starts_at: Option<Timestamp>,
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

/// An appointment, as a clinic's system told of it. Its service's name is sealed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Appointment {
    /// The clinic's own id.
    pub id: String,
    /// Our id of the patient.
    pub patient: String,
    pub starts_at: Timestamp,
    pub state: AppointmentState,
    pub currency: Currency,
    pub lines: Vec<Line>,
    pub descriptions_sealed: String,
    pub collect: Option<Collect>,
    /// The case that its completion began, once there is one.
    pub case: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AppointmentState {
    Booked,
    Completed,
    Cancelled,
    NoShow,
}

/// The id of the case that this cause begins.
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
    let id = case_id(&settings.id, &wanted.cause);
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
        currency: wanted.currency,
        lines: wanted.lines,
        policy: settings.policy.clone(),
        charge,
        dims: wanted.dims,
    };
    // Accounting knows an invoice by its number: no two of a clinic may share one.
    let own = [id[..8].to_uppercase(), id.to_uppercase()];
    let named = wanted.number.map(|number| vec![number]);
    let mut lost = None;
    for number in named.unwrap_or(own.into()) {
        if taken(app, &settings.id, &number, &id).await? {
            lost = Some(number);
            continue;
        }
        let claim = Write::NewOr {
            row: number::row(&settings.id, &number, &id),
            attribute: "case",
            value: id.clone(),
        };
        let new = NewInvoice {
            number: number.clone(),
            ..new.clone()
        };
        let change = Change {
            row: row.clone(),
            also: also.iter().cloned().chain([claim]).collect(),
            ..Change::new(settings, &id, Event::Invoiced(Box::new(new)), cause.clone())
        };
        match commit::commit(app, change, None).await {
            Ok(committed) => return Ok((id, committed)),
            // Another request took the number between the look and the commit.
            Err(why) if why.is::<Busy>() && taken(app, &settings.id, &number, &id).await? => {
                lost = Some(number);
            }
            Err(why) => return Err(why),
        }
    }
    let why = format!(
        "the number {} is another invoice's",
        lost.unwrap_or_default()
    );
    Ok((id, Committed::Refused(Refusal::Invalid(why))))
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
    let page = wanted
        .gateway
        .clone()
        .unwrap_or_else(|| settings.policy.gateway.clone());
    let method = match (&wanted.method, &wanted.patient) {
        (Some(method), _) => Some(method.clone()),
        (None, Some(patient)) => {
            let at = wanted.gateway.as_deref();
            patients::method_for(app, &settings.id, patient, at).await?
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

/// Invoices a completed appointment (`task#visit` in the appointment's rows).
pub async fn visit(app: &App, key: &RowKey) -> Result<(), Failure> {
    let clinic = appointment::clinic_of(&key.pk);
    let Some(row) = app.store.get(&key.pk, appointment::SK).await? else {
        return Ok(());
    };
    let appointment: Appointment = row.read("data")?;
    if appointment.state != AppointmentState::Completed {
        return Ok(());
    }
    let settings = app.settings_of(clinic).await?;
    let patient = patients::patient(app, clinic, &appointment.patient).await?;
    let patient: Patient = patient.ok_or("an appointment without a patient")?;
    let place = format!("{} lines", key.pk);
    let sealed = &appointment.descriptions_sealed;
    let descriptions = patient.key.and_then(|key| key.open(&place, sealed).ok());
    let wanted = Wanted {
        cause: vec!["appointment".into(), appointment.id.clone()],
        number: None,
        patient: Some(appointment.patient.clone()),
        appointment: Some(appointment.id.clone()),
        starts_at: Some(appointment.starts_at),
        currency: appointment.currency,
        lines: appointment.lines.clone(),
        descriptions: descriptions.unwrap_or_default(),
        collect: appointment.collect,
        gateway: None,
        method: None,
        dims: Dims::default(),
    };
    let case = case_id(clinic, &wanted.cause);
    let done = Appointment {
        case: Some(case),
        ..appointment
    };
    let also = vec![
        Write::Change {
            key: appointment::key(&key.pk),
            set: Row::default().json("data", &done),
            remove: vec![],
        },
        Write::Delete(key.clone()),
    ];
    let cause = format!("appointment {} completed", done.id);
    let (_, committed) = invoice(app, &settings, wanted, None, also, cause).await?;
    match committed {
        Committed::Refused(why) => Err(format!("an invoice was refused: {why:?}").into()),
        _ => Ok(()),
    }
}

/// An appointment with its version, as [`App::put_appointment`] wants it back.
pub async fn appointment(
    app: &App,
    clinic: &str,
    id: &str,
) -> Result<Option<(Appointment, u64)>, StoreError> {
    let row = app
        .store
        .get(&appointment::pk(clinic, id), appointment::SK)
        .await?;
    row.map(|row| Ok((row.read("data")?, row.int("version") as u64)))
        .transpose()
}

/// Writes an appointment if nobody wrote it since this version was read (`None` where there was
/// none) and, once it is completed, the task that invoices it. `before` comes first in the
/// transaction: the row of the request, the audit's.
pub async fn put_appointment(
    app: &App,
    settings: &Settings,
    appointment: &Appointment,
    read: Option<u64>,
    before: Vec<Write>,
) -> Result<Written, Failure> {
    let pk = appointment::pk(&settings.id, &appointment.id);
    let starts = time::millis(appointment.starts_at);
    let row = Row::new(&pk, appointment::SK)
        .json("data", appointment)
        .number("version", read.unwrap_or(0) + 1)
        .listed(
            appointment::list(&settings.id),
            appointment::place(starts, &appointment.id),
        );
    let mut writes = before;
    writes.push(match read {
        None => Write::New(row),
        Some(version) => Write::Replace { row, version },
    });
    let completed = appointment.state == AppointmentState::Completed && appointment.case.is_none();
    if completed {
        let now = time::millis(clock::now());
        writes.push(Write::Put(task::visit(&pk, now)));
    }
    let written = app.store.transact(&writes).await?;
    if completed && written == Written::Done {
        let task = RowKey {
            pk,
            sk: task::VISIT.into(),
        };
        commit::nudge(app, [(Queue::Visits, task)].into_iter()).await;
    }
    Ok(written)
}
