//! A refund as it is answered: what was asked for, and what became of each part.

use super::sample;
use crate::domain::case::Case;
use crate::domain::decide::task_id;
use crate::domain::refund::{self, State};
use crate::flows::refunds::{PREVIEW, parts, together};
use crate::words::ids;
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
    /// Of all parts together: under way while one is, failed if one failed, rejected as a whole.
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
    /// The id of the payment or tender that it comes from.
    #[schemars(with = "PaymentId")]
    pub payment: String,
    /// The gateway's id; empty where none brought it.
    pub gateway: String,
    /// The gateway's id of the refund, once it is known.
    pub gateway_ref: Option<String>,
    /// What goes back of that payment.
    pub amount: Money,
    /// Where it goes.
    pub by: RefundWay,
    /// How it stands.
    pub state: State,
    /// What one person found; a second one must find the same.
    pub found: Option<FoundRefund>,
}

/// By what way money goes back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RefundWay {
    /// The gateways send it to where it came from.
    #[default]
    Gateway,
    /// Somebody hands it out, of what was taken without a gateway.
    Hand,
    /// It stays with the clinic as the patient's credit, for a later bill.
    Credit,
}

impl RefundWay {
    /// Of a refund under the payment or tender of this number.
    pub fn of(case: &Case, n: u32, refund: &refund::Refund) -> Self {
        match (refund.way.is_back(), case.payment(n)) {
            (false, _) => Self::Credit,
            (true, Some(_)) => Self::Gateway,
            (true, None) => Self::Hand,
        }
    }
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
            .map(|(n, refund)| part(case, n, refund))
            .collect(),
        reason: None,
    })
}

fn part(case: &Case, n: u32, refund: &refund::Refund) -> RefundPart {
    let found = case.findings.get(&task_id(0, refund.n));
    let payment = case.payment(n);
    RefundPart {
        payment: ids::payment_reference(&case.id, n),
        gateway: payment.map_or(String::new(), |payment| payment.gateway.clone()),
        gateway_ref: refund.id.clone(),
        amount: refund.amount,
        by: RefundWay::of(case, n, refund),
        state: refund.state,
        found: found.map(|_| FoundRefund::NotRefunded),
    }
}

/// How a refund would be taken, of the case as it would be after it.
pub fn preview(after: &Case) -> Option<RefundPreview> {
    let shown = view(after, PREVIEW)?;
    Some(RefundPreview {
        invoice: shown.invoice,
        amount: shown.amount,
        parts: shown.parts,
        needs_approval: shown.state == State::AwaitingApproval,
        stays: Money::new(after.paid().minor - after.going().minor, after.currency),
        refundable_after: after.returnable(),
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
            by: RefundWay::Gateway,
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
