//! The life of a refund. It reserves its amount from the moment it is requested, so that two at
//! once cannot exceed what is refundable; a failed one gives the amount back.

use crate::words::money::Money;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How a refund stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "RefundState")]
pub enum State {
    /// Asked for, and somebody else must approve it.
    AwaitingApproval,
    /// To be sent.
    Requested,
    /// Sent, or about to be.
    Executing,
    /// We asked and no answer came.
    Unknown,
    /// The money is back at the payer's.
    Succeeded,
    /// Not made, or it came back: its amount may be refunded again.
    Failed,
    /// Given up by a person before it was sent: its amount may be refunded again.
    Rejected,
}

/// What can happen to a refund.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// Somebody who may do so approved it.
    Approved,
    /// Somebody who may do so gave it up.
    Rejected,
    /// The gateway is about to be asked.
    Calling,
    /// We asked and no answer came.
    ReplyLost,
    /// The gateway took it and has not finished.
    Accepted,
    /// The gateway says that it is done.
    Succeeded,
    /// The gateway says no, or that it came back.
    Failed,
}

impl State {
    /// Every one, in the order of the printed table.
    pub const ALL: [Self; 7] = [
        Self::AwaitingApproval,
        Self::Requested,
        Self::Executing,
        Self::Unknown,
        Self::Succeeded,
        Self::Failed,
        Self::Rejected,
    ];

    /// As the API writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::AwaitingApproval => "awaiting_approval",
            Self::Requested => "requested",
            Self::Executing => "executing",
            Self::Unknown => "unknown",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Rejected => "rejected",
        }
    }

    /// Whether its amount is kept from other refunds.
    pub fn reserves(self) -> bool {
        !matches!(self, Self::Failed | Self::Rejected)
    }

    /// Whether it is over, as far as anybody knows now.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Rejected)
    }
}

impl Event {
    /// Every one, in the order of the printed table.
    pub const ALL: [Self; 7] = [
        Self::Approved,
        Self::Rejected,
        Self::Calling,
        Self::ReplyLost,
        Self::Accepted,
        Self::Succeeded,
        Self::Failed,
    ];
}

/// The next state, or `None` where the event is already known or older. Gateways report a success
/// first and a bounce later: a success of one that had failed is looked up before it comes here.
pub fn next(state: State, event: Event) -> Option<State> {
    use {Event as E, State as S};
    match (state, event) {
        (S::AwaitingApproval, E::Approved) => Some(S::Requested),
        (S::AwaitingApproval, E::Rejected) => Some(S::Rejected),
        (S::Requested, E::Calling) => Some(S::Executing),
        (S::Executing, E::ReplyLost) => Some(S::Unknown),
        (S::AwaitingApproval | S::Requested | S::Unknown, E::Accepted) => Some(S::Executing),
        (
            S::AwaitingApproval
            | S::Requested
            | S::Executing
            | S::Unknown
            | S::Failed
            | S::Rejected,
            E::Succeeded,
        ) => Some(S::Succeeded),
        (
            S::AwaitingApproval | S::Requested | S::Executing | S::Unknown | S::Succeeded,
            E::Failed,
        ) => Some(S::Failed),
        (S::AwaitingApproval, E::Calling | E::ReplyLost)
        | (S::Requested, E::Approved | E::Rejected | E::ReplyLost)
        | (S::Executing, E::Approved | E::Rejected | E::Calling | E::Accepted)
        | (S::Unknown, E::Approved | E::Rejected | E::Calling | E::ReplyLost)
        | (
            S::Succeeded,
            E::Approved | E::Rejected | E::Calling | E::ReplyLost | E::Accepted | E::Succeeded,
        )
        | (
            S::Failed | S::Rejected,
            E::Approved | E::Rejected | E::Calling | E::ReplyLost | E::Accepted | E::Failed,
        ) => None,
    }
}

/// A refund under a payment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refund {
    /// Our number within the case; `None` for one made in the gateway's dashboard, which is
    /// mirrored and never sent.
    pub n: Option<u32>,
    /// The request that this is a part of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<String>,
    /// The gateway's id, once known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// What goes back.
    pub amount: Money,
    /// How it stands.
    pub state: State,
    /// When the money went back, as the gateway says; else when we heard of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paid_at: Option<Timestamp>,
    /// The call under way, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intent: Option<super::case::Intent>,
    /// Where the money goes.
    #[serde(default, skip_serializing_if = "Way::is_back")]
    pub way: Way,
    /// It gives back a deposit, asked for before anything was invoiced: nothing of a sale.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub of_deposit: bool,
}

/// Where money goes that is given back.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "to")]
pub enum Way {
    /// To where it came from: the gateway sends it, or somebody hands it out.
    #[default]
    Back,
    /// To the patient's credit, for a later bill.
    Credit {
        /// The transfer that both books post.
        transfer: String,
    },
}

impl Way {
    /// Whether it goes to where it came from.
    pub fn is_back(&self) -> bool {
        *self == Self::Back
    }
}

impl Refund {
    /// Whether it gave back a deposit: so much less was paid towards the invoice.
    pub fn gave_deposit_back(&self) -> bool {
        self.of_deposit && self.state == State::Succeeded
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
        | |Approved|Rejected|Calling|ReplyLost|Accepted|Succeeded|Failed|
        |AwaitingApproval|Requested|Rejected|·|·|Executing|Succeeded|Failed|
        |Requested|·|·|Executing|·|Executing|Succeeded|Failed|
        |Executing|·|·|·|Unknown|·|Succeeded|Failed|
        |Unknown|·|·|·|·|Executing|Succeeded|Failed|
        |Succeeded|·|·|·|·|·|·|Failed|
        |Failed|·|·|·|·|·|Succeeded|·|
        |Rejected|·|·|·|·|·|Succeeded|·|
        ");
    }
}
