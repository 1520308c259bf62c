//! What every Meridian function shares. Each folder imports only those that stand above it here:
//! `tests/architecture.rs` holds that.

pub mod words;

pub mod domain;

pub mod contract;

pub mod vendors;

pub mod messages;
pub mod pages;

pub mod io;

pub mod flows;

pub mod api;
