//! The API over a table: what only rows that were written, or several requests at once, can show.

mod approvals;
mod calls;
mod commits;
mod intake;
mod lists;
mod money;
mod once;
mod people;
mod permissions;
mod posting;
mod privacy;
mod races;
mod resources;
mod stack;
mod transport;
mod vendors;
