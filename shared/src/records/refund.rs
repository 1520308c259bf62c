//! The row of a refund that was asked for: who asked, of which case, and why, sealed.

use crate::io::store::{List, Row};
use crate::words::time;
use jiff::Timestamp;

pub const SK: &str = "refund";

pub fn pk(clinic: &str, request: &str) -> String {
    format!("{clinic}#refund#{request}")
}

/// The id of the request whose row has this key.
pub fn id_of(pk: &str) -> &str {
    pk.rsplit('#').next().unwrap_or_default()
}

/// The list of a clinic's refunds.
pub fn list(clinic: &str) -> List {
    List::new(format!("{clinic}#refunds"))
}

/// A request of this case, without a reason.
pub fn row(clinic: &str, id: &str, case: &str, by: &str, at: Timestamp) -> Row {
    Row::new(pk(clinic, id), SK)
        .text("case", case)
        .text("requested_by", by)
        .listed(list(clinic), format!("{:015}#{id}", time::millis(at)))
}

pub fn case(row: &Row) -> &str {
    row.get("case")
}

/// The id of the key by which it was asked for.
pub fn requested_by(row: &Row) -> &str {
    row.get("requested_by")
}
