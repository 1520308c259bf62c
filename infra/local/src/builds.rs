//! Builds all functions with one `cargo build`, and refuses a binary that is older than its sources.

use serde_json::Value;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::SystemTime;

/// How cargo is run.
#[derive(Clone)]
pub struct Cargo {
    pub program: OsString,
    /// Variables that it must not see.
    pub unset: Vec<OsString>,
}

impl Cargo {
    /// `cargo run` tells its program which package it is of. Build scripts that read that, as ring's
    /// does, would run again each time, and everything above them be compiled again.
    pub fn of(environment: impl IntoIterator<Item = (OsString, OsString)>) -> Cargo {
        let mut cargo = Cargo {
            program: "cargo".into(),
            unset: Vec::new(),
        };
        for (name, value) in environment {
            let text = name.to_string_lossy();
            if text == "CARGO" {
                cargo.program = value;
            } else if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
                cargo.unset.push(name);
            }
        }
        cargo
    }
}

/// One binary for each package, built now.
pub fn build(
    root: &Path,
    packages: &[String],
    profile: &str,
    cargo: &Cargo,
) -> Result<BTreeMap<String, PathBuf>, String> {
    let mut command = Command::new(&cargo.program);
    command.current_dir(root).args([
        "build",
        "--message-format=json-render-diagnostics",
        "--profile",
        profile,
    ]);
    for name in &cargo.unset {
        command.env_remove(name);
    }
    // Of the whole workspace, as `cargo run` and `cargo test --workspace` build it: with another
    // selection cargo would compile most libraries once more, for another set of features.
    command.arg("--workspace");
    for package in packages {
        command.args(["--bin", package]);
    }
    let output = command
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output();
    let output = output.map_err(|e| format!("cargo could not be started: {e}"))?;
    if !output.status.success() {
        return Err("the functions do not build; cargo says why above".into());
    }
    let mut built = BTreeMap::new();
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let Ok(message) = serde_json::from_str::<Value>(line) else {
            continue;
        };
        if let (Some(name), Some(path)) = (
            message["target"]["name"].as_str(),
            message["executable"].as_str(),
        ) {
            built.insert(name.to_owned(), PathBuf::from(path));
        }
    }
    packages
        .iter()
        .map(|package| {
            let binary = built
                .remove(package)
                .ok_or(format!("package {package} builds no binary of its name"))?;
            refuse_old(&binary, root, package)?;
            Ok((package.clone(), binary))
        })
        .collect()
}

/// Binaries that were built before: `DIR/<package>` or, as the template deploys them, `DIR/<package>/bootstrap`.
pub fn find(
    root: &Path,
    folder: &Path,
    packages: &[String],
) -> Result<BTreeMap<String, PathBuf>, String> {
    packages
        .iter()
        .map(|package| {
            let plain = folder.join(package);
            let binary = if plain.is_dir() {
                plain.join("bootstrap")
            } else {
                plain
            };
            refuse_old(&binary, root, package)?;
            Ok((package.clone(), binary))
        })
        .collect()
}

fn refuse_old(binary: &Path, root: &Path, package: &str) -> Result<(), String> {
    let built = changed(binary)?;
    for source in sources(binary, root, package)? {
        if changed(&source)? > built {
            return Err(format!(
                "{} is older than {}: build the functions again",
                binary.display(),
                source.display()
            ));
        }
    }
    Ok(())
}

/// What the compiler read, as cargo notes it beside the binary; for a binary that was moved away from
/// there, every source that its package can reach.
fn sources(binary: &Path, root: &Path, package: &str) -> Result<Vec<PathBuf>, String> {
    if let Ok(noted) = std::fs::read_to_string(binary.with_extension("d")) {
        let (_, list) = noted.split_once(": ").unwrap_or_default();
        return Ok(list
            .trim_end()
            .replace("\\ ", "\0")
            .split(' ')
            .map(|s| s.replace('\0', " ").into())
            .collect());
    }
    let mut out = Vec::new();
    for folder in [
        root.join("functions").join(package).join("src"),
        root.join("shared/src"),
    ] {
        collect(&folder, &mut out)?;
    }
    Ok(out)
}

fn collect(folder: &Path, out: &mut Vec<PathBuf>) -> Result<(), String> {
    let entries = std::fs::read_dir(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    for entry in entries {
        let path = entry
            .map_err(|e| format!("{}: {e}", folder.display()))?
            .path();
        if path.is_dir() {
            collect(&path, out)?;
        } else {
            out.push(path);
        }
    }
    Ok(())
}

fn changed(path: &Path) -> Result<SystemTime, String> {
    std::fs::metadata(path)
        .and_then(|m| m.modified())
        .map_err(|e| format!("{}: {e}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{File, write};
    use std::time::Duration;

    #[test]
    fn a_binary_older_than_its_sources_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let (binary, source) = (folder.path().join("pay"), folder.path().join("a b.rs"));
        write(&binary, "").expect("written");
        write(&source, "").expect("written");
        let noted = format!(
            "{}: {}\n",
            binary.display(),
            source.display().to_string().replace(' ', "\\ ")
        );
        write(binary.with_extension("d"), noted).expect("written");
        let built = changed(&binary).expect("a time");
        let touch = |at| {
            File::open(&source)
                .and_then(|f| f.set_modified(at))
                .expect("touched")
        };

        touch(built - Duration::from_secs(5));
        assert!(find(folder.path(), folder.path(), &["pay".into()]).is_ok());
        touch(built + Duration::from_secs(5));
        let refused = find(folder.path(), folder.path(), &["pay".into()]).expect_err("refused");
        assert!(
            refused.contains("a b.rs") && refused.contains("older"),
            "{refused}"
        );
        assert!(find(folder.path(), folder.path(), &["gone".into()]).is_err());
    }
}
