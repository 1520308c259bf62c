//! Exactly once. Each money path is run undisturbed to learn its calls; then once for every call,
//! both sides of it, with the function's process killed there or the connection cut. After the
//! house has come to rest, nothing may be lost and nothing doubled. A new call is covered by
//! itself, as it is learned. What only tells others of the money is disturbed in the same way.

mod clinic;
mod paths;
mod together;

use meridian_stack::Stack;
use paths::Path;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Instant;

/// What is done to a call.
const DEEDS: [&str; 4] = ["kill_before", "kill_after", "cut_before", "cut_after"];

#[test]
fn a_saved_card_is_charged_once_wherever_a_process_dies_or_a_connection_breaks() {
    disturbed_everywhere(&paths::CHARGE, 20);
}

#[test]
fn a_webhook_is_posted_once_wherever_a_process_dies_or_a_connection_breaks() {
    disturbed_everywhere(&paths::WEBHOOK, 20);
}

#[test]
fn a_refund_is_paid_once_wherever_a_process_dies_or_a_connection_breaks() {
    disturbed_everywhere(&paths::REFUND, 16);
}

#[test]
fn a_page_is_opened_once_wherever_a_process_dies_or_a_connection_breaks() {
    disturbed_everywhere(&paths::PAGE, 20);
}

#[test]
fn a_session_is_billed_once_however_often_its_completion_is_reported_and_broken_off() {
    disturbed_everywhere(&paths::COMPLETION, 16);
}

#[test]
fn the_books_are_told_of_an_invoice_once_wherever_a_process_dies_or_a_connection_breaks() {
    disturbed_everywhere(&paths::BOOKS, 20);
}

#[test]
fn everybody_is_told_of_a_payment_once_wherever_a_process_dies_or_a_connection_breaks() {
    disturbed_everywhere(&paths::MESSAGES, 70);
}

/// Every deed at every call that the path makes; at least so many of them.
fn disturbed_everywhere(path: &Path, least: usize) {
    let (stack, _alone) = Stack::alone();
    let began = Instant::now();
    let mut broken = vec![];
    let (mut scenarios, mut struck) = (0, 0);
    for (function, calls) in learn(stack, path) {
        for nth in 1..=calls.len() {
            for deed in DEEDS {
                scenarios += 1;
                let fault = fault(&function, &calls[..nth], deed);
                let ended = disturbed(stack, path, &fault);
                struck += usize::from(ended.struck);
                if let Err(why) = ended.holds {
                    let call = &calls[nth - 1].shown;
                    broken.push(format!("{deed} {function} {nth} {call}: {why}"));
                }
            }
        }
    }
    let (name, seconds) = (path.name, began.elapsed().as_secs());
    println!("{name}: {scenarios} scenarios, {struck} struck, in {seconds} s");
    assert!(
        broken.is_empty(),
        "{} of {scenarios} broken:\n{}",
        broken.len(),
        broken.join("\n")
    );
    assert!(
        scenarios >= least,
        "only {scenarios} scenarios were learned"
    );
}

#[test]
fn a_gateway_that_acts_late_drops_replies_or_is_still_in_flight_charges_and_refunds_once() {
    for path in [&paths::CHARGE, &paths::REFUND] {
        troubled(path, "stripe", "POST");
    }
}

#[test]
fn books_that_act_late_or_drop_replies_have_an_invoice_and_its_payment_once() {
    troubled(&paths::BOTH, "xero", "PUT");
}

