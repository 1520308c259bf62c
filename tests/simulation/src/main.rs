//! `simulate --histories 10000000 --seed 1`: as many histories as one wants.
//! `simulate --seed 7`: one history in words; with `--shrink` the smallest that breaks the same rule.
//! `simulate --histories 2000 --survey`: every way in which rules are broken, and how often.

use meridian_simulation::coverage::{Coverage, wanted};
use meridian_simulation::runs;
use std::process::ExitCode;
use std::time::Instant;

fn main() -> ExitCode {
    let args: Vec<_> = std::env::args().skip(1).collect();
    let value = |name: &str| {
        let at = args.iter().position(|arg| arg == name)?;
        args.get(at + 1)?.parse::<u64>().ok()
    };
    let has = |name: &str| args.iter().any(|arg| arg == name);
    match (value("--histories"), value("--seed")) {
        (None, Some(seed)) if has("--shrink") => {
            let plan = runs::plan(seed);
            let broken = runs::happen(&plan, &mut Coverage::default());
            let rule = broken.map_or("", |violation| violation.rule);
            println!("{}", runs::tell(&runs::shrink(plan, rule)));
            ExitCode::SUCCESS
        }
        (None, Some(seed)) => {
            println!("{}", runs::tell(&runs::plan(seed)));
            ExitCode::SUCCESS
        }
        (Some(histories), seed) if has("--survey") => {
            for (way, (times, seed)) in runs::survey(seed.unwrap_or(1), histories) {
                println!("{times:>6} times, as with seed {seed}: {way}");
            }
            ExitCode::SUCCESS
        }
        (Some(histories), seed) => many(seed.unwrap_or(1), histories, &args),
        (None, None) => {
            eprintln!("simulate --seed N, or simulate --histories N [--seed N] [--coverage]");
            ExitCode::FAILURE
        }
    }
}

fn many(seed: u64, histories: u64, args: &[String]) -> ExitCode {
    let started = Instant::now();
    let run = runs::run(seed, histories);
    if args.iter().any(|arg| arg == "--coverage") {
        print!("{}", run.coverage.table());
        for what in run.coverage.missing(&wanted()) {
            println!("    never  {what}");
        }
    }
    let seconds = started.elapsed().as_secs_f64();
    match run.broken {
        None => {
            println!(
                "{} histories in {seconds:.1} s, no rule was broken",
                run.histories
            );
            ExitCode::SUCCESS
        }
        Some(broken) => {
            println!("{}\n", broken.story);
            println!(
                "seed {} breaks a rule after {} histories",
                broken.seed, broken.after
            );
            ExitCode::FAILURE
        }
    }
}
