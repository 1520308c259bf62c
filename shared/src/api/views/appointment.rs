//! An appointment as it is answered.

use super::line::{Line, views};
use super::sample;
use crate::domain::invoice::Invoice;
use crate::domain::policy::Collect;
use crate::flows::appointments::invoice_of;
use crate::flows::invoicing::{self, AppointmentState};
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
    /// Whether it is to come, took place or was called off.
    pub state: AppointmentState,
    /// ISO 4217, of all its amounts.
    pub currency: Currency,
    /// What is billed.
    pub lines: Vec<Line>,
    /// What its lines come to, with tax.
    pub total: Money,
    /// How it is collected, where not by policy.
    pub collect: Option<Collect>,
    /// Once it is completed.
    #[schemars(with = "Option<Id>")]
    pub invoice: Option<String>,
}

/// A session that took place.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(example = Self::example())]
pub struct CompletedAppointment {
    /// The clinic's own id.
    pub appointment: String,
    /// Always `completed`.
    #[schemars(extend("const" = "completed"))]
    pub state: AppointmentState,
    /// The invoice that follows, at once or in a moment.
    #[schemars(with = "Id")]
    pub invoice: String,
}

/// An appointment of this clinic.
pub fn view(clinic: &str, booked: &invoicing::Appointment, descriptions: &[String]) -> Appointment {
    let sum = Invoice::new(String::new(), booked.currency, booked.lines.clone());
    let completed = booked.state == AppointmentState::Completed;
    Appointment {
        id: booked.id.clone(),
        patient: booked.patient.clone(),
        starts_at: booked.starts_at,
        state: booked.state,
        currency: booked.currency,
        lines: views(&booked.lines, descriptions),
        // What is kept was summed when it was taken.
        total: sum.map_or(Money::zero(booked.currency), |sum| sum.total),
        collect: booked.collect,
        invoice: completed.then(|| invoice_of(clinic, &booked.id)),
    }
}

impl Appointment {
    fn example() -> Self {
        Self {
            id: "A-77".into(),
            patient: sample::patient(),
            starts_at: sample::instant(),
            state: AppointmentState::Booked,
            currency: sample::eur(0).currency,
            lines: vec![Line::example()],
            total: sample::eur(60_00),
            collect: Some(Collect::SavedMethod),
            invoice: None,
        }
    }
}

impl CompletedAppointment {
    fn example() -> Self {
        Self {
            appointment: "A-77".into(),
            state: AppointmentState::Completed,
            invoice: sample::invoice(),
        }
    }
}
