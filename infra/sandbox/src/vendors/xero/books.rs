//! Words of Xero's books: exact decimals, dates.

use super::replies::msdate;
use crate::wire::stamp;
pub use crate::wire::{amount, decimal, number};
use rust_decimal::{Decimal, RoundingStrategy};
use serde_json::{Value, json};

pub fn cents(value: Decimal) -> Decimal {
    value.round_dp_with_strategy(2, RoundingStrategy::MidpointAwayFromZero)
}

pub fn same_number(a: &Value, b: &Value) -> bool {
    decimal(a).is_some() && decimal(a) == decimal(b)
}

pub fn one(message: impl Into<String>) -> Vec<String> {
    vec![message.into()]
}

/// A date of a request, as the reply writes it.
pub fn date(value: &Value) -> Option<(String, String)> {
    let text = value.as_str()?;
    let day: jiff::civil::Date = text.get(..10).unwrap_or(text).parse().ok()?;
    let at = day
        .to_zoned(jiff::tz::TimeZone::UTC)
        .ok()?
        .timestamp()
        .as_millisecond();
    Some((msdate(at), format!("{day}T00:00:00")))
}

/// The day of a document: the given one, or today.
pub fn day(now: i64, given: &Value) -> Result<(String, String), Vec<String>> {
    let found = match given {
        Value::Null => date(&json!(stamp(now, "%F"))),
        given => date(given),
    };
    found.ok_or_else(|| one("Date is not a valid date"))
}

/// The fields that an ask really gives.
pub fn given(ask: &Value) -> Value {
    let fields = ask
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(_, value)| !value.is_null());
    fields
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect::<serde_json::Map<_, _>>()
        .into()
}
