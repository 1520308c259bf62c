//! What systems are told, whatever stands in the way: each fact is filed exactly once, people are
//! asked once, and other systems hear at once.

use crate::clinic::*;
use crate::contracts::alone;
use meridian_stack::{Stack, unique};
use serde_json::{Value, json};

const DAY: i64 = 86_400;

/// An invoice at Xero, by its number.
fn at_xero(stack: &Stack, invoice: &Value) -> Value {
    let number = invoice["number"].as_str().expect("a number");
    stack.at_vendor("xero", &format!("invoice/{number}"), &json!({}))
}

/// How many invoices with this number Xero ever filed.
fn filed(stack: &Stack, invoice: &Value) -> u64 {
    at_xero(stack, invoice)["filed"].as_u64().expect("a count")
}

fn paid_by_card(stack: &Stack) -> (String, Value) {
    let patient = patient(stack);
    keep_card(stack, &patient, "pm_card_visa");
    let made = invoice(stack, &patient, "saved_method", "stripe");
    (id(&made), made)
}

fn deliveries(stack: &Stack, case: &str, system: &str) -> Vec<Value> {
    let told = stack
        .get(&format!("/v1/deliveries?case={case}"))
        .expect(200);
    let told = told["deliveries"].as_array().cloned().unwrap_or_default();
    told.into_iter()
        .filter(|one| one["system"] == system)
        .collect()
}

fn all_done(stack: &Stack, case: &str, system: &str) {
    let told = deliveries(stack, case, system);
    assert!(!told.is_empty(), "{system} heard nothing");
    for one in &told {
        assert_eq!(one["state"], "done", "{one}");
    }
}

/// Open tasks about the connection to this vendor.
fn asked_about(stack: &Stack, vendor: &str) -> Vec<Value> {
    let tasks = stack.get("/v1/tasks?limit=100").expect(200);
    let tasks = tasks["tasks"].as_array().cloned().unwrap_or_default();
    let about = |task: &Value| {
        matches!(
            task["alert"].as_str(),
            Some("blocked" | "connection_held" | "delivery_failed")
        ) && task.to_string().to_lowercase().contains(vendor)
    };
    tasks.into_iter().filter(about).collect()
}

fn fault(stack: &Stack, fault: &Value) {
    stack.faults(&json!({ "vendors": [fault] }));
}

/// Xero stays as it is for five days, while invoices are paid and other systems hear of it; then it is
/// itself again.
fn for_five_days(stack: &Stack, trouble: &Value) {
    let asked = asked_about(stack, "xero").len();
    fault(stack, trouble);
    let cases = [paid_by_card(stack), paid_by_card(stack)];
    stack.quiet();
    for (case, invoice) in &cases {
        assert_eq!(read_invoice(stack, case)["status"], "paid");
        // Nobody else waits for Xero.
        all_done(stack, case, "mailgun");
        all_done(stack, case, "slack");
        assert_eq!(filed(stack, invoice), 0);
    }
    stack.advance(5 * DAY);
    assert_eq!(asked_about(stack, "xero").len(), asked + 1, "{trouble}");
    stack.faults(&json!({}));
    stack.advance(4 * 3600);
    stack.quiet();
    for (case, invoice) in &cases {
        all_done(stack, case, "xero");
        let there = at_xero(stack, invoice);
        assert_eq!(there["filed"], 1, "{there}");
        assert_eq!(there["AmountDue"], 0.0, "{there}");
        assert_eq!(there["AmountPaid"], 60.0, "{there}");
    }
    assert_eq!(asked_about(stack, "xero").len(), asked, "it is answered");
}

#[test]
fn five_days_of_too_many_requests_give_nothing_up_and_are_one_task() {
    let (stack, _alone) = alone();
    for_five_days(stack, &json!({ "vendor": "xero", "action": "status:429" }));
}

#[test]
fn five_days_of_a_key_that_is_refused_give_nothing_up_and_are_one_task() {
    let (stack, _alone) = alone();
    for_five_days(stack, &json!({ "vendor": "xero", "action": "status:401" }));
}

#[test]
fn a_system_that_never_answers_delays_no_other_and_files_each_fact_once_in_the_end() {
    let (stack, _alone) = alone();
    for_five_days(stack, &json!({ "vendor": "xero", "action": "cut_before" }));
}

