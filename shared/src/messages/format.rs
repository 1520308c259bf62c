//! Amounts, days, names and addresses as people read them.

use super::context::MessageContext;
use crate::vendors;
use crate::words::money::Money;
use jiff::civil::Date;

/// An amount as people read it: `$1,200.00`, `€12.50`, `¥1,200`, `CHF 80.00`, `−$5.00`.
pub fn amount(money: Money) -> String {
    let digits = Money::new(money.minor.saturating_abs(), money.currency)
        .decimal()
        .to_string();
    let (whole, part) = digits.split_once('.').unwrap_or((&digits, ""));
    let mut grouped = String::new();
    for (n, digit) in whole.chars().enumerate() {
        if n > 0 && (whole.len() - n).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    let sign = money.currency.symbol();
    let sign = match sign.ends_with(['$', '€', '£', '¥', '₹']) {
        true => sign,
        false => format!("{} ", money.currency.code()),
    };
    let minus = if money.minor < 0 { "−" } else { "" };
    let point = if part.is_empty() { "" } else { "." };
    format!("{minus}{sign}{grouped}{point}{part}")
}

/// A day as messages name it, without the year: `Thursday 3 December`.
pub fn date(day: Date) -> String {
    day.strftime("%A %-d %B").to_string()
}

/// How patients know a gateway; which of the clinic's accounts it is concerns staff.
pub fn gateway_name(name: &str) -> &str {
    vendors::gateway(name).map_or(name, |gateway| gateway.vendor.name)
}

/// Whether an address may be put before people as a link.
pub fn is_link(address: &str) -> bool {
    let web = address.starts_with("https://") || address.starts_with("http://");
    web && !address.contains(|c: char| c.is_whitespace() || c.is_control())
}

/// The whole payment, where only a part of it went back.
pub(super) fn part_of(said: &MessageContext) -> Option<String> {
    let whole = said.payment.filter(|whole| said.amount.minor < whole.minor);
    whole.map(amount)
}

/// What was paid with, where the label tells one card or account from another.
pub(super) fn with(method: Option<&str>) -> String {
    let names =
        |label: &&str| label.contains(" ending ") || label.contains(|c: char| c.is_ascii_digit());
    let named = method.filter(names);
    named.map_or(String::new(), |label| format!(" with {}", short(label, 40)))
}

pub(super) fn invoice(said: &MessageContext) -> String {
    short(said.invoice, 40)
}

/// One line of at most so many characters: a line break of a stranger's must not begin a line of
/// ours, nor a long name push the link out of a text message.
pub(super) fn short(text: &str, most: usize) -> String {
    let visible = |c: char| if c.is_control() { ' ' } else { c };
    let line: String = text.chars().map(visible).collect();
    let line = line.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(most) {
        None => line,
        Some((end, _)) => format!("{}...", line[..end].trim_end()),
    }
}
