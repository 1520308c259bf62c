//! A payment as it is answered.

use super::sample;
use crate::domain::case::{self, Case};
use crate::domain::decide::task_id;
use crate::domain::fact::Decline;
use crate::domain::payment::State;
use crate::words::money::Money;
use crate::words::schema::{Id, PaymentId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One attempt to collect money.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(example = Self::example())]
pub struct Payment {
    /// `{invoice}-p1`: ours, which the gateway hands back.
    #[schemars(with = "PaymentId")]
    pub id: String,
    /// The id of the invoice that it pays.
    #[schemars(with = "Id")]
    pub invoice: String,
    /// The gateway's id.
    pub gateway: String,
    /// The gateway's id of it, once it is known.
    pub gateway_ref: Option<String>,
    /// What it asks for.
    pub amount: Money,
    /// How it stands.
    pub state: State,
    /// What it was or is paid with, as people tell it apart: `Visa ending 4242`.
    pub method: Option<String>,
    /// Why it was declined or went back.
    pub decline: Option<Decline>,
    /// What went back of it because somebody asked for it.
    pub refunded: Money,
    /// What can still be refunded of it.
    pub refundable: Money,
    /// The gateway's page, while it can be paid on; null where the payer's browser posts a form there.
    /// Patients are sent to ours, which leads on.
    pub checkout_url: Option<String>,
    /// What one person found; a second one must find the same.
    pub found: Option<FoundPayment>,
}

/// What one person found of a payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum FoundPayment {
    /// The gateway shows nothing of it.
    NotPaid,
}

/// A payment of this case.
pub fn view(case: &Case, payment: &case::Payment) -> Payment {
    let kept = payment.method.as_ref().map(|method| &method.label);
    let found = case.findings.get(&task_id(payment.n, None));
    Payment {
        id: payment.reference(&case.id),
        invoice: case.id.clone(),
        gateway: payment.gateway.clone(),
        gateway_ref: payment.capture.clone(),
        amount: payment.amount,
        state: payment.state,
        method: payment.paid_with.as_ref().or(kept).cloned(),
        decline: payment.decline,
        refunded: payment.refunded(),
        refundable: payment.refundable(),
        checkout_url: payment
            .open_page()
            .and_then(|open| open.opens_by.redirect())
            .map(String::from),
        found: found.map(|_| FoundPayment::NotPaid),
    }
}

impl Payment {
    /// Sixty euros by card, of which 22.50 went back.
    pub fn example() -> Self {
        Self {
            id: sample::payment(),
            invoice: sample::invoice(),
            gateway: "stripe".into(),
            gateway_ref: Some("pi_1".into()),
            amount: sample::eur(60_00),
            state: State::Paid,
            method: Some("Visa ending 4242".into()),
            decline: None,
            refunded: sample::eur(22_50),
            refundable: sample::eur(37_50),
            checkout_url: None,
            found: None,
        }
    }
}
