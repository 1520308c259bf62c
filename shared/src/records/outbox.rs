//! The row of an occurrence: written once, and due until it is spread to those who are told.

use crate::domain::outbox::Occurrence;
use crate::domain::task::Lane;
use crate::io::store::{Row, StoreError};
use crate::words::time;
use jiff::Timestamp;

/// What the keys of all occurrences of a book begin with.
pub const PREFIX: &str = "outbox#";

/// The part of its key that orders it among those of its book.
pub fn place(n: u32) -> String {
    format!("{n:06}")
}

pub fn sk(place: &str) -> String {
    format!("{PREFIX}{place}")
}

/// A new occurrence among the rows of `pk`, to be spread at once.
pub fn row(pk: &str, place: &str, occurrence: &Occurrence, now: Timestamp) -> Row {
    Row::new(pk, sk(place))
        .json("data", occurrence)
        .versioned(1)
        .due(Lane::Tell, time::millis(now))
}

/// What happened.
pub fn read(row: &Row) -> Result<Occurrence, StoreError> {
    row.read("data")
}

/// The place in its book that its key names.
pub fn place_of(sk: &str) -> &str {
    sk.trim_start_matches(PREFIX)
}
