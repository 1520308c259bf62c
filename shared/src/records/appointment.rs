//! The row of an appointment.

use crate::io::queue::RowKey;
use crate::io::store::List;
use crate::words::ids;

pub const SK: &str = "appointment";

/// By the clinic's own id.
pub fn pk(clinic: &str, id: &str) -> String {
    format!(
        "{clinic}#appointment#{}",
        ids::derived(&["appointment", id])
    )
}

/// The clinic whose appointment has this key.
pub fn clinic_of(pk: &str) -> &str {
    pk.split('#').next().unwrap_or_default()
}

/// The key of the appointment among these rows.
pub fn key(pk: &str) -> RowKey {
    RowKey {
        pk: pk.into(),
        sk: SK.into(),
    }
}

/// The list of a clinic's appointments.
pub fn list(clinic: &str) -> List {
    List::new(format!("{clinic}#appointments"))
}

/// The place in that list of one that begins then, in epoch milliseconds.
pub fn place(starts: i64, id: &str) -> String {
    format!("{starts:015}#{id}")
}
