//! The rows of journals, and of changes that stand in none: a clinic's day lists both, spread over
//! shards, so that none becomes one hot key.

use crate::domain::journal::{Entry, Note};
use crate::io::store::{List, Row, StoreError};
use crate::records::patient;
use crate::words::{ids, time};
use jiff::civil::Date;

/// What the keys of all entries of a case begin with.
pub const PREFIX: &str = "journal#";

/// Rows of a day are spread by the first letter of their hash.
pub const SHARDS: [&str; 16] = [
    "0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "a", "b", "c", "d", "e", "f",
];

/// What one reads of a patient within a slot of so many milliseconds is noted once.
const READS_TOGETHER: i64 = 5 * 60 * 1000;

/// A shard of what stands in the audit of a day.
pub fn of_day(clinic: &str, day: Date, shard: &str) -> List {
    List::new(format!("{clinic}#journal#{day}#{shard}"))
}

/// The list of what was done to a patient, and who was shown them.
pub fn of_patient(clinic: &str, patient: &str) -> List {
    List::second(format!("{}#audit", patient::pk(clinic, patient)))
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
    let sk = place(note, &id);
    noted(clinic, day, note, &id, &sk)
}

/// The row of what a reader was shown of a patient: one for each slot of time.
pub fn read_row(clinic: &str, day: Date, note: &Note, reader: &[&str]) -> Row {
    let slot = (time::millis(note.at) / READS_TOGETHER).to_string();
    let patient = note.patient.as_deref().unwrap_or_default();
    let parts: Vec<_> = reader.iter().copied().chain([patient, &slot]).collect();
    let id = ids::derived(&parts);
    noted(clinic, day, note, &id, &format!("read#{id}"))
}

fn noted(clinic: &str, day: Date, note: &Note, id: &str, sk: &str) -> Row {
    let shard = &hex::encode(ids::digest(&[id]))[..1];
    let row = Row::new(format!("{clinic}#audit"), sk)
        .json("note", note)
        .text("day", day.to_string())
        .listed(of_day(clinic, day, shard), place(note, id));
    match &note.patient {
        Some(patient) => row.listed(of_patient(clinic, patient), place(note, id)),
        None => row,
    }
}

/// The clinic's day of a note.
pub fn day(row: &Row) -> Result<Date, StoreError> {
    let day = row.get("day").parse();
    day.map_err(|why| StoreError::Corrupt(format!("the day of a note: {why}")))
}

fn place(note: &Note, id: &str) -> String {
    format!("{:015}#{id}", time::millis(note.at))
}

/// The entry of its row.
pub fn entry(row: &Row) -> Result<Entry, StoreError> {
    row.read("data")
}

/// Whether it is the row of a change that no journal has.
pub fn is_note(row: &Row) -> bool {
    row.has("note")
}

/// The note of its row.
pub fn note(row: &Row) -> Result<Note, StoreError> {
    row.read("note")
}
