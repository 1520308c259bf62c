//! Plants small bugs in a scratch copy of the workspace, all behind switches, builds it once, and
//! runs the test suites with one bug switched on at a time: what no suite finds is a hole.
//!
//! `cargo run -p meridian-mutants -- --help` tells what can be chosen.

mod copy;
mod plan;
mod results;
mod sites;
mod suites;

use plan::{Options, Planted};
use results::Results;
use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use suites::Suite;

fn main() {
    let options = Options::read(std::env::args().skip(1));
    let planted = plan::plan(&options).unwrap_or_else(|why| fail(&why));
    if options.list {
        let told = |bug: &Planted| println!("#{} {}", bug.n, bug.name());
        planted.iter().for_each(told);
        return;
    }
    let mut results = Results::open(&options).unwrap_or_else(|why| fail(&why));
    let (wanted, known) = planted.into_iter().partition(|bug| !results.knows(bug));
    let (copy, planted) = copy::build(wanted, &options).unwrap_or_else(|why| fail(&why));
    println!("{} bugs planted in {}", planted.len(), copy.tree.display());
    let suites = suites::sound(&options.suites, &options.set, &copy);
    let suites = suites.unwrap_or_else(|why| fail(&why));
    let all: Duration = suites.iter().map(|suite| suite.took).sum();
    println!(
        "all suites together: {} s without any bug",
        all.as_secs_f32().round()
    );
    look(&copy, &suites, &planted, options.workers, &mut results);
    let all = [known, planted].concat();
    let per_cent = results::report(&all, &results);
    if per_cent < options.at_least {
        fail(&format!("at least {} % must be found", options.at_least));
    }
}

fn fail(why: &str) -> ! {
    eprintln!("{why}");
    std::process::exit(2)
}

/// Looks for each bug with the suites that come by it, the cheapest first.
fn look(
    copy: &copy::Copy,
    suites: &[Suite],
    planted: &[Planted],
    workers: usize,
    results: &mut Results,
) {
    let waiting = Mutex::new(VecDeque::from_iter(planted));
    let results = Mutex::new(results);
    let next = || {
        let mut waiting = waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.pop_front()
    };
    let work = || {
        while let Some(bug) = next() {
            let costs = suites
                .iter()
                .filter_map(|suite| Some((suite.cost(bug)?, suite)));
            let mut costs: Vec<_> = costs.collect();
            costs.sort_by_key(|(cost, _)| *cost);
            let by = costs.iter().find_map(|(_, suite)| suite.finds(copy, bug));
            let told = match &by {
                Some(by) => format!("found by {by}"),
                None if costs.is_empty() => "NOT FOUND, no test comes by".into(),
                None => "NOT FOUND".into(),
            };
            println!("{told} | {bug}");
            let mut results = results.lock().unwrap_or_else(PoisonError::into_inner);
            results.add(bug, by);
        }
    };
    std::thread::scope(|scope| (0..workers).for_each(|_| _ = scope.spawn(work)));
}
