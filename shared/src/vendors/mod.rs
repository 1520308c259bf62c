//! The registry: every vendor that a clinic can connect, and nothing else. A folder or file here is
//! one vendor with all its faces; none knows another.

pub mod capabilities;
pub mod gocardless;
pub mod mailgun;
pub mod mollie;
pub mod paypal;
pub mod slack;
pub mod stripe;
pub mod twilio;
pub mod xero;

use crate::contract::{Gateway, Inbound, System};
use crate::domain::task::Topic;

pub static GATEWAYS: &[&Gateway] = &[
    &stripe::GATEWAY,
    &gocardless::GATEWAY,
    &mollie::GATEWAY,
    &paypal::GATEWAY,
];

pub static SYSTEMS: &[&System] = &[
    &mailgun::SYSTEM,
    &twilio::SYSTEM,
    &slack::SYSTEM,
    &xero::SYSTEM,
];

/// What is heard beside the gateways' own webhooks.
pub static SOURCES: &[&Inbound] = &[&paypal::ipn::INBOUND];

pub fn gateway(id: &str) -> Option<&'static Gateway> {
    GATEWAYS
        .iter()
        .copied()
        .find(|gateway| gateway.vendor.id == id)
}

pub fn system(id: &str) -> Option<&'static System> {
    SYSTEMS
        .iter()
        .copied()
        .find(|system| system.vendor.id == id)
}

/// What stands behind `/webhooks/{clinic}/{source}`.
pub fn inbound(source: &str) -> Option<&'static Inbound> {
    let gateways = GATEWAYS.iter().filter_map(|gateway| gateway.webhook.yes());
    let mut known = gateways.chain(SOURCES.iter().copied());
    known.find(|inbound| inbound.source == source)
}

/// Which of these systems hear of what.
pub fn audience(switched_on: &[String]) -> Vec<(String, Topic)> {
    SYSTEMS
        .iter()
        .filter(|system| switched_on.iter().any(|id| id == system.vendor.id))
        .flat_map(|system| {
            system
                .subscriptions
                .iter()
                .map(|subscription| (system.vendor.id.into(), subscription.topic))
        })
        .collect()
}
