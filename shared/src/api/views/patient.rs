//! A patient as it is answered.

use super::sample;
use crate::flows::patients::{self, Person};
use crate::words::schema::Id;
use schemars::JsonSchema;
use serde::Serialize;

/// Whom invoices are for. An erased patient has nothing but an id and a reference.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(example = Self::example())]
pub struct Patient {
    /// Ours, opaque.
    #[schemars(with = "Id")]
    pub id: String,
    /// The clinic's own.
    pub reference: String,
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
}

/// A patient, and whether their number wants no texts.
pub fn view(patient: &patients::Patient, opted_out: bool) -> Patient {
    let Person { name, email, phone } = &patient.person;
    Patient {
        id: patient.id.clone(),
        reference: patient.reference.clone(),
        name: Some(name.clone()).filter(|name| !name.is_empty()),
        email: email.clone(),
        phone: phone.clone(),
        opted_out,
    }
}

impl Patient {
    fn example() -> Self {
        Self {
            id: sample::patient(),
            reference: "P-1042".into(),
            name: Some("Juniper Vale".into()),
            email: Some("juniper@example.org".into()),
            phone: Some("+61370100142".into()),
            opted_out: false,
        }
    }
}
