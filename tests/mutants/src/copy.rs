//! The scratch copy: the workspace's files with every bug behind a switch, built once. The switch
//! is the number in `MERIDIAN_MUTANT`; nothing of it exists outside the copy.

use crate::plan::{Edit, Options, Planted, root};
use crate::suites;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const SWITCH: &str = r#"
/// The bug that is switched on; and who came by which, where that is asked.
pub mod mutant {
    use std::io::Write;
    use std::sync::{Mutex, OnceLock};

    pub fn on(n: u32) -> bool {
        static ON: OnceLock<u32> = OnceLock::new();
        static REACH: OnceLock<Option<Mutex<std::fs::File>>> = OnceLock::new();
        let read = || std::env::var("MERIDIAN_MUTANT").ok()?.parse().ok();
        if let Some(file) = REACH.get_or_init(|| {
            let name = std::env::var("MERIDIAN_REACH").ok()?;
            Some(Mutex::new(std::fs::File::create(name).ok()?))
        }) {
            come_by(n, file);
        }
        *ON.get_or_init(|| read().unwrap_or(0)) == n
    }

    fn come_by(n: u32, file: &Mutex<std::fs::File>) {
        thread_local! {
            static SEEN: std::cell::RefCell<std::collections::HashSet<u32>> = Default::default();
        }
        if SEEN.try_with(|seen| seen.borrow_mut().insert(n)).unwrap_or(true) {
            let thread = std::thread::current();
            let line = format!("{n} {}\n", thread.name().unwrap_or_default());
            let _ = file.lock().expect("no panic").write_all(line.as_bytes());
        }
    }
}
"#;

pub struct Copy {
    pub tree: PathBuf,
    pub tests: Vec<Test>,
}

/// A built test program.
#[derive(Clone)]
pub struct Test {
    pub package: String,
    pub target: String,
    pub program: PathBuf,
    pub folder: PathBuf,
}

impl Copy {
    /// The template with one bug, or as it is. Tests read it as they run.
    pub fn template(&self, bug: Option<&Planted>) -> Option<()> {
        let name = Path::new("template.yaml");
        let mut text = std::fs::read_to_string(root().join(name)).ok()?;
        for edit in bug.into_iter().flat_map(|bug| bug.in_file(name)) {
            text.replace_range(edit.at.clone(), &edit.text);
        }
        write(&self.tree.join("template.yaml"), text.as_bytes());
        Some(())
    }
}

/// Copies, plants and builds. Bugs that do not compile are left out.
pub fn build(mut planted: Vec<Planted>, options: &Options) -> Result<(Copy, Vec<Planted>), String> {
    let target = root().join("target/mutants");
    let tree = target.join("tree");
    let packages = suites::packages(&options.suites, &options.set)?;
    for _ in 0..8 {
        lay(&tree, &planted)?;
        let (tests, wrong) = compile(&tree, &target.join("target"), &packages)?;
        if wrong.is_empty() {
            return Ok((Copy { tree, tests }, planted));
        }
        let broken = |bug: &Planted| {
            bug.edits.iter().any(|edit| {
                let lines = lines_of(&tree, bug.n, edit);
                let name = edit.file.to_string_lossy();
                let mut wrong = wrong.iter();
                wrong.any(|(file, line)| name.ends_with(&**file) && lines.contains(line))
            })
        };
        let before = planted.len();
        planted.retain(|bug| !broken(bug));
        if planted.len() == before {
            return Err(format!("the copy does not compile: {wrong:?}"));
        }
        println!(
            "{} bugs do not compile and are left out",
            before - planted.len()
        );
    }
    Err("the copy does not compile after eight rounds".into())
}

/// Writes what differs, so that only that is compiled again.
fn lay(tree: &Path, planted: &[Planted]) -> Result<(), String> {
    let listed = Command::new("git")
        .args([
            "ls-files",
            "--cached",
            "--others",
            "--exclude-standard",
            "-z",
        ])
        .current_dir(root())
        .output()
        .map_err(|why| why.to_string())?;
    let mut kept = HashSet::new();
    for name in String::from_utf8_lossy(&listed.stdout).split('\0') {
        let from = root().join(name);
        let Ok(mut bytes) = std::fs::read(&from) else {
            continue;
        };
        let of_file = |bug: &'_ Planted| {
            let n = bug.n;
            let edits: Vec<_> = bug.in_file(Path::new(name)).cloned().collect();
            edits.into_iter().map(move |edit| (n, edit))
        };
        let mut edits: Vec<_> = planted.iter().flat_map(of_file).collect();
        if !edits.is_empty() && name.ends_with(".rs") {
            edits.sort_by_key(|(_, edit)| std::cmp::Reverse(edit.at.start));
            let mut text = String::from_utf8(bytes).map_err(|why| why.to_string())?;
            for (n, edit) in edits {
                let switch = format!("/*bug {n}*/crate::mutant::on({n})");
                text.replace_range(edit.at, &switched(&edit.text, &switch));
            }
            bytes = text.into_bytes();
        }
        match name {
            "shared/src/lib.rs" => bytes.extend(SWITCH.bytes()),
            // Functions start with an empty environment: the switch comes along.
            "infra/local/src/instances.rs" => {
                let text = String::from_utf8_lossy(&bytes).replace(
                    ".env_clear()",
                    ".env_clear()\n.envs(std::env::var(\"MERIDIAN_MUTANT\").map(|n| (\"MERIDIAN_MUTANT\", n)))",
                );
                bytes = text.into_bytes();
            }
            _ => {}
        }
        write(&tree.join(name), &bytes);
        kept.insert(tree.join(name));
    }
    gone(tree, &kept);
    Ok(())
}

