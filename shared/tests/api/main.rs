//! The API over a table: what only rows that were written, or several requests at once, can show.

mod approvals;
mod commits;
mod lists;
mod money;
mod once;
mod people;
mod permissions;
mod races;
mod resolve;
mod resources;
mod stack;
mod tasks;
mod transport;
mod unclear;
mod vendors;
