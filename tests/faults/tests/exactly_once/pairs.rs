//! Two faults in one run: a sample of all pairs, drawn from a seed that is printed. The second is
//! drawn from the calls that were made after the first had struck, by whichever function went on.

use crate::paths::{self, Path};
use crate::{DEEDS, Made, disturbed, fault, learn, told};
use meridian_stack::Stack;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Instant;

/// So many second faults are drawn for one first.
const SECONDS: u64 = 3;
#[test]
fn a_card_is_charged_once_whatever_two_calls_break() {
    sampled(&paths::CHARGE_UNHEARD);
}

#[test]
fn a_refund_is_paid_once_whatever_two_calls_break() {
    sampled(&paths::REFUND_UNHEARD);
}

/// The same draws for the same seed (splitmix64).
struct Draws(u64);

impl Draws {
    fn of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut drawn = self.0;
        drawn = (drawn ^ (drawn >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        drawn = (drawn ^ (drawn >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        drawn ^= drawn >> 31;
        &all[(drawn % all.len() as u64) as usize]
    }
}

/// Of so many pairs that are drawn one must be struck twice.
const ATTEMPTS: u64 = 4;

fn sampled(path: &Path) {
    let (stack, _alone) = Stack::alone();
    let (pairs, seed) = (told("MERIDIAN_PAIRS", 6), told("MERIDIAN_SEED", 1));
    println!("{}: {pairs} pairs of MERIDIAN_SEED={seed}", path.name);
    let (mut draws, began) = (Draws(seed), Instant::now());
    let firsts = firsts(&learn(stack, path));
    let (mut broken, mut drawn) = (vec![], 0);
    for _ in 0..pairs * ATTEMPTS {
        if drawn >= pairs {
            break;
        }
        let (first, shown) = draws.of(&firsts).clone();
        let ended = disturbed(stack, path, std::slice::from_ref(&first));
        let seconds = seconds(&first, &ended.made);
        broken.extend(ended.broken(&shown));
        // After the last call of all nobody goes on.
        if seconds.is_empty() {
            continue;
        }
        for _ in 0..SECONDS {
            let (second, then) = draws.of(&seconds).clone();
            let ended = disturbed(stack, path, &[first.clone(), second]);
            // Whoever goes on meets other rows each time: a pair counts when both calls were struck.
            drawn += u64::from(ended.missed.is_empty());
            broken.extend(
                ended
                    .holds
                    .err()
                    .map(|why| format!("{shown}, then {then}: {why}")),
            );
        }
    }
    let seconds = began.elapsed().as_secs();
    println!("{}: {drawn} pairs in {seconds} s", path.name);
    assert!(
        broken.is_empty(),
        "with MERIDIAN_SEED={seed}:\n{}",
        broken.join("\n")
    );
    assert!(drawn >= pairs, "only {drawn} pairs had a second call");
}

/// A fault, and how it is called.
type Named = (Value, String);

fn firsts(learned: &BTreeMap<String, Vec<Made>>) -> Vec<Named> {
    let all = learned.iter().flat_map(|(function, calls)| {
        let nths = 1..=calls.len();
        nths.map(move |nth| (function, &calls[..nth]))
    });
    let named = |(function, calls): (&String, &[Made])| {
        DEEDS.map(|deed| (fault(function, calls, deed), shown(function, calls, deed)))
    };
    all.flat_map(named).collect()
}

/// Faults at calls that came after the first one: later ones of the same function to the same
/// place, and what the one that goes on writes or asks of a vendor.
fn seconds(first: &Value, made: &BTreeMap<String, Vec<Made>>) -> Vec<Named> {
    let nth_of = |fault: &Value| fault["nth"].as_u64().unwrap_or_default();
    let mut all = vec![];
    for (function, calls) in made {
        for nth in 1..=calls.len() {
            let (calls, call) = (&calls[..nth], &calls[nth - 1]);
            for deed in DEEDS {
                let mut fault = fault(function, calls, deed);
                let same = fault["function"] == first["function"];
                if same && (fault["vendor"] != first["vendor"] || nth_of(&fault) <= nth_of(first)) {
                    continue;
                }
                // Each minute it looks for due rows, most often for none: its writes are counted.
                if !same && call.vendor.is_none() {
                    if call.shown != "TransactWriteItems" {
                        continue;
                    }
                    let writes = calls.iter().filter(|one| one.shown == call.shown);
                    fault["operation"] = json!(call.shown);
                    fault["nth"] = json!(writes.count());
                }
                all.push((fault, shown(function, calls, deed)));
            }
        }
    }
    all
}

fn shown(function: &str, calls: &[Made], deed: &str) -> String {
    let last = calls.last().map_or("", |call| &call.shown);
    format!("{deed} {function} {} {last}", calls.len())
}
