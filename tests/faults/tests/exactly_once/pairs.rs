//! Two faults in one run: a sample of all pairs, drawn from a seed that is printed.

use crate::paths::{self, Path};
use crate::{DEEDS, Made, all_hold, fault, learn};
use meridian_stack::Stack;
use serde_json::Value;

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
    fn below(&mut self, most: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut drawn = self.0;
        drawn = (drawn ^ (drawn >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        drawn = (drawn ^ (drawn >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((drawn ^ (drawn >> 31)) % most as u64) as usize
    }
}

fn sampled(path: &Path) {
    let (stack, _alone) = Stack::alone();
    let (pairs, seed) = (told("MERIDIAN_PAIRS", 8), told("MERIDIAN_SEED", 1));
    println!("{}: {pairs} pairs of MERIDIAN_SEED={seed}", path.name);
    let calls: Vec<_> = learn(stack, path).into_iter().collect();
    let mut draws = Draws(seed);
    let drawn = (0..pairs).map(|_| {
        let (first, one) = of_one_function(&mut draws, &calls);
        let (then, two) = of_whoever_goes_on(&mut draws, &calls);
        (format!("{one}; {two}"), vec![first, then])
    });
    let planned: Vec<_> = drawn.collect();
    all_hold(stack, path, planned);
}

fn of_one_function(draws: &mut Draws, calls: &[(String, Vec<Made>)]) -> (Value, String) {
    let (function, calls) = &calls[draws.below(calls.len())];
    let (nth, deed) = (
        1 + draws.below(calls.len()),
        DEEDS[draws.below(DEEDS.len())],
    );
    let shown = format!("{deed} {function} {nth} {}", calls[nth - 1].shown);
    (fault(Some(function), &calls[..nth], deed), shown)
}

/// The second one strikes whoever makes that call: after the first, another function may go on.
fn of_whoever_goes_on(draws: &mut Draws, calls: &[(String, Vec<Made>)]) -> (Value, String) {
    let (function, calls) = &calls[draws.below(calls.len())];
    let (nth, deed) = (
        1 + draws.below(calls.len()),
        DEEDS[draws.below(DEEDS.len())],
    );
    let shown = format!(
        "{deed} any {nth} like {function}'s {}",
        calls[nth - 1].shown
    );
    (fault(None, &calls[..nth], deed), shown)
}
