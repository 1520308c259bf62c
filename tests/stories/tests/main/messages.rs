//! Messages to patients that were sent and did not arrive.

use crate::clinic::*;
use crate::contracts::alone;
use meridian_stack::{Stack, unique};
use serde_json::{Value, json};

fn reached_by(stack: &Stack, reference: &str, email: Option<&str>) -> String {
    let patient = json!({
        "reference": reference, "name": "Juniper Vale", "email": email, "phone": "+61370100142",
    });
    let made = stack.post("/v1/patients", &patient);
    assert!(matches!(made.status, 200 | 201), "{}", made.text);
    id(&made.json())
}

/// The receipt of the case as this system was told it.
fn receipt(stack: &Stack, case: &str, system: &str) -> Value {
    let told = stack
        .get(&format!("/v1/deliveries?case={case}"))
        .expect(200);
    let told = told["deliveries"].as_array().cloned().unwrap_or_default();
    let mut of_system = told
        .iter()
        .filter(|one| one["system"] == system && one["topic"] == "payment_received");
    of_system
        .next()
        .cloned()
        .unwrap_or_else(|| panic!("{told:?}"))
}

fn tasks_of(stack: &Stack, case: &str) -> Vec<Value> {
    let tasks = stack.get("/v1/tasks").expect(200);
    let tasks = tasks["tasks"].as_array().cloned().unwrap_or_default();
    tasks
        .into_iter()
        .filter(|task| task["case"] == case)
        .collect()
}

#[test]
fn a_text_that_is_lost_on_its_way_is_mailed_once_and_a_mail_that_bounces_then_is_a_task() {
    let (stack, _alone) = alone();
    let reference = unique("P");
    let patient = reached_by(stack, &reference, None);
    keep_card(stack, &patient, "pm_card_visa");
    let invoice = invoice(stack, &patient, "saved_method", "stripe");
    let case = id(&invoice);
    stack.quiet();
    let text = receipt(stack, &case, "twilio");
    assert_eq!(text["state"], "done", "{text}");
    let sid = text["filed_as"].as_str().expect("an id");
    stack.at_vendor("twilio", &format!("fail/{sid}"), &json!({}));
    let email = format!("{reference}@example.test");
    reached_by(stack, &reference, Some(&email));
    stack.advance(700);
    stack.quiet();
    let text = receipt(stack, &case, "twilio");
    assert_eq!(text["state"], "failed", "{text}");
    assert!(text.to_string().contains("30003"), "{text}");
    let mail = receipt(stack, &case, "mailgun");
    assert_eq!(mail["state"], "done", "{mail}");
    assert_eq!(messages(stack, "mailgun", &email).len(), 1);
    assert_eq!(tasks_of(stack, &case), Vec::<Value>::new());

    let message = mail["filed_as"].as_str().expect("an id");
    stack.at_vendor("mailgun", &format!("fail/{message}"), &json!({}));
    stack.advance(700);
    stack.quiet();
    assert_eq!(receipt(stack, &case, "mailgun")["state"], "failed");
    assert_eq!(messages(stack, "mailgun", &email).len(), 1, "no third way");
    let tasks = tasks_of(stack, &case);
    assert_eq!(tasks.len(), 1, "{tasks:#?}");
    let note = tasks[0]["note"].as_str().unwrap_or_default();
    let number = invoice["number"].as_str().expect("a number");
    assert!(note.contains(number) && note.contains("60.00"), "{note}");
    books_hold(stack, &case);
}
