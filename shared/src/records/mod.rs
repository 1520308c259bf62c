//! The table's rows: every key and typed form. Nowhere else is one of these keys spelt.

pub mod connection;
pub mod delivery;
pub mod known;
pub mod outbox;
