//! The stories of the house, through the running local stack.

mod billing;
mod clinic;
mod contracts;
mod refunds;
mod setup;
mod webhooks;
