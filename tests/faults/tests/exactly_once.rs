//! Exactly once. Each money path is run undisturbed to learn its calls; then once for every call,
//! both sides of it, with the function's process killed there or the connection cut. After the
//! house has come to rest, nothing may be lost and nothing doubled. A new call is covered by
//! itself, as it is learned.

use meridian_stack::{Stack, unique};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What is done to a call.
const DEEDS: [&str; 4] = ["kill_before", "kill_after", "cut_before", "cut_after"];

/// A way of money through the house: what starts it, on a stack at rest.
struct Path {
    name: &'static str,
    /// The functions whose calls are disturbed.
    functions: &'static [&'static str],
    /// Prepares without disturbance; the case.
    before: fn(&Stack) -> String,
    /// What is disturbed.
    act: fn(&Stack, &str),
    /// What must be true at the end.
    holds: fn(&Stack, &str) -> Result<(), String>,
}

const PATHS: [Path; 3] = [
    Path {
        name: "a saved card is charged",
        functions: &["invoice-creation", "charge-execution"],
        before: |stack| {
            let patient = patient(stack);
            let made = json!({ "patient": patient, "collect": "later", "lines": lines() });
            id(&stack.post("/v1/invoices", &made).expect(201))
        },
        act: |stack, case| {
            let path = format!("/v1/invoices/{case}/charges");
            stack.post(&path, &json!({ "method": "saved" })).expect(202);
        },
        holds: |stack, case| {
            let invoice = invoice(stack, case);
            same("status", &invoice["status"], "paid")?;
            same("paid", &invoice["paid"]["amount"], "60.00")?;
            count(
                "charges at the gateway",
                at_stripe(stack, "payment_intents", case),
                1,
            )
        },
    },
    Path {
        name: "a webhook is taken in and posted",
        functions: &["webhook-intake", "payment-posting"],
        before: |stack| {
            let made = json!({ "collect": "checkout", "gateway": "stripe", "lines": lines() });
            let case = id(&stack.post("/v1/invoices", &made).expect(201));
            stack.quiet();
            case
        },
        act: |stack, case| {
            let url = invoice(stack, case)["checkout_url"]
                .as_str()
                .unwrap_or_default()
                .to_owned();
            let page = url.rsplit('/').next().unwrap_or_default();
            let page = page.split(['?', '#']).next().unwrap_or_default();
            stack.at_vendor(
                "stripe",
                &format!("pay/{page}"),
                &json!({ "outcome": "paid" }),
            );
        },
        holds: |stack, case| {
            let invoice = invoice(stack, case);
            same("status", &invoice["status"], "paid")?;
            same("paid", &invoice["paid"]["amount"], "60.00")
        },
    },
    Path {
        name: "a refund is executed",
        functions: &["refund-execution"],
        before: |stack| {
            let patient = patient(stack);
            let made = json!({ "patient": patient, "collect": "saved_method", "lines": lines() });
            let case = id(&stack.post("/v1/invoices", &made).expect(201));
            stack.quiet();
            case
        },
        act: |stack, case| {
            let amount = json!({ "amount": "22.50", "currency": "EUR" });
            let wanted = json!({ "invoice": case, "amount": amount });
            stack.post("/v1/refunds", &wanted).expect(202);
        },
        holds: |stack, case| {
            let invoice = invoice(stack, case);
            same("refunded", &invoice["refunded"]["amount"], "22.50")?;
            same("refundable", &invoice["refundable"]["amount"], "37.50")?;
            count(
                "refunds at the gateway",
                at_stripe(stack, "refunds", case),
                1,
            )
        },
    },
];

#[test]
fn nothing_is_lost_and_nothing_doubled_wherever_a_process_dies_or_a_connection_breaks() {
    let (stack, _alone) = Stack::alone();
    let mut broken = vec![];
    let mut scenarios = 0;
    for path in &PATHS {
        for (function, calls) in learn(stack, path) {
            for nth in 1..=calls.len() {
                for deed in DEEDS {
                    scenarios += 1;
                    let (kind, call) = &calls[nth - 1];
                    let fault = fault(&function, *kind, &calls, nth, deed);
                    if let Err(why) = disturbed(stack, path, &fault) {
                        broken.push(format!("{}: {deed} {function} {call}: {why}", path.name));
                    }
                }
            }
        }
    }
    println!("{scenarios} scenarios");
    assert!(
        broken.is_empty(),
        "{} of {scenarios} broken:\n{}",
        broken.len(),
        broken.join("\n")
    );
    assert!(scenarios >= 40, "only {scenarios} scenarios were learned");
}

