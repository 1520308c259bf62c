//! Which bugs are planted: drawn by a seed from all sites of the chosen files, or written out in a
//! file; in the sources or in the template.

use crate::sites;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// Parts of the product, the files of each, and how many of a hundred bugs it gets.
const AREAS: [(&str, &[&str], usize); 7] = [
    (
        "intake",
        &[
            "flows/intake.rs",
            "contract/inbound.rs",
            "contract/proof.rs",
            "io/secrets.rs",
            "io/lean/",
            "words/seal.rs",
            "io/queue.rs",
        ],
        11,
    ),
    ("store", &["io/store.rs", "flows/commit.rs"], 6),
    (
        "transport",
        &["io/transport.rs", "io/aws.rs", "flows/accounts.rs"],
        7,
    ),
    ("domain", &["domain/", "words/money.rs", "words/ids.rs"], 25),
    ("gateways", &["vendors/"], 15),
    ("api", &["api/"], 15),
    ("flows", &["flows/"], 21),
];

pub const HELP: &str = "\
--set product|rules|template|FILE   where bugs are planted (product); rules are the step function and
                                    decide; FILE is JSON: [{name, edits: [{file, find, replace}]}]
--count N       how many (200)
--seed N        which (1)
--only PATH     only files below shared/src/PATH
--suites NAME   quick (10 minutes at the most), all, or the name of one
--again         only those that were not found the last time, or not looked for
--workers N     at a time (2)
--at-least N    per cent that must be found (0)
--list          only print what would be planted";

pub struct Options {
    pub set: String,
    pub count: usize,
    pub seed: u64,
    pub only: Option<String>,
    pub suites: String,
    pub workers: usize,
    pub at_least: usize,
    pub list: bool,
    pub again: bool,
}

impl Options {
    pub fn read(words: impl Iterator<Item = String>) -> Self {
        let mut options = Self {
            set: "product".into(),
            count: 200,
            seed: 1,
            only: None,
            suites: "quick".into(),
            workers: 2,
            at_least: 0,
            list: false,
            again: false,
        };
        let mut words = words;
        while let Some(word) = words.next() {
            if let "--list" | "--again" = word.as_str() {
                options.list |= word == "--list";
                options.again |= word == "--again";
                continue;
            }
            let value = words.next().filter(|_| word.starts_with("--"));
            let Some(value) = value else { usage() };
            let number = || value.parse::<usize>().unwrap_or_else(|_| usage());
            match word.as_str() {
                "--set" => options.set = value,
                "--count" => options.count = number(),
                "--seed" => options.seed = number() as u64,
                "--only" => options.only = Some(value),
                "--suites" => options.suites = value,
                "--workers" => options.workers = number().max(1),
                "--at-least" => options.at_least = number(),
                _ => usage(),
            }
        }
        options
    }
}

fn usage() -> ! {
    println!("{HELP}");
    std::process::exit(2)
}

/// A bug with the number of its switch.
#[derive(Clone, Debug)]
pub struct Planted {
    /// From 1; 0 is no bug.
    pub n: u32,
    pub area: String,
    pub within: String,
    pub what: String,
    /// One, unless several places guard against the same bug.
    pub edits: Vec<Edit>,
    /// Which of those that read alike it is.
    pub nth: usize,
}

/// One place of a bug.
#[derive(Clone, Debug)]
pub struct Edit {
    /// Relative to the workspace.
    pub file: PathBuf,
    pub at: Range<usize>,
    pub line: usize,
    /// What stands there instead; `ON` is the switch.
    pub text: String,
}

impl Planted {
    /// What it is called wherever its file has moved it.
    pub fn name(&self) -> String {
        let what: Vec<_> = self.what.split_whitespace().collect();
        let nth = match self.nth {
            1 => String::new(),
            nth => format!(" ({nth})"),
        };
        let files: Vec<_> = self
            .edits
            .iter()
            .map(|edit| edit.file.to_string_lossy())
            .collect();
        format!(
            "{} {}: {}{nth}",
            files.join(", "),
            self.within,
            what.join(" ")
        )
    }

