//! Who a patient is: what is sealed of them, and erased with them.

use serde::{Deserialize, Serialize};

/// What is sealed of a patient.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Person {
    /// As on invoices and receipts; empty where nobody said.
    #[serde(default)]
    pub name: String,
    /// Where mails go.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// E.164: `+61370100142`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
}