#[test]
fn a_gateway_that_acts_late_drops_replies_or_is_still_in_flight_charges_and_refunds_once() {
    let (stack, _alone) = Stack::alone();
    let mut broken = vec![];
    for path in [&PATHS[0], &PATHS[2]] {
        for action in [
            "act_late:5000",
            "drop_after_acting",
            "conflict_in_flight",
            "status:503",
        ] {
            let fault = json!({ "vendors": [
                { "vendor": "stripe", "method": "POST", "action": action, "times": 1 },
                { "vendor": "stripe", "action": "search_lag:60000" },
            ] });
            if let Err(why) = disturbed(stack, path, &fault) {
                broken.push(format!("{}: {action}: {why}", path.name));
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Aws,
    Vendor,
}

type Calls = Vec<(Kind, String)>;

/// The calls of each function on this path, from a run that nothing disturbs.
fn learn(stack: &Stack, path: &Path) -> BTreeMap<String, Calls> {
    // Once to warm what is cached, once to learn.
    for _ in 0..2 {
        let case = (path.before)(stack);
        stack.quiet();
        stack.control("DELETE", "calls", &Value::Null);
        stack.control("DELETE", "aws-calls", &Value::Null);
        (path.act)(stack, &case);
        stack.quiet();
        if let Err(why) = whole(stack, path, &case) {
            panic!("{} does not hold even undisturbed: {why}", path.name);
        }
    }
    let mut learned: BTreeMap<String, Calls> = BTreeMap::new();
    let aws = stack.control("GET", "aws-calls", &Value::Null).expect(200);
    for call in aws
        .as_array()
        .or(aws["calls"].as_array())
        .cloned()
        .unwrap_or_default()
    {
        let caller = call["caller"].as_str().unwrap_or_default();
        let function = caller.split('.').nth(1).unwrap_or_default();
        if path.functions.contains(&function) {
            let operation = call["operation"].as_str().unwrap_or_default().to_owned();
            learned
                .entry(function.into())
                .or_default()
                .push((Kind::Aws, operation));
        }
    }
    for call in stack.calls("stripe") {
        let function = call["function"].as_str().unwrap_or_default();
        if path.functions.contains(&function) {
            let text = |name: &str| call[name].as_str().unwrap_or_default().to_owned();
            let shown = format!("{} {}", text("method"), text("path"));
            learned
                .entry(function.into())
                .or_default()
                .push((Kind::Vendor, shown));
        }
    }
    learned
}

fn fault(function: &str, kind: Kind, calls: &Calls, nth: usize, deed: &str) -> Value {
    // Counted among the calls of its own kind.
    let nth = calls[..nth]
        .iter()
        .filter(|(other, _)| *other == kind)
        .count();
    match kind {
        Kind::Aws => json!({ "aws": [{ "function": function, "nth": nth, "action": deed }] }),
        Kind::Vendor => json!({ "vendors": [
            { "vendor": "stripe", "function": function, "nth": nth, "action": deed },
        ] }),
    }
}

fn disturbed(stack: &Stack, path: &Path, fault: &Value) -> Result<(), String> {
    let case = (path.before)(stack);
    stack.quiet();
    stack.faults(fault);
    (path.act)(stack, &case);
    // Visibility and leases run out by the house's clock, and gateways send again.
    for wait in [30, 100, 400, 1000] {
        stack.advance(wait);
    }
    stack.control("DELETE", "faults", &Value::Null);
    for wait in [400, 1000, 4000] {
        if whole(stack, path, &case).is_ok() {
            break;
        }
        stack.advance(wait);
    }
    stack.quiet();
    whole(stack, path, &case)
}

fn whole(stack: &Stack, path: &Path, case: &str) -> Result<(), String> {
    (path.holds)(stack, case)?;
    let verified = stack.get(&format!("/v1/audit/verify?case={case}"));
    match verified.json()["holds"] == true {
        true => Ok(()),
        false => Err(format!("the books do not hold: {}", verified.text)),
    }
}

fn same(what: &str, found: &Value, wanted: &str) -> Result<(), String> {
    if found == wanted {
        Ok(())
    } else {
        Err(format!("{what} is {found}, not {wanted}"))
    }
}

fn count(what: &str, found: usize, wanted: usize) -> Result<(), String> {
    if found == wanted {
        Ok(())
    } else {
        Err(format!("{found} {what}, not {wanted}"))
    }
}

/// How many objects of this case Stripe itself knows, failed ones left out.
fn at_stripe(stack: &Stack, kind: &str, case: &str) -> usize {
    let url = format!("{}/stripe/v1/{kind}?limit=100", stack.vendors);
    let headers = [
        ("authorization", "Bearer sk_test_demo"),
        ("stripe-version", "2023-08-16"),
    ];
    let listed = stack.send("GET", &url, &headers, b"").expect(200);
    let of_case = |object: &&Value| {
        object["metadata"]["reference"]
            .as_str()
            .is_some_and(|r| r.starts_with(case))
            && object["status"] == "succeeded"
    };
    listed["data"]
        .as_array()
        .map_or(0, |all| all.iter().filter(of_case).count())
}

fn patient(stack: &Stack) -> String {
    let made = stack.post("/v1/patients", &json!({ "reference": unique("P") }));
    let patient = id(&made.json());
    let method =
        json!({ "gateway": "stripe", "token": "pm_card_visa", "label": "Visa ending 4242" });
    let path = format!("/v1/patients/{patient}/payment-methods");
    assert!(stack.post(&path, &method).status < 300);
    patient
}

fn lines() -> Value {
    let unit = json!({ "amount": "60.00", "currency": "EUR" });
    json!([{ "description": "Visit", "quantity": 1, "unit": unit, "tax_rate": "0", "tax_included": true }])
}

fn invoice(stack: &Stack, case: &str) -> Value {
    stack.get(&format!("/v1/invoices/{case}")).expect(200)
}

fn id(value: &Value) -> String {
    value["id"]
        .as_str()
        .unwrap_or_else(|| panic!("no id: {value}"))
        .to_owned()
}
