//! An appointment as it is answered.

use super::lines;
use crate::domain::invoice::Invoice;
use crate::flows::appointments::invoice_of;
use crate::flows::invoicing::{Appointment, AppointmentState};
use serde_json::{Value, json};

/// An appointment of this clinic.
pub fn view(clinic: &str, appointment: &Appointment, descriptions: &[String]) -> Value {
    let Appointment {
        id,
        patient,
        starts_at,
        state,
        currency,
        lines,
        collect,
        ..
    } = appointment;
    let total = Invoice::new(String::new(), *currency, lines.clone())
        .ok()
        .map(|sum| sum.total);
    let completed = *state == AppointmentState::Completed;
    json!({
        "id": id,
        "patient": patient,
        "starts_at": starts_at,
        "state": state,
        "currency": currency,
        "lines": lines::view(lines, descriptions),
        "total": total,
        "collect": collect,
        "invoice": completed.then(|| invoice_of(clinic, id)),
    })
}
