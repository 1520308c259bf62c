//! What is answered, as types: one file per thing.

pub mod appointment;
pub mod delivery;
pub mod dispute;
pub mod entry;
pub mod event;
pub mod integration;
pub mod invoice;
pub mod key;
pub mod lines;
pub mod method;
pub mod patient;
pub mod payment;
pub mod refund;
pub mod task;
pub mod told;
