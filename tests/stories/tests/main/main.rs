//! The stories of the house, through the running local stack.

mod billing;
mod clinic;
mod contracts;
mod post;
mod proofs;
mod refunds;
mod setup;
mod shuffled;
mod webhooks;
