//! What Rust sources say of themselves: which file imports which, how long functions are,
//! and what is said of public items.
//!
//! [`Crate::read`] follows `mod` from a crate's root file. A path is an edge to the file that
//! defines what it names, however many `pub use` lie between. Left out are test modules, and calls
//! of methods, which only a compiler can tell apart.

mod docs;
mod files;
mod functions;
mod graph;
mod names;

pub use docs::{Public, public_items};
pub use files::{Crate, File, rust_files};
pub use functions::{Function, functions};
