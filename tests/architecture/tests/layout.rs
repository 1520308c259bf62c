//! The layout's rules, held over the sources of the workspace.

use meridian_architecture::{Crate, functions, public_items, rust_files};
use std::path::{Path, PathBuf};

/// What fits a page, and one look.
const LONGEST: usize = 70;

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

#[test]
fn no_file_of_infra_imports_itself_by_way_of_others() {
    for root in [
        "infra/embedded-aws/src/lib.rs",
        "infra/local/src/main.rs",
        "infra/sandbox/src/lib.rs",
    ] {
        let read = Crate::read(&workspace().join(root));
        let circles = read.circles();
        assert!(circles.is_empty(), "{root}: {circles:#?}");
    }
}

#[test]
fn no_circle_of_imports_leaves_its_folder() {
    let read = Crate::read(&workspace().join("shared/src/lib.rs"));
    let circles = read.circles_between_folders();
    assert!(circles.is_empty(), "{circles:#?}");
}

#[test]
fn no_file_of_the_api_imports_itself_by_way_of_others() {
    let read = Crate::read(&workspace().join("shared/src/lib.rs"));
    let circles = format!("{:?}", read.circles());
    assert!(!circles.contains("api/"), "{circles}");
}

#[test]
fn no_function_is_longer_than_a_page() {
    let mut long = Vec::new();
    for folder in ["functions", "infra", "tests", "shared/src"] {
        for file in rust_files(&workspace().join(folder)) {
            let found = functions(&file);
            let found = found.iter().filter(|function| function.lines > LONGEST);
            long.extend(found.map(|function| {
                let (file, name) = (file.display(), &function.name);
                format!("{file}:{} {name}: {} lines", function.line, function.lines)
            }));
        }
    }
    assert!(long.is_empty(), "{long:#?}");
}

#[test]
fn the_environment_is_read_in_one_place() {
    let mut readers = Vec::new();
    for folder in ["functions", "shared/src"] {
        let folder = workspace().join(folder);
        let reads = |file: &PathBuf| {
            let text = std::fs::read_to_string(file).expect("a source");
            text.contains("env::var")
        };
        let found = rust_files(&folder).into_iter().filter(reads);
        readers.extend(found.map(|file| file.file_name().map(std::ffi::OsStr::to_owned)));
    }
    assert_eq!(readers, [Some("config.rs".into())]);
}

#[test]
fn every_public_item_of_contract_domain_and_api_says_more_than_its_name() {
    let mut silent = Vec::new();
    for folder in ["contract", "domain", "api"] {
        for file in rust_files(&workspace().join("shared/src").join(folder)) {
            let items = public_items(&file);
            let items = items.iter().filter(|item| item.only_repeats());
            silent.extend(items.map(|item| {
                let said = if item.doc.is_empty() {
                    "nothing"
                } else {
                    "its name"
                };
                format!("{}:{} {} says {said}", file.display(), item.line, item.name)
            }));
        }
    }
    assert!(silent.is_empty(), "{}: {silent:#?}", silent.len());
}
