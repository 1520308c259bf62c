//! The canonical form of an entry, which its hash covers: each field by name, length and text, in one
//! fixed order. It depends on no serialiser, so that anybody can check a journal with any tool.
//!
//! Version 1: the line `meridian-entry 1`, then for each field the line `{name} {bytes}` and a line
//! with its text. Fields that say nothing are left out. Instants are nanoseconds since 1970, lists
//! one field for each element.

use super::Entry;
use sha2::{Digest, Sha256};
use std::fmt::{Display, Write};

/// SHA-256 in hex over the canonical form.
pub fn hash(entry: &Entry) -> String {
    hex::encode(Sha256::digest(text(entry)))
}

fn text(entry: &Entry) -> String {
    let mut text = format!("meridian-entry {}\n", entry.version);
    let mut field = |name: &str, value: &dyn Display| {
        let value = value.to_string();
        let _ = writeln!(text, "{name} {}\n{value}", value.len());
    };
    field("book", &entry.book);
    field("seq", &entry.seq);
    field("at", &entry.at.as_nanosecond());
    field("day", &entry.day);
    field("cause", &entry.cause);
    field("what", &entry.what);
    for payment in &entry.payments {
        field("payment", payment);
    }
    if let Some(why) = entry.why {
        field("why", &why.name());
    }
    let dims = [
        ("site", &entry.dims.site),
        ("practitioner", &entry.dims.practitioner),
        ("type", &entry.dims.kind),
    ];
    for (name, value) in dims {
        if let Some(value) = value {
            field(name, value);
        }
    }
    field("currency", &entry.currency.code());
    for posting in &entry.postings {
        field("account", &posting.account);
        field("minor", &posting.minor);
    }
    field("before", &entry.before);
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::book::BookId;
    use crate::domain::dims::Dims;
    use crate::domain::journal::{Posting, VERSION};
    use crate::words::money::Currency;

    fn entry() -> Entry {
        Entry {
            version: VERSION,
            book: BookId::Case("k7m2q9".into()),
            seq: 2,
            at: "2026-11-20T09:00:00Z".parse().unwrap(),
            day: jiff::civil::date(2026, 11, 20),
            cause: "stripe evt_1".into(),
            what: "payment_succeeded".into(),
            payments: vec![1],
            why: None,
            dims: Dims {
                site: Some("north".into()),
                ..Dims::default()
            },
            currency: Currency::read("EUR").unwrap(),
            postings: vec![Posting {
                account: "gateway:stripe".into(),
                minor: 6000,
            }],
            before: "0f".into(),
            hash: String::new(),
        }
    }

    /// Printed here as anybody may rebuild it: a change of this text breaks every journal.
    #[test]
    fn the_form_of_version_one_never_changes() {
        let expected = "meridian-entry 1\nbook 11\ncase:k7m2q9\nseq 1\n2\nat 19\n1795165200000000000\n\
                        day 10\n2026-11-20\ncause 12\nstripe evt_1\nwhat 17\npayment_succeeded\n\
                        payment 1\n1\nsite 5\nnorth\ncurrency 3\nEUR\naccount 14\n\
                        gateway:stripe\nminor 4\n6000\nbefore 2\n0f\n";
        assert_eq!(text(&entry()), expected);
        assert_eq!(hash(&entry()), hex::encode(Sha256::digest(expected)));
    }

    #[test]
    fn no_two_entries_share_a_form_by_moving_text_from_field_to_field() {
        let mut other = entry();
        other.cause = "stripe evt_1\nwhat 17".into();
        assert_ne!(hash(&other), hash(&entry()));
        let mut split = entry();
        split.payments = vec![1, 2];
        let mut joined = entry();
        joined.payments = vec![12];
        assert_ne!(hash(&split), hash(&joined));
    }
}
