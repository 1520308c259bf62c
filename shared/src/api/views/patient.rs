//! A patient as it is answered. An erased one has nothing but an id and a reference.

use crate::flows::patients::{Patient, Person};
use serde_json::{Value, json};

pub fn view(patient: &Patient, opted_out: bool) -> Value {
    let Person { name, email, phone } = &patient.person;
    json!({
        "id": patient.id,
        "reference": patient.reference,
        "name": Some(name).filter(|name| !name.is_empty()),
        "email": email,
        "phone": phone,
        "opted_out": opted_out,
    })
}
