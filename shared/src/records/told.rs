//! The row of what a practice system said of a visit last, beside the visit's own. Its version says
//! that nobody spoke for it meanwhile.

use super::appointment;
use crate::domain::visit_fact::Told;
use crate::io::store::{Row, StoreError, Write};

/// What the keys of all of them begin with.
pub const PREFIX: &str = "told#";

pub fn sk(connection: &str) -> String {
    format!("{PREFIX}{connection}")
}

/// What was said last, with the version of its row; 0 where there is none yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToldRow {
    clinic: String,
    visit: String,
    connection: String,
    /// `None` until all of the first word was said.
    pub told: Option<Told>,
    version: u64,
}

impl ToldRow {
    pub fn read(
        clinic: &str,
        visit: &str,
        connection: &str,
        row: Option<&Row>,
    ) -> Result<Self, StoreError> {
        let told = row.filter(|row| row.has("data"));
        Ok(Self {
            clinic: clinic.into(),
            visit: visit.into(),
            connection: connection.into(),
            told: told.map(|row| row.read("data")).transpose()?,
            version: row.map_or(0, Row::version),
        })
    }

    /// Writes that this was said, where nobody has since it was read.
    pub fn write(&self, told: Option<&Told>) -> Write {
        let pk = appointment::pk(&self.clinic, &self.visit);
        let row = Row::new(pk, sk(&self.connection)).versioned(self.version + 1);
        let row = match told {
            Some(told) => row.json("data", told),
            None => row,
        };
        match self.version {
            0 => Write::New(row),
            version => Write::Replace { row, version },
        }
    }

    /// Holds that it is as it was read, and that who read it before this writes nothing of it.
    pub fn touched(&self) -> Write {
        self.write(self.told.as_ref())
    }
}
