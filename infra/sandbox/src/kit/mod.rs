//! What every simulated gateway is made of: one engine that moves money, and for each vendor a table
//! of its operations, shapes, names and signatures; and what books and lists of any vendor have in
//! common. Nothing here knows a vendor.

mod api;
mod books;
mod certificate;
mod control;
mod engine;
mod gateway;
mod looks;
mod oauth;
mod object;
mod page;
mod refresh;
mod shape;
mod shelf;

pub use api::{asked, request, taken};
pub use books::*;
pub use certificate::Signer;
pub use engine::*;
pub use gateway::*;
pub use looks::{Looks, looks};
pub use oauth::{is_known, know_client, secret};
pub use object::{Happened, Kind, Object, Refusal, State};
pub use refresh::Refreshing;

use crate::wire::{Call, Reply};
use crate::world::World;
use serde_json::Value;

impl Gateway {
    /// Answers a call of the API or a visit to a hosted page.
    pub fn handle(&'static self, world: &mut World, call: &Call) -> Reply {
        let address = format!("{}?{}", call.path, call.query);
        match address.strip_prefix(self.page.path) {
            Some(id) => {
                let id = id.split(['?', '&']).next().unwrap_or("");
                page::visit(world, self, call, id)
            }
            None => api::answer(world, self, call),
        }
    }

    /// What a person or a test makes happen.
    pub fn control(
        &'static self,
        world: &mut World,
        verb: &[&str],
        ask: &Value,
    ) -> Result<Value, String> {
        match (self.control)(world, verb, ask) {
            Some(done) => done,
            None => control::control(world, self, verb, ask),
        }
    }

    /// Something that was due by itself.
    pub fn step(&'static self, world: &mut World, step: &Value) {
        engine::step(world, self, step);
        (self.step)(world, step);
    }
}
