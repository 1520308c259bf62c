//! What a clinic is and has switched on.

use super::policy::Policy;
use crate::words::money::Currency;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A clinic: who it is, how it bills, and which systems are told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(example = Self::example())]
pub struct Settings {
    /// In addresses and secrets' names: lower-case letters, digits, dashes.
    #[schemars(regex(pattern = "^[a-z0-9][a-z0-9-]{0,39}$"))]
    pub id: String,
    /// As patients know it.
    #[schemars(length(min = 1, max = 100))]
    pub name: String,
    /// As receipts show it.
    #[serde(default)]
    #[schemars(length(max = 200))]
    pub address: String,
    /// Where patients reach the clinic.
    #[serde(default)]
    #[schemars(length(max = 200))]
    pub phone: String,
    /// As receipts must show it: `ABN 00 000 000 000`.
    #[serde(default)]
    #[schemars(length(max = 200))]
    pub tax_number: String,
    /// ISO 4217, in which the clinic bills.
    pub currency: Currency,
    /// IANA name: `Australia/Melbourne`.
    #[serde(default = "utc")]
    pub time_zone: String,
    /// How it bills.
    #[serde(default)]
    pub policy: Policy,
    /// Business systems that are told, by id.
    #[serde(default)]
    #[schemars(extend("uniqueItems" = true))]
    pub systems: Vec<String>,
}

fn utc() -> String {
    "UTC".into()
}

impl Settings {
    /// A clinic as documents describe one.
    pub fn example() -> Self {
        let text = |text: &str| text.to_owned();
        Self {
            id: text("wattle"),
            name: text("Wattle Street Clinic"),
            address: text("12 Wattle Street, Fitzroy VIC 3065"),
            phone: text("+61 3 5550 0100"),
            tax_number: text("ABN 00 000 000 000"),
            currency: Currency::read("AUD").expect("a currency"),
            time_zone: text("Australia/Melbourne"),
            policy: Policy {
                approval_above: Some(200.into()),
                ..Policy::default()
            },
            systems: vec![text("mailgun"), text("slack")],
        }
    }

    /// Its time zone; UTC where the name is none, which settings cannot hold.
    pub fn zone(&self) -> jiff::tz::TimeZone {
        jiff::tz::TimeZone::get(&self.time_zone).unwrap_or(jiff::tz::TimeZone::UTC)
    }
}
