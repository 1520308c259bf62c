//! How sources are read: files, edges, circles, functions.

use meridian_architecture::{Crate, File, functions};
use std::collections::BTreeSet;
use std::path::Path;
use tempfile::TempDir;

/// A crate of these files.
fn written(files: &[(&str, &str)]) -> (TempDir, Crate) {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, text) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("created");
        std::fs::write(path, text).expect("written");
    }
    let read = Crate::read(&folder.path().join("lib.rs"));
    (folder, read)
}

fn edges(files: &[(&str, &str)]) -> BTreeSet<String> {
    let (_folder, read) = written(files);
    let name = |file: usize| &read.files[file].name;
    let edges = read.edges();
    edges
        .iter()
        .map(|(from, to)| format!("{} -> {}", name(*from), name(*to)))
        .collect()
}

fn is(found: BTreeSet<String>, wanted: &[&str]) {
    assert_eq!(found.iter().map(String::as_str).collect::<Vec<_>>(), wanted);
}

#[test]
fn files_have_their_modules_and_folders() {
    let (_folder, read) = written(&[
        ("lib.rs", "mod a; mod c;"),
        ("a.rs", "mod b;"),
        ("a/b.rs", ""),
        ("c/mod.rs", ""),
    ]);
    let shown = |file: &File| format!("{} {} {}", file.name, file.module, file.folder);
    let shown: Vec<_> = read.files.iter().map(shown).collect();
    assert_eq!(
        shown,
        [
            "lib.rs crate ",
            "a.rs crate::a a",
            "a/b.rs crate::a::b a",
            "c/mod.rs crate::c c"
        ]
    );
}

#[test]
fn an_edge_leads_through_what_is_exported_again() {
    let files = [
        ("lib.rs", "mod a; mod b; mod c;"),
        (
            "a.rs",
            "use crate::b::{Named, other as mine}; use crate::b::*;",
        ),
        (
            "b.rs",
            "pub use crate::c::{Named, more::*}; pub use crate::c as inner; pub fn other() {}",
        ),
        (
            "c.rs",
            "pub struct Named; pub mod more { pub fn deep() {} }",
        ),
    ];
    is(
        edges(&files),
        &["a.rs -> b.rs", "a.rs -> c.rs", "b.rs -> c.rs"],
    );
    let mut by_glob = files;
    by_glob[1].1 = "use crate::b::*; fn f() { deep() }";
    is(edges(&by_glob), &["a.rs -> c.rs", "b.rs -> c.rs"]);
}

#[test]
fn paths_in_code_and_in_macros_count_and_modules_alone_do_not() {
    let with = |text: &'static str| {
        edges(&[
            ("lib.rs", "mod a; mod b;"),
            ("a.rs", text),
            ("b.rs", "pub fn f() {} pub struct S { pub s: u8 }"),
        ])
    };
    is(with("use crate::b;"), &[]);
    for text in [
        "use crate::b; fn a() { b::f() }",
        "fn a() { super::b::f() }",
        "fn a() { use crate::b; b::f() }",
        "fn a(s: super::b::S) {}",
        "use crate::b; fn a() { println!(\"{}\", [b::f()]) }",
    ] {
        is(with(text), &["a.rs -> b.rs"]);
    }
    is(with("#[cfg(test)] mod tests { use crate::b::f; }"), &[]);
    is(with("use std::f; fn a(f: u8) { f; b.f() }"), &[]);
}

#[test]
fn a_circle_is_found_and_told_apart_by_folders() {
    let (_folder, read) = written(&[
        ("lib.rs", "mod a; mod b; mod c;"),
        ("a.rs", "use crate::b::B; pub struct A;"),
        ("b.rs", "use crate::c::d::D; pub struct B;"),
        ("c/mod.rs", "pub mod d; pub mod e;"),
        (
            "c/d.rs",
            "use crate::a::A; pub struct D; fn f() { super::e::g() }",
        ),
        ("c/e.rs", "pub fn g() {}"),
    ]);
    let circle = "[[a.rs, b.rs, c/d.rs]]";
    assert_eq!(format!("{:?}", read.circles()), circle);
    assert_eq!(format!("{:?}", read.circles_between_folders()), circle);
    let (_folder, read) = written(&[
        ("lib.rs", "mod a; mod b;"),
        ("a.rs", "use crate::b::B; pub struct A;"),
        ("b.rs", "use crate::a::A; pub struct B;"),
    ]);
    assert_eq!(format!("{:?}", read.circles()), "[[a.rs, b.rs]]");
    assert!(read.circles_between_folders().is_empty());
}

#[test]
fn functions_are_counted_from_their_fn_to_their_closing_brace() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("a.rs");
    let text = "/// Of no weight.\n#[test]\nfn a() {\n    1;\n}\nimpl B {\n    pub fn b() {}\n}\ntrait C {\n    fn c();\n    fn d() {\n    }\n}\n";
    std::fs::write(&file, text).expect("written");
    let found = functions(Path::new(&file));
    let found: Vec<_> = found
        .iter()
        .map(|function| (function.name.as_str(), function.line, function.lines))
        .collect();
    assert_eq!(found, [("a", 3, 3), ("b", 7, 1), ("d", 11, 2)]);
}
