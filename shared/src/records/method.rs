//! The rows of the methods that gateways keep for a patient, among the patient's rows.

use super::{alias, patient};
use crate::domain::fact::Method;
use crate::io::clock;
use crate::io::queue::RowKey;
use crate::io::store::{Row, StoreError, Write};
use crate::words::{ids, time};
use jiff::Timestamp;

/// What the keys of all methods of a patient begin with, with that of the chosen one.
pub const ALL: &str = "method";

/// The row that names the method which the clinic chose for a patient.
pub const CHOSEN: &str = "method-chosen";

/// Ours, stable for a gateway's token.
pub fn id(gateway: &str, token: &str) -> String {
    ids::derived(&[gateway, token])
}

pub fn sk(gateway: &str, token: &str) -> String {
    format!("method#{}", id(gateway, token))
}

pub fn key(clinic: &str, patient: &str, gateway: &str, token: &str) -> RowKey {
    RowKey {
        pk: patient::pk(clinic, patient),
        sk: sk(gateway, token),
    }
}

/// What is written when a patient let a gateway keep a method, for later charges or for one only.
pub fn keep(clinic: &str, patient: &str, method: &Method, later_charges: bool) -> Vec<Write> {
    let now = time::millis(clock::now());
    let mut row = Row::new(
        patient::pk(clinic, patient),
        sk(&method.gateway, &method.token),
    )
    .json("data", method)
    .number("kept_at", now);
    if !later_charges {
        row = row.text("once", "agreed to for one charge only");
    }
    let alias = alias::of_patient(clinic, &method.gateway, &method.token, patient);
    vec![Write::Put(row), Write::Put(alias)]
}

/// The time of the newest word of a method's gateway on whether it works, in milliseconds.
const TOLD_AT: &str = "told_at";

/// What is written when a charge shows that a method can no longer be charged. One that was never
/// kept here is remembered as ended.
pub fn ended(clinic: &str, patient: &str, method: &Method, why: &str) -> Write {
    let now = time::millis(clock::now());
    Write::Mark {
        key: key(clinic, patient, &method.gateway, &method.token),
        set: Row::default().text("gone", why).number(TOLD_AT, now),
    }
}

/// What is written when its gateway says that a method ended, unless it has said otherwise since.
pub fn gone(clinic: &str, patient: &str, gateway: &str, token: &str, at: Timestamp) -> Write {
    Write::Newer {
        key: key(clinic, patient, gateway, token),
        attribute: TOLD_AT,
        at: time::millis(at),
        set: Row::default().text("gone", "ended at the gateway"),
        remove: vec![],
    }
}

/// What is written when its gateway says that a method works again, unless it has said otherwise
/// since. One that the clinic removed stays removed.
pub fn back(clinic: &str, patient: &str, gateway: &str, token: &str, at: Timestamp) -> Write {
    Write::Newer {
        key: key(clinic, patient, gateway, token),
        attribute: TOLD_AT,
        at: time::millis(at),
        set: Row::default(),
        remove: vec!["gone"],
    }
}

/// What is written when a clinic removes a method.
pub fn removed(clinic: &str, patient: &str, method: &Method) -> Write {
    Write::Mark {
        key: key(clinic, patient, &method.gateway, &method.token),
        set: Row::default().text("removed", "by the clinic"),
    }
}

/// What is written when a clinic chooses the method that is charged by itself.
pub fn chosen(clinic: &str, patient: &str, method: &Method) -> Write {
    let place = sk(&method.gateway, &method.token);
    Write::Put(Row::new(patient::pk(clinic, patient), CHOSEN).text("method", place))
}

/// Whether the row is of a method that was kept here, whatever became of it.
pub fn is_kept(row: &Row) -> bool {
    row.has("data")
}

/// Whether it was kept, and neither ended nor was removed.
pub fn is_usable(row: &Row) -> bool {
    is_kept(row) && !row.has("gone") && !row.has("removed")
}

/// The method of its row.
pub fn read(row: &Row) -> Result<Method, StoreError> {
    row.read("data")
}

/// Whether the patient agreed that it is charged later.
pub fn is_for_later(row: &Row) -> bool {
    !row.has("once")
}

/// When it was kept, in epoch milliseconds.
pub fn kept_at(row: &Row) -> i64 {
    row.int("kept_at")
}

/// The key of the method that was chosen, among the rows of [`ALL`]; empty where none was.
pub fn chosen_of(rows: &[Row]) -> &str {
    let chosen = rows.iter().find(|row| row.sk() == CHOSEN);
    chosen.map_or("", |row| row.get("method"))
}
