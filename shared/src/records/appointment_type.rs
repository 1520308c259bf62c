//! The row of a type of visit, which the API calls an appointment type.

use crate::domain::visit_type::VisitType;
use crate::io::store::{List, Row, StoreError, Write};
use crate::words::{ids, time};

pub const SK: &str = "type";

/// By the clinic's own id.
pub fn pk(clinic: &str, id: &str) -> String {
    let hash = ids::derived(&["appointment-type", id]);
    format!("{clinic}#appointment-type#{hash}")
}

/// The list of the types that a clinic offers.
pub fn list(clinic: &str) -> List {
    List::new(format!("{clinic}#appointment-types"))
}

/// A type with the version of its row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TypeRow {
    pub kind: VisitType,
    /// As it was read, or is once it is written.
    pub version: u64,
}

impl TypeRow {
    pub fn read(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            kind: row.read("data")?,
            version: row.version(),
        })
    }

    /// Writes it as the version after the one that was read; the first where there was none.
    pub fn write(&self, clinic: &str) -> Write {
        let row = self.row(clinic);
        match self.version {
            1 => Write::New(row),
            after => Write::Replace {
                row,
                version: after - 1,
            },
        }
    }

    fn row(&self, clinic: &str) -> Row {
        let row = Row::new(pk(clinic, &self.kind.id), SK)
            .json("data", &self.kind)
            .versioned(self.version);
        let made = time::millis(self.kind.made_at);
        match self.kind.offered {
            true => row.listed(list(clinic), format!("{made:015}#{}", self.kind.id)),
            false => row,
        }
    }
}
