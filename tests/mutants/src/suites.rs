//! The test programs that look for a bug. Each runs once without any bug, which tells how long it
//! takes and which of its tests come by which bugs; of a bug, then, only the tests that come by it
//! run, the cheapest program first. A test that fails twice has found it, as has one that hangs.

use crate::copy::{Copy, Test};
use crate::plan::Planted;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Package and target.
type Of = (&'static str, &'static str);

/// What runs within ten minutes, all of it together.
const QUICK: [Of; 11] = [
    ("meridian", "meridian"),
    ("meridian", "architecture"),
    ("meridian", "readme"),
    ("meridian", "conformance"),
    ("meridian", "due"),
    ("meridian", "doors"),
    ("meridian", "decide"),
    ("meridian", "api"),
    ("meridian-template", "rules"),
    ("meridian-template", "deployed"),
    ("meridian-simulation", "simulation"),
];
/// What starts whole stacks: nobody sees which bugs they come by.
const SLOW: [Of; 4] = [
    ("meridian-stack", "calls"),
    ("meridian-stories", "main"),
    ("meridian-faults", "poison"),
    ("meridian-faults", "exactly_once"),
];
const TEMPLATE: &str = "meridian-template";
/// More than this many times as long as without a bug, and a minute, is hung.
const PATIENCE: u32 = 4;

/// The names of the threads that come by each bug: a test's is its name.
type Reach = BTreeMap<u32, BTreeSet<String>>;

pub struct Suite {
    pub name: &'static str,
    test: Test,
    pub took: Duration,
    tests: BTreeSet<String>,
    /// None where nobody sees it.
    reach: Option<Reach>,
}

enum End {
    Passed,
    /// The test, where one is named.
    Failed(Option<String>),
    Hung,
}

/// The packages that must be built; an error where a suite of that name is not known.
pub fn packages(suites: &str, set: &str) -> Result<BTreeSet<&'static str>, String> {
    let wanted = wanted(suites, set);
    if wanted.is_empty() {
        return Err(format!("there is no suite {suites}"));
    }
    Ok(wanted.into_iter().map(|(package, _)| package).collect())
}

fn wanted(suites: &str, set: &str) -> Vec<Of> {
    let quick = QUICK
        .into_iter()
        .filter(|of| set != "template" || of.0 == TEMPLATE);
    match suites {
        "quick" => quick.collect(),
        "all" => quick.chain(SLOW).collect(),
        name => QUICK
            .into_iter()
            .chain(SLOW)
            .filter(|of| of.1 == name)
            .collect(),
    }
}

/// The suites that were asked for, each run once without a bug.
pub fn sound(suites: &str, set: &str, copy: &Copy) -> Result<Vec<Suite>, String> {
    let mut all = vec![];
    for of in wanted(suites, set) {
        let built = |test: &&Test| test.package == of.0 && test.target == of.1;
        let test = copy.tests.iter().find(built).cloned();
        let test = test.ok_or_else(|| format!("{} of {} was not built", of.1, of.0))?;
        let mut suite = Suite {
            name: of.1,
            test,
            took: Duration::from_secs(3600),
            tests: BTreeSet::new(),
            reach: None,
        };
        let seen = copy.tree.with_file_name(format!("reach-{}", suite.name));
        let _ = std::fs::remove_file(&seen);
        let mut command = suite.command(copy, None);
        if !SLOW.contains(&of) {
            command.env("MERIDIAN_REACH", &seen);
        }
        let began = Instant::now();
        let (end, tests) = watched(&mut command, suite.longest());
        if !matches!(end, End::Passed) {
            return Err(format!("{} fails without any bug: {}", of.1, end.told()));
        }
        (suite.took, suite.tests) = (began.elapsed(), tests);
        if !SLOW.contains(&of) {
            suite.reach = Some(reach(&seen));
        }
        println!(
            "{}: {} tests, {} s without any bug",
            suite.name,
            suite.tests.len(),
            suite.took.as_secs()
        );
        all.push(suite);
    }
    Ok(all)
}

/// What `mutant::on` of the copy wrote: a bug's number and the thread that came by it.
fn reach(file: &std::path::Path) -> Reach {
    let mut reach = Reach::new();
    let text = std::fs::read_to_string(file).unwrap_or_default();
    for (n, thread) in text.lines().filter_map(|line| line.split_once(' ')) {
        if let Ok(n) = n.parse() {
            reach.entry(n).or_default().insert(thread.to_owned());
        }
    }
    reach
}

