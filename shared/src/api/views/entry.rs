//! An entry of the journal as it is answered.

use crate::domain::journal::{self, Broken, Entry, Note};
use crate::words::money::Money;
use jiff::civil::Date;
use serde_json::{Value, json};

/// Where a journal does not hold.
pub fn fault(broken: Broken) -> String {
    match broken {
        Broken::Gap { expected, found } => {
            format!("entry {expected} is missing: {found} was found")
        }
        Broken::Changed { seq } => format!("entry {seq} was changed"),
        Broken::Unchained { seq } => format!("entry {seq} does not follow the one before"),
        Broken::Unbalanced { seq } => format!("entry {seq} does not sum to zero"),
        Broken::Differs { .. } => "the case says something else than its entries".into(),
    }
}

/// A change that moved no money and stands in no journal.
pub fn aside(note: &Note, day: Date) -> Value {
    json!({
        "case": note.case,
        "seq": 0,
        "at": note.at,
        "day": day,
        "what": note.what,
        "cause": note.cause,
        "postings": [],
        "before": "",
        "hash": "",
    })
}

pub fn view(entry: &Entry) -> Value {
    let posting = |posting: &journal::Posting| {
        let amount = Money::new(posting.minor, entry.currency);
        json!({ "account": posting.account, "amount": amount })
    };
    json!({
        "case": entry.case,
        "seq": entry.seq,
        "at": entry.at,
        "day": entry.day,
        "what": entry.what,
        "cause": entry.cause,
        "postings": entry.postings.iter().map(posting).collect::<Vec<_>>(),
        "before": entry.before,
        "hash": entry.hash,
    })
}
