//! A clinic's connection to a vendor as it is answered; never a value.

use crate::flows::integrations::{self, Role};
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;

/// A vendor that can be connected: what it needs, and what is configured.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(example = Self::example())]
pub struct Integration {
    /// Its id: `stripe`.
    pub vendor: String,
    /// As people read it: `Stripe`.
    pub name: String,
    /// Where the vendor describes its API.
    pub docs: String,
    /// At least one.
    pub roles: Vec<IntegrationRole>,
    /// What to enter at the vendor as the address of its webhooks.
    pub webhook_urls: Vec<String>,
    /// Which fields are configured.
    pub fields: BTreeMap<String, bool>,
    /// Which fields that webhooks are proven with are configured.
    pub inbound: BTreeMap<String, bool>,
    /// Which fields of the vendor's OAuth connection are configured.
    pub oauth: BTreeMap<String, bool>,
    /// Whether all that is needed is there.
    pub connected: bool,
}

/// What the vendor is to the clinic: money moves through it, it is told, or it reports.
#[derive(Clone, Copy, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum IntegrationRole {
    /// Money moves through it.
    Gateway,
    /// It is told what happens.
    System,
    /// It reports visits, messages or forms.
    Source,
}

/// Every vendor that can be connected.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(example = Self { integrations: vec![Integration::example()] })]
pub struct Integrations {
    /// All that Meridian knows, connected or not.
    pub integrations: Vec<Integration>,
}

/// How the connection to a vendor stands.
pub fn view(one: integrations::Integration) -> Integration {
    let role = |role: Role| match role {
        Role::Gateway => IntegrationRole::Gateway,
        Role::System => IntegrationRole::System,
        Role::Source => IntegrationRole::Source,
    };
    Integration {
        vendor: one.vendor.id.into(),
        name: one.vendor.name.into(),
        docs: one.vendor.docs.into(),
        roles: one.roles.into_iter().map(role).collect(),
        webhook_urls: one.webhook_urls,
        fields: one.fields,
        inbound: one.inbound,
        oauth: one.oauth,
        connected: one.connected,
    }
}

impl Integration {
    fn example() -> Self {
        let has = |field: &str| BTreeMap::from([(field.to_owned(), true)]);
        Self {
            vendor: "stripe".into(),
            name: "Stripe".into(),
            docs: "https://docs.stripe.com/api".into(),
            roles: vec![IntegrationRole::Gateway, IntegrationRole::Source],
            webhook_urls: vec!["https://api.example.org/webhooks/wattle/stripe".into()],
            fields: has("secret_key"),
            inbound: has("webhook_secret"),
            oauth: BTreeMap::new(),
            connected: true,
        }
    }
}
