//! Deposits, credit notes, credit and void invoices: our books hold to the cent, and Xero agrees.

use crate::clinic::*;
use crate::contracts::alone;
use meridian_stack::{Stack, unique};
use serde_json::{Value, json};
use std::collections::BTreeMap;

fn eur(amount: &str) -> Value {
    json!({ "amount": amount, "currency": "EUR" })
}

/// An invoice at Xero, by its number.
fn at_xero(stack: &Stack, invoice: &Value) -> Value {
    let number = invoice["number"].as_str().expect("a number");
    stack.at_vendor("xero", &format!("invoice/{number}"), &json!({}))
}

/// What is due, was paid and was credited on an invoice of Xero's, in cents.
fn sums(there: &Value) -> [i64; 3] {
    ["AmountDue", "AmountPaid", "AmountCredited"].map(|field| {
        let sum = there[field].as_f64().unwrap_or_default();
        (sum * 100.0).round() as i64
    })
}

/// What stands on each account of Xero's, in cents.
fn accounts(stack: &Stack) -> BTreeMap<String, i64> {
    let shown = stack.at_vendor("xero", "accounts/EUR", &json!({}));
    let all = shown.as_object().expect("accounts").iter();
    let cents = |of: &Value| (of["balance"].as_f64().expect("a balance") * 100.0).round() as i64;
    all.map(|(code, of)| (code.clone(), cents(of))).collect()
}

/// What moved on each account since, in cents.
fn moved(stack: &Stack, before: &BTreeMap<String, i64>) -> BTreeMap<String, i64> {
    let now = accounts(stack);
    let since = now
        .iter()
        .map(|(code, cents)| (code.clone(), cents - before.get(code).copied().unwrap_or(0)));
    since.filter(|(_, cents)| *cents != 0).collect()
}

fn of(pairs: &[(&str, i64)]) -> BTreeMap<String, i64> {
    pairs
        .iter()
        .map(|(code, cents)| ((*code).to_owned(), *cents))
        .collect()
}

/// Our balances of a case, in cents.
fn ours(stack: &Stack, case: &str) -> BTreeMap<String, i64> {
    books_hold(stack, case);
    let verified = stack
        .get(&format!("/v1/audit/verify?case={case}"))
        .expect(200);
    let all = verified["balances"].as_array().expect("balances").iter();
    let cents = |b: &Value| {
        let text = b["balance"]["amount"]
            .as_str()
            .expect("an amount")
            .replace('.', "");
        text.parse::<i64>().expect("cents")
    };
    all.map(|b| (b["account"].as_str().expect("a name").to_owned(), cents(b)))
        .collect()
}

fn credit_holds(stack: &Stack, patient: &str) {
    let verified = stack
        .get(&format!("/v1/audit/verify?credit={patient}"))
        .expect(200);
    assert_eq!(verified["holds"], true, "{verified}");
}

fn credited(stack: &Stack, case: &str, amount: &str) {
    let path = format!("/v1/invoices/{case}/credit-notes");
    let note = json!({ "amount": eur(amount) });
    stack.post_as(&path, &note, &unique("note")).expect(201);
}

fn refund(stack: &Stack, case: &str, amount: &str, by: &str) {
    let wanted = json!({ "invoice": case, "amount": eur(amount), "by": by });
    stack
        .post_as("/v1/refunds", &wanted, &unique("refund"))
        .expect(202);
    stack.quiet();
}

/// Everybody heard, those too who waited for another one that made the patient's contact.
fn told(stack: &Stack, case: &str) {
    stack.advance(300);
    stack.quiet();
    let path = format!("/v1/deliveries?case={case}");
    let told = stack.get(&path).expect(200);
    for one in told["deliveries"].as_array().expect("deliveries") {
        let over = matches!(one["state"].as_str(), Some("done" | "skipped"));
        assert!(over, "{one}");
    }
}

/// An appointment of 60.00 that is to come, of this patient.
fn booked(stack: &Stack, patient: &str) -> String {
    let id = unique("A");
    let new = json!({
        "id": id, "patient": patient, "starts_at": "2031-01-02T09:00:00Z",
        "site": "north", "lines": lines(), "collect": "saved_method",
    });
    stack.post("/v1/appointments", &new).expect(201);
    id
}