impl Suite {
    /// The tests that come by a bug: all (an empty list) where one of them cannot be told, none
    /// where it cannot be found here.
    fn coming_by(&self, bug: &Planted) -> Option<Vec<String>> {
        if bug
            .edits
            .iter()
            .any(|edit| edit.file.ends_with("template.yaml"))
        {
            return (self.test.package == TEMPLATE).then(Vec::new);
        }
        let Some(reach) = &self.reach else {
            return Some(vec![]);
        };
        let names = reach.get(&bug.n)?;
        let told = names.is_subset(&self.tests);
        Some(names.iter().filter(|_| told).cloned().collect())
    }

    /// What it costs to look for a bug here.
    pub fn cost(&self, bug: &Planted) -> Option<Duration> {
        let tests = self.coming_by(bug)?.len() as u32;
        Some(match tests {
            0 => self.took,
            some => self.took * some / self.tests.len().max(1) as u32,
        })
    }

    fn longest(&self) -> Duration {
        Duration::from_secs(60) + self.took * PATIENCE
    }

    /// How the bug is found here, if it is. A test that fails once and not again says nothing.
    pub fn finds(&self, copy: &Copy, bug: &Planted) -> Option<String> {
        let mut tests = self.coming_by(bug)?;
        let mut doubted: Vec<String> = vec![];
        loop {
            let mut command = self.command(copy, Some(bug));
            command.arg("--exact").args(&tests);
            command.args(doubted.iter().flat_map(|name| ["--skip", name]));
            let (end, _) = watched(&mut command, self.longest());
            let name = match end {
                End::Passed => return None,
                End::Failed(Some(name)) if !name.starts_with(BROKEN) => name,
                end => return Some(format!("{}: {}", self.name, end.told())),
            };
            let mut again = self.command(copy, Some(bug));
            let (end, _) = watched(again.args(["--exact", &name]), self.longest());
            if !matches!(end, End::Passed) {
                return Some(format!("{}: {name}", self.name));
            }
            println!("{name} of {} failed once and not again", self.name);
            tests.retain(|test| *test != name);
            doubted.push(name);
            if tests.is_empty() && !self.coming_by(bug)?.is_empty() {
                return None;
            }
        }
    }

    fn command(&self, copy: &Copy, bug: Option<&Planted>) -> Command {
        if self.test.package == TEMPLATE {
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
        command
    }
}

impl End {
    fn told(&self) -> &str {
        match self {
            End::Passed => "passed",
            End::Failed(name) => name.as_deref().unwrap_or("died"),
            End::Hung => "hung",
        }
    }
}

/// How the simulation says what it found, before it makes the history small.
const BROKEN: &str = "BROKEN after";

/// Runs it to its end or its first failure; and which tests passed until then.
fn watched(command: &mut Command, longest: Duration) -> (End, BTreeSet<String>) {
    let mut child = command.spawn().expect("a built test runs");
    let output = child.stdout.take().expect("its output");
    let heard = Mutex::new((None, BTreeSet::new()));
    let heard = || heard.lock().unwrap_or_else(PoisonError::into_inner);
    let began = Instant::now();
    let status = std::thread::scope(|scope| {
        scope.spawn(|| {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                let test = line.strip_prefix("test ");
                match test.and_then(|test| test.split_once(" ... ")) {
                    // A test that should panic says so behind its name.
                    Some((name, end)) => {
                        let name = name.split(' ').next().unwrap_or(name).to_owned();
                        match end {
                            "FAILED" => heard().0 = Some(name),
                            _ => _ = heard().1.insert(name),
                        }
                    }
                    None => {
                        if let Some(at) = line.find(BROKEN) {
                            heard().0 = Some(line[at..].to_owned());
                        }
                    }
                }
            }
        });
        loop {
            let over = began.elapsed() > longest || heard().0.is_some();
            match child.try_wait() {
                Ok(None) if !over => std::thread::sleep(Duration::from_millis(20)),
                Ok(status) => {
                    let _ = child.kill();
                    let _ = child.wait();
                    break status;
                }
                Err(why) => panic!("a test cannot be waited for: {why}"),
            }
        }
    });
    let (failed, passed) = std::mem::take(&mut *heard());
    let end = match status {
        Some(status) if status.success() => End::Passed,
        None if failed.is_none() => End::Hung,
        _ => End::Failed(failed),
    };
    (end, passed)
}
