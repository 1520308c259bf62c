//! The vendors, one file each.

pub mod gocardless;
pub mod mailgun;
pub mod mollie;
pub mod paypal;
pub mod slack;
pub mod stripe;
pub mod twilio;
pub mod xero;

use crate::wire::{Call, Reply};
use crate::world::World;
use serde_json::Value;

pub struct Vendor {
    pub id: &'static str,
    /// Registers the demo clinic's webhook endpoints.
    pub seed: fn(&mut World),
    /// Answers a call of the API or a visit to a hosted page.
    pub handle: fn(&mut World, &Call) -> Reply,
    /// Something scheduled became due.
    pub step: fn(&mut World, &Value),
    pub control: fn(&mut World, &[&str], &Value) -> Result<Value, String>,
    /// Header that carries the idempotency key.
    pub key_header: Option<&'static str>,
    /// Calls that `act_late` leaves alone: they move nothing, or are a person's clicks.
    pub harmless: fn(&Call) -> bool,
}

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

pub fn key_of(call: &Call) -> Option<&str> {
    call.header(by_id(&call.vendor)?.key_header?)
}
