//! An appointment type as it is answered.

use super::sample;
use crate::records::appointment_type::TypeRow;
use crate::words::money::Money;
use crate::words::schema;
use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::Serialize;

/// A kind of appointment that can be booked, with its price.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(example = Self::example())]
pub struct AppointmentType {
    /// The clinic's own.
    pub id: String,
    /// What the patient reads on invoice and receipt.
    pub name: String,
    /// Neutral: what gateways and systems may read.
    pub label: String,
    /// With or without tax, as `tax_included` says.
    pub price: Money,
    /// Per cent.
    #[schemars(with = "schema::Decimal")]
    pub tax_rate: Decimal,
    /// Whether the price holds the tax.
    pub tax_included: bool,
    /// Whether new appointments may be of it.
    pub offered: bool,
    /// Rises with each change: a change names the one that it was made from.
    pub version: u64,
}

/// A page of the types that are offered, newest first.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(example = Self { appointment_types: vec![AppointmentType::example()], next: None })]
pub struct AppointmentTypes {
    /// At most `limit`.
    pub appointment_types: Vec<AppointmentType>,
    /// Where the list goes on; null at its end.
    pub next: Option<String>,
}

/// A type as its row is now.
pub fn view(row: &TypeRow) -> AppointmentType {
    let kind = &row.kind;
    AppointmentType {
        id: kind.id.clone(),
        name: kind.name.clone(),
        label: kind.label.clone(),
        price: kind.price,
        tax_rate: kind.tax_rate,
        tax_included: kind.tax_included,
        offered: kind.offered,
        version: row.version,
    }
}

impl AppointmentType {
    fn example() -> Self {
        Self {
            id: "initial-45".into(),
            name: "Initial visit, 45 minutes".into(),
            label: "Appointment".into(),
            price: sample::eur(60_00),
            tax_rate: sample::rate(),
            tax_included: true,
            offered: true,
            version: 1,
        }
    }
}
