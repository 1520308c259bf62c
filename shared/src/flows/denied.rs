//! How something that was asked for ends: granted, now or before, or denied with what to do. Whoever
//! asks, a system over the API or a person at a page, is told from this.

use super::Failure;
use super::commit::Committed;
use crate::domain::actor::{Actor, Permission};
use crate::domain::case::Case;
use crate::domain::decide::Refusal;
use crate::io::queue::NotSent;
use crate::io::secrets::Unavailable;
use crate::io::store::{Row, StoreError};
use crate::records::event::EventRow;
use crate::words::money::Money;
use std::fmt::Display;

/// Why it is not done. Nothing was written, and what is said tells what to do.
#[derive(Debug)]
pub enum Denied {
    /// A field is not as it must be, by its full path: `policy.gateway`.
    Invalid { field: String, why: String },
    /// There is no such thing in this clinic.
    NotFound(&'static str),
    /// It does not fit what is there.
    Conflict(String),
    /// Who asks may not, for want of a permission.
    Lacks { permission: Permission, why: String },
    /// Who asked for it does not approve it.
    OwnRequest,
    /// Nothing came that could be refunded.
    NothingPaid {
        why: &'static str,
        refundable: Money,
    },
    /// The rules of the case say no.
    Refused(Refusal),
    /// It was not written, and the same again may be.
    Again(&'static str),
    /// Something was out of reach, or failed.
    Failed(Failure),
}

impl Denied {
    pub fn invalid(field: &str, why: impl Display) -> Self {
        let (field, why) = (field.to_owned(), why.to_string());
        Self::Invalid { field, why }
    }

    pub fn conflict(why: impl Into<String>) -> Self {
        Self::Conflict(why.into())
    }
}

impl From<Failure> for Denied {
    fn from(why: Failure) -> Self {
        Self::Failed(why)
    }
}

impl From<StoreError> for Denied {
    fn from(why: StoreError) -> Self {
        Self::Failed(why.into())
    }
}

impl From<Unavailable> for Denied {
    fn from(why: Unavailable) -> Self {
        Self::Failed(why.into())
    }
}

impl From<NotSent> for Denied {
    fn from(why: NotSent) -> Self {
        Self::Failed(why.into())
    }
}

/// What a request that happens once is granted.
#[derive(Debug)]
pub enum Granted {
    /// Now: the case as the change left it.
    Now(Box<Case>),
    /// Before, under the same row, which says how it was answered.
    Before(Box<Row>),
}

/// What a commit under a request's row comes to.
pub fn granted(committed: Committed) -> Result<Granted, Denied> {
    match committed {
        Committed::Changed(case) | Committed::Nothing(Some(case)) => Ok(Granted::Now(case)),
        Committed::Repeated(known) => Ok(Granted::Before(known)),
        Committed::Refused(why) => Err(Denied::Refused(why)),
        Committed::Unmatched | Committed::Nothing(None) => Err(Denied::NotFound("invoice")),
        Committed::Wait(why) => Err(Denied::conflict(why)),
        Committed::LookUpFirst { .. } => {
            let why = "the gateway must be asked first: repeat later";
            Err(Denied::conflict(why))
        }
        Committed::Contradiction(why) => Err(Denied::Conflict(why)),
    }
}

/// The case as a person's word left it, and whether that changed it. `word` is what was to be done:
/// `closed`.
pub fn changed(committed: Committed, word: &str) -> Result<(Case, bool), Denied> {
    match committed {
        Committed::Changed(case) => Ok((*case, true)),
        Committed::Nothing(Some(case)) => Ok((*case, false)),
        Committed::Refused(why) => Err(Denied::Refused(why)),
        Committed::Contradiction(why) => Err(Denied::Conflict(why)),
        Committed::Wait(_)
        | Committed::LookUpFirst { .. }
        | Committed::Unmatched
        | Committed::Repeated(_)
        | Committed::Nothing(None) => Err(Denied::Conflict(format!(
            "it cannot be {word} just now: repeat"
        ))),
    }
}

/// How the journal names a request that happens once.
pub fn cause(row: &EventRow, actor: &Actor) -> String {
    format!("{} {} by {actor}", row.source, row.vendor_event_id)
}