/// What a vendor itself may do wrong, with lists that do not show at once what was made.
fn troubled(path: &Path, vendor: &str, method: &str) {
    let (stack, _alone) = Stack::alone();
    let mut broken = vec![];
    for action in [
        "act_late:5000",
        "drop_after_acting",
        "conflict_in_flight",
        "status:503",
    ] {
        let fault = json!({ "vendors": [
            { "vendor": vendor, "method": method, "action": action, "times": 1 },
            { "vendor": vendor, "action": "search_lag:60000" },
        ] });
        if let Err(why) = disturbed(stack, path, &fault).holds {
            broken.push(format!("{}: {action}: {why}", path.name));
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

/// A call that a function makes, to AWS or to a vendor.
struct Made {
    vendor: Option<String>,
    shown: String,
}

/// The calls of each function on this path, from a run that nothing disturbs.
fn learn(stack: &Stack, path: &Path) -> BTreeMap<String, Vec<Made>> {
    let mut learned = BTreeMap::new();
    // Once to warm what is cached, once to learn.
    for _ in 0..2 {
        let known = (path.before)(stack);
        stack.quiet();
        stack.control("DELETE", "calls", &Value::Null);
        stack.control("DELETE", "aws-calls", &Value::Null);
        let case = (path.act)(stack, &known);
        stack.quiet();
        learned = made(stack, path);
        if let Err(why) = whole(stack, path, &case) {
            panic!("{} does not hold even undisturbed: {why}", path.name);
        }
    }
    learned
}

fn made(stack: &Stack, path: &Path) -> BTreeMap<String, Vec<Made>> {
    let mut made: BTreeMap<String, Vec<Made>> = BTreeMap::new();
    let mut add = |function: &str, vendor: Option<String>, shown: String| {
        if path.functions.contains(&function) {
            let calls = made.entry(function.into()).or_default();
            calls.push(Made { vendor, shown });
        }
    };
    let text = |call: &Value, name: &str| call[name].as_str().unwrap_or_default().to_owned();
    let aws = stack.control("GET", "aws-calls", &Value::Null).expect(200);
    for call in aws.as_array().into_iter().flatten() {
        let caller = text(call, "caller");
        let function = caller.split('.').nth(1).unwrap_or_default();
        add(function, None, text(call, "operation"));
    }
    let vendors = stack.control("GET", "calls", &Value::Null).expect(200);
    for call in vendors.as_array().into_iter().flatten() {
        let [vendor, method, path] = ["vendor", "method", "path"].map(|name| text(call, name));
        let shown = format!("{vendor} {method} {path}");
        add(&text(call, "function"), Some(vendor), shown);
    }
    made
}

/// Strikes the last of these calls, counted among those to the same vendor or to AWS.
fn fault(function: &str, calls: &[Made], deed: &str) -> Value {
    let vendor = calls.last().and_then(|call| call.vendor.as_ref());
    let nth = calls
        .iter()
        .filter(|call| call.vendor.as_ref() == vendor)
        .count();
    match vendor {
        None => json!({ "aws": [{ "function": function, "nth": nth, "action": deed }] }),
        Some(vendor) => json!({ "vendors": [
            { "vendor": vendor, "function": function, "nth": nth, "action": deed },
        ] }),
    }
}

/// How a disturbed run ended.
struct Ended {
    struck: bool,
    holds: Result<(), String>,
}

fn disturbed(stack: &Stack, path: &Path, fault: &Value) -> Ended {
    let known = (path.before)(stack);
    stack.quiet();
    stack.faults(fault);
    let case = (path.act)(stack, &known);
    // Visibility and leases run out by the house's clock, and gateways send again.
    stack.advance(1530);
    let armed = stack.control("GET", "faults", &Value::Null).expect(200);
    let struck = ["aws", "vendors"]
        .iter()
        .flat_map(|kind| armed[kind].as_array().into_iter().flatten())
        .any(|fault| fault["struck"].as_u64() > Some(0));
    stack.control("DELETE", "faults", &Value::Null);
    for wait in [400, 1000, 4000] {
        if whole(stack, path, &case).is_ok() {
            break;
        }
        stack.advance(wait);
    }
    stack.quiet();
    let holds = whole(stack, path, &case);
    closed(stack, &case);
    Ended { struck, holds }
}

/// Pages that nobody will pay on: the house would ask for them in every scenario that follows.
fn closed(stack: &Stack, case: &str) {
    let invoice = clinic::invoice(stack, case);
    for payment in invoice["payments"].as_array().into_iter().flatten() {
        if payment["state"] == "open" {
            let path = format!("/v1/payments/{}/close", clinic::id(payment));
            stack.post(&path, &json!({})).expect(200);
        }
    }
}

fn whole(stack: &Stack, path: &Path, case: &str) -> Result<(), String> {
    (path.holds)(stack, case)?;
    let verified = stack.get(&format!("/v1/audit/verify?case={case}"));
    match verified.json()["holds"] == true {
        true => Ok(()),
        false => Err(format!("the books do not hold: {}", verified.text)),
    }
}
