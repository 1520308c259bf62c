//! The shelf: where objects are kept and found.

use super::object::{Kind, Object, State};
use crate::world::World;
use serde_json::Value;

impl World {
    /// A new object of no amount and open, not yet on the shelf.
    pub fn blank(&mut self, vendor: &'static str, kind: Kind, account: &str, id: String) -> Object {
        Object {
            vendor,
            kind,
            id,
            account: account.to_string(),
            at: self.now,
            order: self.order(),
            state: State::Open,
            since: vec![],
            step: 0,
            due: None,
            amount: 0,
            currency: String::new(),
            refunded: 0,
            disputed: 0,
            cause: None,
            declines: None,
            customer: None,
            method: None,
            page: None,
            payment: None,
            ask: Value::Null,
            own: serde_json::json!({}),
        }
    }

    pub fn shelve(&mut self, object: Object) {
        let at = (object.vendor, object.id.clone());
        self.shelf.insert(at, object);
    }

    /// An object known to exist, whosever it is.
    pub fn object(&self, vendor: &'static str, id: &str) -> Option<&Object> {
        self.shelf.get(&(vendor, id.to_string()))
    }

    pub fn object_mut(&mut self, vendor: &'static str, id: &str) -> Option<&mut Object> {
        self.shelf.get_mut(&(vendor, id.to_string()))
    }

    /// All of a kind, newest first, whosever they are and however fresh.
    pub fn every(&self, vendor: &'static str, kind: Kind) -> Vec<&Object> {
        let fits = |object: &&Object| object.vendor == vendor && object.kind == kind;
        let mut found: Vec<_> = self.shelf.values().filter(fits).collect();
        found.sort_by_key(|object| std::cmp::Reverse(object.order));
        found
    }

    /// What a list or a search shows this account: under a `search_lag` fault not what is younger
    /// than the lag.
    pub fn shown(&self, vendor: &'static str, kind: Kind, account: &str) -> Vec<&Object> {
        let lag = self.fault_ms(vendor, "search_lag:").unwrap_or(0);
        let seen = |o: &&Object| o.account == account && o.at + lag <= self.now;
        let every = self.every(vendor, kind).into_iter();
        every.filter(seen).collect()
    }
}
