//! Each vendor's contract tells what fits it from what does not.

mod authorizenet;
mod cliniko;
mod gocardless;
mod google_sheets;
mod mailgun;
mod mollie;
mod own;
mod paypal;
mod quickbooks;
mod slack;
mod stripe;
mod twilio;
mod xero;

use std::path::PathBuf;

use meridian_contracts::{Contracts, Exchange};
use serde_json::Value;

/// The contracts, or a note that nothing was checked.
fn contracts() -> Option<Contracts> {
    let found = Contracts::from_env();
    if found.is_none() {
        println!("contracts not checked: MERIDIAN_CONTRACTS is not set");
    }
    found
}

/// A file beside the contracts.
fn fixture(path: &str) -> Value {
    let folder = PathBuf::from(std::env::var_os("MERIDIAN_CONTRACTS").expect("a folder"));
    let text = std::fs::read_to_string(folder.join(path)).expect(path);
    serde_json::from_str(&text).expect(path)
}

fn call(vendor: &str, method: &str, path: &str) -> Exchange {
    let [vendor, method, path] = [vendor, method, path].map(str::to_owned);
    Exchange {
        vendor,
        method,
        path,
        ..Exchange::default()
    }
}

trait Build: Sized {
    fn header(self, name: &str, value: &str) -> Self;
    fn form(self, body: &str) -> Self;
    fn json(self, body: Value) -> Self;
    fn reply(self, status: u16, body: Value) -> Self;
    fn reply_text(self, status: u16, body: &str) -> Self;
}

impl Build for Exchange {
    fn header(mut self, name: &str, value: &str) -> Self {
        self.request_headers.push((name.into(), value.into()));
        self
    }

    fn form(self, body: &str) -> Self {
        let body = body.as_bytes().to_vec();
        let sent = self.header("Content-Type", "application/x-www-form-urlencoded");
        Exchange {
            request_body: body,
            ..sent
        }
    }

    fn json(self, body: Value) -> Self {
        let sent = self.header("Content-Type", "application/json");
        Exchange {
            request_body: body.to_string().into_bytes(),
            ..sent
        }
    }

    fn reply(self, status: u16, body: Value) -> Self {
        Exchange {
            status,
            response_headers: vec![(
                "content-type".into(),
                "application/json; charset=utf-8".into(),
            )],
            response_body: body.to_string().into_bytes(),
            ..self
        }
    }

    fn reply_text(self, status: u16, body: &str) -> Self {
        Exchange {
            status,
            response_headers: vec![("content-type".into(), "text/plain".into())],
            response_body: body.as_bytes().to_vec(),
            ..self
        }
    }
}

#[track_caller]
fn fits(contracts: &Contracts, exchange: &Exchange) {
    let problems = contracts.check(exchange);
    assert!(
        problems.is_empty(),
        "{} {}: {problems:#?}",
        exchange.method,
        exchange.path
    );
}

/// Exactly one problem is found, and it is this.
#[track_caller]
fn fails(contracts: &Contracts, exchange: &Exchange, expected: &str) {
    are(&contracts.check(exchange), &[expected]);
}

/// Exactly these problems are found.
#[track_caller]
fn are(problems: &[String], expected: &[&str]) {
    let found = |part: &&str| problems.iter().any(|line| line.contains(*part));
    let same = problems.len() == expected.len() && expected.iter().all(found);
    assert!(same, "expected {expected:#?}, found {problems:#?}");
}

fn headers(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs
        .iter()
        .map(|(name, value)| ((*name).into(), (*value).into()))
        .collect()
}

#[track_caller]
fn hook_fits(contracts: &Contracts, vendor: &str, head: &[(&str, &str)], body: &str) {
    let problems = contracts.check_webhook(vendor, &headers(head), body.as_bytes());
    assert!(problems.is_empty(), "{problems:#?}");
}

#[track_caller]
fn hook_fails(
    contracts: &Contracts,
    vendor: &str,
    head: &[(&str, &str)],
    body: &str,
    expected: &str,
) {
    are(
        &contracts.check_webhook(vendor, &headers(head), body.as_bytes()),
        &[expected],
    );
}

#[test]
fn an_unknown_vendor_is_a_problem() {
    let Some(contracts) = contracts() else { return };
    fails(
        &contracts,
        &call("stripy", "GET", "/"),
        "no contract is known",
    );
}

#[test]
fn a_folder_without_contracts_is_refused() {
    let problem = Contracts::load(&PathBuf::from("src"))
        .err()
        .expect("a problem");
    assert!(problem.contains("is not a folder"), "{problem}");
}

#[test]
fn contracts_are_shared_between_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<Contracts>();
}
