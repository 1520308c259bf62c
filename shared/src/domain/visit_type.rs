//! Types of visits that a clinic offers, each with its price: what a visit of it costs is taken from
//! here when it is booked, and stays so.

use super::invoice::{Invoice, Line};
use crate::words::money::{BadAmount, Money};
use jiff::Timestamp;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

/// A kind of visit that can be booked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VisitType {
    /// The clinic's own, at most 64 characters.
    pub id: String,
    /// What the patient reads on invoice and receipt, at most 200 characters.
    pub name: String,
    /// Neutral text that gateways and systems may read, at most 40 characters.
    pub label: String,
    /// With or without tax as `tax_included` says; zero is free.
    pub price: Money,
    /// Per cent.
    pub tax_rate: Decimal,
    /// Whether the price holds the tax.
    pub tax_included: bool,
    /// Whether new visits may be of it.
    pub offered: bool,
    /// When it was made.
    pub made_at: Timestamp,
}

impl VisitType {
    /// The line of an invoice that a visit of it makes; an error where its price makes none.
    pub fn line(&self) -> Result<Line, BadAmount> {
        let line = Line {
            quantity: 1,
            unit: self.price,
            tax_rate: self.tax_rate,
            tax_included: self.tax_included,
        };
        Invoice::new(String::new(), self.price.currency, vec![line.clone()])?;
        Ok(line)
    }
}
