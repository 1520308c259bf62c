//! The row that says when a payment was looked up for notices that nobody signed, beside its alias.

use crate::io::store::{Row, Write};

pub const SK: &str = "asked";

/// When a payment was last asked about, in epoch milliseconds, and the answer up to which was heard.
#[derive(Clone, Copy, Debug, Default)]
pub struct Asked {
    pub asked_at: i64,
    /// Of the look that was answered last, when it began.
    pub heard_at: i64,
    /// As it was read; 0 where there was no row.
    version: u64,
}

impl Asked {
    pub fn read(row: Option<&Row>) -> Self {
        let int = |name| row.map_or(0, |row| row.int(name));
        Self {
            asked_at: int("asked_at"),
            heard_at: int("heard_at"),
            version: row.map_or(0, Row::version),
        }
    }

    /// We ask now, unless somebody else took the turn; and what that leaves to be known.
    pub fn asks(self, pk: &str, now: i64, kept_seconds: i64) -> (Self, Write) {
        let next = Self {
            asked_at: now,
            version: self.version + 1,
            ..self
        };
        let row = next.row(pk, now / 1000 + kept_seconds);
        let write = match self.version {
            0 => Write::New(row),
            version => Write::Replace { row, version },
        };
        (next, write)
    }

    /// The look that began at `asked_at` was answered.
    pub fn heard(self, pk: &str, kept_seconds: i64) -> Write {
        let next = Self {
            heard_at: self.asked_at,
            version: self.version + 1,
            ..self
        };
        Write::Replace {
            row: next.row(pk, self.asked_at / 1000 + kept_seconds),
            version: self.version,
        }
    }

    fn row(self, pk: &str, expires_at: i64) -> Row {
        Row::new(pk, SK)
            .number("asked_at", self.asked_at)
            .number("heard_at", self.heard_at)
            .number("expires_at", expires_at)
            .versioned(self.version)
    }
}
