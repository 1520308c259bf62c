//! What the stand-in keeps: calls, faults, and where vendors were pointed.

use super::call::Call;
use super::faults::{Action, Armed};
use std::collections::{BTreeMap, VecDeque};

/// A long session keeps its newest calls.
const KEPT: usize = 50_000;

#[derive(Default)]
pub struct State {
    pub next: u64,
    pub calls: VecDeque<Call>,
    pub faults: Vec<Armed>,
    /// Vendors that were pointed away from the sandbox.
    pub hosts: BTreeMap<String, String>,
}

/// The fault that strikes a call: its place among those that are set, and what it does.
pub type Strike = Option<(usize, Action)>;

impl State {
    /// Keeps a call and counts it at every fault that it matches; the first that is due strikes.
    pub fn arrived(&mut self, mut call: Call) -> (u64, Strike) {
        let mut strike = None;
        for (place, armed) in self.faults.iter_mut().enumerate() {
            if !armed.matches(&call) {
                continue;
            }
            armed.seen += 1;
            if strike.is_none() && !armed.is_standing() && armed.is_due() {
                armed.struck += 1;
                strike = Some((place, armed.deed));
                call.fault = Some(armed.fault.action.clone());
            }
        }
        self.next += 1;
        let seq = self.next;
        if self.calls.len() == KEPT {
            self.calls.pop_front();
        }
        self.calls.push_back(Call { seq, ..call });
        (seq, strike)
    }

    pub fn call(&mut self, seq: u64) -> Option<&mut Call> {
        self.calls.iter_mut().rev().find(|call| call.seq == seq)
    }

    /// What the simulated vendors are to do wrong: always, and at the call that one fault strikes.
    pub fn of_the_vendors(&self, striking: Option<usize>) -> Vec<(String, String)> {
        let told = self.faults.iter().enumerate();
        told.filter(|(place, armed)| armed.is_standing() || striking == Some(*place))
            .filter_map(|(_, armed)| {
                Some((armed.fault.vendor.clone()?, armed.fault.action.clone()))
            })
            .collect()
    }

    pub fn take_back(&mut self, seq: u64, place: usize, deed: Action) {
        if let Some(call) = self.call(seq) {
            call.fault = None;
        }
        // the faults may have been replaced meanwhile
        if let Some(armed) = self.faults.get_mut(place).filter(|one| one.deed == deed) {
            armed.struck = armed.struck.saturating_sub(1);
        }
    }
}
