//! 20,000 histories of the money path, and that nothing that can happen was left out.

use meridian_simulation::coverage::wanted;
use meridian_simulation::runs;
use std::io::Write;

const HISTORIES: u64 = 20_000;

#[test]
fn no_rule_is_broken_in_twenty_thousand_histories_and_everything_occurs_in_them() {
    let run = runs::run(1, HISTORIES);
    if let Some(broken) = run.broken {
        // Past the test's capture, so that whoever plants bugs sees it at once.
        let line = format!(
            "BROKEN after {} histories: {}\n",
            broken.after, broken.violation
        );
        let _ = std::io::stdout().write_all(line.as_bytes());
        panic!(
            "{}\n\n{}\nseed {} breaks it, after {} histories",
            broken.violation, broken.story, broken.seed, broken.after
        );
    }
    let never: Vec<_> = run
        .coverage
        .missing(&wanted())
        .into_iter()
        .cloned()
        .collect();
    assert!(
        never.is_empty(),
        "in {HISTORIES} histories these never occurred: {never:#?}"
    );
}
