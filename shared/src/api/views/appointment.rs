//! An appointment as it is answered.

use super::line::{Line, views};
use super::sample;
use crate::domain::invoice::Invoice;
use crate::domain::policy::Collect;
use crate::domain::visit::{CancelledBy, Price, State, Visit};
use crate::words::money::{Currency, Money};
use crate::words::schema::Id;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

/// A session of a patient, and how it is billed.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(example = Self::example())]
pub struct Appointment {
    /// The clinic's own.
    pub id: String,
    /// Our id.
    #[schemars(with = "Id")]
    pub patient: String,
    /// When the session begins.
    pub starts_at: Timestamp,
    /// When it was to begin as it was booked first.
    pub first_starts_at: Timestamp,
    /// Its time is off, and no new one is known.
    pub needs_new_time: bool,
    /// Whether it is to come, took place or was called off.
    pub state: State,
    /// Since when it stands so.
    pub since: Timestamp,
    /// Who called it off, where that was said.
    pub cancelled_by: Option<CancelledBy>,
    /// The practice system that has it too, and hears when it is called off: `cliniko`.
    pub source: Option<String>,
    /// Where it takes place: the clinic's own id.
    pub site: Option<String>,
    /// With whom: the clinic's own id.
    pub practitioner: Option<String>,
    /// The appointment type that its price comes from.
    #[serde(rename = "type")]
    pub of_type: Option<String>,
    /// Neutral: what gateways and systems may read of it.
    pub label: Option<String>,
    /// ISO 4217, of all its amounts; null where nobody said yet what it costs.
    pub currency: Option<Currency>,
    /// What is billed.
    pub lines: Vec<Line>,
    /// What its lines come to, with tax; null where it has none.
    pub total: Option<Money>,
    /// How it is collected, where not by policy.
    pub collect: Option<Collect>,
    /// The appointment whose place it took, with what was paid for it.
    pub replaces: Option<String>,
    /// The appointment that took its place.
    pub replaced_by: Option<String>,
    /// Once it is completed and has a price: the invoice that follows.
    #[schemars(with = "Option<Id>")]
    pub invoice: Option<String>,
}

/// A page of appointments, the latest first.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(example = Self { appointments: vec![Appointment::example()], next: None })]
pub struct Appointments {
    /// At most `limit`; what their lines are for is shown by each alone.
    pub appointments: Vec<Appointment>,
    /// Where the list goes on; null at its end.
    pub next: Option<String>,
}

/// A session that took place.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(example = Self::example())]
pub struct CompletedAppointment {
    /// The clinic's own id.
    pub appointment: String,
    /// Always `completed`.
    #[schemars(extend("const" = "completed"))]
    pub state: State,
    /// The invoice that follows, at once or in a moment; null while nobody said what it costs.
    #[schemars(with = "Option<Id>")]
    pub invoice: Option<String>,
}

/// How an appointment stands after a change.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(example = Self::example())]
pub struct ChangedAppointment {
    /// The clinic's own id.
    pub appointment: String,
    /// How it stands now.
    pub state: State,
    /// Since when it stands so.
    pub since: Timestamp,
    /// When the session begins.
    pub starts_at: Timestamp,
    /// Its time is off, and no new one is known.
    pub needs_new_time: bool,
}

/// An appointment of this clinic, with what its lines are for.
pub fn view(visit: &Visit, descriptions: &[String]) -> Appointment {
    let price = visit.price.as_ref();
    Appointment {
        id: visit.id.clone(),
        patient: visit.patient.clone(),
        starts_at: visit.starts_at,
        first_starts_at: visit.first_starts_at,
        needs_new_time: visit.needs_new_time,
        state: visit.state,
        since: visit.since,
        cancelled_by: visit.cancelled_by,
        source: visit.source.clone(),
        site: visit.site.clone(),
        practitioner: visit.practitioner.clone(),
        of_type: price.and_then(|price| price.of_type.clone()),
        label: price.and_then(|price| price.label.clone()),
        currency: price.map(|price| price.currency),
        lines: price.map_or(vec![], |price| views(&price.lines, descriptions)),
        total: price.map(total),
        collect: visit.collect,
        replaces: visit.replaces.clone(),
        replaced_by: visit.replaced_by.clone(),
        invoice: invoice(visit),
    }
}

/// How a session stands that just took place.
pub fn completed(visit: &Visit) -> CompletedAppointment {
    CompletedAppointment {
        appointment: visit.id.clone(),
        state: visit.state,
        invoice: invoice(visit),
    }
}

/// How an appointment stands that was just changed.
pub fn changed(visit: &Visit) -> ChangedAppointment {
    ChangedAppointment {
        appointment: visit.id.clone(),
        state: visit.state,
        since: visit.since,
        starts_at: visit.starts_at,
        needs_new_time: visit.needs_new_time,
    }
}

fn total(price: &Price) -> Money {
    let sum = Invoice::new(String::new(), price.currency, price.lines.clone());
    // What is kept was summed when it was taken.
    sum.map_or(Money::zero(price.currency), |sum| sum.total)
}

fn invoice(visit: &Visit) -> Option<String> {
    let follows = visit.billed || visit.is_to_bill();
    follows.then(|| visit.case.clone())
}

impl Appointment {
    fn example() -> Self {
        Self {
            id: "A-77".into(),
            patient: sample::patient(),
            starts_at: sample::instant(),
            first_starts_at: sample::instant(),
            needs_new_time: false,
            state: State::Booked,
            since: sample::instant(),
            cancelled_by: None,
            source: None,
            site: Some("north".into()),
            practitioner: Some("dr-4".into()),
            of_type: Some("initial-45".into()),
            label: Some("Appointment".into()),
            currency: Some(sample::eur(0).currency),
            lines: vec![Line::example()],
            total: Some(sample::eur(60_00)),
            collect: Some(Collect::SavedMethod),
            replaces: None,
            replaced_by: None,
            invoice: None,
        }
    }
}

impl CompletedAppointment {
    fn example() -> Self {
        Self {
            appointment: "A-77".into(),
            state: State::Completed,
            invoice: Some(sample::invoice()),
        }
    }
}

impl ChangedAppointment {
    fn example() -> Self {
        Self {
            appointment: "A-77".into(),
            state: State::Cancelled,
            since: sample::instant(),
            starts_at: sample::instant(),
            needs_new_time: false,
        }
    }
}
