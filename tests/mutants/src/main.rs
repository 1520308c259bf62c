//! Plants small bugs in a scratch copy of the workspace, all behind switches, builds it once, and
//! runs the test suites with one bug switched on at a time: what no suite finds is a hole.
//!
//! `cargo run -p meridian-mutants -- --help` tells what can be chosen.

mod copy;
mod plan;
mod sites;
mod suites;

use plan::{Options, Planted};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use suites::{End, Suite};

fn main() {
    let options = Options::read(std::env::args().skip(1));
    let planted = match plan::plan(&options) {
        Ok(planted) => planted,
        Err(why) => fail(&why),
    };
    if options.list {
        planted.iter().for_each(|bug| println!("{bug}"));
        return;
    }
    let (copy, planted) = match copy::build(planted, &options) {
        Ok(built) => built,
        Err(why) => fail(&why),
    };
    println!("{} bugs planted in {}", planted.len(), copy.tree.display());
    let suites = copy.suites(&options);
    if suites.is_empty() {
        fail("no suite of that name was built");
    }
    let sound = suites
        .iter()
        .find(|suite| suite.run(&copy, None) != End::Passed);
    if let Some(suite) = sound {
        fail(&format!("{} fails without any bug", suite.name));
    }
    let ends = run(&copy, &suites, planted, options.workers);
    report(&ends, options.at_least);
}

fn fail(why: &str) -> ! {
    eprintln!("{why}");
    std::process::exit(2)
}

/// Which suite found a bug, if any did.
struct Ended {
    bug: Planted,
    by: Option<&'static str>,
}

fn run(copy: &copy::Copy, suites: &[Suite], planted: Vec<Planted>, workers: usize) -> Vec<Ended> {
    let waiting = Mutex::new(VecDeque::from(planted));
    let ended = Mutex::new(vec![]);
    let next = || {
        waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop_front()
    };
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                while let Some(bug) = next() {
                    let found = |suite: &&Suite| suite.run(copy, Some(&bug)) != End::Passed;
                    let by = suites.iter().find(found).map(|suite| suite.name);
                    println!(
                        "{} {bug}",
                        by.map_or("NOT FOUND".into(), |by| format!("found by {by}:"))
                    );
                    let mut ended = ended.lock().unwrap_or_else(PoisonError::into_inner);
                    ended.push(Ended { bug, by });
                }
            });
        }
    });
    ended.into_inner().unwrap_or_else(PoisonError::into_inner)
}

fn report(ends: &[Ended], at_least: usize) {
    let mut areas: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    let mut by_suite: BTreeMap<&str, usize> = BTreeMap::new();
    for end in ends {
        let (found, all) = areas.entry(&end.bug.area).or_default();
        *found += usize::from(end.by.is_some());
        *all += 1;
        if let Some(by) = end.by {
            *by_suite.entry(by).or_default() += 1;
        }
    }
    println!("\n| area | found | planted |\n|---|---|---|");
    for (area, (found, all)) in &areas {
        println!("| {area} | {found} | {all} |");
    }
    println!("\nfound first by: {by_suite:?}\n\nnot found:");
    for end in ends.iter().filter(|end| end.by.is_none()) {
        println!("- {}", end.bug);
    }
    let found = ends.iter().filter(|end| end.by.is_some()).count();
    let per_cent = found * 100 / ends.len().max(1);
    println!("\n{found} of {} found: {per_cent} %", ends.len());
    if per_cent < at_least {
        fail(&format!("at least {at_least} % must be found"));
    }
}
