//! What a clinic is and has switched on.

use super::policy::Policy;
use crate::words::money::Currency;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// In addresses and secrets' names: lower-case letters, digits, dashes.
    pub id: String,
    /// As patients know it.
    pub name: String,
    #[serde(default)]
    pub address: String,
    #[serde(default)]
    pub phone: String,
    /// As receipts must show it: `ABN 00 000 000 000`.
    #[serde(default)]
    pub tax_number: String,
    pub currency: Currency,
    /// IANA name: `Australia/Melbourne`.
    #[serde(default = "utc")]
    pub time_zone: String,
    #[serde(default)]
    pub policy: Policy,
    /// Business systems that are told, by id.
    #[serde(default)]
    pub systems: Vec<String>,
}

fn utc() -> String {
    "UTC".into()
}

impl Settings {
    pub fn zone(&self) -> jiff::tz::TimeZone {
        jiff::tz::TimeZone::get(&self.time_zone).unwrap_or(jiff::tz::TimeZone::UTC)
    }
}
