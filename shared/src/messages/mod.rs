//! Messages: what patients and staff are told when something happens to a payment. One text for
//! every channel, and neutral: the clinic, the amount, the date, never what a visit was for.

mod context;
mod format;
mod letter;
pub mod mail;
mod patient;
mod staff;
pub mod tasks;
#[cfg(test)]
mod tests;

pub use context::MessageContext;
pub use format::{amount, date, gateway_name, is_link};
pub use patient::to_patient;
pub use staff::to_staff;
