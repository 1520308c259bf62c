//! A line of an invoice as it is answered.

use super::sample;
use crate::domain::invoice;
use crate::words::money::Money;
use crate::words::schema;
use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A line of an invoice with what it comes to.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Line {
    /// Null where it is not at hand: in a list, and once its patient was erased.
    #[schemars(extend("x-personal" = true))]
    pub description: Option<String>,
    /// Pieces.
    pub quantity: u32,
    /// The price of one.
    pub unit: Money,
    /// Per cent.
    #[schemars(with = "schema::Decimal")]
    pub tax_rate: Decimal,
    /// Whether the price holds the tax.
    pub tax_included: bool,
    /// What the line costs with tax.
    pub gross: Money,
    /// The tax within it.
    pub tax: Money,
}

/// Lines as they are shown, each with what it is for where that is at hand.
pub fn views(lines: &[invoice::Line], descriptions: &[String]) -> Vec<Line> {
    let line = |(n, line): (usize, &invoice::Line)| {
        // What is kept was summed when it was taken.
        let none = Money::zero(line.unit.currency);
        let (gross, tax) = line.gross_and_tax().unwrap_or((none, none));
        Line {
            description: descriptions.get(n).cloned(),
            quantity: line.quantity,
            unit: line.unit,
            tax_rate: line.tax_rate,
            tax_included: line.tax_included,
            gross,
            tax,
        }
    };
    lines.iter().enumerate().map(line).collect()
}

/// What lines that were kept without words say, with those of the request: they are sealed, and no
/// row of a request holds them.
pub fn describe(lines: &mut [Line], descriptions: Vec<String>) {
    for (line, text) in lines.iter_mut().zip(descriptions) {
        line.description = Some(text);
    }
}

impl Line {
    /// A visit of 60.00 with ten per cent of tax in it.
    pub fn example() -> Self {
        Self {
            description: Some("Initial visit, 45 minutes".into()),
            quantity: 1,
            unit: sample::eur(60_00),
            tax_rate: sample::rate(),
            tax_included: true,
            gross: sample::eur(60_00),
            tax: sample::eur(5_45),
        }
    }
}
