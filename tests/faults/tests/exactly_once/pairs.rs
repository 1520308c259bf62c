//! Two faults in one run: a sample of all pairs, drawn from a seed that is printed. The second is
//! drawn from the calls that were made after the first had struck, by whichever function went on.

use crate::paths::{self, Path};
use crate::{DEEDS, Made, disturbed, fault, learn, made};
use meridian_stack::Stack;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Instant;

/// So many second faults are drawn for one first.
const SECONDS: u64 = 3;
/// Who goes on where a function was killed or cut off.
const GOES_ON: &str = "outcome-resolution";

#[test]
fn a_card_is_charged_once_whatever_two_calls_break() {
    sampled(&paths::CHARGE_UNHEARD);
}

#[test]
fn a_refund_is_paid_once_whatever_two_calls_break() {
    sampled(&paths::REFUND_UNHEARD);
}

/// A number from the environment.
fn told(name: &str, default: u64) -> u64 {
    let text = std::env::var(name).ok();
    text.map_or(default, |text| text.parse().expect(name))
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

fn sampled(path: &Path) {
    let (stack, _alone) = Stack::alone();
    let (pairs, seed) = (told("MERIDIAN_PAIRS", 6), told("MERIDIAN_SEED", 1));
    println!("{}: {pairs} pairs of MERIDIAN_SEED={seed}", path.name);
    let (mut draws, began) = (Draws(seed), Instant::now());
    let firsts = firsts(&learn(stack, path));
    let mut broken = vec![];
    for _ in 0..pairs.div_ceil(SECONDS) {
        let (first, shown) = draws.of(&firsts).clone();
        let ended = disturbed(stack, path, std::slice::from_ref(&first));
        broken.extend(ended.broken(&shown));
        let all: Vec<_> = path.functions.iter().copied().chain([GOES_ON]).collect();
        let seconds = seconds(&first, &made(stack, &all));
        for _ in 0..SECONDS {
            let (second, then) = draws.of(&seconds).clone();
            let ended = disturbed(stack, path, &[first.clone(), second]);
            broken.extend(ended.broken(&format!("{shown}, then {then}")));
        }
    }
    println!("{}: in {} s", path.name, began.elapsed().as_secs());
    assert!(
        broken.is_empty(),
        "with MERIDIAN_SEED={seed}:\n{}",
        broken.join("\n")
    );
}

/// A fault, and how it is called.
type Named = (Value, String);

fn firsts(learned: &BTreeMap<String, Vec<Made>>) -> Vec<Named> {
    let mut all = vec![];
    for (function, calls) in learned {
        for nth in 1..=calls.len() {
            for deed in DEEDS {
                let shown = format!("{deed} {function} {nth} {}", calls[nth - 1].shown);
                all.push((fault(function, &calls[..nth], deed), shown));
            }
        }
    }
    all
}

/// Faults at calls that came after the first one: later ones of the same function to the same
/// place, and all that reads or writes rows or calls a vendor by the one that goes on.
fn seconds(first: &Value, made: &BTreeMap<String, Vec<Made>>) -> Vec<Named> {
    let nth_of = |fault: &Value| fault["nth"].as_u64().unwrap_or_default();
    let mut all = firsts(made);
    all.retain(
        |(fault, shown)| match fault["function"] == first["function"] {
            true => fault["vendor"] == first["vendor"] && nth_of(fault) > nth_of(first),
            // It looks for due rows each minute, most often for none.
            false => !shown.ends_with(" Query"),
        },
    );
    let found = json!({ "function": first["function"], "nth": nth_of(first) });
    assert!(!all.is_empty(), "nobody went on after {found}");
    all
}
