//! Money that came otherwise than through a gateway's call: what people took and recorded, and what
//! was moved from the patient's credit. Tenders and payments of a case share one row of numbers.

use super::refund::{Refund, State};
use crate::words::money::Money;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Money on a case that no gateway brought.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tender {
    /// Its number within the case: payments have the others.
    pub n: u32,
    /// What came.
    pub amount: Money,
    /// How it came.
    pub by: By,
    /// When it came, as whoever recorded it says.
    pub at: Timestamp,
    /// When it was taken back: it was recorded in error, or its cheque bounced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reversed: Option<Timestamp>,
    /// What was given back of it, by our numbers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refunds: Vec<Refund>,
}

/// How money came that no gateway brought.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "by")]
pub enum By {
    /// Somebody took it and says so.
    Recorded {
        /// In what form.
        how: Recorded,
        /// What the paper says by which it can be found again, sealed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        note: Option<String>,
    },
    /// Somebody entered it in the clinic's books, which told us.
    Books {
        /// The books' connection here.
        connection: String,
        /// Their id of the payment.
        id: String,
    },
    /// It was the patient's credit.
    Credit {
        /// The transfer that both books post.
        transfer: String,
    },
}

/// In what form money was taken.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "TenderKind")]
pub enum Recorded {
    /// Coins and notes.
    Cash,
    /// A card machine that Meridian does not talk to.
    Terminal,
    /// A health fund or insurer.
    Fund,
    /// A transfer to the clinic's bank account.
    Bank,
}

impl Recorded {
    /// Every one.
    pub const ALL: [Self; 4] = [Self::Cash, Self::Terminal, Self::Fund, Self::Bank];

    /// As the API writes it, which is its account in the books too.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cash => "cash",
            Self::Terminal => "terminal",
            Self::Fund => "fund",
            Self::Bank => "bank",
        }
    }

    /// As people read it on a receipt.
    pub fn words(self) -> &'static str {
        match self {
            Self::Cash => "Cash",
            Self::Terminal => "Card machine",
            Self::Fund => "Health fund",
            Self::Bank => "Bank transfer",
        }
    }
}

impl Tender {
    /// What of it came and was not taken back, refunds not taken off.
    pub fn stays(&self) -> Money {
        match self.reversed {
            Some(_) => Money::zero(self.amount.currency),
            None => self.amount,
        }
    }

    /// What was given back of it.
    pub fn refunded(&self) -> Money {
        let done = self.refunds.iter().filter(|r| r.state == State::Succeeded);
        Money::new(done.map(|r| r.amount.minor).sum(), self.amount.currency)
    }

    /// What may still be given back of it.
    pub fn refundable(&self) -> Money {
        let left = self.stays().minor - self.refunded().minor;
        Money::new(left.max(0), self.amount.currency)
    }

    /// Whether it is what the books of this connection hold under this id.
    pub fn is_booked(&self, connection: &str, id: &str) -> bool {
        let By::Books {
            connection: at,
            id: of,
        } = &self.by
        else {
            return false;
        };
        (at.as_str(), of.as_str()) == (connection, id)
    }

    /// Whether people took it: what they took they can hand out again.
    pub fn is_recorded(&self) -> bool {
        matches!(self.by, By::Recorded { .. } | By::Books { .. })
    }

    /// The account of the books on which it came.
    pub fn account(&self) -> String {
        match &self.by {
            By::Recorded { how, .. } => how.name().into(),
            By::Books { .. } => super::chart::BOOKS.into(),
            By::Credit { transfer } => super::chart::transfer(transfer),
        }
    }

    /// As people read it on a receipt.
    pub fn words(&self) -> &'static str {
        match &self.by {
            By::Recorded { how, .. } => how.words(),
            By::Books { .. } => "Recorded payment",
            By::Credit { .. } => "Credit",
        }
    }
}
