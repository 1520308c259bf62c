//! The journal: double entry, one entry per commit, each carrying the hash of the one before.
//!
//! What an entry posts is the difference between the balances that the case called for before and
//! after, so the books depend on the state alone and not on the order in which it was reached, and
//! replaying the entries rebuilds every balance. An entry without postings still records its cause.

use super::case::Case;
use super::fact::Decline;
use super::payment::State;
use crate::words::money::Currency;
use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// What is owed by the patient of the case; negative is credit.
pub const RECEIVABLE: &str = "receivable";
/// What was sold, without tax; credits are negative.
pub const REVENUE: &str = "revenue";
/// What is owed to the tax office of what was sold.
pub const TAX: &str = "tax";
/// What was paid back to patients of the sale, without tax.
pub const REFUNDS: &str = "refunds";
/// Held back by banks while a dispute is open.
pub const DISPUTED: &str = "disputed";

/// The account of money that lies at a gateway.
pub fn gateway_account(gateway: &str) -> String {
    format!("gateway:{gateway}")
}

/// Debits are positive, credits negative, in minor units of the entry's currency.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Posting {
    /// One of this module's accounts, or a gateway's.
    pub account: String,
    /// Minor units: debits positive, credits negative.
    pub minor: i64,
}

/// One line of a case's books.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The case's id.
    pub case: String,
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
    /// The numbers of the payments that it changed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub payments: Vec<u32>,
    /// Why one of them was declined or went back, where that is new.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<Decline>,
    /// Of all its postings.
    pub currency: Currency,
    /// They sum to zero; none where no balance changed.
    pub postings: Vec<Posting>,
    /// The hash of the entry before; empty for the first.
    pub before: String,
    /// SHA-256 in hex over all that stands before it.
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

/// Minor units by account; accounts at zero are left out.
pub type Balances = BTreeMap<String, i64>;

/// The balances that a case in this state calls for. They sum to zero.
///
/// What goes back of the sale takes its share of net and tax with it; what goes back of a surplus
/// was only owed to the patient.
pub fn balances(case: &Case) -> Balances {
    let mut balances = Balances::new();
    let mut post = |debit: &str, credit: &str, minor: i64| {
        *balances.entry(debit.into()).or_default() += minor;
        *balances.entry(credit.into()).or_default() -= minor;
    };
    if !case.invoice.void {
        post(RECEIVABLE, REVENUE, case.invoice.net.minor);
        post(RECEIVABLE, TAX, case.invoice.tax.minor);
    }
    for payment in &case.payments {
        let at_gateway = gateway_account(&payment.gateway);
        if payment.arrived() {
            post(&at_gateway, RECEIVABLE, payment.amount.minor);
            post(RECEIVABLE, &at_gateway, payment.returned().minor);
            post(DISPUTED, &at_gateway, payment.disputed().minor);
        } else {
            debug_assert!(payment.state != State::Paid);
        }
        post(RECEIVABLE, &at_gateway, payment.refunded().minor);
    }
    let sale = case.sale_refunded();
    // An invoice's lines were summed when it was made: what they come to is known to fit.
    let tax = case.invoice.tax_within(sale).unwrap_or(case.invoice.tax);
    post(TAX, RECEIVABLE, tax.minor);
    post(REFUNDS, RECEIVABLE, sale.minor - tax.minor);
    balances.retain(|_, minor| *minor != 0);
    balances
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
    /// SHA-256 over everything else in the entry.
    pub fn computed_hash(&self) -> String {
        let bare = Self {
            hash: String::new(),
            ..self.clone()
        };
        let bytes = serde_json::to_vec(&bare).expect("an entry is plain data");
        hex::encode(Sha256::digest(bytes))
    }

    /// The same entry with its hash filled in.
    pub fn sealed(mut self) -> Self {
        self.hash = self.computed_hash();
        self
    }
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
    /// The entries are whole and the case says something else.
    Differs { replayed: Balances, case: Balances },
}

/// Replays a case's entries in order: the balances that they make, or the first fault.
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
        if entry.hash != entry.computed_hash() {
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

/// Holds a case against its journal.
pub fn verify(case: &Case, entries: &[Entry]) -> Result<(), Broken> {
    let replayed = replay(entries)?;
    if entries.len() as u64 != case.entries {
        return Err(Broken::Gap {
            expected: case.entries,
            found: entries.len() as u64,
        });
    }
    if entries.last().is_some_and(|last| last.hash != case.head) {
        return Err(Broken::Unchained { seq: case.entries });
    }
    let called_for = balances(case);
    if replayed == called_for {
        Ok(())
    } else {
        Err(Broken::Differs {
            replayed,
            case: called_for,
        })
    }
}
