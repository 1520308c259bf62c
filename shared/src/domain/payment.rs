//! The life of a payment: one type of state, one type of event, one exhaustive function.
//! Refunds and disputes are objects under the payment with lives of their own.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How a payment stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "PaymentState")]
pub enum State {
    /// Planned, or waiting for the payer on the gateway's page.
    Open,
    /// Under way at the gateway.
    Pending,
    /// We asked and no answer came: it may or may not have happened.
    Unknown,
    /// The money came.
    Paid,
    /// An attempt failed; on a page that stays the payer may make another.
    Declined,
    /// The page is over, and nobody paid.
    Expired,
    /// Money that had arrived went back.
    Returned,
}

/// What can happen to a payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The gateway took it and has not finished.
    Submitted,
    /// We asked and no answer came.
    ReplyLost,
    /// The money came.
    Succeeded,
    /// An attempt failed.
    Failed,
    /// Nobody can pay on the page any more.
    Expired,
    /// A debit failed after it had cleared, an eCheck came back, a dispute was lost.
    Returned,
    /// A debit that had failed or come back is collected again, as the gateway says now.
    Resubmitted,
    /// What had gone back is there again, as the gateway says now.
    Reinstated,
}

impl State {
    /// As the API writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Pending => "pending",
            Self::Unknown => "unknown",
            Self::Paid => "paid",
            Self::Declined => "declined",
            Self::Expired => "expired",
            Self::Returned => "returned",
        }
    }

    /// Every one, in the order of the printed table.
    pub const ALL: [Self; 7] = [
        Self::Open,
        Self::Pending,
        Self::Unknown,
        Self::Paid,
        Self::Declined,
        Self::Expired,
        Self::Returned,
    ];

    /// Whether it may still bring money without a new attempt.
    pub fn is_under_way(self) -> bool {
        matches!(self, Self::Open | Self::Pending | Self::Unknown)
    }
}

impl Event {
    /// Every one, in the order of the printed table.
    pub const ALL: [Self; 8] = [
        Self::Submitted,
        Self::ReplyLost,
        Self::Succeeded,
        Self::Failed,
        Self::Expired,
        Self::Returned,
        Self::Resubmitted,
        Self::Reinstated,
    ];
}

/// The next state, or `None` where the event is already known or older than what is known.
pub fn next(state: State, event: Event) -> Option<State> {
    use {Event as E, State as S};
    match (state, event) {
        (S::Open | S::Unknown, E::Submitted) => Some(S::Pending),
        (S::Open | S::Pending, E::ReplyLost) => Some(S::Unknown),
        // Money that arrived is money, even for an attempt that we had given up.
        (S::Open | S::Pending | S::Unknown | S::Declined | S::Expired, E::Succeeded) => {
            Some(S::Paid)
        }
        (S::Open | S::Pending | S::Unknown | S::Expired, E::Failed) => Some(S::Declined),
        (S::Open | S::Pending | S::Unknown, E::Expired) => Some(S::Expired),
        // A return implies the payment that it takes back.
        (S::Open | S::Pending | S::Unknown | S::Paid | S::Declined | S::Expired, E::Returned) => {
            Some(S::Returned)
        }
        (S::Declined | S::Returned, E::Resubmitted) => Some(S::Pending),
        (S::Returned, E::Reinstated) => Some(S::Paid),
        (S::Open | S::Pending | S::Unknown | S::Paid | S::Expired, E::Resubmitted)
        | (S::Open | S::Pending | S::Unknown | S::Paid | S::Declined | S::Expired, E::Reinstated)
        | (S::Pending | S::Paid | S::Declined | S::Expired | S::Returned, E::Submitted)
        | (S::Unknown | S::Paid | S::Declined | S::Expired | S::Returned, E::ReplyLost)
        | (S::Paid | S::Returned, E::Succeeded)
        | (S::Paid | S::Declined | S::Returned, E::Failed)
        | (S::Paid | S::Declined | S::Expired | S::Returned, E::Expired)
        | (S::Returned, E::Returned) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_table_is_as_printed() {
        let mut table = format!("| |{}|\n", Event::ALL.map(|e| format!("{e:?}")).join("|"));
        for state in State::ALL {
            let row = Event::ALL
                .map(|event| next(state, event).map_or("·".into(), |to| format!("{to:?}")));
            table += &format!("|{state:?}|{}|\n", row.join("|"));
        }
        insta::assert_snapshot!(table, @r"
        | |Submitted|ReplyLost|Succeeded|Failed|Expired|Returned|Resubmitted|Reinstated|
        |Open|Pending|Unknown|Paid|Declined|Expired|Returned|·|·|
        |Pending|·|Unknown|Paid|Declined|Expired|Returned|·|·|
        |Unknown|Pending|·|Paid|Declined|Expired|Returned|·|·|
        |Paid|·|·|·|·|·|Returned|·|·|
        |Declined|·|·|Paid|·|·|Returned|Pending|·|
        |Expired|·|·|Paid|Declined|·|Returned|·|·|
        |Returned|·|·|·|·|·|·|Pending|Paid|
        ");
    }

    #[test]
    fn nothing_undoes_a_payment_but_a_return() {
        for event in Event::ALL {
            if let Some(to) = next(State::Paid, event) {
                assert_eq!((to, event), (State::Returned, Event::Returned));
            }
        }
    }
}
