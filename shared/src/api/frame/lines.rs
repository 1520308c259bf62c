//! The lines of an invoice as a clinic states them.

use super::problem::Problem;
use super::read::Rate;
use crate::domain::invoice::{Invoice, Line};
use crate::words::money::{Currency, Money};
use crate::words::text::Plain;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

/// More lines than this make no invoice that people read.
const MOST: usize = 100;

/// One line of an invoice.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(example = json!({"description": "Initial visit, 45 minutes", "quantity": 1, "unit": {"amount": "60.00", "currency": "EUR"}, "tax_rate": "10", "tax_included": true}))]
pub struct LineRequest {
    /// Shown on the invoice and the receipt, never told to a gateway or system.
    description: Plain<200>,
    /// Whole pieces.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 1_000_000))]
    quantity: u32,
    /// The price of one.
    unit: Money,
    #[serde(default)]
    #[schemars(extend("default" = "0"))]
    tax_rate: Rate,
    /// Whether the price holds the tax.
    #[serde(default = "yes")]
    tax_included: bool,
}

fn one() -> u32 {
    1
}

fn yes() -> bool {
    true
}

/// The lines for the books, and what each is for.
pub fn checked(
    lines: Vec<LineRequest>,
    currency: Currency,
) -> Result<(Vec<Line>, Vec<String>), Problem> {
    if lines.is_empty() || lines.len() > MOST {
        return Err(Problem::invalid("lines", format!("1 to {MOST} lines")));
    }
    let (mut kept, mut descriptions) = (vec![], vec![]);
    for (n, line) in lines.into_iter().enumerate() {
        if line.unit.currency != currency {
            let why = format!("the invoice is in {}", currency.code());
            return Err(Problem::invalid(&format!("lines[{n}].unit.currency"), why));
        }
        kept.push(Line {
            quantity: line.quantity,
            unit: line.unit,
            tax_rate: line.tax_rate.0,
            tax_included: line.tax_included,
        });
        descriptions.push(line.description.into());
    }
    let sum = Invoice::new(String::new(), currency, kept.clone());
    sum.map_err(|why| Problem::invalid("lines", why))?;
    Ok((kept, descriptions))
}
