//! The list of the simulated vendors.

pub mod gocardless;
pub mod mailgun;
pub mod mollie;
pub mod paypal;
pub mod slack;
pub mod stripe;
pub mod twilio;
pub mod xero;

use crate::vendor::Vendor;

pub static ALL: [&Vendor; 8] = [
    &stripe::VENDOR,
    &paypal::VENDOR,
    &gocardless::VENDOR,
    &mollie::VENDOR,
    &mailgun::VENDOR,
    &twilio::VENDOR,
    &slack::VENDOR,
    &xero::VENDOR,
];

pub fn by_id(id: &str) -> Option<&'static Vendor> {
    ALL.into_iter().find(|vendor| vendor.id == id)
}