    /// Its places in one file.
    pub fn in_file(&self, file: &Path) -> impl Iterator<Item = &Edit> {
        self.edits.iter().filter(move |edit| edit.file == file)
    }
}

impl fmt::Display for Planted {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let mut what = self.what.split_whitespace().collect::<Vec<_>>().join(" ");
        if what.chars().count() > 110 {
            what = what.chars().take(107).collect::<String>() + "...";
        }
        let places = self.edits.iter();
        let places = places.map(|edit| format!("{}:{}", edit.file.display(), edit.line));
        let places = places.collect::<Vec<_>>().join(", ");
        write!(f, "#{} {places} {}: {what}", self.n, self.within)
    }
}

/// A bug written out by hand.
#[derive(Deserialize)]
struct Written {
    name: String,
    edits: Vec<WrittenEdit>,
}

#[derive(Deserialize)]
struct WrittenEdit {
    file: PathBuf,
    find: String,
    replace: String,
}

pub fn plan(options: &Options) -> Result<Vec<Planted>, String> {
    let mut planted = match options.set.as_str() {
        "product" => drawn(options, &AREAS),
        "rules" => {
            let files: &[&str] = &["domain/decide/", "flows/calls/protocol/"];
            drawn(options, &[("rules", files, 100)])
        }
        "template" => of_template(options),
        file => written(Path::new(file))?,
    };
    for (n, bug) in (1..).zip(&mut planted) {
        bug.n = n;
    }
    Ok(planted)
}

pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    here.canonicalize().unwrap_or(here)
}

fn drawn(options: &Options, areas: &[(&str, &[&str], usize)]) -> Vec<Planted> {
    let mut all: Vec<Vec<Planted>> = areas.iter().map(|_| vec![]).collect();
    for file in files(&root().join("shared/src")) {
        let name = file
            .strip_prefix(root().join("shared/src"))
            .unwrap_or(&file);
        let name = name.to_string_lossy().into_owned();
        let wanted = options
            .only
            .as_ref()
            .is_none_or(|only| name.starts_with(only));
        let of = |(_, paths, _): &(&str, &[&str], usize)| {
            paths.iter().any(|path| name.starts_with(path)) && !name.ends_with("tests.rs")
        };
        let Some(area) = areas.iter().position(of).filter(|_| wanted) else {
            continue;
        };
        let source = std::fs::read_to_string(&file).unwrap_or_default();
        all[area].extend(sites::of(&source).into_iter().map(|site| Planted {
            n: 0,
            area: areas[area].0.into(),
            within: site.within,
            what: site.what,
            edits: vec![Edit {
                file: Path::new("shared/src").join(&name),
                at: site.at,
                line: site.line,
                text: site.text,
            }],
            nth: 1,
        }));
    }
    let mut drawn: Vec<Planted> = vec![];
    for ((_, _, share), sites) in areas.iter().zip(all) {
        // Of files that were named one by one, no area has a share.
        let share = options.only.as_ref().map_or(*share, |_| 100);
        let wanted = (options.count * share).div_ceil(100);
        let most = (drawn.len() + wanted).min(options.count);
        draw(options.seed, sites, most, &mut drawn);
    }
    drawn
}

/// Adds sites until there are so many. Each has its place in the draw by its name alone, so that
/// the same bugs are drawn while the code around them changes.
fn draw(seed: u64, mut sites: Vec<Planted>, most: usize, drawn: &mut Vec<Planted>) {
    let mut alike: BTreeMap<String, usize> = BTreeMap::new();
    for site in &mut sites {
        let nth = alike.entry(site.name()).or_default();
        *nth += 1;
        site.nth = *nth;
    }
    sites.sort_by_cached_key(|site| rank(seed, &site.name()));
    for site in sites {
        if drawn.len() < most && !drawn.iter().any(|other| overlap(other, &site)) {
            drawn.push(site);
        }
    }
}

