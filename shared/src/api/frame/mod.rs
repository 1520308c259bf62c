//! What every route has in common: the request as it is read and checked, who sends it, and what it
//! is told where it is not granted.

pub mod call;
pub mod caller;
pub mod lines;
pub mod once;
pub mod patient;
pub mod problem;
pub mod read;
