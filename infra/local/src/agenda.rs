//! When each schedule fired last, and expired rows were removed.

use std::collections::BTreeMap;

pub struct Agenda {
    started: i64,
    pub swept: i64,
    pub fired: BTreeMap<String, i64>,
}

impl Agenda {
    pub fn starting(now: i64) -> Agenda {
        Agenda {
            started: now,
            swept: now,
            fired: BTreeMap::new(),
        }
    }

    pub fn last(&self, name: &str) -> i64 {
        self.fired.get(name).copied().unwrap_or(self.started)
    }
}