fn overlap(a: &Planted, b: &Planted) -> bool {
    let meet =
        |a: &Edit, b: &Edit| a.file == b.file && a.at.start < b.at.end && b.at.start < a.at.end;
    a.edits.iter().any(|a| b.edits.iter().any(|b| meet(a, b)))
}

fn written(file: &Path) -> Result<Vec<Planted>, String> {
    let text = std::fs::read(file).map_err(|why| format!("{}: {why}", file.display()))?;
    let all: Vec<Written> = serde_json::from_slice(&text).map_err(|why| why.to_string())?;
    let place = |name: &str, edit: WrittenEdit| {
        let source = std::fs::read_to_string(root().join(&edit.file)).unwrap_or_default();
        let mut found = source.match_indices(&edit.find);
        let (Some((at, _)), None) = (found.next(), found.next()) else {
            let file = edit.file.display();
            return Err(format!("{name}: its text must stand once in {file}"));
        };
        Ok(Edit {
            line: source[..at].lines().count() + 1,
            at: at..at + edit.find.len(),
            file: edit.file,
            text: edit.replace,
        })
    };
    let bug = |bug: Written| {
        let edits = bug.edits.into_iter();
        let edits: Result<_, _> = edits.map(|edit| place(&bug.name, edit)).collect();
        Ok(Planted {
            n: 0,
            area: "written".into(),
            within: String::new(),
            what: bug.name,
            edits: edits?,
            nth: 1,
        })
    };
    all.into_iter().map(bug).collect()
}

/// Bugs of the template: a line left out, a number another one, an effect turned round.
fn of_template(options: &Options) -> Vec<Planted> {
    let source = std::fs::read_to_string(root().join("template.yaml")).unwrap_or_default();
    let mut all = vec![];
    let mut at = 0;
    for (line, text) in (1..).zip(source.split_inclusive('\n')) {
        let plain = text.trim();
        let value = plain.rsplit(' ').next().unwrap_or_default();
        let other = match value.parse::<u64>() {
            _ if plain.starts_with('#') || plain.is_empty() => None,
            Ok(number) => Some(text.replacen(value, &(number * 10 + 1).to_string(), 1)),
            Err(_) if plain.ends_with("Effect: Deny") => Some(text.replace("Deny", "Allow")),
            Err(_) if plain.ends_with("true") => Some(text.replace("true", "false")),
            Err(_) if plain.starts_with("- ") && !plain.ends_with(':') => Some(String::new()),
            Err(_) => None,
        };
        if let Some(other) = other {
            let instead = if other.is_empty() {
                "left out"
            } else {
                other.trim()
            };
            all.push(Planted {
                n: 0,
                area: "template".into(),
                within: "template".into(),
                what: format!("{plain}: {instead}"),
                edits: vec![Edit {
                    file: "template.yaml".into(),
                    at: at..at + text.len(),
                    line,
                    text: other,
                }],
                nth: 1,
            });
        }
        at += text.len();
    }
    let mut drawn = vec![];
    draw(options.seed, all, options.count, &mut drawn);
    drawn
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = vec![];
    let mut todo = vec![folder.to_owned()];
    while let Some(path) = todo.pop() {
        if path.is_dir() {
            let entries = std::fs::read_dir(&path).into_iter().flatten().flatten();
            todo.extend(entries.map(|entry| entry.path()));
        } else if path.extension().is_some_and(|end| end == "rs") {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// A number that is as good as drawn, the same everywhere: FNV-1a, mixed by SplitMix64.
fn rank(seed: u64, name: &str) -> u64 {
    let fnv = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325, fnv);
    let mut z = hash.wrapping_add(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bug_of_the_past_can_still_be_put_back() {
        let file = root().join("tests/simulation/put-back.json");
        let words = ["--set".to_owned(), file.display().to_string()];
        let planted = plan(&Options::read(words.into_iter()));
        let planted = planted.unwrap_or_else(|why| panic!("{why}"));
        assert_eq!(planted.len(), 12);
    }
}
