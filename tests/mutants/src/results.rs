//! What was found, kept by the bugs' names under target/mutants, so that a run can go on and only
//! what was not found is looked for again; and the report.

use crate::plan::{Options, Planted, root};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Bugs that nothing can tell from the code as it is: the name, and the reason on the line below.
const SURVIVORS: &str = include_str!("../survivors.txt");

pub struct Results {
    file: PathBuf,
    /// By which suite and test, by the bug's name.
    found: BTreeMap<String, Option<String>>,
}

impl Results {
    /// With what the last run found, where it is gone on with.
    pub fn open(options: &Options) -> Result<Self, String> {
        let set = options.set.replace(|c: char| !c.is_alphanumeric(), "_");
        let file = root().join(format!("target/mutants/found-{set}.json"));
        let mut found = BTreeMap::new();
        if options.again {
            let text = std::fs::read(&file).map_err(|why| format!("{}: {why}", file.display()))?;
            found = serde_json::from_slice(&text).map_err(|why| why.to_string())?;
        }
        Ok(Self { file, found })
    }

    /// Whether nothing is to be looked for: it was found, or cannot be.
    pub fn knows(&self, bug: &Planted) -> bool {
        self.by(bug).is_some()
    }

    fn by(&self, bug: &Planted) -> Option<&str> {
        self.found.get(&bug.name())?.as_deref()
    }

    pub fn add(&mut self, bug: &Planted, by: Option<String>) {
        self.found.insert(bug.name(), by);
        let text = serde_json::to_vec_pretty(&self.found).expect("names can be written");
        std::fs::write(&self.file, text).expect("what was found can be kept");
    }
}

fn equivalent(bug: &Planted) -> Option<&'static str> {
    let mut lines = SURVIVORS.lines();
    let name = bug.name();
    lines.find(|line| *line == name)?;
    lines.next().map(str::trim)
}

/// Prints all tables; how many of a hundred were found of those that can be.
pub fn report(all: &[Planted], results: &Results) -> usize {
    let mut areas: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    let mut suites: BTreeMap<&str, usize> = BTreeMap::new();
    let (mut same, mut missed) = (vec![], vec![]);
    for bug in all {
        let by = results.by(bug);
        if by.is_none()
            && let Some(why) = equivalent(bug)
        {
            same.push(format!("- {}\n  equivalent: {why}", bug.name()));
            continue;
        }
        let (found, planted) = areas.entry(&bug.area).or_default();
        *planted += 1;
        match by {
            Some(by) => {
                *found += 1;
                *suites
                    .entry(by.split(':').next().unwrap_or(by))
                    .or_default() += 1;
            }
            None => missed.push(format!("- line {}: {}", bug.edits[0].line, bug.name())),
        }
    }
    println!("\n| area | found | planted |\n|---|---|---|");
    for (area, (found, planted)) in &areas {
        println!("| {area} | {found} | {planted} |");
    }
    println!("\nfound first by: {suites:?}");
    println!("\nnot found:\n{}", missed.join("\n"));
    println!("\nnot to be told apart:\n{}", same.join("\n"));
    let (found, planted) = areas.values().fold((0, 0), |(found, planted), area| {
        (found + area.0, planted + area.1)
    });
    let per_cent = found * 100 / planted.max(1);
    println!(
        "\n{found} of {planted} found: {per_cent} %; {} equivalent",
        same.len()
    );
    per_cent
}
