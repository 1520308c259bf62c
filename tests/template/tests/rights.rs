//! The policies of the template against `seen.txt`, both ways: each function may do what it was seen
//! to do, and nothing else.

use meridian_template::{Template, rights};
use std::collections::BTreeSet;

/// What the functions were seen to do: `tests/stories` holds it against the running stack.
fn seen() -> BTreeSet<String> {
    let lines = include_str!("../seen.txt").lines();
    let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(String::from).collect()
}

fn lines(some: Vec<&String>) -> String {
    let lines = some.into_iter().map(|line| format!("  {line}\n"));
    lines.collect()
}

#[test]
fn a_function_may_do_what_it_was_seen_to_do_and_nothing_else() {
    let (allowed, seen) = (rights(&Template::read()), seen());
    let unused = lines(allowed.difference(&seen).collect());
    let missing = lines(seen.difference(&allowed).collect());
    assert!(
        unused.is_empty() && missing.is_empty(),
        "template.yaml and tests/template/seen.txt differ.\n\
         Allowed and never done:\n{unused}Done and not allowed:\n{missing}"
    );
}

/// Which roles of secrets a function may read, `_` for those of the deployment.
fn reads(function: &str) -> BTreeSet<String> {
    let begin = format!("{function} secretsmanager:GetSecretValue meridian/");
    let all = rights(&Template::read());
    let secrets = all.iter().filter_map(|line| line.strip_prefix(&begin));
    let role = |name: &str| {
        let parts: Vec<_> = name.split('/').collect();
        parts[1].to_owned()
    };
    secrets.map(role).collect()
}

#[test]
fn only_who_calls_a_gateway_or_a_system_reads_its_key() {
    for (function, expected) in [
        ("webhook-intake", "inbound"),
        ("payment-posting", "gateway inbound oauth seal system"),
        ("invoice-creation", "seal"),
        ("charge-execution", "gateway seal"),
        ("refund-execution", "gateway seal"),
        ("outcome-resolution", "gateway oauth seal system"),
        ("system-delivery", "oauth seal system"),
        ("clinic-api", "gateway inbound oauth root seal system"),
        ("patient-pages", "gateway seal"),
    ] {
        let read = reads(function).into_iter().collect::<Vec<_>>().join(" ");
        assert_eq!(read, expected, "{function}");
    }
}

#[test]
fn the_pages_that_patients_see_send_nothing() {
    let all = rights(&Template::read());
    let pages = all.iter().filter(|line| line.starts_with("patient-pages "));
    for line in pages {
        assert!(!line.contains(" sqs:"), "{line}");
    }
}
