//! The row of a patient.

use crate::io::store::List;
use crate::words::ids;

pub const SK: &str = "patient";

pub fn pk(clinic: &str, patient: &str) -> String {
    format!("{clinic}#patient#{patient}")
}

/// The list of a clinic's patients.
pub fn list(clinic: &str) -> List {
    List::new(format!("{clinic}#patients"))
}

/// Our id of the clinic's patient of this reference.
pub fn id(clinic: &str, reference: &str) -> String {
    ids::derived(&["patient", clinic, reference])
}
