//! The project's conventions, held over its sources.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

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

/// The folders of the crate from the ground up: each imports only what stands before it.
const FLOORS: [&str; 10] = [
    "words", "domain", "contract", "vendors", "messages", "pages", "io", "records", "flows", "api",
];

#[test]
fn only_io_touches_aws_a_vendor_or_the_systems_clock() {
    for (name, text) in sources("") {
        if name.starts_with("io/") {
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
fn only_webhook_intake_reaches_aws_without_the_sdks_clients() {
    for (name, text) in sources("") {
        let text = code(&text);
        let lean = name.starts_with("io/lean/");
        if lean || name == "flows/intake.rs" {
            // Without an `Aws` there is none of the SDK's clients.
            for word in ["aws_sdk_", "Aws"] {
                assert!(!text.contains(word), "{name} uses {word}");
            }
        }
        let declared = name == "io/mod.rs";
        let named = text.contains("lean::") || text.contains("lean;");
        assert_eq!(
            named && !lean && !declared,
            name == "flows/intake.rs",
            "{name} and io::lean"
        );
    }
    for (name, text) in functions() {
        let intake = name == "webhook-intake";
        assert!(!text.contains("io::lean"), "{name} uses io::lean");
        assert_eq!(text.contains("flows::intake"), intake, "{name}");
    }
}

#[test]
fn a_folder_imports_only_those_below_it() {
    for (n, floor) in FLOORS.iter().enumerate() {
        let files = sources(floor);
        assert!(!files.is_empty(), "there is no {floor}/");
        for (name, text) in files {
            let text = code(&text);
            for above in &FLOORS[n + 1..] {
                let path = format!("crate::{above}::");
                let whole = format!("use crate::{above};");
                let up = text.contains(&path) || text.contains(&whole);
                let in_tests = name.ends_with("tests.rs") || !before_tests(&text, &path);
                assert!(!up || in_tests, "{name} imports {above}");
            }
        }
    }
}

/// Whether a path stands in the code before its module of tests.
fn before_tests(text: &str, path: &str) -> bool {
    let code = text.split("#[cfg(test)]\nmod tests").next();
    code.is_some_and(|code| code.contains(path))
}

#[test]
fn only_records_spell_the_keys_of_rows() {
    // The due index is the store's own, and the list of clinics intake's.
    let own = ["io/store.rs", "io/directory.rs"];
    let above = ["io", "flows", "api"].map(sources);
    for (name, text) in above.into_iter().flatten() {
        if name.ends_with("tests.rs") || own.contains(&&*name) {
            continue;
        }
        let code = code(&text);
        let code = code.split("#[cfg(test)]\nmod tests").next();
        for literal in code.unwrap_or_default().split('"').skip(1).step_by(2) {
            let part = literal.split_once('#').map(|(before, _)| before);
            let of_key = |before: &str| before.ends_with(|c: char| c == '}' || c.is_lowercase());
            assert!(!part.is_some_and(of_key), "{name} spells a key: {literal}");
        }
    }
}

/// What reads or writes an attribute of a row by its name.
const BY_NAME: [&str; 8] = [
    ".text(\"",
    ".number(\"",
    ".json(\"",
    ".get(\"",
    ".has(\"",
    ".int(\"",
    ".read(\"",
    "attribute: \"",
];

/// The names that a text spells so.
fn attributes(text: &str) -> impl Iterator<Item = &str> {
    let of = |call: &'static str| text.split(call).skip(1);
    let after = BY_NAME.into_iter().flat_map(of);
    after.filter_map(|after| Some(after.split_once('"')?.0))
}

#[test]
fn only_records_spell_the_attributes_of_rows() {
    let records: Vec<_> = ["records", "io"]
        .map(sources)
        .into_iter()
        .flatten()
        .collect();
    let spelt_there = records.iter().flat_map(|(_, text)| attributes(text));
    let known: BTreeSet<_> = spelt_there.collect();
    assert!(known.len() > 40, "{known:?}");
    let above = ["flows", "api", "pages", "messages"].map(sources);
    for (name, text) in above.into_iter().flatten() {
        let code = code(&text);
        let code = code
            .split("#[cfg(test)]\nmod tests")
            .next()
            .unwrap_or_default();
        // A map that is no row may have a key of such a name.
        if name.ends_with("tests.rs") || !code.contains("Row") {
            continue;
        }
        let spelt = attributes(code).find(|attribute| known.contains(attribute));
        assert_eq!(spelt, None, "{name} spells an attribute of a row");
    }
}

#[test]
fn the_rules_do_no_io() {
    for folder in ["words", "domain", "contract", "vendors"] {
        for (name, text) in sources(folder) {
            assert!(!code(&text).contains("async fn"), "{name} waits");
        }
    }
}

#[test]
fn an_adapter_knows_no_other_adapter_and_no_clock() {
    let mut adapters: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
    for (name, text) in sources("vendors") {
        let below = name.strip_prefix("vendors/").unwrap();
        if matches!(below, "mod.rs" | "capabilities.rs") {
            continue;
        }
        let vendor = below.split('/').next().unwrap().trim_end_matches(".rs");
        adapters
            .entry(vendor.to_owned())
            .or_default()
            .push((name.clone(), text));
    }
    for (vendor, files) in &adapters {
        for (name, text) in files {
            let text = code(text);
            for other in adapters.keys().filter(|other| *other != vendor) {
                let path = format!("vendors::{other}");
                assert!(!text.contains(&path), "{name} knows {other}");
            }
            for word in ["async ", "Timestamp::now", "f64", "f32", "std::env"] {
                assert!(!text.contains(word), "{name} uses {word}");
            }
        }
    }
}

/// Forty vendors' readers would be linked into what must start in milliseconds.
#[test]
fn intake_carries_doors_and_nothing_else_of_a_vendor() {
    let flows = sources("flows");
    let intake = code(&flows["flows/intake.rs"]).replace("vendors::door(", "");
    let left = intake.replace("use crate::vendors;", "");
    assert!(!left.contains("vendors::"), "intake names more than doors");
    let doors = sources("vendors").into_iter();
    let doors: Vec<_> = doors
        .filter(|(name, _)| name.ends_with("door.rs"))
        .collect();
    assert!(!doors.is_empty());
    for (name, text) in &doors {
        let text = code(text);
        let imports = text.lines().filter(|line| line.starts_with("use "));
        for line in imports {
            let plain = ["use crate::contract::*;", "use serde_json::Value;"];
            assert!(plain.contains(&line), "{name}: {line}");
        }
        for path in ["super::", "crate::domain", "crate::vendors", "crate::flows"] {
            assert!(!text.contains(path), "{name} knows {path}");
        }
    }
}

/// What each function runs, by the function's name.
fn functions() -> BTreeMap<String, String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../functions");
    let all = std::fs::read_dir(folder).unwrap().map(|one| one.unwrap());
    let read = |folder: std::fs::DirEntry| {
        let name = folder.file_name().to_string_lossy().into_owned();
        let main = std::fs::read_to_string(folder.path().join("src/main.rs"));
        (name, main.unwrap())
    };
    all.map(read).collect()
}

#[test]
fn a_function_holds_its_trigger_and_no_more() {
    let functions = functions();
    for (name, main) in &functions {
        let lines = main.lines().count();
        assert!(lines <= 60, "{name} has {lines} lines");
    }
    assert!(functions.len() >= 9);
}

#[test]
fn no_float_comes_near_money() {
    for folder in [
        "words/money.rs",
        "domain",
        "contract",
        "vendors",
        "flows",
        "api",
    ] {
        for (name, text) in sources(folder) {
            let text = code(&text);
            for word in [" f64", " f32", "as_f64", "<f64>"] {
                assert!(!text.contains(word), "{name} uses{word}");
            }
        }
    }
}

/// The vendors whose ids a line's array names, or with whose id it begins: an element of a list, an
/// arm of a `match`.
fn listed<'a>(line: &str, ids: &[&'a str]) -> BTreeSet<&'a str> {
    let begins = |id: &&&str| {
        let line = line.trim_start().trim_start_matches(['(', '[']);
        line.starts_with(&format!("\"{id}\"")) || line.starts_with(&format!("&{id}::"))
    };
    let mut found: BTreeSet<_> = ids.iter().filter(begins).copied().collect();
    for array in line.split('[').skip(1) {
        let array = array.split(']').next().unwrap_or_default();
        let elements: Vec<_> = array.split(',').map(|element| element.trim()).collect();
        let named = |id: &&&str| elements.contains(&format!("\"{id}\"").as_str());
        found.extend(ids.iter().filter(named).copied());
    }
    found
}

