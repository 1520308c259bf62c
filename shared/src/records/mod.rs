//! The table's rows: every key and typed form. Nowhere else is one of these keys spelt.

pub mod alias;
pub mod appointment;
pub mod appointment_type;
pub mod case;
pub mod connection;
pub mod credit;
pub mod delivery;
pub mod document;
pub mod event;
pub mod finding;
pub mod journal;
pub mod key;
pub mod known;
pub mod method;
pub mod number;
pub mod optout;
pub mod outbox;
pub mod patient;
pub mod receipt;
pub mod refund;
pub mod settings;
pub mod task;
pub mod token;
