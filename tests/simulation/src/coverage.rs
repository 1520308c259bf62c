//! What happened in how many histories: a run that never met a kind of fault has no teeth.

use crate::plan::{CallFault, HookFault, LookFault, REFUSALS, STATUSES, TOKENS};
use crate::world::{call_fault, hook_fault, look_fault};
use meridian::domain::{dispute, payment, refund};
use std::collections::{BTreeMap, BTreeSet};

#[derive(Clone, Debug, Default)]
pub struct Coverage {
    seen: BTreeMap<String, u64>,
}

impl Coverage {
    pub fn saw(&mut self, what: impl Into<String> + AsRef<str>) {
        match self.seen.get_mut(what.as_ref()) {
            Some(times) => *times += 1,
            None => drop(self.seen.insert(what.into(), 1)),
        }
    }

    pub fn add(&mut self, other: Self) {
        for (what, times) in other.seen {
            *self.seen.entry(what).or_default() += times;
        }
    }

    /// What of this list never occurred.
    pub fn missing<'a>(&self, wanted: &'a [String]) -> Vec<&'a String> {
        let seen = |what: &&String| self.seen.contains_key(*what);
        wanted.iter().filter(|what| !seen(what)).collect()
    }

    pub fn table(&self) -> String {
        let line = |(what, times): (&String, &u64)| format!("{times:>9}  {what}\n");
        self.seen.iter().map(line).collect()
    }
}

/// Everything that a run must meet: each kind of fault, each act, each edge of the state tables.
pub fn wanted() -> Vec<String> {
    let mut all = BTreeSet::new();
    let plain = [
        CallFault::LostBefore,
        CallFault::LostAfter,
        CallFault::Garbled,
        CallFault::Misstated,
        CallFault::InFlight,
        CallFault::NoConnection,
        CallFault::DiesBefore,
        CallFault::DiesAfter,
        CallFault::Slow,
    ];
    all.extend(plain.map(call_fault));
    all.extend(REFUSALS.map(|code| call_fault(CallFault::Refused(code))));
    all.extend(TOKENS.map(|status| call_fault(CallFault::Token(status))));
    for status in STATUSES {
        for acted in [false, true] {
            all.insert(call_fault(CallFault::Status { status, acted }));
        }
        all.insert(look_fault(LookFault::Status(status)));
    }
    let looks = [
        LookFault::Lost,
        LookFault::Garbled,
        LookFault::NotFound,
        LookFault::WithoutPayment,
        LookFault::Misstated,
        LookFault::Dies,
    ];
    all.extend(looks.map(look_fault));
    let hooks = [
        HookFault::Lost,
        HookFault::Late { seconds: 0 },
        HookFault::Twice { seconds: 0 },
        HookFault::NoAmount,
    ];
    all.extend(hooks.map(hook_fault));
    all.extend(ACTS.map(|act| format!("act {act}")));
    all.insert("keys of another account".into());
    all.insert("webhook lost for ever".into());
    all.extend(edges());
    all.into_iter()
        .filter(|what| !NEVER.contains(&&**what))
        .collect()
}

const ACTS: [&str; 27] = [
    "Invoice",
    "Tender",
    "Reverse",
    "GiveBack",
    "PayOut",
    "Lower",
    "Void",
    "CallOff",
    "Restore",
    "Resolve",
    "ResolveRefund",
    "Charge",
    "Close",
    "Refund",
    "Judge",
    "Visit",
    "Store",
    "Remove",
    "Dies",
    "Stranger",
    "DashboardRefund",
    "Dispute",
    "Reversal",
    "Swap",
    "Outage",
    "Deaf",
    "TwoWorkers",
];

/// Edges of the tables that no world can take, and why.
const NEVER: [&str; 7] = [
    // It was given up by people who erred; here they find what is true.
    "refund Failed → Succeeded",
    // A call makes a payment pending before its reply can be lost.
    "payment Open → Unknown",
    // A gateway speaks of a refund of ours only after it was sent.
    "refund AwaitingApproval → Executing",
    "refund AwaitingApproval → Succeeded",
    "refund AwaitingApproval → Failed",
    "refund Rejected → Succeeded",
    "refund Requested → Succeeded",
];

/// Each change of state that the tables allow.
fn edges() -> Vec<String> {
    let mut all = vec![];
    for from in payment::State::ALL {
        let to = payment::Event::ALL
            .into_iter()
            .filter_map(|event| payment::next(from, event));
        all.extend(to.map(|to| format!("payment {from:?} → {to:?}")));
    }
    for from in refund::State::ALL {
        let to = refund::Event::ALL
            .into_iter()
            .filter_map(|event| refund::next(from, event));
        all.extend(to.map(|to| format!("refund {from:?} → {to:?}")));
    }
    use dispute::State::{Lost, Open, Won};
    for from in [None, Some(Open), Some(Won), Some(Lost)] {
        for said in [Open, Won, Lost] {
            let turned = dispute::ends_otherwise(from, said).then_some(said);
            let to = turned.or(dispute::next(from, said));
            all.extend(to.map(|to| format!("dispute {from:?} → {to:?}")));
        }
    }
    all
}
