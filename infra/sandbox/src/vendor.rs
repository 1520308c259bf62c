//! What every simulated vendor is.

use crate::wire::{Call, Reply};
use crate::world::World;
use serde_json::Value;

pub struct Vendor {
    pub id: &'static str,
    /// Registers the demo clinic's webhook endpoints.
    pub seed: fn(&mut World),
    /// The demo clinic's account as its secrets hold it: name below the clinic's, and value.
    pub demo_secrets: fn() -> Vec<(&'static str, Value)>,
    /// Answers a call of the API or a visit to a hosted page.
    pub handle: fn(&mut World, &Call) -> Reply,
    /// Something scheduled became due.
    pub step: fn(&mut World, &Value),
    /// What only this vendor has of [`control`](Self::control), for people; ends its lines.
    pub help: &'static str,
    pub control: fn(&mut World, &[&str], &Value) -> Result<Value, String>,
    /// Header that carries the idempotency key.
    pub key_header: Option<&'static str>,
    /// The root, as PEM, of certificates that sign its webhooks here.
    pub roots: Option<&'static str>,
    /// Calls that `act_late` leaves alone: they move nothing, or are a person's clicks.
    pub harmless: fn(&Call) -> bool,
}

impl Vendor {
    /// One that does nothing yet.
    pub const fn named(id: &'static str) -> Vendor {
        Vendor {
            id,
            seed: |_| {},
            demo_secrets: Vec::new,
            handle: |_, _| Reply::of(404, "text/plain", ""),
            step: |_, _| {},
            help: "",
            control: |_, _, _| Err("nothing can be made to happen here".into()),
            key_header: None,
            roots: None,
            harmless: |_| false,
        }
    }
}
