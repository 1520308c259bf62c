//! The adapters: every vendor that a clinic can connect, and nothing else. A folder or file here is
//! one vendor with all its faces; none knows another. Which there are, `meridian_registry` says.

pub mod adyen;
pub mod authorizenet;
pub mod capabilities;
pub mod cliniko;
pub mod gocardless;
pub mod google_sheets;
pub mod mailgun;
pub mod mollie;
pub mod own;
pub mod paypal;
pub mod quickbooks;
pub mod slack;
pub mod stripe;
pub mod twilio;
pub mod xero;

use crate::contract::{Door, Faces, Gateway, Inbound, Poll, System, Vendor};
use crate::domain::outbox::Topic;
use crate::words::connected;

macro_rules! faces {
    ($($vendor:ident),+) => { &[$(&$vendor::FACES),+] };
}

macro_rules! doors {
    ($($vendor:ident),+) => { &[$($vendor::DOORS),+] };
}

static ALL: &[&Faces] = meridian_registry::vendors!(faces);

/// Where webhooks come in. Intake reaches these alone, and carries nothing else of a vendor.
static DOORS: &[&[&Door]] = meridian_registry::vendors!(doors);

/// Everyone, once.
pub fn all() -> impl Iterator<Item = &'static Vendor> {
    ALL.iter().map(|faces| faces.vendor)
}

/// The vendor of a connection of this name.
pub fn of(name: &str) -> Option<&'static Vendor> {
    let (id, _) = connected::read(name)?;
    all().find(|vendor| vendor.id == id)
}

/// The gateways, in the order in which people see them.
pub fn gateways() -> impl Iterator<Item = &'static Gateway> {
    ALL.iter().filter_map(|faces| faces.gateway)
}

/// The systems, in the same order.
pub fn systems() -> impl Iterator<Item = &'static System> {
    ALL.iter().filter_map(|faces| faces.system)
}

/// Every door of every vendor.
pub fn doors() -> impl Iterator<Item = &'static Door> {
    DOORS.iter().copied().flatten().copied()
}

/// The gateway of a connection of this name.
pub fn gateway(name: &str) -> Option<&'static Gateway> {
    let (id, _) = connected::read(name)?;
    gateways().find(|gateway| gateway.vendor.id == id)
}

/// As staff read a connection of this name: `Stripe`, `Stripe (north)`. One of a vendor that this
/// version does not have is called as it is.
pub fn called(name: &str) -> String {
    let place = connected::read(name).and_then(|(_, place)| place);
    match (of(name), place) {
        (Some(vendor), Some(place)) => format!("{} ({place})", vendor.name),
        (Some(vendor), None) => vendor.name.into(),
        (None, _) => name.into(),
    }
}

/// The system of a connection of this name: one of several only where a clinic may have several.
pub fn system(name: &str) -> Option<&'static System> {
    let (id, place) = connected::read(name)?;
    systems().find(|system| system.vendor.id == id && (place.is_none() || system.several))
}

/// The door at `/webhooks/{clinic}/{source}`, whichever of a clinic's accounts it is for.
pub fn door(source: &str) -> Option<&'static Door> {
    let (id, _) = connected::read(source)?;
    doors().find(|door| door.source == id)
}

/// Everything that is heard.
pub fn inbounds() -> impl Iterator<Item = &'static Inbound> {
    ALL.iter().flat_map(|faces| faces.inbounds())
}

/// What stands behind the door of this source.
pub fn inbound(source: &str) -> Option<&'static Inbound> {
    let (id, _) = connected::read(source)?;
    inbounds().find(|inbound| inbound.door.source == id)
}

/// The lists of a vendor that are asked, and what else is known of it.
pub fn polls() -> impl Iterator<Item = (&'static Faces, &'static Poll)> {
    let all = ALL.iter().copied();
    all.flat_map(|faces| faces.polls.iter().map(move |poll| (faces, poll)))
}

/// Those of the vendor of a connection of this name.
pub fn polls_of(connection: &str) -> impl Iterator<Item = (&'static Faces, &'static Poll)> + use<> {
    let id = of(connection).map(|vendor| vendor.id);
    polls().filter(move |(faces, _)| id == Some(faces.vendor.id))
}

/// All that is known of the vendor that is heard under this source: behind a door, or by its lists.
pub fn heard_as(source: &str) -> Option<&'static Faces> {
    let (id, _) = connected::read(source)?;
    let behind = |faces: &Faces| faces.inbounds().any(|inbound| inbound.door.source == id);
    let asked = |faces: &Faces| faces.vendor.id == id && !faces.polls.is_empty();
    let mut all = ALL.iter().copied();
    all.find(|faces| behind(faces) || asked(faces))
}

/// Which of these connections to systems hear of what, in the order in which people see them.
pub fn audience(switched_on: &[String]) -> Vec<(String, Topic)> {
    let mut hear = vec![];
    for this in systems() {
        let is_this = |name: &&String| system(name).is_some_and(|of| std::ptr::eq(of, this));
        for name in switched_on.iter().filter(is_this) {
            let topics = this.subscriptions.iter().map(|heard| heard.topic);
            hear.extend(topics.map(|topic| (name.clone(), topic)));
        }
    }
    hear
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
        for door in doors() {
            let behind = inbounds().filter(|inbound| inbound.door.source == door.source);
            assert_eq!(behind.count(), 1, "{}", door.source);
        }
    }
}
