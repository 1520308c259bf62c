//! What the documents say of the code is so: the README's table, the tests and files that
//! ARCHITECTURE.md and CONTRIBUTING.md name.

const BEGIN: &str = "<!-- capabilities: printed from the code -->\n";
const END: &str = "<!-- end of capabilities -->";

/// `UPDATE_README=1 cargo test -p meridian --test readme` writes the table anew.
#[test]
fn the_readme_shows_the_capabilities_that_the_code_has() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md");
    let readme = std::fs::read_to_string(path).expect("a README");
    let (before, rest) = readme.split_once(BEGIN).expect("the table's beginning");
    let (shown, after) = rest.split_once(END).expect("the table's end");
    let printed = meridian::vendors::capabilities::tables();
    if std::env::var_os("UPDATE_README").is_some() {
        std::fs::write(path, format!("{before}{BEGIN}{printed}{END}{after}")).expect("written");
        return;
    }
    assert_eq!(shown, printed, "run this test with UPDATE_README=1");
}

fn document(name: &str) -> String {
    let path = format!("{}/../{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// What stands between backticks in a line.
fn quoted(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}

/// Whether a file has a test of this name: `shared/tests/readme.rs::a_test`.
fn is_there(test: &str) -> bool {
    let Some((file, name)) = test.split_once("::") else {
        return false;
    };
    let text = document(file);
    let mut attribute = false;
    for line in text.lines().map(str::trim) {
        let function = line.strip_prefix("async ").unwrap_or(line);
        if attribute
            && function
                .strip_prefix("fn ")
                .is_some_and(|of| of.starts_with(&format!("{name}(")))
        {
            return true;
        }
        // Other attributes and comments may stand between.
        attribute = line.starts_with("#[test")
            || line.starts_with("#[tokio::test")
            || attribute && (line.starts_with("#[") || line.starts_with("//"));
    }
    false
}

#[test]
fn every_invariant_names_a_test_that_holds_it() {
    let text = document("ARCHITECTURE.md");
    let (_, invariants) = text.split_once("## Invariants").expect("invariants");
    let lines: Vec<_> = invariants
        .lines()
        .filter(|line| line.starts_with("- "))
        .collect();
    assert!(lines.len() > 20, "{} invariants", lines.len());
    for line in lines {
        assert!(line.starts_with("- Architecture Invariant: "), "{line}");
        let (_, held) = line
            .split_once("(held by ")
            .unwrap_or_else(|| panic!("{line}"));
        let mut tests = quoted(held).peekable();
        assert!(tests.peek().is_some(), "{line}");
        for test in tests {
            assert!(is_there(test), "there is no test {test}");
        }
    }
}

#[test]
fn every_recipe_names_files_and_tests_that_are_there() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let text = document("CONTRIBUTING.md");
    for recipe in text.split("\n## ").skip(1) {
        let tests: Vec<_> = quoted(recipe)
            .filter(|name| name.contains(".rs::"))
            .collect();
        assert!(!tests.is_empty(), "no test tells what is missing: {recipe}");
        for test in tests {
            assert!(is_there(test), "there is no test {test}");
        }
        let files = quoted(recipe).filter(|name| name.contains('/') && !name.contains("::"));
        for file in files.filter(|name| !name.contains(['<', ' '])) {
            assert!(root.join(file).exists(), "there is no {file}");
        }
    }
}
