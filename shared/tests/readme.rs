//! The README's table is the code's.

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
