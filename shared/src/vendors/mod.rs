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

use crate::contract::{Door, Gateway, Inbound, System};
use crate::domain::outbox::Topic;

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

/// Where webhooks come in. Intake reaches these alone, and carries nothing else of a vendor.
pub static DOORS: &[&Door] = &[
    &stripe::door::DOOR,
    &gocardless::door::DOOR,
    &mollie::door::DOOR,
    &paypal::door::DOOR,
    &paypal::door::IPN,
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

/// The door at `/webhooks/{clinic}/{source}`.
pub fn door(source: &str) -> Option<&'static Door> {
    DOORS.iter().copied().find(|door| door.source == source)
}

/// Everything that is heard.
pub fn inbounds() -> impl Iterator<Item = &'static Inbound> {
    let gateways = GATEWAYS.iter().filter_map(|gateway| gateway.webhook.yes());
    gateways.chain(SOURCES.iter().copied())
}

/// What stands behind the door of this source.
pub fn inbound(source: &str) -> Option<&'static Inbound> {
    inbounds().find(|inbound| inbound.door.source == source)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::Proof;

    #[test]
    fn behind_each_door_stands_one_source_and_before_each_source_its_door() {
        for inbound in inbounds() {
            let source = inbound.door.source;
            let found = door(source).expect("a door that intake knows");
            assert!(std::ptr::eq(found, inbound.door), "{source}");
            assert_eq!(found.vendor, inbound.vendor.id, "{source}");
            let asks = found
                .proofs
                .iter()
                .any(|proof| matches!(proof, Proof::Postback));
            assert_eq!(asks, inbound.postback.is_some(), "{source}");
        }
        for door in DOORS {
            let behind = inbounds().filter(|inbound| inbound.door.source == door.source);
            assert_eq!(behind.count(), 1, "{}", door.source);
        }
    }
}
