//! What the stories saw the functions do at AWS, against the list that their policies are held to.
//! Cargo runs this after the stories. To write the list anew, after all of them:
//! `MERIDIAN_RENEW=1 cargo test -p meridian-stories`.

use std::collections::BTreeSet;

const HEADING: &str = "# What each function was seen to do at AWS: its policy in template.yaml, no more and no less.\n\
                       # Written by MERIDIAN_RENEW=1 cargo test -p meridian-stories; resources by their names in the template.\n";

#[test]
fn the_stories_saw_each_right_used_and_none_denied() {
    let seen = meridian_stack::rights_of("meridian-stories", "main");
    let seen = seen.expect("the stories ran: cargo test -p meridian-stories, all of them");
    let seen: BTreeSet<&str> = seen.lines().collect();
    let denied: Vec<_> = seen
        .iter()
        .filter(|line| line.ends_with("denied"))
        .collect();
    assert!(denied.is_empty(), "a policy lacks {denied:#?}");
    let file = meridian_stack::root().join("tests/template/seen.txt");
    if std::env::var_os("MERIDIAN_RENEW").is_some() {
        let lines = seen.iter().map(|line| format!("{line}\n"));
        let text = format!("{HEADING}{}", lines.collect::<String>());
        std::fs::write(&file, text).expect("written");
        return;
    }
    let written = std::fs::read_to_string(&file).expect("tests/template/seen.txt");
    let written = written.lines().filter(|line| !line.starts_with('#'));
    let written: BTreeSet<&str> = written.collect();
    let unseen: Vec<_> = written.difference(&seen).collect();
    let new: Vec<_> = seen.difference(&written).collect();
    assert!(
        unseen.is_empty() && new.is_empty(),
        "tests/template/seen.txt has {unseen:#?}, which no story did, and lacks {new:#?}"
    );
}