#[test]
fn the_second_payment_of_a_debit_that_is_collected_again_reaches_the_books_though_it_is_cut() {
    let (stack, _alone) = alone();
    for cut in ["cut_before", "cut_after"] {
        let made = invoice(stack, &patient(stack), "checkout", "gocardless");
        let case = id(&made);
        pay_on_page(stack, "gocardless", &checkout(stack, &case));
        stack.quiet();
        stack.advance(6 * DAY);
        let paid = read_invoice(stack, &case);
        assert_eq!(paid["status"], "paid", "{paid}");
        let payment = paid["payments"][0]["gateway_ref"].as_str().expect("an id");
        let fail = json!({ "cause": "insufficient_funds" });
        stack.at_vendor("gocardless", &format!("fail/{payment}"), &fail);
        stack.quiet();
        assert_eq!(at_xero(stack, &made)["AmountDue"], 60.0, "it went back");
        let put = json!({ "vendor": "xero", "method": "PUT", "action": cut, "times": 1 });
        fault(stack, &put);
        stack.at_vendor("gocardless", &format!("retry/{payment}"), &json!({}));
        stack.quiet();
        stack.advance(20 * DAY);
        stack.quiet();
        stack.faults(&json!({}));
        let paid = read_invoice(stack, &case);
        assert_eq!(paid["status"], "paid", "{cut}: {paid}");
        all_done(stack, &case, "xero");
        let there = at_xero(stack, &made);
        assert_eq!(there["AmountDue"], 0.0, "{cut}: {there}");
        assert_eq!(there["AmountPaid"], 60.0, "{cut}: {there}");
        books_hold(stack, &case);
    }
}

#[test]
fn books_that_are_connected_later_are_told_what_a_payment_builds_on_and_nothing_older() {
    let (stack, _alone) = alone();
    let before = stack.get("/v1/settings").expect(200);
    let hears = |systems: &Value| {
        let mut settings = stack.get("/v1/settings").expect(200);
        settings["systems"] = systems.clone();
        stack
            .call("PUT", "/v1/settings", &settings, &unique("key"))
            .expect(200);
        // Functions remember settings for a minute.
        stack.quiet();
        stack.control("DELETE", "instances", &Value::Null);
    };
    hears(&json!(["mailgun", "slack"]));
    let (older, old) = paid_by_card(stack);
    let made = invoice(stack, &patient(stack), "checkout", "stripe");
    let case = id(&made);
    let page = checkout(stack, &case);
    stack.quiet();
    hears(&before["systems"]);
    pay_on_page(stack, "stripe", &page);
    stack.quiet();
    all_done(stack, &case, "xero");
    assert_eq!(at_xero(stack, &made)["AmountDue"], 0.0);
    assert_eq!(deliveries(stack, &older, "xero"), Vec::<Value>::new());
    assert_eq!(filed(stack, &old), 0);
}

#[test]
fn twenty_invoices_at_once_for_a_new_patient_make_one_contact_and_one_that_is_gone_is_made_anew() {
    let (stack, _alone) = alone();
    let patient = patient(stack);
    keep_card(stack, &patient, "pm_card_visa");
    let contacts = || {
        let made = stack.calls("xero").into_iter();
        let new = made.filter(|call| {
            call["method"] == "PUT"
                && call["path"]
                    .as_str()
                    .is_some_and(|p| p.ends_with("/Contacts"))
        });
        new.count()
    };
    let before = contacts();
    let made: Vec<_> = std::thread::scope(|scope| {
        let one = || invoice(stack, &patient, "saved_method", "stripe");
        let all: Vec<_> = (0..20).map(|_| scope.spawn(one)).collect();
        all.into_iter()
            .map(|made| made.join().expect("an invoice"))
            .collect()
    });
    stack.quiet();
    stack.advance(600);
    stack.quiet();
    let mut ids = vec![];
    for one in &made {
        all_done(stack, &id(one), "xero");
        let there = at_xero(stack, one);
        assert_eq!(there["filed"], 1, "{there}");
        ids.push(there["Contact"]["ContactID"].to_string());
    }
    ids.dedup();
    assert_eq!((ids.len(), contacts() - before), (1, 1), "{ids:?}");
    // Staff put the contact away in Xero.
    let gone = ids[0].trim_matches('"').to_owned();
    stack.at_vendor("xero", &format!("archive/{gone}"), &json!({}));
    let next = invoice(stack, &patient, "saved_method", "stripe");
    stack.quiet();
    stack.advance(600);
    stack.quiet();
    all_done(stack, &id(&next), "xero");
    let there = at_xero(stack, &next);
    assert_ne!(there["Contact"]["ContactID"], gone.as_str(), "{there}");
    assert_eq!(contacts() - before, 2);
}
