//! The table of routes: those of every resource, in the order of the document.

use super::frame::call::Route;
use super::resources::{
    appointment_types, appointments, audit, charges, clinics, deliveries, disputes, document,
    events, findings, integrations, invoices, keys, methods, patients, payments, refunds, settings,
    story, tasks, tenders,
};

/// Every route of the API.
pub fn all() -> impl Iterator<Item = &'static Route> {
    TABLE.iter().copied().flatten()
}

static TABLE: &[&[Route]] = &[
    document::ROUTES,
    clinics::ROUTES,
    settings::ROUTES,
    keys::ROUTES,
    patients::ROUTES,
    methods::ROUTES,
    appointment_types::ROUTES,
    appointments::ROUTES,
    invoices::ROUTES,
    charges::ROUTES,
    tenders::ROUTES,
    payments::ROUTES,
    story::ROUTES,
    findings::ROUTES,
    disputes::ROUTES,
    refunds::ROUTES,
    events::ROUTES,
    deliveries::ROUTES,
    tasks::ROUTES,
    integrations::ROUTES,
    audit::ROUTES,
];
