//! Words of Xero's books: exact decimals, dates, accounts.

use super::replies::msdate;
use rust_decimal::{Decimal, RoundingStrategy};
use serde_json::{Value, json};
use std::str::FromStr;

pub fn decimal(value: &Value) -> Option<Decimal> {
    let text = value.as_number()?.to_string();
    Decimal::from_str(&text)
        .or_else(|_| Decimal::from_scientific(&text))
        .ok()
}

pub fn amount(value: &Value) -> Decimal {
    decimal(value).unwrap_or_default()
}

pub fn number(value: Decimal) -> Value {
    // A decimal's text is a JSON number.
    serde_json::from_str(&value.normalize().to_string()).unwrap_or_default()
}

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

pub fn accounts() -> Value {
    let account = |code: &str, name: &str, kind: &str, class: &str, payments: bool| {
        json!({"Code": code, "Name": name, "Type": kind, "Class": class, "Status": "ACTIVE",
            "AccountID": account_id(code), "EnablePaymentsToAccount": payments})
    };
    json!([
        account("090", "Business Bank Account", "BANK", "ASSET", true),
        account("200", "Sales", "REVENUE", "REVENUE", false),
        account("610", "Accounts Receivable", "CURRENT", "ASSET", false)
    ])
}

pub fn account_id(code: &str) -> String {
    format!("00000000-0000-4000-8000-{code:0>12}")
}

/// A chart of accounts may hold any short code; these two shapes it never holds.
pub fn known_account(code: &str) -> bool {
    (1..=10).contains(&code.len()) && code.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
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
