//! Who asks for a change, and by what way they came: what the journal and the audit name, and by
//! what two persons are told apart where one alone may not do it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// What a key of a clinic may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Permission {
    /// Read everything.
    View,
    /// Make invoices and collect what they ask for.
    Charge,
    /// Ask for refunds.
    Refund,
    /// Approve a refund that somebody else asked for.
    Approve,
    /// Change settings, connections and keys.
    Configure,
}

impl Permission {
    /// Every one, in the order in which documents list them.
    pub const ALL: [Self; 5] = [
        Self::View,
        Self::Charge,
        Self::Refund,
        Self::Approve,
        Self::Configure,
    ];

    /// As the API writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::View => "view",
            Self::Charge => "charge",
            Self::Refund => "refund",
            Self::Approve => "approve",
            Self::Configure => "configure",
        }
    }
}

/// Who asks, and how they came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    /// By what key they called.
    pub who: Who,
    /// The way by which they came: `api /v1/keys`.
    pub via: String,
}

/// Whom a key stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Who {
    /// A person or system of the clinic, by a key of theirs.
    Key {
        /// Tells keys apart and opens nothing.
        hash: String,
        /// The person or system that the key stands for.
        label: String,
        permissions: Vec<Permission>,
    },
    /// The holder of the deployment's root key.
    Root,
    /// A vendor by itself, through the clinic's connection of this name.
    Vendor(String),
}

impl Actor {
    /// What two persons differ in: `requested_by` and `Finding.by` record it.
    pub fn id(&self) -> &str {
        match &self.who {
            Who::Key { hash, .. } => hash,
            Who::Root => "root",
            Who::Vendor(connection) => connection,
        }
    }

    /// As much of the id as people need to find the key again.
    pub fn short(&self) -> &str {
        self.id().get(..8).unwrap_or(self.id())
    }

    /// As the audit names who changed something, and how they came.
    pub fn cause(&self) -> String {
        format!("{} by {self}", self.via)
    }

    /// Whether their key allows it; the root key is for keys and clinics and allows none of these, and
    /// no vendor has a key of ours.
    pub fn may(&self, permission: Permission) -> bool {
        match &self.who {
            Who::Key { permissions, .. } => permissions.contains(&permission),
            Who::Root | Who::Vendor(_) => false,
        }
    }
}

/// `key 1a2b3c4d`
impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match &self.who {
            Who::Key { .. } => write!(f, "key {}", self.short()),
            Who::Root => f.write_str("the root key"),
            Who::Vendor(connection) => f.write_str(connection),
        }
    }
}
