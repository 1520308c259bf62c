//! The rows of journals, and of changes that stand in none: a clinic's day lists both, spread over
//! shards, so that none becomes one hot key.

use crate::domain::journal::{Entry, Note};
use crate::io::store::{List, Row};
use crate::words::{ids, time};
use jiff::civil::Date;

/// What the keys of all entries of a case begin with.
pub const PREFIX: &str = "journal#";

/// Rows of a day are spread by the first letter of their hash.
pub const SHARDS: [&str; 16] = [
    "0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "a", "b", "c", "d", "e", "f",
];

/// A shard of what stands in the audit of a day.
pub fn of_day(clinic: &str, day: Date, shard: &str) -> List {
    List::new(format!("{clinic}#journal#{day}#{shard}"))
}

/// The row of an entry among the rows of its case.
pub fn row(clinic: &str, pk: &str, case: &str, entry: &Entry) -> Row {
    let shard = entry.hash.get(..1).unwrap_or("0");
    let at = time::millis(entry.at);
    Row::new(pk, format!("{PREFIX}{:08}", entry.seq))
        .json("data", entry)
        .listed(
            of_day(clinic, entry.day, shard),
            format!("{at:015}#{case}#{:08}", entry.seq),
        )
}

/// The row of a change that no journal has.
pub fn note_row(clinic: &str, day: Date, note: &Note) -> Row {
    let id = ids::random();
    let place = format!("{:015}#{id}", time::millis(note.at));
    let shard = &hex::encode(ids::digest(&[&id]))[..1];
    Row::new(format!("{clinic}#audit"), &place)
        .json("note", note)
        .listed(of_day(clinic, day, shard), place)
}
