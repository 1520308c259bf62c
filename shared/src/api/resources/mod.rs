//! One file per resource: its routes, and what they do.

pub mod appointment_types;
pub mod appointments;
pub mod audit;
pub mod charges;
pub mod clinics;
pub mod deliveries;
pub mod disputes;
pub mod document;
pub mod events;
pub mod findings;
pub mod integrations;
pub mod invoices;
pub mod keys;
pub mod methods;
pub mod patients;
pub mod payments;
pub mod refunds;
pub mod settings;
pub mod story;
pub mod tasks;
pub mod tenders;
