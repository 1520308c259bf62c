//! The API and the flows behind it in this process, over AWS and vendors that answer as a test
//! wants: what only rows that were written, calls that went out, or several at once, can show.

mod approvals;
mod arrivals;
mod bills;
mod calls;
mod collecting;
mod commits;
mod connections;
mod doors;
mod erasure;
mod examples;
mod fields;
mod intake;
mod lists;
mod money;
mod once;
mod people;
mod permissions;
mod posting;
mod privacy;
mod races;
mod refusals;
mod reports;
mod resolve;
mod resources;
mod returns;
mod stack;
mod standing;
mod tasks;
mod tokens;
mod trail;
mod transport;
mod types;
mod unclear;
mod vendors;
mod visits;
