//! What a clinic decides once: how a completed session is paid, and what follows a decline.

use super::bill::TaxPoint;
use crate::words::connected;
use crate::words::schema::Decimal;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// How a clinic bills.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Policy {
    /// How a new invoice is collected when the request does not say.
    pub collect: Collect,
    /// The gateway of hosted checkouts: `stripe`, or one of several accounts there, `stripe@north`.
    pub gateway: String,
    /// The same of sites that have a gateway, or an account at one, of their own.
    #[schemars(extend("maxProperties" = 50))]
    pub gateways: BTreeMap<String, String>,
    /// Whether a checkout asks the patient to keep the method for later charges.
    pub save_method: bool,
    /// Days from a declined charge to each further try; empty for none.
    #[schemars(length(max = 10), inner(range(min = 0, max = 365)))]
    pub retry_after_days: Vec<u32>,
    /// Refunds of an invoice that come to more major units than this wait for another person with
    /// the permission `approve`.
    #[schemars(with = "Option<Decimal>")]
    pub approval_above: Option<rust_decimal::Decimal>,
    /// Whether the names of patients may be told to business systems.
    pub share_names: bool,
    /// When tax on a deposit is owed to the tax office.
    pub deposit_tax: TaxPoint,
}

/// How an invoice is collected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Collect {
    /// Charge the saved method; without one, open a checkout.
    SavedMethod,
    /// Open a checkout at the gateway.
    Checkout,
    /// Do nothing yet.
    Later,
}

impl Policy {
    /// Where what is owed for a visit at this site is paid.
    pub fn gateway_at(&self, site: Option<&str>) -> &str {
        let own = site.and_then(|site| self.gateways.get(site));
        own.unwrap_or(&self.gateway)
    }

    /// As it is for a visit at this site: what a case keeps of it names one gateway.
    pub fn at(&self, site: Option<&str>) -> Self {
        Self {
            gateway: self.gateway_at(site).into(),
            gateways: BTreeMap::new(),
            ..self.clone()
        }
    }

    /// Whether what this connection keeps is charged by itself for a visit at this site: at the gateway
    /// that was asked for, else at any, but not at another of the clinic's accounts at the site's own.
    pub fn may_charge(&self, site: Option<&str>, asked: Option<&str>, connection: &str) -> bool {
        let own = self.gateway_at(site);
        let vendor = |name| connected::read(name).map(|(vendor, _)| vendor);
        match asked {
            Some(asked) => connection == asked,
            None => connection == own || vendor(connection) != vendor(own),
        }
    }

    /// Every connection that it names.
    pub fn connections(&self) -> impl Iterator<Item = &str> {
        let all = self.gateways.values().chain([&self.gateway]);
        all.map(String::as_str).collect::<BTreeSet<_>>().into_iter()
    }
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            collect: Collect::SavedMethod,
            gateway: "stripe".into(),
            gateways: BTreeMap::new(),
            save_method: true,
            retry_after_days: vec![3, 5, 7],
            approval_above: None,
            share_names: false,
            deposit_tax: TaxPoint::Invoice,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_case_keeps_its_sites_own_gateway_and_charges_what_that_account_keeps() {
        let policy = Policy {
            gateways: [("north".into(), "stripe@north".into())].into(),
            ..Policy::default()
        };
        let kept = policy.at(Some("north"));
        assert_eq!((&*kept.gateway, kept.gateways.len()), ("stripe@north", 0));
        for (site, asked, connection, may) in [
            (Some("north"), None, "stripe@north", true),
            (Some("north"), None, "stripe", false),
            (Some("north"), None, "mollie", true),
            (Some("south"), None, "stripe", true),
            (None, None, "stripe@north", false),
            (Some("north"), Some("stripe"), "stripe", true),
            (Some("north"), Some("stripe"), "stripe@north", false),
        ] {
            let words = format!("{site:?} {asked:?} {connection}");
            assert_eq!(policy.may_charge(site, asked, connection), may, "{words}");
            // What a case keeps says the same.
            let same = policy.at(site).may_charge(None, asked, connection);
            assert_eq!(same, may, "{words}");
        }
    }
}
