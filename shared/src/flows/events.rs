//! Events from outside, as people look for them and send them through once more.

pub mod replay;
pub mod search;
