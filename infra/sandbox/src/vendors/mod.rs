//! The simulated vendors. Which there are, `meridian_registry` says.

pub mod adyen;
pub mod authorizenet;
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

use crate::vendor::Vendor;

macro_rules! simulated {
    ($($vendor:ident),+) => { &[$(&$vendor::VENDOR),+] };
}

static ALL: &[&Vendor] = meridian_registry::vendors!(simulated);

pub fn all() -> impl Iterator<Item = &'static Vendor> {
    ALL.iter().copied()
}

pub fn by_id(id: &str) -> Option<&'static Vendor> {
    all().find(|vendor| vendor.id == id)
}
