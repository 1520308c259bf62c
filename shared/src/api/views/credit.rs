//! A patient's credit as it is answered.

use super::sample;
use crate::domain::credit::{self, With};
use crate::domain::tender::Recorded;
use crate::words::money::{Currency, Money};
use crate::words::schema::Id;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What the clinic owes a patient, who may use it for a later bill.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(example = Self::example())]
pub struct Credit {
    /// The patient's id.
    #[schemars(with = "Id")]
    pub patient: String,
    /// What may be used.
    pub available: Money,
    /// How it came to that, the oldest first.
    pub moves: Vec<CreditMove>,
}

/// Money that came into the credit or went out of it.
#[derive(Debug, Serialize, JsonSchema)]
pub struct CreditMove {
    /// The id of the invoice that it came from or was used for; null where it was handed out.
    #[schemars(with = "Option<Id>")]
    pub invoice: Option<String>,
    /// In what form it was handed out; null with an invoice.
    pub paid_out: Option<PayoutHow>,
    /// What came in; below zero what was used or handed out.
    pub amount: Money,
    /// When it was moved.
    pub at: Timestamp,
}

/// In what form a credit is handed out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PayoutHow {
    /// Coins and notes.
    Cash,
    /// Back to a card, at a machine that Meridian does not talk to.
    Terminal,
    /// A transfer from the clinic's bank account.
    Bank,
}

impl PayoutHow {
    /// As the books know it.
    pub fn recorded(self) -> Recorded {
        match self {
            Self::Cash => Recorded::Cash,
            Self::Terminal => Recorded::Terminal,
            Self::Bank => Recorded::Bank,
        }
    }

    /// No fund is paid what a patient is owed.
    fn of(how: Recorded) -> Option<Self> {
        match how {
            Recorded::Cash => Some(Self::Cash),
            Recorded::Terminal => Some(Self::Terminal),
            Recorded::Bank => Some(Self::Bank),
            Recorded::Fund => None,
        }
    }
}

/// The credit of a patient; empty where nothing was ever given.
pub fn view(patient: &str, currency: Currency, credit: Option<&credit::Credit>) -> Credit {
    let moves = credit.into_iter().flat_map(|credit| &credit.moves);
    Credit {
        patient: patient.into(),
        available: credit.map_or(Money::zero(currency), credit::Credit::available),
        moves: moves
            .map(|moved| {
                let (invoice, paid_out) = match &moved.with {
                    With::Case(case) => (Some(case.clone()), None),
                    With::Hand(how) => (None, PayoutHow::of(*how)),
                };
                CreditMove {
                    invoice,
                    paid_out,
                    amount: moved.amount,
                    at: moved.at,
                }
            })
            .collect(),
    }
}

impl Credit {
    fn example() -> Self {
        Self {
            patient: sample::patient(),
            available: sample::eur(22_50),
            moves: vec![CreditMove {
                invoice: Some(sample::invoice()),
                paid_out: None,
                amount: sample::eur(22_50),
                at: sample::instant(),
            }],
        }
    }
}
