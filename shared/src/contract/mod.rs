//! What an adapter is written in: a vendor and its account, calls and what a lost reply means,
//! gateways, systems, polls, webhooks and their proofs. Types and pure functions; it knows no vendor.

mod booked;
mod call;
pub mod columns;
pub mod declines;
pub mod door;
pub mod faces;
pub mod gateway;
pub mod inbound;
pub mod jws;
pub mod poll;
pub mod proof;
pub mod record;
pub mod standard_webhook;
pub mod system;
pub mod talk;
pub mod vendor;

pub use booked::*;
pub use call::*;
pub use declines::*;
pub use door::*;
pub use faces::*;
pub use gateway::*;
pub use inbound::*;
pub use poll::*;
pub use proof::*;
pub use system::*;
pub use talk::*;
pub use vendor::*;
