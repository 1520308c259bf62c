//! A clinic's connection to a vendor as it is answered; never a value.

use crate::contract::FieldKind;
use crate::flows::integrations::{self, Role, Shown};
use crate::vendors;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

/// A vendor that can be connected: what it needs, and what is configured.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(example = Self::example())]
pub struct Integration {
    /// Its id: `stripe`; of a further account there `stripe@north`.
    pub vendor: String,
    /// As people read it: `Stripe`.
    pub name: String,
    /// Where the vendor describes its API.
    pub docs: String,
    /// At least one.
    pub roles: Vec<IntegrationRole>,
    /// What to enter at the vendor as the address of its webhooks.
    pub webhook_urls: Vec<String>,
    /// What the vendor is called with.
    pub fields: Vec<IntegrationField>,
    /// What its webhooks are proven with.
    pub inbound: Vec<IntegrationField>,
    /// What its access tokens are renewed with.
    pub oauth: Vec<IntegrationField>,
    /// The lists that it is asked for, where it tells nothing by itself.
    pub polls: Vec<IntegrationPoll>,
    /// Whether all that is needed is there.
    pub connected: bool,
}

/// A list of the vendor's that is asked again and again.
#[derive(Debug, Serialize, JsonSchema)]
pub struct IntegrationPoll {
    /// Its name: `appointments`.
    pub list: String,
    /// All that changed before was read; null before it was connected.
    pub read_until: Option<Timestamp>,
}

/// Something that is configured of a vendor; never its value.
#[derive(Debug, Serialize, JsonSchema)]
pub struct IntegrationField {
    /// Its name, under which it is written.
    pub name: String,
    /// As it is called at the vendor.
    pub label: String,
    /// What may stand in it.
    pub kind: IntegrationFieldKind,
    /// Whether nothing works without it.
    pub needed: bool,
    /// Of a choice or of columns: what can be chosen.
    pub choices: Vec<IntegrationChoice>,
    /// Whether it is configured.
    pub configured: bool,
}

/// What may stand in a field.
#[derive(Clone, Copy, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum IntegrationFieldKind {
    /// What only the vendor and the clinic may know.
    Secret,
    /// An id, a code, an address of ours or of the clinic's own.
    Text,
    /// A secret address of the vendor's own.
    Address,
    /// One of the choices.
    Choice,
    /// Some of the choices, in an order of one's own, separated by commas.
    Columns,
    /// A secret that is pasted as a whole, with its line ends.
    Document,
}

/// One value that can be chosen.
#[derive(Debug, Serialize, JsonSchema)]
pub struct IntegrationChoice {
    /// As it is written.
    pub value: String,
    /// As people read it.
    pub label: String,
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
        vendor: one.name.clone(),
        name: vendors::called(&one.name),
        docs: one.vendor.docs.into(),
        roles: one.roles.into_iter().map(role).collect(),
        webhook_urls: one.webhook_urls,
        fields: one.fields.into_iter().map(field).collect(),
        inbound: one.inbound.into_iter().map(field).collect(),
        oauth: one.oauth.into_iter().map(field).collect(),
        polls: one.polls.into_iter().map(poll).collect(),
        connected: one.connected,
    }
}

fn poll((list, read_until): (&'static str, Option<Timestamp>)) -> IntegrationPoll {
    IntegrationPoll {
        list: list.into(),
        read_until,
    }
}

fn field(one: Shown) -> IntegrationField {
    let (kind, choices) = match one.kind {
        FieldKind::Secret | FieldKind::SecretThat(_) => (IntegrationFieldKind::Secret, &[] as &[_]),
        FieldKind::Text | FieldKind::TextThat(_) => (IntegrationFieldKind::Text, &[] as &[_]),
        FieldKind::Columns(choices) => (IntegrationFieldKind::Columns, choices),
        FieldKind::Document(_) => (IntegrationFieldKind::Document, &[] as &[_]),
        FieldKind::Address(_) => (IntegrationFieldKind::Address, &[] as &[_]),
        FieldKind::Choice(choices) => (IntegrationFieldKind::Choice, choices),
    };
    let choice = |(value, label): &(&str, &str)| IntegrationChoice {
        value: (*value).into(),
        label: (*label).into(),
    };
    IntegrationField {
        name: one.name,
        label: one.label,
        kind,
        needed: one.needed,
        choices: choices.iter().map(choice).collect(),
        configured: one.configured,
    }
}

impl Integration {
    fn example() -> Self {
        let has = |name: &str, label: &str| {
            vec![IntegrationField {
                name: name.into(),
                label: label.into(),
                kind: IntegrationFieldKind::Secret,
                needed: true,
                choices: vec![],
                configured: true,
            }]
        };
        Self {
            vendor: "stripe".into(),
            name: "Stripe".into(),
            docs: "https://docs.stripe.com/api".into(),
            roles: vec![IntegrationRole::Gateway, IntegrationRole::Source],
            webhook_urls: vec!["https://api.example.org/webhooks/wattle/stripe".into()],
            fields: has("secret_key", "Secret key"),
            inbound: has("webhook_secret", "Signing secret of the webhook"),
            oauth: vec![],
            polls: vec![],
            connected: true,
        }
    }
}
