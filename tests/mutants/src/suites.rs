//! The test programs that look for a bug, cheapest first. One that fails has found it; one that
//! takes far too long has found it too.

use crate::copy::{Copy, Test};
use crate::plan::Planted;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Package, target, and the seconds after which it counts as hung.
type Of = (&'static str, &'static str, u64);

/// What runs within ten minutes, all of it together.
const QUICK: [Of; 11] = [
    ("meridian", "meridian", 60),
    ("meridian", "gateways", 60),
    ("meridian", "rooms_paypal", 60),
    ("meridian", "rooms_paypal_ipn", 60),
    ("meridian", "systems", 60),
    ("meridian", "decide", 150),
    ("meridian", "api", 180),
    ("meridian", "protocol", 120),
    ("meridian", "house", 60),
    ("meridian-template", "rules", 60),
    ("meridian-simulation", "simulation", 400),
];
/// What starts whole stacks.
const SLOW: [Of; 4] = [
    ("meridian-stack", "calls", 300),
    ("meridian-stories", "main", 900),
    ("meridian-faults", "poison", 300),
    ("meridian-faults", "exactly_once", 1800),
];

pub struct Suite {
    pub name: &'static str,
    test: Test,
    longest: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Passed,
    Failed,
    Hung,
}

/// The only package that must be built for a suite, where it is one.
pub fn package(suites: &str) -> Option<&'static str> {
    let mut all = QUICK.iter().chain(&SLOW);
    all.find(|(_, target, _)| *target == suites)
        .map(|(package, ..)| *package)
}

pub fn chosen(suites: &str, set: &str, built: &[Test]) -> Vec<Suite> {
    let wanted: Vec<_> = match (suites, set) {
        ("quick", "template") => QUICK.iter().filter(|of| of.1 == "rules").collect(),
        ("quick", _) => QUICK.iter().collect(),
        ("all", _) => QUICK.iter().chain(&SLOW).collect(),
        (name, _) => QUICK
            .iter()
            .chain(&SLOW)
            .filter(|of| of.1 == name)
            .collect(),
    };
    let suite = |(package, target, seconds): &Of| {
        let mut tests = built.iter();
        let test = tests.find(|test| test.package == *package && test.target == *target)?;
        Some(Suite {
            name: target,
            test: test.clone(),
            longest: Duration::from_secs(*seconds),
        })
    };
    wanted.into_iter().filter_map(suite).collect()
}

impl Suite {
    pub fn run(&self, copy: &Copy, bug: Option<&Planted>) -> End {
        if self.test.target == "rules" {
            copy.template(bug);
        }
        let mut command = Command::new(&self.test.program);
        command
            .current_dir(&self.test.folder)
            .env("MERIDIAN_MUTANT", bug.map_or(0, |bug| bug.n).to_string())
            .env("CARGO_MANIFEST_DIR", &self.test.folder)
            .env("INSTA_UPDATE", "no")
            .env("INSTA_WORKSPACE_ROOT", &copy.tree)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut child = command.spawn().expect("a built test runs");
        let output = child.stdout.take().expect("its output");
        let failed = AtomicBool::new(false);
        let began = Instant::now();
        std::thread::scope(|scope| {
            // The first failure is enough.
            scope.spawn(|| {
                for line in BufReader::new(output).lines().map_while(Result::ok) {
                    // A simulation says after how many histories it found something.
                    if line.starts_with("BROKEN after") {
                        println!("{line}");
                    }
                    if line.starts_with("test ") && line.ends_with("FAILED") {
                        failed.store(true, Ordering::Relaxed);
                    }
                }
            });
            loop {
                match child.try_wait() {
                    Ok(Some(status)) if status.success() => return End::Passed,
                    Ok(None) if failed.load(Ordering::Relaxed) => {
                        let _ = child.kill();
                        let _ = child.wait();
                        return End::Failed;
                    }
                    Ok(None) if began.elapsed() > self.longest => {
                        let _ = child.kill();
                        let _ = child.wait();
                        return End::Hung;
                    }
                    Ok(None) => std::thread::sleep(Duration::from_millis(50)),
                    Ok(Some(_)) | Err(_) => return End::Failed,
                }
            }
        })
    }
}
