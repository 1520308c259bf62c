//! A refund as it is answered: what was asked for, and what became of each part.

use super::sample;
use crate::domain::case::{self, Case};
use crate::domain::decide::task_id;
use crate::domain::refund::{self, State};
use crate::flows::refunds::{PREVIEW, parts, together};
use crate::words::money::Money;
use crate::words::schema::{Id, PaymentId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Money that goes back because somebody asked for it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(example = Self::example())]
pub struct Refund {
    /// Ours; the parts are told apart by their payments.
    #[schemars(with = "Id")]
    pub id: String,
    /// The id of the invoice whose money goes back.
    #[schemars(with = "Id")]
    pub invoice: String,
    /// All parts together.
    pub amount: Money,
    /// Of all parts together: under way while one is, failed if one failed.
    pub state: State,
    /// One per payment that it comes from, newest payment first.
    pub parts: Vec<RefundPart>,
    /// As it was given; null in lists, and once the patient was erased.
    #[schemars(extend("x-personal" = true))]
    pub reason: Option<String>,
}

/// What goes back of one payment.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct RefundPart {
    /// The id of the payment that it comes from.
    #[schemars(with = "PaymentId")]
    pub payment: String,
    /// The gateway's id.
    pub gateway: String,
    /// The gateway's id of the refund, once it is known.
    pub gateway_ref: Option<String>,
    /// What goes back of that payment.
    pub amount: Money,
    /// How it stands.
    pub state: State,
    /// What one person found; a second one must find the same.
    pub found: Option<FoundRefund>,
}

/// What one person found of a refund.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum FoundRefund {
    /// The gateway shows nothing of it.
    NotRefunded,
}

/// A page of refunds, newest first.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(example = Self { refunds: vec![Refund::example()], next: None })]
pub struct Refunds {
    /// At most `limit`.
    pub refunds: Vec<Refund>,
    /// Where the list goes on; null at its end.
    pub next: Option<String>,
}

/// How a refund would be taken. Nothing was written.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(example = Self::example())]
pub struct RefundPreview {
    /// The id of the invoice whose money would go back.
    #[schemars(with = "Id")]
    pub invoice: String,
    /// All parts together.
    pub amount: Money,
    /// One per payment that it would come from, newest payment first.
    pub parts: Vec<RefundPart>,
    /// Whether it would wait for another person's approval.
    pub needs_approval: bool,
    /// What stays paid.
    pub stays: Money,
    /// What could still be refunded after it.
    pub refundable_after: Money,
}

/// A request for a refund, with what became of each part; `None` where the case has none of it.
pub fn view(case: &Case, request: &str) -> Option<Refund> {
    let state = together(case, request)?;
    let parts = parts(case, request);
    let total = parts.iter().map(|(_, refund)| refund.amount.minor).sum();
    Some(Refund {
        id: request.into(),
        invoice: case.id.clone(),
        amount: Money::new(total, case.currency),
        state,
        parts: parts
            .into_iter()
            .map(|(payment, refund)| part(case, payment, refund))
            .collect(),
        reason: None,
    })
}

fn part(case: &Case, payment: &case::Payment, refund: &refund::Refund) -> RefundPart {
    let found = case.findings.get(&task_id(0, refund.n));
    RefundPart {
        payment: payment.reference(&case.id),
        gateway: payment.gateway.clone(),
        gateway_ref: refund.id.clone(),
        amount: refund.amount,
        state: refund.state,
        found: found.map(|_| FoundRefund::NotRefunded),
    }
}

/// How a refund would be taken, of the case as it would be after it.
pub fn preview(after: &Case) -> Option<RefundPreview> {
    let shown = view(after, PREVIEW)?;
    let reserved = after.refunds().filter(|(_, r)| r.state.reserves());
    let going: i64 = reserved.map(|(_, r)| r.amount.minor).sum();
    Some(RefundPreview {
        invoice: shown.invoice,
        amount: shown.amount,
        parts: shown.parts,
        needs_approval: shown.state == State::AwaitingApproval,
        stays: Money::new(after.paid().minor - going, after.currency),
        refundable_after: after.refundable(),
    })
}

impl Refund {
    fn example() -> Self {
        Self {
            id: sample::REFUND.into(),
            invoice: sample::invoice(),
            amount: sample::eur(22_50),
            state: State::Succeeded,
            parts: vec![RefundPart::example()],
            reason: Some("moved away".into()),
        }
    }
}

impl RefundPart {
    fn example() -> Self {
        Self {
            payment: sample::payment(),
            gateway: "stripe".into(),
            gateway_ref: Some("re_1".into()),
            amount: sample::eur(22_50),
            state: State::Succeeded,
            found: None,
        }
    }
}

impl RefundPreview {
    fn example() -> Self {
        let part = RefundPart {
            gateway_ref: None,
            state: State::AwaitingApproval,
            ..RefundPart::example()
        };
        Self {
            invoice: sample::invoice(),
            amount: sample::eur(22_50),
            parts: vec![part],
            needs_approval: true,
            stays: sample::eur(37_50),
            refundable_after: sample::eur(37_50),
        }
    }
}
