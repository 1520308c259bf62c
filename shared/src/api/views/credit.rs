//! A patient's credit as it is answered.

use super::sample;
use crate::domain::credit;
use crate::words::money::{Currency, Money};
use crate::words::schema::Id;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

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

/// Money that was moved between an invoice and the credit.
#[derive(Debug, Serialize, JsonSchema)]
pub struct CreditMove {
    /// The invoice's id.
    #[schemars(with = "Id")]
    pub invoice: String,
    /// What came in; below zero what was used.
    pub amount: Money,
    /// When it was moved.
    pub at: Timestamp,
}

/// The credit of a patient; empty where nothing was ever given.
pub fn view(patient: &str, currency: Currency, credit: Option<&credit::Credit>) -> Credit {
    let moves = credit.into_iter().flat_map(|credit| &credit.moves);
    Credit {
        patient: patient.into(),
        available: credit.map_or(Money::zero(currency), credit::Credit::available),
        moves: moves
            .map(|moved| CreditMove {
                invoice: moved.case.clone(),
                amount: moved.amount,
                at: moved.at,
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
                invoice: sample::invoice(),
                amount: sample::eur(22_50),
                at: sample::instant(),
            }],
        }
    }
}
