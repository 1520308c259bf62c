//! The rules of a clinic's money. Pure: no I/O, no clock, no vendor's name.
//!
//! A *case* is loaded, [`decide::decide`] says what an event does to it, and the store commits the
//! outcome: the changed case, its journal entries and the tasks that follow. A case and a patient's
//! *credit* are books; one commit writes one or both.

pub mod actor;
pub mod bill;
pub mod book;
pub mod case;
pub mod chart;
pub mod credit;
pub mod decide;
pub mod dims;
pub mod dispute;
pub mod erasure;
pub mod event;
pub mod fact;
pub mod invoice;
pub mod journal;
pub mod outbox;
pub mod payment;
pub mod person;
pub mod policy;
pub mod receipt;
pub mod refund;
pub mod settings;
pub mod task;
pub mod tender;
pub mod visit;
pub mod visit_fact;
pub mod visit_type;
