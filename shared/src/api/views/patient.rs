//! A patient as it is answered.

use super::sample;
use crate::flows::patients::{self, Person};
use crate::words::schema::Id;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

/// Whom invoices are for. An erased patient has nothing but an id.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(example = Self::example())]
pub struct Patient {
    /// Ours, opaque.
    #[schemars(with = "Id")]
    pub id: String,
    /// The clinic's own; null once the patient was erased.
    pub reference: Option<String>,
    /// As on invoices and receipts.
    #[schemars(extend("x-personal" = true))]
    pub name: Option<String>,
    /// Where receipts go, where the clinic switched that on.
    #[schemars(extend("x-personal" = true))]
    pub email: Option<String>,
    /// In international form (E.164).
    #[schemars(extend("x-personal" = true))]
    pub phone: Option<String>,
    /// Whether the number wants no texts.
    pub opted_out: bool,
    /// When the patient was erased; nothing else is known of them any more.
    pub erased_at: Option<Timestamp>,
}

/// A page of the patients who were looked for, in no order that tells anything.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(example = Self { patients: vec![Patient::example()], next: None })]
pub struct Patients {
    /// At most `limit`.
    pub patients: Vec<Patient>,
    /// Where it goes on; null at the end.
    pub next: Option<String>,
}

/// A patient, and whether their number wants no texts.
pub fn view(patient: &patients::Patient, opted_out: bool) -> Patient {
    let Person { name, email, phone } = &patient.person;
    Patient {
        id: patient.id.clone(),
        reference: Some(patient.reference.clone()).filter(|_| patient.erased_at.is_none()),
        name: Some(name.clone()).filter(|name| !name.is_empty()),
        email: email.clone(),
        phone: phone.clone(),
        opted_out,
        erased_at: patient.erased_at,
    }
}

impl Patient {
    fn example() -> Self {
        Self {
            id: sample::patient(),
            reference: Some("P-1042".into()),
            name: Some("Juniper Vale".into()),
            email: Some("juniper@example.org".into()),
            phone: Some("+61370100142".into()),
            opted_out: false,
            erased_at: None,
        }
    }
}
