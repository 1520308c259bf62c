//! What people enter in the clinic's accounting counts here once, what they take off there is due
//! again, and what we filed ourselves comes back and changes nothing.

use crate::clinic::*;
use crate::contracts::alone;
use meridian_stack::{Stack, unique};
use serde_json::{Value, json};

fn eur(amount: &str) -> Value {
    json!({ "amount": amount, "currency": "EUR" })
}

fn at_xero(stack: &Stack, invoice: &Value) -> Value {
    let number = invoice["number"].as_str().expect("a number");
    stack.at_vendor("xero", &format!("invoice/{number}"), &json!({}))
}

/// Somebody enters a payment of so many cents at Xero; its id there.
fn entered(stack: &Stack, invoice: &Value, cents: i64) -> String {
    let there = at_xero(stack, invoice);
    let id = there["InvoiceID"].as_str().expect("an id");
    let paid = stack.at_vendor("xero", &format!("pay/{id}"), &json!({ "amount": cents }));
    stack.quiet();
    paid["PaymentID"].as_str().expect("an id").to_owned()
}

/// What is due and what was paid there, in cents.
fn sums(there: &Value) -> [i64; 2] {
    ["AmountDue", "AmountPaid"].map(|field| {
        let sum = there[field].as_f64().expect("an amount");
        (sum * 100.0).round() as i64
    })
}

fn balances(stack: &Stack, case: &str) -> Value {
    books_hold(stack, case);
    let path = format!("/v1/audit/verify?case={case}");
    stack.get(&path).expect(200)["balances"].clone()
}

/// How many payments we filed at Xero.
fn filed(stack: &Stack) -> usize {
    let all = stack.calls("xero").into_iter();
    let put = all.filter(|call| call["method"] == "PUT");
    put.filter(|call| {
        call["path"]
            .as_str()
            .is_some_and(|path| path.ends_with("/Payments"))
    })
    .count()
}

/// The states of what Xero told, of this case and of none.
fn told(stack: &Stack) -> Vec<(String, String)> {
    let page = stack.get("/v1/events?source=xero&limit=100").expect(200);
    let all = page["events"].as_array().expect("events").iter();
    let text = |one: &Value, name: &str| one[name].as_str().unwrap_or_default().to_owned();
    all.map(|one| (text(one, "state"), text(one, "case")))
        .collect()
}

#[test]
fn a_payment_entered_at_xero_counts_once_here_and_the_card_pays_the_rest() {
    let (stack, _alone) = alone();
    let patient = patient(stack);
    keep_card(stack, &patient, "pm_card_visa");
    let made = invoice(stack, &patient, "later", "stripe");
    let case = id(&made);
    stack.quiet();
    let before = filed(stack);
    entered(stack, &made, 2500);
    let known = read_invoice(stack, &case);
    assert_eq!(
        (&known["due"], &known["status"]),
        (&eur("35.00"), &json!("part_paid")),
        "{known}"
    );
    let tender = &known["tenders"][0];
    assert_eq!(
        (&tender["how"], &tender["amount"]),
        (&json!("books"), &eur("25.00")),
        "{known}"
    );
    assert_eq!(filed(stack), before, "Xero is not told what it told");
    let ours = told(stack).into_iter().filter(|(_, of)| *of == case);
    assert_eq!(ours.map(|(state, _)| state).collect::<Vec<_>>(), ["posted"]);
    // The rest is charged, and filed as ever.
    let path = format!("/v1/invoices/{case}/charges");
    let charge = json!({ "collect": "saved_method" });
    stack.post_as(&path, &charge, &unique("rest")).expect(202);
    stack.quiet();
    assert_eq!(read_invoice(stack, &case)["status"], "paid");
    assert_eq!(filed(stack), before + 1);
    assert_eq!(sums(&at_xero(stack, &made)), [0, 6000]);
    let known = balances(stack, &case);
    let of = |name: &str| {
        let mut all = known.as_array().expect("balances").iter();
        let found = all.find(|one| one["account"] == name);
        found.map(|one| one["balance"]["amount"].clone())
    };
    assert_eq!(of("books"), Some(json!("25.00")), "{known}");
    assert_eq!(of("gateway:stripe"), Some(json!("35.00")), "{known}");
    // What we filed came back, and is none of theirs.
    let again = read_invoice(stack, &case);
    assert_eq!(
        again["tenders"].as_array().map(Vec::len),
        Some(1),
        "{again}"
    );
}

#[test]
fn a_payment_taken_off_at_xero_is_due_again_and_one_taken_off_here_goes_there_too() {
    let (stack, _alone) = alone();
    let made = invoice(stack, &patient(stack), "later", "stripe");
    let case = id(&made);
    stack.quiet();
    // The token that filed it holds for half an hour.
    stack.advance(3600);
    let first = entered(stack, &made, 6000);
    assert_eq!(read_invoice(stack, &case)["status"], "paid");
    stack.at_vendor("xero", &format!("unpay/{first}"), &json!({}));
    stack.quiet();
    let known = read_invoice(stack, &case);
    assert_eq!(
        (&known["due"], &known["status"]),
        (&eur("60.00"), &json!("open")),
        "{known}"
    );
    // Entered anew, and taken off here.
    entered(stack, &made, 4000);
    let known = read_invoice(stack, &case);
    assert_eq!(known["due"], eur("20.00"), "{known}");
    let tender = known["tenders"][1]["id"].as_str().expect("an id");
    let path = format!("/v1/tenders/{tender}/reverse");
    stack.post(&path, &json!({})).expect(200);
    stack.quiet();
    assert_eq!(sums(&at_xero(stack, &made)), [6000, 0]);
    let known = read_invoice(stack, &case);
    assert_eq!(
        (&known["due"], &known["status"]),
        (&eur("60.00"), &json!("open")),
        "{known}"
    );
    assert_eq!(
        balances(stack, &case).to_string().matches("books").count(),
        0
    );
}

#[test]
fn more_than_is_due_here_is_put_before_people_once() {
    let (stack, _alone) = alone();
    let patient = patient(stack);
    let made = invoice(stack, &patient, "later", "stripe");
    let case = id(&made);
    stack.quiet();
    // It is credited here while nobody can be told.
    let deaf = json!({ "vendor": "xero", "method": "PUT", "action": "status:503" });
    stack.faults(&json!({ "vendors": [deaf] }));
    let note = json!({ "amount": eur("50.00") });
    let path = format!("/v1/invoices/{case}/credit-notes");
    stack.post_as(&path, &note, &unique("note")).expect(201);
    let payment = entered(stack, &made, 6000);
    let about = |stack: &Stack| {
        let tasks = stack.get("/v1/tasks?limit=100").expect(200);
        let all = tasks["tasks"]
            .as_array()
            .expect("tasks")
            .clone()
            .into_iter();
        let of_it = all
            .filter(|task| task["invoice"] == made["number"] && task["alert"] == "contradiction");
        of_it.collect::<Vec<_>>()
    };
    let tasks = about(stack);
    assert_eq!(tasks.len(), 1, "{tasks:?}");
    let words = tasks[0]["note"].as_str().expect("words");
    assert!(
        words.contains("60.00") && words.contains("10.00"),
        "{words}"
    );
    let known = read_invoice(stack, &case);
    assert_eq!(known["due"], eur("10.00"), "{known}");
    stack.at_vendor("xero", &format!("unpay/{payment}"), &json!({}));
    stack.faults(&json!({}));
    stack.advance(3600);
    stack.quiet();
    assert_eq!(about(stack).len(), 1);
}
