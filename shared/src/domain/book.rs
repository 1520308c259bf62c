//! A book: an aggregate with balances that are a function of its state, a journal that rebuilds them,
//! and a version. One commit writes one book or two; what moves between two goes through one transfer
//! account, and their entries sum to zero.

use super::dims::Dims;
use crate::words::money::Currency;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

/// Which book, in entries and rows: `case:k7m2q9…`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BookId {
    /// What is billed for one cause.
    Case(String),
    /// What the clinic owes one patient in one currency.
    Credit(String),
}

/// Minor units by account of the [`super::chart`]; accounts at zero are left out.
pub type Balances = BTreeMap<String, i64>;

/// What every book can tell of itself.
pub trait Book {
    /// Which one it is.
    fn id(&self) -> BookId;
    /// Of all its amounts.
    fn currency(&self) -> Currency;
    /// By which reports cut it.
    fn dims(&self) -> Dims;
    /// What its state calls for, in minor units by account. They sum to zero.
    fn balances(&self) -> Balances;
    /// How many entries its journal has, which is its version.
    fn entries(&self) -> u64;
    /// The hash of the last entry; empty before the first.
    fn head(&self) -> &str;
}

impl BookId {
    /// The case, where it is one.
    pub fn case(&self) -> Option<&str> {
        match self {
            Self::Case(id) => Some(id),
            Self::Credit(_) => None,
        }
    }

    /// The id within its kind.
    pub fn id(&self) -> &str {
        match self {
            Self::Case(id) | Self::Credit(id) => id,
        }
    }
}

impl fmt::Display for BookId {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Case(id) => write!(f, "case:{id}"),
            Self::Credit(id) => write!(f, "credit:{id}"),
        }
    }
}

impl FromStr for BookId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            Some(("case", id)) => Ok(Self::Case(id.into())),
            Some(("credit", id)) => Ok(Self::Credit(id.into())),
            _ => Err(format!("{text} names no book")),
        }
    }
}

impl Serialize for BookId {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for BookId {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}
