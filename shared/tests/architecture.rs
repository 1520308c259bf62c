//! The app's conventions, held over its sources.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

fn sources(folder: &str) -> BTreeMap<String, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = BTreeMap::new();
    let mut todo = vec![root.join(folder)];
    while let Some(path) = todo.pop() {
        if path.is_dir() {
            todo.extend(
                std::fs::read_dir(&path)
                    .unwrap()
                    .map(|entry| entry.unwrap().path()),
            );
        } else if path.extension().is_some_and(|end| end == "rs") {
            let name = path
                .strip_prefix(&root)
                .unwrap()
                .to_string_lossy()
                .replace('\\', "/");
            found.insert(name, std::fs::read_to_string(&path).unwrap());
        }
    }
    found
}

/// The code without its comments.
fn code(text: &str) -> String {
    let plain = |line: &&str| !line.trim_start().starts_with("//");
    text.lines().filter(plain).collect::<Vec<_>>().join("\n")
}

#[test]
fn only_the_modules_of_io_touch_aws_a_vendor_or_the_systems_clock() {
    let io = [
        "aws.rs",
        "store.rs",
        "queue.rs",
        "secrets.rs",
        "transport.rs",
        "web.rs",
        "lambda.rs",
        "clock.rs",
    ];
    for (name, text) in sources("") {
        if io.contains(&name.as_str()) {
            continue;
        }
        let text = code(&text);
        for word in [
            "aws_sdk_",
            "aws_smithy",
            "reqwest::",
            "hyper",
            "SystemTime",
            "Timestamp::now",
            "std::net",
            "lambda_runtime",
        ] {
            assert!(!text.contains(word), "{name} uses {word}");
        }
    }
}

#[test]
fn the_rules_import_no_room_and_do_no_io() {
    for (name, text) in sources("domain") {
        let text = code(&text);
        for word in [
            "crate::gateways",
            "crate::systems",
            "crate::sources",
            "crate::flows",
            "crate::store",
            "crate::contract",
            "async fn",
        ] {
            assert!(!text.contains(word), "{name} mentions {word}");
        }
    }
}

#[test]
fn a_room_knows_no_other_room_and_no_clock() {
    for kind in ["gateways", "systems", "sources"] {
        let mut adapters: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
        for (name, text) in sources(kind) {
            let below = name.strip_prefix(&format!("{kind}/")).unwrap();
            if below == "mod.rs" {
                continue;
            }
            let adapter = below
                .split('/')
                .next()
                .unwrap()
                .trim_end_matches(".rs")
                .to_owned();
            adapters.entry(adapter).or_default().push((name, text));
        }
        for (adapter, files) in &adapters {
            for (name, text) in files {
                let text = code(text);
                for other in adapters.keys().filter(|other| *other != adapter) {
                    let path = format!("{kind}::{other}");
                    assert!(!text.contains(&path), "{name} knows {other}");
                }
                for word in [
                    "clock::",
                    "async ",
                    "Timestamp::now",
                    "f64",
                    "f32",
                    "std::env",
                ] {
                    assert!(!text.contains(word), "{name} uses {word}");
                }
            }
        }
    }
}

#[test]
fn a_function_holds_its_trigger_and_no_more() {
    let functions = Path::new(env!("CARGO_MANIFEST_DIR")).join("../functions");
    let mut seen = 0;
    for folder in std::fs::read_dir(functions).unwrap() {
        let main: PathBuf = folder.unwrap().path().join("src/main.rs");
        let lines = std::fs::read_to_string(&main).unwrap().lines().count();
        assert!(lines <= 60, "{} has {lines} lines", main.display());
        seen += 1;
    }
    assert!(seen >= 9);
}

#[test]
fn no_float_comes_near_money() {
    for folder in ["domain", "gateways", "systems", "sources", "flows", "api"] {
        for (name, text) in sources(folder) {
            let text = code(&text);
            for word in [" f64", " f32", "as_f64", "<f64>"] {
                assert!(!text.contains(word), "{name} uses{word}");
            }
        }
    }
}

#[test]
fn every_room_is_listed_once_and_shows_in_the_table() {
    let table = meridian::vendors::capabilities::tables();
    for gateway in meridian::vendors::GATEWAYS {
        assert_eq!(
            table
                .matches(&format!("\n| {} |", gateway.vendor.name))
                .count(),
            1
        );
    }
    for system in meridian::vendors::SYSTEMS {
        assert_eq!(
            table
                .matches(&format!("\n| {} |", system.vendor.name))
                .count(),
            1
        );
    }
    let ids: Vec<_> = meridian::vendors::GATEWAYS
        .iter()
        .map(|gateway| gateway.vendor.id)
        .collect();
    let unique: std::collections::BTreeSet<_> = ids.iter().collect();
    assert_eq!(unique.len(), ids.len());
}
