//! A tender as it is answered: money that no gateway brought.

use super::sample;
use crate::domain::case::Case;
use crate::domain::tender::{self, By, Recorded};
use crate::words::ids;
use crate::words::money::Money;
use crate::words::schema::PaymentId;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Money that no gateway brought.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(example = Self::example())]
pub struct Tender {
    /// Spelt as the ids of payments, with which it shares the numbers.
    #[schemars(with = "PaymentId")]
    pub id: String,
    /// How it came.
    pub how: TenderHow,
    /// What came.
    pub amount: Money,
    /// When it came.
    pub at: Timestamp,
    /// By which its paper can be found again; null once the patient was erased.
    pub note: Option<String>,
    /// When it was taken off again; null while it counts.
    pub reversed_at: Option<Timestamp>,
    /// What can be given back of it.
    pub refundable: Money,
}

/// How money came that no gateway brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TenderHow {
    /// Coins and notes.
    Cash,
    /// A card machine that Meridian does not talk to.
    Terminal,
    /// A health fund or insurer.
    Fund,
    /// A transfer to the clinic's bank account.
    Bank,
    /// Entered in the clinic's accounting first.
    Books,
    /// Taken from the patient's credit.
    Credit,
}

/// How money came that somebody records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TakenHow {
    /// Coins and notes.
    Cash,
    /// A card machine that Meridian does not talk to.
    Terminal,
    /// A health fund or insurer.
    Fund,
    /// A transfer to the clinic's bank account.
    Bank,
    /// Taken from the patient's credit.
    Credit,
}

impl TakenHow {
    /// What people recorded; `None` for credit.
    pub fn recorded(self) -> Option<Recorded> {
        Some(match self {
            Self::Cash => Recorded::Cash,
            Self::Terminal => Recorded::Terminal,
            Self::Fund => Recorded::Fund,
            Self::Bank => Recorded::Bank,
            Self::Credit => return None,
        })
    }
}

impl TenderHow {
    fn of(by: &By) -> Self {
        match by {
            By::Credit { .. } => Self::Credit,
            By::Books { .. } => Self::Books,
            By::Recorded { how, .. } => match how {
                Recorded::Cash => Self::Cash,
                Recorded::Terminal => Self::Terminal,
                Recorded::Fund => Self::Fund,
                Recorded::Bank => Self::Bank,
            },
        }
    }
}

/// A tender of this case, with what was noted of it where that is at hand: it is sealed.
pub fn view(case: &Case, tender: &tender::Tender, note: Option<String>) -> Tender {
    Tender {
        id: ids::payment_reference(&case.id, tender.n),
        how: TenderHow::of(&tender.by),
        amount: tender.amount,
        at: tender.at,
        note,
        reversed_at: tender.reversed,
        refundable: tender.refundable(),
    }
}

impl Tender {
    fn example() -> Self {
        Self {
            id: sample::payment(),
            how: TenderHow::Cash,
            amount: sample::eur(60_00),
            at: sample::instant(),
            note: Some("till 2".into()),
            reversed_at: None,
            refundable: sample::eur(60_00),
        }
    }
}
