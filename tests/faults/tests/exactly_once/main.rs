//! Exactly once. Each money path is run undisturbed to learn its calls; then once for every call,
//! both sides of it, with the function's process killed there or the connection cut. After the
//! app has come to rest, nothing may be lost and nothing doubled. A new call is covered by
//! itself, as it is learned. What only tells others of the money is disturbed in the same way. A
//! fault that was planned and never struck is a failure too: it would have shown nothing.
//!
//! With webhooks off nothing but our own repeats and look-ups tells how a call ended: there a
//! second charge or refund would show.
//!
//! Unless told otherwise one in six calls of a path is disturbed, and a few pairs of faults are:
//! `MERIDIAN_FAULTS=all` disturbs every call, `MERIDIAN_PAIRS` says how many pairs, `MERIDIAN_SEED`
//! which calls and which pairs.

mod clinic;
mod pairs;
mod paths;
mod together;

use meridian_stack::Stack;
use paths::Path;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Instant;

/// What is done to a call.
const DEEDS: [&str; 4] = ["kill_before", "kill_after", "cut_before", "cut_after"];
/// Who goes on where a function was killed or cut off.
const GOES_ON: &str = "outcome-resolution";

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
fn a_card_is_charged_once_wherever_it_breaks_when_no_webhook_tells_of_it() {
    disturbed_everywhere(&paths::CHARGE_UNHEARD, 20);
}

