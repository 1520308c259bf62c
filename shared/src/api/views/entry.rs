//! An entry of the journal as it is answered.

use super::sample;
use crate::domain::book::Book;
use crate::domain::journal::{self, Broken, Note};
use crate::words::money::Money;
use crate::words::schema::Id;
use jiff::Timestamp;
use jiff::civil::Date;
use schemars::JsonSchema;
use serde::Serialize;

/// What one commit posted, or a change outside of every case's journal.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Entry {
    /// The invoice; null for a change that is about none, and for a patient's credit.
    #[schemars(with = "Option<Id>")]
    pub case: Option<String>,
    /// The patient who was written, shown or erased; null for anything else.
    #[schemars(with = "Option<Id>")]
    pub patient: Option<String>,
    /// Whose line it is: `case:` or `credit:` and its id; null for what stands in no journal.
    pub book: Option<String>,
    /// From 1, without a gap; 0 for what stands in no journal.
    pub seq: u64,
    /// When it was written.
    pub at: Timestamp,
    /// The clinic's day of the moment when the money moved, as receipts and systems name it.
    pub day: Date,
    /// What happened, in a word: `payment_succeeded`.
    pub what: String,
    /// What brought it: `stripe evt_1`.
    pub cause: String,
    /// They sum to zero.
    pub postings: Vec<Posting>,
    /// The hash of the entry before; empty for the first.
    pub before: String,
    /// SHA-256 in hex over the canonical form of all that stands before it.
    pub hash: String,
}

/// Debits are positive, credits negative.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Posting {
    /// `receivable`, `revenue`, `gateway:stripe`.
    pub account: String,
    /// Decimal in major units, negative for a credit.
    pub amount: Money,
}

/// A page of the journal: of a case from its first entry, of a day newest first.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(example = Self { entries: vec![Entry::example()], next: None })]
pub struct Entries {
    /// At most `limit`.
    pub entries: Vec<Entry>,
    /// Where the list goes on; null at its end.
    pub next: Option<String>,
}

/// Whether a book's journal holds, and leads to the book as it is.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(example = Self::example())]
pub struct Verified {
    /// The invoice; null where it is a patient's credit.
    #[schemars(with = "Option<Id>")]
    pub case: Option<String>,
    /// `case:` or `credit:` and its id.
    pub book: String,
    /// How many entries were replayed.
    pub entries: u64,
    /// Whether no entry is missing or changed, and replaying them gives the case.
    pub holds: bool,
    /// Where it does not hold.
    pub fault: Option<String>,
    /// As replaying the entries makes them.
    pub balances: Vec<Balance>,
}

/// What stands on an account for this book.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Balance {
    /// As postings name it.
    pub account: String,
    /// Decimal in major units, negative for a credit.
    pub balance: Money,
}

/// An entry of a case's journal.
pub fn view(entry: &journal::Entry) -> Entry {
    let posting = |posting: &journal::Posting| Posting {
        account: posting.account.clone(),
        amount: Money::new(posting.minor, entry.currency),
    };
    Entry {
        case: entry.book.case().map(String::from),
        patient: None,
        book: Some(entry.book.to_string()),
        seq: entry.seq,
        at: entry.at,
        day: entry.day,
        what: entry.what.clone(),
        cause: entry.cause.clone(),
        postings: entry.postings.iter().map(posting).collect(),
        before: entry.before.clone(),
        hash: entry.hash.clone(),
    }
}

/// A change that moved no money and stands in no journal.
pub fn aside(note: &Note, day: Date) -> Entry {
    Entry {
        case: note.case.clone(),
        patient: note.patient.clone(),
        book: None,
        seq: 0,
        at: note.at,
        day,
        what: note.what.clone(),
        cause: note.cause.clone(),
        postings: vec![],
        before: String::new(),
        hash: String::new(),
    }
}

/// What the replay of these entries of a book came to.
pub fn verified<B: Book>(book: &B, entries: &[journal::Entry]) -> Verified {
    let broken = journal::verify(book, entries).err();
    let balances = book.balances().into_iter();
    Verified {
        case: book.id().case().map(String::from),
        book: book.id().to_string(),
        entries: entries.len() as u64,
        holds: broken.is_none(),
        fault: broken.map(fault),
        balances: balances
            .map(|(account, minor)| Balance {
                account,
                balance: Money::new(minor, book.currency()),
            })
            .collect(),
    }
}

/// Where a journal does not hold.
fn fault(broken: Broken) -> String {
    match broken {
        Broken::Gap { expected, found } => {
            format!("entry {expected} is missing: {found} was found")
        }
        Broken::Changed { seq } => format!("entry {seq} was changed"),
        Broken::Unchained { seq } => format!("entry {seq} does not follow the one before"),
        Broken::Unbalanced { seq } => format!("entry {seq} does not sum to zero"),
        Broken::Differs { .. } => "the book says something else than its entries".into(),
    }
}

impl Entry {
    fn example() -> Self {
        let posting = |account: &str, cents| Posting {
            account: account.into(),
            amount: sample::eur(cents),
        };
        Self {
            case: Some(sample::invoice()),
            patient: None,
            book: Some(format!("case:{}", sample::invoice())),
            seq: 3,
            at: sample::instant(),
            day: jiff::civil::date(2026, 11, 20),
            what: "payment_succeeded".into(),
            cause: "stripe evt_1".into(),
            postings: vec![
                posting("gateway:stripe", 60_00),
                posting("receivable", -60_00),
            ],
            before: "0f".repeat(32),
            hash: "5a".repeat(32),
        }
    }
}

impl Verified {
    fn example() -> Self {
        let balance = |account: &str, cents| Balance {
            account: account.into(),
            balance: sample::eur(cents),
        };
        Self {
            case: Some(sample::invoice()),
            book: format!("case:{}", sample::invoice()),
            entries: 3,
            holds: true,
            fault: None,
            balances: vec![
                balance("gateway:stripe", 60_00),
                balance("revenue", -54_55),
                balance("tax", -5_45),
            ],
        }
    }
}
