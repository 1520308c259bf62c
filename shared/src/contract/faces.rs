//! One vendor with all that Meridian does with it.

use crate::contract::{Booked, Gateway, Inbound, Poll, Read, System, Vendor};
use crate::domain::person::Person;

/// What a vendor is to Meridian. Its doors stand apart (`DOORS` of its module), so that intake
/// carries nothing else of it.
pub struct Faces {
    /// Who it is.
    pub vendor: &'static Vendor,
    /// Where money is taken and sent back.
    pub gateway: Option<&'static Gateway>,
    /// What hears of what happened.
    pub system: Option<&'static System>,
    /// What is heard beside the gateway's own webhook.
    pub sources: &'static [&'static Inbound],
    /// The lists that are asked, each under a name of its own.
    pub polls: &'static [Poll],
    /// Asks who a patient is, by the vendor's own id: a practice system tells of visits with no more
    /// than that.
    pub patient: Option<Read<str, Person>>,
    /// Asks for the payments of a document of the books, by the vendor's own id, with those that were
    /// deleted: what people enter there counts here.
    pub booked: Option<Read<str, Vec<Booked>>>,
}

impl Faces {
    /// None yet.
    pub const fn of(vendor: &'static Vendor) -> Self {
        Self {
            vendor,
            gateway: None,
            system: None,
            sources: &[],
            polls: &[],
            patient: None,
            booked: None,
        }
    }

    /// Everything that is heard of it.
    pub fn inbounds(&self) -> impl Iterator<Item = &'static Inbound> {
        let webhook = self.gateway.and_then(|gateway| gateway.webhook.yes());
        webhook.into_iter().chain(self.sources.iter().copied())
    }
}
