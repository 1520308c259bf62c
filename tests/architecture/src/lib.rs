//! What Rust sources say of themselves: which file imports which, and how long functions are.
//!
//! [`Crate::read`] follows `mod` from a crate's root file. A path is an edge to the file that
//! defines what it names, however many `pub use` lie between. Left out are test modules, and calls
//! of methods, which only a compiler can tell apart.

mod files;
mod functions;
mod graph;
mod names;

pub use files::{Crate, File, rust_files};
pub use functions::{Function, functions};
