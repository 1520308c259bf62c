//! Values for the examples of the document.

use crate::words::ids;
use crate::words::money::{Currency, Money};
use jiff::Timestamp;
use rust_decimal::Decimal;

/// The invoice that examples name, here and in requests.
pub const INVOICE: &str = "0123456789abcdef";
/// Its patient.
/// Whom that invoice was written for.
pub const PATIENT: &str = "ghjkmnpqrstvwxyz";
/// A refund of it.
pub const REFUND: &str = "89abcdefghjkmnpq";

/// [`INVOICE`], owned.
pub fn invoice() -> String {
    INVOICE.into()
}

/// [`PATIENT`], owned.
pub fn patient() -> String {
    PATIENT.into()
}

/// Its first payment.
pub fn payment() -> String {
    ids::payment_reference(INVOICE, 1)
}

/// So many cents of the euro.
pub fn eur(cents: i64) -> Money {
    let eur = Currency::read("EUR").expect("a currency");
    Money::new(cents, eur)
}

/// Ten per cent.
pub fn rate() -> Decimal {
    Decimal::TEN
}

/// 20 November 2026, nine o'clock in the morning, UTC.
pub fn instant() -> Timestamp {
    Timestamp::from_second(1_795_165_200).expect("an instant")
}
