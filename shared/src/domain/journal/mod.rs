//! The journal: double entry, one entry per commit and book, each carrying the hash of the one before.
//!
//! What an entry posts is the difference between the balances that the book called for before and
//! after, so the books depend on the state alone and not on the order in which it was reached, and
//! replaying the entries rebuilds every balance. An entry without postings still records its cause.

mod balances;
mod canonical;

pub use balances::balances;

pub use super::book::Balances;
use super::book::{Book, BookId};
use super::dims::Dims;
use super::fact::Decline;
use crate::words::money::Currency;
use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

/// The canonical form of which entries bear the hash.
pub const VERSION: u32 = 1;

/// Debits are positive, credits negative, in minor units of the entry's currency.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Posting {
    /// An account of the [`super::chart`].
    pub account: String,
    /// Minor units: debits positive, credits negative.
    pub minor: i64,
}

/// One line of a book.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Of the canonical form under which it is hashed: [`VERSION`].
    pub version: u32,
    /// Whose line it is.
    pub book: BookId,
    /// From 1, without a gap.
    pub seq: u64,
    /// When it was written.
    pub at: Timestamp,
    /// The clinic's day of the moment when the money moved: that of the receipt and of every system.
    pub day: Date,
    /// What brought it: `stripe evt_1`, `api refund-7 by key k1`.
    pub cause: String,
    /// What happened, in a word of Meridian: `payment_succeeded`, `refund_requested`.
    pub what: String,
    /// The numbers of the payments and tenders that it changed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub payments: Vec<u32>,
    /// Why one of them was declined or went back, where that is new.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<Decline>,
    /// By which reports cut the books.
    #[serde(default, skip_serializing_if = "Dims::is_empty")]
    pub dims: Dims,
    /// Of all its postings.
    pub currency: Currency,
    /// They sum to zero; none where no balance changed.
    pub postings: Vec<Posting>,
    /// The hash of the entry before; empty for the first.
    pub before: String,
    /// SHA-256 in hex over the canonical form of all that stands before it.
    pub hash: String,
}

/// What changed outside of every journal: settings, a key, a person's task that was closed. Also
/// that somebody was shown a patient.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// The case that it is about, if any.
    pub case: Option<String>,
    /// Our opaque id of the patient who was written, shown or erased, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patient: Option<String>,
    /// When it was written.
    pub at: Timestamp,
    /// What happened, in a word of Meridian: `settings_changed`, `key_made`, `task_done`.
    pub what: String,
    /// What brought it, as an entry names it.
    pub cause: String,
}

/// What must be posted to come from one set of balances to another.
pub fn difference(before: &Balances, after: &Balances) -> Vec<Posting> {
    let accounts: std::collections::BTreeSet<_> = before.keys().chain(after.keys()).collect();
    let of = |balances: &Balances, account| balances.get(account).copied().unwrap_or(0);
    accounts
        .into_iter()
        .map(|account| Posting {
            account: account.clone(),
            minor: of(after, account) - of(before, account),
        })
        .filter(|posting| posting.minor != 0)
        .collect()
}

impl Entry {
    /// SHA-256 over everything else in the entry, in its canonical form; nothing where this version
    /// of the form is not known here.
    pub fn computed_hash(&self) -> Option<String> {
        (self.version == VERSION).then(|| canonical::hash(self))
    }

    /// The same entry with its hash filled in.
    pub fn sealed(mut self) -> Self {
        self.hash = canonical::hash(&self);
        self
    }
}

/// What a commit writes into a book beside what it posts.
#[derive(Clone, Debug)]
pub struct Written {
    /// When it is written.
    pub at: Timestamp,
    /// The clinic's day of the moment when the money moved.
    pub day: Date,
    /// What brought it.
    pub cause: String,
    /// What happened, in a word.
    pub what: String,
    /// The numbers of the payments and tenders that it changed.
    pub payments: Vec<u32>,
    /// Why one of them was declined or went back, where that is new.
    pub why: Option<Decline>,
}

/// The next entry of a book: it posts what brings the balances from before to after.
pub fn next<B: Book>(before: Option<&B>, after: &B, written: Written) -> Entry {
    let was = before.map(Book::balances).unwrap_or_default();
    Entry {
        version: VERSION,
        book: after.id(),
        seq: after.entries() + 1,
        at: written.at,
        day: written.day,
        cause: written.cause,
        what: written.what,
        payments: written.payments,
        why: written.why,
        dims: after.dims(),
        currency: after.currency(),
        postings: difference(&was, &after.balances()),
        before: after.head().to_owned(),
        hash: String::new(),
    }
    .sealed()
}

/// What a chain of entries shows to be wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Broken {
    /// An entry is missing.
    Gap { expected: u64, found: u64 },
    /// An entry is another than its hash says.
    Changed { seq: u64 },
    /// An entry names another one before it than the one that is there.
    Unchained { seq: u64 },
    /// Postings of an entry do not sum to zero.
    Unbalanced { seq: u64 },
    /// The entries are whole and the book says something else.
    Differs { replayed: Balances, book: Balances },
}

/// Replays a book's entries in order: the balances that they make, or the first fault.
pub fn replay(entries: &[Entry]) -> Result<Balances, Broken> {
    let (mut balances, mut before) = (Balances::new(), String::new());
    for (entry, expected) in entries.iter().zip(1..) {
        let seq = entry.seq;
        if seq != expected {
            return Err(Broken::Gap {
                expected,
                found: seq,
            });
        }
        if entry.before != before {
            return Err(Broken::Unchained { seq });
        }
        if entry.computed_hash().as_ref() != Some(&entry.hash) {
            return Err(Broken::Changed { seq });
        }
        if entry.postings.iter().map(|p| p.minor).sum::<i64>() != 0 {
            return Err(Broken::Unbalanced { seq });
        }
        for posting in &entry.postings {
            *balances.entry(posting.account.clone()).or_default() += posting.minor;
        }
        before.clone_from(&entry.hash);
    }
    balances.retain(|_, minor| *minor != 0);
    Ok(balances)
}

/// Holds a book against its journal.
pub fn verify<B: Book>(book: &B, entries: &[Entry]) -> Result<(), Broken> {
    let replayed = replay(entries)?;
    if entries.len() as u64 != book.entries() {
        return Err(Broken::Gap {
            expected: book.entries(),
            found: entries.len() as u64,
        });
    }
    if entries.last().is_some_and(|last| last.hash != book.head()) {
        return Err(Broken::Unchained {
            seq: book.entries(),
        });
    }
    let called_for = book.balances();
    if replayed == called_for {
        Ok(())
    } else {
        Err(Broken::Differs {
            replayed,
            book: called_for,
        })
    }
}
