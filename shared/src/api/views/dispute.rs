//! A dispute as it is answered.

use super::sample;
use crate::domain::case::{Case, Payment};
use crate::domain::dispute::{self, State};
use crate::words::money::Money;
use crate::words::schema::PaymentId;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A payment that its payer contests at the gateway.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(example = Self::example())]
pub struct Dispute {
    /// Within its payment.
    pub id: String,
    /// The id of the payment that it takes back.
    #[schemars(with = "PaymentId")]
    pub payment: String,
    /// The gateway's id of it.
    pub gateway_ref: String,
    /// What the payer wants back, or got.
    pub amount: Money,
    /// How it stands at the bank.
    pub state: State,
    /// By when the clinic must answer it at the gateway, where that was told; what it missed is lost.
    pub due_by: Option<Timestamp>,
}

/// A dispute over a payment of this case.
pub fn view(case: &Case, payment: &Payment, dispute: &dispute::Dispute) -> Dispute {
    Dispute {
        id: dispute.key(),
        payment: payment.reference(&case.id),
        gateway_ref: dispute.id.clone(),
        amount: dispute.amount,
        state: dispute.state,
        due_by: dispute.due_by,
    }
}

impl Dispute {
    fn example() -> Self {
        Self {
            id: "d0123456789".into(),
            payment: sample::payment(),
            gateway_ref: "dp_1".into(),
            amount: sample::eur(60_00),
            state: State::Open,
            due_by: Some(sample::instant()),
        }
    }
}
