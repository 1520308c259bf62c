//! All that reaches outside: AWS, vendors, the runtime, the clock. One module per outside thing.

pub mod assertion;
pub mod aws;
pub mod clock;
pub mod config;
pub mod directory;
pub mod lambda;
pub mod lean;
mod public;
pub mod queue;
pub mod secrets;
pub mod store;
pub mod transport;