/// What vendors say, written out in an arm for each, until one suite holds all of them to it.
const FAKES: [&str; 3] = [
    "shared/tests/api/refusals.rs",
    "shared/tests/api/vendors.rs",
    "tests/stories/tests/main/post.rs",
];

/// What one more vendor would have to be written into, beside the registry and its own files: a list
/// that names most of the gateways, or most of the systems. A module's declaration is the language's:
/// without it nothing compiles.
#[test]
fn only_the_registry_lists_vendors() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let gateways = meridian::vendors::gateways().map(|gateway| gateway.vendor.id);
    let systems = meridian::vendors::systems().map(|system| system.vendor.id);
    let kinds: [Vec<_>; 2] = [gateways.collect(), systems.collect()];
    let mut lists = vec![];
    for path in meridian_architecture::rust_files(&root) {
        let name = path.strip_prefix(&root).expect("below the root").to_owned();
        let mut parts = name.iter().filter_map(|part| part.to_str());
        let own = |part: &str| kinds.iter().flatten().any(|id| part.starts_with(id));
        let fakes = FAKES.iter().any(|fakes| name.ends_with(fakes));
        if parts.any(own) || fakes || name.starts_with("registry") {
            continue;
        }
        let text = code(&std::fs::read_to_string(&path).expect("a source"));
        let lines: Vec<_> = text.lines().collect();
        for ids in &kinds {
            let found: Vec<_> = lines.iter().map(|line| listed(line, ids)).collect();
            let most = |near: &[BTreeSet<&str>]| {
                let named: BTreeSet<_> = near.iter().flatten().collect();
                2 * named.len() > ids.len()
            };
            if let Some(n) = found.windows(24).position(most) {
                lists.push(format!("{}: {}", name.display(), lines[n + 23].trim()));
            }
        }
    }
    assert!(lists.is_empty(), "{lists:#?}");
}

#[test]
fn every_adapter_is_listed_once_and_shows_in_the_table() {
    let table = meridian::vendors::capabilities::tables();
    for gateway in meridian::vendors::gateways() {
        let row = format!("\n| {} | {} |", gateway.vendor.name, gateway.moves);
        assert_eq!(table.matches(&row).count(), 1, "{row}");
    }
    for system in meridian::vendors::systems() {
        let row = format!("\n| {} | {} |", system.vendor.name, system.is);
        assert_eq!(table.matches(&row).count(), 1, "{row}");
    }
    for (faces, poll) in meridian::vendors::polls() {
        let row = format!("\n| {} | {} |", faces.vendor.name, poll.name);
        assert_eq!(table.matches(&row).count(), 1, "{row}");
        assert!(poll.overlap < poll.longest, "{row} would never move on");
    }
    let ids: Vec<_> = meridian::vendors::all().map(|vendor| vendor.id).collect();
    let unique: std::collections::BTreeSet<_> = ids.iter().collect();
    assert_eq!(unique.len(), ids.len());
}