#[test]
fn a_deposit_before_its_invoice_moves_with_the_visit_and_is_refunded_in_part() {
    let (stack, _alone) = alone();
    // what earlier stories did is filed before it is counted
    stack.quiet();
    let before = accounts(stack);
    let patient = patient(stack);
    keep_card(stack, &patient, "pm_card_visa");
    let id = booked(stack, &patient);
    let ask = json!({ "amount": eur("22.00"), "method": "saved" });
    let path = format!("/v1/appointments/{id}/charges");
    let asked = stack.post_as(&path, &ask, &unique("deposit")).expect(202);
    stack.quiet();
    let payment = asked["id"].as_str().expect("an id");
    let case = payment.split('-').next().expect("a case").to_owned();
    let draft = read_invoice(stack, &case);
    assert_eq!(
        (&draft["status"], &draft["paid"]),
        (&json!("draft"), &eur("22.00")),
        "{draft}"
    );
    let deposits = [("deposits", -2200), ("gateway:stripe", 2200)];
    assert_eq!(ours(stack, &case), of(&deposits));
    assert_eq!(moved(stack, &before), of(&[]), "nothing is sold yet");
    // It is put off, and then another booking takes its place.
    let later = json!({ "starts_at": "2031-02-02T09:00:00Z" });
    stack
        .post_as(
            &format!("/v1/appointments/{id}/reschedule"),
            &later,
            &unique("move"),
        )
        .expect(200);
    let next = unique("A");
    let new = json!({
        "id": next, "patient": patient, "starts_at": "2031-03-02T09:00:00Z",
        "lines": lines(), "collect": "saved_method", "replaces": id,
    });
    stack.post("/v1/appointments", &new).expect(201);
    let done = format!("/v1/appointments/{next}/complete");
    stack
        .post_as(&done, &json!({}), &unique("done"))
        .expect(202);
    stack.quiet();
    let invoice = read_invoice(stack, &case);
    assert_eq!(
        (&invoice["status"], &invoice["due"]),
        (&json!("paid"), &eur("0.00")),
        "{invoice}"
    );
    assert_eq!(
        invoice["payments"].as_array().map(Vec::len),
        Some(2),
        "{invoice}"
    );
    refund(stack, &case, "11.00", "gateway");
    let sold = [
        ("gateway:stripe", 4900),
        ("refunds", 1000),
        ("revenue", -5455),
        ("tax", -445),
    ];
    assert_eq!(ours(stack, &case), of(&sold));
    told(stack, &case);
    let there = at_xero(stack, &invoice);
    let filed = there["filed"].as_u64();
    assert_eq!((filed, sums(&there)), (Some(1), [0, 6000, 0]), "{there}");
    let at_xero = [("090", 4900), ("200", -4455), ("825", -445)];
    assert_eq!(moved(stack, &before), of(&at_xero));
}

#[test]
fn a_surplus_goes_back_or_becomes_credit_that_another_invoice_uses() {
    let (stack, _alone) = alone();
    // what earlier stories did is filed before it is counted
    stack.quiet();
    let before = accounts(stack);
    let patient = patient(stack);
    keep_card(stack, &patient, "pm_card_visa");
    let first = invoice(stack, &patient, "saved_method", "stripe");
    let case = id(&first);
    stack.quiet();
    credited(stack, &case, "33.00");
    stack.quiet();
    // A part of what is too much goes back to the card, the rest is kept for later.
    refund(stack, &case, "11.00", "gateway");
    refund(stack, &case, "22.00", "credit");
    let kept = stack
        .get(&format!("/v1/patients/{patient}/credit"))
        .expect(200);
    assert_eq!(kept["available"], eur("22.00"), "{kept}");
    told(stack, &case);
    let there = at_xero(stack, &first);
    assert_eq!(sums(&there), [0, 2700, 3300], "{there}");
    let at_xero_now = [("090", 4900), ("200", -2455), ("820", -2200), ("825", -245)];
    assert_eq!(moved(stack, &before), of(&at_xero_now));
    // Another invoice takes it, and cash brings the rest.
    let second = invoice(stack, &patient, "later", "stripe");
    let other = id(&second);
    for how in ["credit", "cash"] {
        let path = format!("/v1/invoices/{other}/tenders");
        stack
            .post_as(&path, &json!({ "how": how }), &unique("tender"))
            .expect(201);
    }
    stack.quiet();
    assert_eq!(read_invoice(stack, &other)["status"], "paid");
    credit_holds(stack, &patient);
    let (one, two) = (ours(stack, &case), ours(stack, &other));
    let all = one.values().chain(two.values()).sum::<i64>();
    assert_eq!(all, 0, "{one:?} {two:?}");
    assert_eq!(two.get("cash"), Some(&3800), "{two:?}");
    told(stack, &other);
    let there = at_xero(stack, &second);
    assert_eq!(sums(&there), [0, 6000, 0], "{there}");
    let at_xero_now = [("090", 4900), ("091", 3800), ("200", -7910), ("825", -790)];
    assert_eq!(
        moved(stack, &before),
        of(&at_xero_now),
        "the credit is used up"
    );
}

#[test]
fn a_voided_invoice_is_voided_at_xero_and_leaves_nothing_in_either_books() {
    let (stack, _alone) = alone();
    // what earlier stories did is filed before it is counted
    stack.quiet();
    let before = accounts(stack);
    for cut in [None, Some("cut_before"), Some("cut_after")] {
        let made = invoice(stack, &patient(stack), "later", "stripe");
        let case = id(&made);
        stack.quiet();
        assert_eq!(sums(&at_xero(stack, &made)), [6000, 0, 0]);
        if let Some(cut) = cut {
            let fault = json!({ "vendor": "xero", "method": "POST", "path": "Invoices", "action": cut, "times": 1 });
            stack.faults(&json!({ "vendors": [fault] }));
        }
        let void = stack
            .post(&format!("/v1/invoices/{case}/void"), &json!({}))
            .expect(200);
        assert_eq!(void["status"], "void");
        stack.quiet();
        stack.advance(2 * 3600);
        stack.quiet();
        stack.faults(&json!({}));
        assert_eq!(at_xero(stack, &made)["Status"], "VOIDED", "{cut:?}");
        assert_eq!(ours(stack, &case), of(&[]));
        told(stack, &case);
    }
    assert_eq!(moved(stack, &before), of(&[]));
}
