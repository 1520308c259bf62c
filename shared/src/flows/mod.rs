//! What the functions do: rules, adapters and I/O put together, one file per way through Meridian.

pub mod accounts;
pub mod app;
pub mod appointment_types;
pub mod appointments;
pub mod audit;
pub mod calls;
pub mod charges;
pub mod clinics;
pub mod commit;
pub mod connections;
pub mod deliveries;
pub mod denied;
pub mod disputes;
pub mod due;
pub mod events;
pub mod findings;
pub mod intake;
pub mod integrations;
pub mod invoices;
pub mod invoicing;
pub mod keys;
pub mod lists;
pub mod methods;
pub mod named;
pub mod opt_in;
pub mod pages;
pub mod patients;
pub mod payments;
pub mod posting;
pub mod receipts;
pub mod refunds;
pub mod settings;
pub mod story;
pub mod tasks;
pub mod tenders;

pub use app::{App, Failure};