#[test]
fn a_refund_is_paid_once_wherever_it_breaks_when_no_webhook_tells_of_it() {
    disturbed_everywhere(&paths::REFUND_UNHEARD, 16);
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

/// Of so many scenarios one is run where nobody asks for all.
const SAMPLE: u64 = 6;

/// A number from the environment.
fn told(name: &str, default: u64) -> u64 {
    let text = std::env::var(name).ok();
    text.map_or(default, |text| text.parse().expect(name))
}

/// All of them, or every sixth from where the seed says; all deeds come in turn.
fn sample<T>(planned: Vec<T>) -> Vec<T> {
    if std::env::var("MERIDIAN_FAULTS").is_ok_and(|which| which == "all") {
        return planned;
    }
    let first = told("MERIDIAN_SEED", 1);
    let all = planned.into_iter().enumerate();
    // Four deeds of a call stand together: the next call's turn is another deed's.
    let turn = |n: usize| {
        (n as u64 / 4 + n as u64)
            .wrapping_add(first)
            .is_multiple_of(SAMPLE)
    };
    all.filter(|(n, _)| turn(*n)).map(|(_, one)| one).collect()
}

/// Every deed at every call that the path makes, at least so many of them, or a sample of that.
fn disturbed_everywhere(path: &Path, least: usize) {
    let (stack, _alone) = Stack::alone();
    let mut planned = vec![];
    for (function, calls) in learn(stack, path) {
        for nth in 1..=calls.len() {
            for deed in DEEDS {
                let call = &calls[nth - 1].shown;
                let shown = format!("{deed} {function} {nth} {call}");
                planned.push((shown, vec![fault(&function, &calls[..nth], deed)]));
            }
        }
    }
    assert!(
        planned.len() >= least,
        "only {} scenarios were learned",
        planned.len()
    );
    all_hold(stack, path, sample(planned));
}

/// How often a scenario is run again whose fault did not strike.
const AGAIN: usize = 3;

/// Runs each scenario, and tells of all that do not hold.
fn all_hold(stack: &Stack, path: &Path, planned: Vec<(String, Vec<Value>)>) {
    let (began, scenarios) = (Instant::now(), planned.len());
    let mut broken = vec![];
    for (shown, faults) in planned {
        let mut ended = disturbed(stack, path, &faults);
        // A call that this run happened not to make may be made by the next.
        for _ in 0..AGAIN {
            if ended.missed.is_empty() || ended.holds.is_err() {
                break;
            }
            ended = disturbed(stack, path, &faults);
        }
        broken.extend(ended.broken(&shown));
    }
    let (name, seconds) = (path.name, began.elapsed().as_secs());
    println!("{name}: {scenarios} scenarios in {seconds} s");
    assert!(
        broken.is_empty(),
        "{name}: {} of {scenarios} broken:\n{}",
        broken.len(),
        broken.join("\n")
    );
}

#[test]
fn a_gateway_that_acts_late_drops_replies_or_is_still_in_flight_charges_and_refunds_once() {
    // Only what was sent before can still be in flight, and only where no webhook comes first is it
    // sent again.
    let conflict = ["drop_after_acting", "conflict_in_flight"];
    for path in [&paths::CHARGE_UNHEARD, &paths::REFUND_UNHEARD] {
        troubled(path, "stripe", "POST", &[&conflict]);
    }
}

#[test]
fn books_that_act_late_or_drop_replies_have_an_invoice_and_its_payment_once() {
    troubled(&paths::BOTH, "xero", "PUT", &[]);
}

/// What a vendor itself may do wrong, with lists that do not show at once what was made.
fn troubled(path: &Path, vendor: &str, method: &str, more: &[&[&str]]) {
    let (stack, _alone) = Stack::alone();
    let once =
        |action: &str| json!({ "vendor": vendor, "method": method, "action": action, "times": 1 });
    let lag = json!({ "vendor": vendor, "action": "search_lag:60000" });
    let mut planned = vec![];
    let single = ["act_late:5000", "drop_after_acting", "status:503"];
    let single = single.iter().map(std::slice::from_ref);
    for actions in single.chain(more.iter().copied()) {
        let mut faults: Vec<_> = actions.iter().map(|action| once(action)).collect();
        faults.push(lag.clone());
        planned.push((actions.join(", "), faults));
    }
    all_hold(stack, path, planned);
}

/// A call that a function makes, to AWS or to a vendor.
struct Made {
    vendor: Option<String>,
    shown: String,
}

/// How many runs are looked at to learn a path's calls.
const LESSONS: usize = 3;

/// The calls of each function on this path that every run makes which nothing disturbs: where two
/// functions meet by chance, one of them asks once more.
fn learn(stack: &Stack, path: &Path) -> BTreeMap<String, Vec<Made>> {
    undisturbed(stack, path);
    let mut learned = undisturbed(stack, path);
    for _ in 1..LESSONS {
        let other = undisturbed(stack, path);
        learned.retain(|function, _| other.contains_key(function));
        for (function, calls) in other {
            if let Some(known) = learned.get_mut(&function)
                && calls.len() < known.len()
            {
                *known = calls;
            }
        }
    }
    learned
}

fn undisturbed(stack: &Stack, path: &Path) -> BTreeMap<String, Vec<Made>> {
    let known = (path.before)(stack);
    stack.quiet();
    arm(stack, path, &[]);
    forget(stack);
    let case = (path.act)(stack, &known);
    stack.quiet();
    let learned = made(stack, path.functions);
    stack.control("DELETE", "faults", &Value::Null);
    if let Err(why) = whole(stack, path, &case) {
        panic!("{} does not hold even undisturbed: {why}", path.name);
    }
    learned
}

/// Empties the logs of calls.
fn forget(stack: &Stack) {
    for log in ["calls", "aws-calls"] {
        stack.control("DELETE", log, &Value::Null);
    }
}

/// The calls of these functions since the logs were emptied.
fn made(stack: &Stack, functions: &[&str]) -> BTreeMap<String, Vec<Made>> {
    let mut made: BTreeMap<String, Vec<Made>> = BTreeMap::new();
    let mut add = |function: &str, vendor: Option<String>, shown: String| {
        if functions.contains(&function) {
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

/// Strikes the last of these calls of a function, counted among those to the same vendor or to AWS.
fn fault(function: &str, calls: &[Made], deed: &str) -> Value {
    let vendor = calls.last().and_then(|call| call.vendor.as_ref());
    let same = |call: &&Made| call.vendor.as_ref() == vendor;
    let nth = calls.iter().filter(same).count();
    let mut fault = json!({ "function": function, "nth": nth, "action": deed });
    if let Some(vendor) = vendor {
        fault["vendor"] = json!(vendor);
    }
    fault
}

/// Sets these faults, and what the path itself wants of its vendors.
fn arm(stack: &Stack, path: &Path, faults: &[Value]) {
    let off = |vendor: &&str| json!({ "vendor": vendor, "action": "webhooks:off" });
    let unheard = path.unheard.iter().map(off);
    let all = faults.iter().cloned().chain(unheard);
    let (vendors, aws): (Vec<_>, Vec<_>) = all.partition(|fault| fault["vendor"].is_string());
    stack.faults(&json!({ "aws": aws, "vendors": vendors }));
}

/// How a disturbed run ended.
struct Ended {
    /// What was planned and never struck.
    missed: Vec<Value>,
    /// The calls that were made until then by the path's functions and by who goes on for them.
    made: BTreeMap<String, Vec<Made>>,
    holds: Result<(), String>,
}

impl Ended {
    fn broken(self, shown: &str) -> Vec<String> {
        let missed = self
            .missed
            .iter()
            .map(|fault| format!("never struck: {fault}"));
        let all = missed.chain(self.holds.err());
        all.map(|why| format!("{shown}: {why}")).collect()
    }
}

fn disturbed(stack: &Stack, path: &Path, faults: &[Value]) -> Ended {
    let known = (path.before)(stack);
    stack.quiet();
    forget(stack);
    arm(stack, path, faults);
    let case = (path.act)(stack, &known);
    // Visibility and leases run out by Meridian's clock, and gateways send again.
    stack.advance(1530);
    let missed = never_struck(stack);
    let all: Vec<_> = path.functions.iter().copied().chain([GOES_ON]).collect();
    let made = made(stack, &all);
    arm(stack, path, &[]);
    for wait in [400, 1000, 4000] {
        if whole(stack, path, &case).is_ok() {
            break;
        }
        stack.advance(wait);
    }
    stack.quiet();
    let holds = whole(stack, path, &case);
    stack.control("DELETE", "faults", &Value::Null);
    closed(stack, &case);
    Ended {
        missed,
        made,
        holds,
    }
}

/// Faults that did nothing. Those that hold as long as they are set strike no single call.
fn never_struck(stack: &Stack) -> Vec<Value> {
    let armed = stack.control("GET", "faults", &Value::Null).expect(200);
    let all = ["aws", "vendors"].map(|kind| armed[kind].as_array().cloned().unwrap_or_default());
    let standing = |fault: &Value| {
        let action = fault["action"].as_str().unwrap_or_default();
        action.starts_with("webhooks") || action.starts_with("search_lag")
    };
    let never = |fault: &Value| fault["struck"].as_u64() == Some(0) && !standing(fault);
    all.into_iter().flatten().filter(never).collect()
}

/// Pages that nobody will pay on: Meridian would ask for them in every scenario that follows.
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
