//! A patient is erased while a try is planned: nobody is charged, and the clinic's books stay whole.

use crate::clinic::*;
use crate::contracts::alone;
use meridian_stack::unique;
use serde_json::{Value, json};
use std::collections::BTreeSet;

#[test]
fn an_erased_patient_is_charged_no_more_and_told_nothing_and_what_is_due_is_a_task() {
    let (stack, _alone) = alone();
    let patient = patient(stack);
    keep_card(stack, &patient, "pm_card_insufficient_funds");
    let made = invoice(stack, &patient, "saved_method", "stripe");
    let (case, number) = (id(&made), made["number"].as_str().unwrap().to_owned());
    stack.quiet();
    let path = format!("/v1/patients/{patient}");
    let erased = stack.call("DELETE", &path, &Value::Null, &unique("key"));
    let erased = erased.expect(200);
    assert_eq!(erased["erased"]["payment_methods"], 1);
    let copies = erased["copies"].as_array().expect("a list").iter();
    let vendors: Vec<_> = copies.map(|copy| copy["vendor"].clone()).collect();
    assert!(vendors.contains(&json!("stripe")), "{vendors:?}");
    // Slack is told no name, and who heard of no money of theirs has none.
    let heard = stack.get(&format!("/v1/deliveries?case={case}"));
    let heard = heard.expect(200)["deliveries"].take();
    let heard = heard.as_array().expect("a list").iter();
    let systems: BTreeSet<_> = heard.filter_map(|one| one["system"].as_str()).collect();
    assert!(systems.len() + 1 >= stack.systems.len(), "{systems:?}");
    for vendor in systems.iter().filter(|system| **system != "slack") {
        assert!(vendors.contains(&json!(vendor)), "{vendors:?}");
    }
    stack.quiet();
    let told = || ["mailgun", "twilio"].map(|to| messages(stack, to, &number).len());
    let before = told();
    stack.advance(3 * 86_400 + 60);
    stack.quiet();
    let read = read_invoice(stack, &case);
    assert_eq!(read["payments"].as_array().map(Vec::len), Some(1), "{read}");
    assert!(read["lines"][0]["description"].is_null(), "{read}");
    assert_eq!(told(), before);
    let tasks = stack.get("/v1/tasks?limit=200").expect(200);
    let due = tasks["tasks"].as_array().expect("a list").iter();
    let mut due = due.filter(|task| task["case"] == case.as_str());
    assert!(
        due.any(|task| task["id"] == "person-uncollected"),
        "{tasks}"
    );
    books_hold(stack, &case);
    let shown = stack.get(&path).expect(200);
    assert!(shown["name"].is_null() && shown["reference"].is_null());
    assert_eq!(shown["erased_at"], erased["erased_at"]);
}