/// `ON`, where it is a word, becomes the switch; a name that has these letters in it stays.
fn switched(text: &str, switch: &str) -> String {
    let of_name = |c: char| c.is_alphanumeric() || c == '_';
    let mut parts = text.split("ON");
    let mut all = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let word = !all.ends_with(of_name) && !part.starts_with(of_name);
        all += if word { switch } else { "ON" };
        all += part;
    }
    all
}

/// Removes sources that the workspace no longer has.
fn gone(folder: &Path, kept: &HashSet<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            gone(&path, kept);
        } else if !kept.contains(&path) {
            let _ = std::fs::remove_file(path);
        }
    }
}

fn write(path: &Path, bytes: &[u8]) {
    if std::fs::read(path).is_ok_and(|known| known == bytes) {
        return;
    }
    if let Some(folder) = path.parent() {
        let _ = std::fs::create_dir_all(folder);
    }
    std::fs::write(path, bytes).expect("the scratch copy can be written");
}

/// The lines of the copied file that a place of a bug takes.
fn lines_of(tree: &Path, n: u32, edit: &Edit) -> std::ops::RangeInclusive<usize> {
    let text = std::fs::read_to_string(tree.join(&edit.file)).unwrap_or_default();
    let switch = format!("/*bug {n}*/crate::mutant::on({n})");
    let planted = switched(&edit.text, &switch);
    let at = text.find(&planted).unwrap_or(0);
    let first = text[..at].lines().count().max(1);
    first..=first + planted.lines().count()
}

type Wrong = Vec<(String, usize)>;

/// Builds the tests of these packages; or tells where errors are.
fn compile(
    tree: &Path,
    target: &Path,
    packages: &BTreeSet<&str>,
) -> Result<(Vec<Test>, Wrong), String> {
    let mut command = Command::new("cargo");
    command.args(["test", "--no-run", "--message-format=json"]);
    command.args(packages.iter().flat_map(|package| ["--package", package]));
    let mut child = command
        .current_dir(tree)
        .env("CARGO_TARGET_DIR", target)
        .env("CARGO_PROFILE_DEV_DEBUG", "0")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|why| why.to_string())?;
    let (mut tests, mut wrong) = (vec![], vec![]);
    let mut seen = BTreeMap::new();
    for line in BufReader::new(child.stdout.take().ok_or("no output")?).lines() {
        let message: Value = serde_json::from_str(&line.unwrap_or_default()).unwrap_or_default();
        match message["reason"].as_str() {
            Some("compiler-artifact")
                if message["executable"].is_string() && message["profile"]["test"] == true =>
            {
                tests.extend(test(&message));
            }
            Some("compiler-message") if message["message"]["level"] == "error" => {
                for span in message["message"]["spans"].as_array().into_iter().flatten() {
                    let file = span["file_name"].as_str().unwrap_or_default().to_owned();
                    let lines = span["line_start"].as_u64()..=span["line_end"].as_u64();
                    let (first, last) = (lines.start().unwrap_or(0), lines.end().unwrap_or(0));
                    wrong.extend((first..=last).map(|line| (file.clone(), line as usize)));
                }
                let shown = message["message"]["rendered"].as_str().unwrap_or_default();
                seen.entry(shown.to_owned()).or_insert(());
            }
            _ => {}
        }
    }
    let status = child.wait().map_err(|why| why.to_string())?;
    if !status.success() && wrong.is_empty() {
        let shown: Vec<_> = seen.into_keys().collect();
        return Err(format!("the copy does not build: {}", shown.join("\n")));
    }
    Ok((tests, wrong))
}

fn test(artifact: &Value) -> Option<Test> {
    let manifest = Path::new(artifact["manifest_path"].as_str()?);
    let folder = manifest.parent()?.to_owned();
    let text = std::fs::read_to_string(manifest).ok()?;
    let package = text.lines().find_map(|line| line.strip_prefix("name = "))?;
    Some(Test {
        package: package.trim_matches('"').to_owned(),
        target: artifact["target"]["name"].as_str()?.to_owned(),
        program: artifact["executable"].as_str()?.into(),
        folder,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_hold_the_letters_of_the_switch_stay() {
        let text = "if !ON { call(CONNECT, ON_TIME, MON); } else if ON && x(ON) {}";
        let planted = "if !on(1) { call(CONNECT, ON_TIME, MON); } else if on(1) && x(on(1)) {}";
        assert_eq!(switched(text, "on(1)"), planted);
    }
}
