//! The stories of Meridian, through the running local stack.

mod anew;
mod billing;
mod books;
mod clinic;
mod contracts;
mod entered;
mod erased;
mod ipn;
mod messages;
mod outbox;
mod own;
mod polled;
mod post;
mod proofs;
mod quickbooks;
mod refunds;
mod setup;
mod sheets;
mod shuffled;
mod webhooks;
