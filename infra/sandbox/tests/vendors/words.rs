//! What a simulated vendor says when it refuses.

use serde_json::Value;
use std::fs;
use std::path::Path;

/// The reasons that a source names, each behind one of these beginnings.
fn reasons(source: &str) -> Vec<&str> {
    let plain = [
        "ok_or(\"",
        "Err(\"",
        "Refusal::Because(\"",
        "Refusal::With(\"",
        "because(\"",
    ];
    let begin = plain.iter().flat_map(|begins| source.split(begins).skip(1));
    let mut all: Vec<_> = begin.filter_map(|rest| rest.split('"').next()).collect();
    let refused = source.split(" refuse(").skip(1);
    let call = refused.filter_map(|rest| rest.split([';', '}']).next());
    all.extend(call.filter_map(|call| call.rsplit('"').nth(1)));
    // Words, as of controls, are no names.
    all.retain(|reason| {
        reason
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte == b'_')
    });
    all
}

#[test]
fn every_reason_that_a_vendor_gives_has_its_words() {
    let vendors = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/vendors");
    let mut seen = 0;
    for folder in fs::read_dir(&vendors).expect("a folder").flatten() {
        let Ok(looks) = fs::read_to_string(folder.path().join("looks.json")) else {
            continue;
        };
        let looks: Value = serde_json::from_str(&looks).expect("JSON");
        let words = looks["refusals"].as_object().expect("refusals");
        let has = |reason: &str| {
            let mut names = words.keys().map(|name| name.split('@').next());
            names.any(|name| name == Some(reason))
        };
        let beside = fs::read_dir(folder.path()).expect("a folder").flatten();
        let files = beside
            .map(|file| file.path())
            .chain([folder.path().with_extension("rs")]);
        for file in files.filter(|file| file.extension().is_some_and(|end| end == "rs")) {
            let source = fs::read_to_string(&file).expect("a source");
            for reason in reasons(&source) {
                assert!(has(reason), "{}: {reason}", file.display());
                seen += 1;
            }
        }
    }
    assert!(seen > 100, "only {seen} reasons were found");
}
