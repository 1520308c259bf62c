//! Many histories: on every core, until one breaks a rule; then that one, as small as it gets.

use crate::adapters;
use crate::check::Violation;
use crate::coverage::Coverage;
use crate::plan::Plan;
use crate::world::World;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// What a run came to.
pub struct Run {
    pub histories: u64,
    pub coverage: Coverage,
    /// The lowest seed that broke a rule, if any did.
    pub broken: Option<Broken>,
}

pub struct Broken {
    pub seed: u64,
    /// After how many histories it was found.
    pub after: u64,
    pub violation: Violation,
    /// The smallest plan that breaks the same rule, in words.
    pub story: String,
}

const PANIC: &str = "nothing panics";
/// A story of more lines is cut in its middle.
const LONGEST: usize = 160;

pub fn plan(seed: u64) -> Plan {
    Plan::new(seed, adapters::ALL.len())
}

/// Lets one plan happen; the rule that it breaks, if any.
pub fn happen(plan: &Plan, coverage: &mut Coverage) -> Option<Violation> {
    let mut world = World::new(plan, false);
    let ended = catch_unwind(AssertUnwindSafe(|| world.run()));
    coverage.add(world.coverage);
    match ended {
        Ok(checked) => checked.err(),
        Err(_) => Some(Violation::new(PANIC, "the code that is tested panicked")),
    }
}

/// The history of a plan in words.
pub fn tell(plan: &Plan) -> String {
    let mut world = World::new(plan, true);
    let end = match catch_unwind(AssertUnwindSafe(|| world.run())) {
        Ok(Ok(())) => "Nothing is wrong at rest.".to_owned(),
        Ok(Err(violation)) => format!("BROKEN: {violation}"),
        Err(_) => format!("BROKEN: {PANIC}"),
    };
    let mut lines = world.story.unwrap_or_default();
    // One that goes on and on is told by how it begins and how it ends.
    if lines.len() > LONGEST {
        let left_out = lines.len() - LONGEST;
        let middle = [format!("… {left_out} lines …")];
        lines.splice(LONGEST / 2..LONGEST / 2 + left_out, middle);
    }
    lines.push(end);
    lines.join("\n")
}

/// The smallest plan that still breaks this rule: pieces are taken out one by one.
pub fn shrink(plan: Plan, rule: &str) -> Plan {
    let mut smallest = plan;
    let breaks = |plan: &Plan| {
        let broken = happen(plan, &mut Coverage::default());
        broken.is_some_and(|violation| violation.rule == rule)
    };
    while let Some(smaller) = smallest.smaller().into_iter().find(|plan| breaks(plan)) {
        smallest = smaller;
    }
    smallest
}

/// Runs so many histories, whatever breaks: for each rule and each way to break it, how often, and
/// a seed.
pub fn survey(first: u64, histories: u64) -> BTreeMap<String, (u64, u64)> {
    let mut ways: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    for seed in first..first + histories {
        if let Some(violation) = happen(&plan(seed), &mut Coverage::default()) {
            let words = violation
                .to_string()
                .replace(|c: char| c.is_ascii_digit(), "");
            ways.entry(words).or_insert((0, seed)).0 += 1;
        }
    }
    ways
}

/// Runs so many histories from this seed on, over all cores.
pub fn run(first: u64, histories: u64) -> Run {
    let cores = std::thread::available_parallelism().map_or(1, |n| n.get()) as u64;
    let (next, stop) = (AtomicU64::new(0), AtomicBool::new(false));
    let worker = || {
        let (mut coverage, mut found, mut done) = (Coverage::default(), vec![], 0);
        while !stop.load(Ordering::Relaxed) {
            let n = next.fetch_add(1, Ordering::Relaxed);
            if n >= histories {
                break;
            }
            let seed = first + n;
            if let Some(violation) = happen(&plan(seed), &mut coverage) {
                stop.store(true, Ordering::Relaxed);
                found.push((seed, violation));
            }
            done += 1;
        }
        (coverage, found, done)
    };
    let parts: Vec<_> = std::thread::scope(|scope| {
        let started: Vec<_> = (0..cores).map(|_| scope.spawn(worker)).collect();
        let joined = started.into_iter().map(|thread| thread.join());
        joined.filter_map(Result::ok).collect()
    });
    let mut run = Run {
        histories: 0,
        coverage: Coverage::default(),
        broken: None,
    };
    let mut found = vec![];
    for (coverage, broken, done) in parts {
        run.coverage.add(coverage);
        run.histories += done;
        found.extend(broken);
    }
    found.sort_by_key(|(seed, _)| *seed);
    run.broken = found.into_iter().next().map(|(seed, violation)| {
        let smallest = shrink(plan(seed), violation.rule);
        Broken {
            seed,
            after: seed - first + 1,
            story: format!("{smallest:#?}\n\n{}", tell(&smallest)),
            violation,
        }
    });
    run
}
