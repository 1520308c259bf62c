//! What every Meridian function shares.

// words
pub mod clock;
pub mod ids;
pub mod money;

// rules and adapters: pure
pub mod capabilities;
pub mod domain;
mod exact;
pub mod gateways;
pub mod inbound;
pub mod json;
pub mod pages;
pub mod seal;
pub mod sources;
pub mod systems;
pub mod vendor;

// the only I/O: one module per outside thing
pub mod aws;
pub mod directory;
pub mod lambda;
pub mod queue;
pub mod secrets;
pub mod store;
pub mod transport;
pub mod web;

// rules, adapters and I/O put together
pub mod api;
pub mod flows;
